"""Column files: whole or not there, mapped read-only, and never trusted blindly."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash

from constraints.errors import SettingsError
from ranker.facts.columns import FORMAT, HEADER, open_columns, save_columns
from tests.chance import seeded

COLUMNS: dict[str, Any] = {
    "kind": np.arange(5, dtype=np.uint8),
    "days": np.arange(10, dtype=np.int32).reshape(5, 2),
    "licensed": np.array([True, False, True, True, False]),
    "score": np.linspace(0, 1, 5),
    "nobody": np.zeros((0, 3), np.uint32),
    "none": np.zeros(0, np.int64),
    "words": np.array([0, 2**64 - 1], np.uint64),
}
TOLD = {"revision": 7, "digest": "ab", "themes": ["甜宠", "\ud800"], "deep": {"x": [1.5, None]}}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_columns(tmp_path / "r7", COLUMNS, TOLD)
    return tmp_path / "r7"


@pytest.mark.parametrize("is_read_whole", [True, False])
def test_what_was_saved_comes_back_mapped_and_read_only(saved: Path, is_read_whole: bool) -> None:
    columns, header = open_columns(saved, is_read_whole=is_read_whole)
    assert header == TOLD
    assert columns.keys() == COLUMNS.keys()
    for name, column in columns.items():
        assert type(column) is np.ndarray
        assert column.dtype == COLUMNS[name].dtype
        np.testing.assert_array_equal(column, COLUMNS[name], strict=True)
        with pytest.raises(ValueError, match="read-only"):
            column[:1] = 0
        if column.size:
            with pytest.raises(ValueError, match="WRITEABLE"):
                column.flags.writeable = True


@pytest.mark.parametrize("number", range(10))
def test_arrays_of_any_layout_come_back(number: int, tmp_path: Path) -> None:
    rng = seeded("columns", number)
    columns = {}
    for name in ("a", "b", "c"):
        dtype = np.dtype(rng.choice(["?", "i1", "u2", "<i4", ">i4", "f4", "f8", "u8"]))
        shape = rng.choice([(0,), (1,), (1_000,), (0, 4), (7, 0), (300, 12)])
        whole = np.frombuffer(rng.randbytes(8 * 2 * 4_000), "u1")[: 2 * int(np.prod(shape))] % 2
        columns[name] = np.resize(whole.astype(dtype), shape)[:: rng.choice([1, 2, -1])]
        if len(shape) == 2 and rng.random() < 0.5:
            columns[name] = columns[name].T
    save_columns(tmp_path / "x", columns, {})
    for name, column in open_columns(tmp_path / "x")[0].items():
        np.testing.assert_array_equal(column, columns[name], strict=True)


def test_nothing_is_left_beside_the_folder(saved: Path) -> None:
    assert [path.name for path in saved.parent.iterdir()] == ["r7"]
    assert sorted(path.name for path in saved.iterdir()) == sorted(
        [HEADER, *(f"{name}.bin" for name in COLUMNS)]
    )


def test_no_columns_and_no_header_are_all_right(tmp_path: Path) -> None:
    save_columns(tmp_path / "x", {}, {})
    assert open_columns(tmp_path / "x") == ({}, {})


def test_a_folder_is_never_written_twice(saved: Path) -> None:
    with pytest.raises(SettingsError, match=r"r7: cannot be written: Directory not empty$"):
        save_columns(saved, {"kind": np.zeros(5, np.uint8)}, {})
    test_nothing_is_left_beside_the_folder(saved)
    assert open_columns(saved)[0]["kind"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "name", ["", "a b", "../kind", "a/b", "kind.bin", "1st", "甲", "\n", "header.json"]
)
def test_names_that_are_no_identifiers_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is no name of a column$"):
        save_columns(tmp_path / "x", {"good": np.zeros(1), name: np.zeros(1)}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "column",
    [
        np.array([None, {}], object),
        np.array(["text"]),
        np.array([b"bytes"]),
        np.array(0.5),
        np.zeros((1, 1, 1)),
        np.zeros(2, [("a", "i4"), ("b", "O")]),
        np.array(["2024-01-01"], "M8[D]"),
    ],
)
def test_arrays_that_are_no_columns_are_refused(column: Any, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^x: \d dimensions of .* are no column$"):
        save_columns(tmp_path / "x", {"x": column}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_header_that_json_cannot_say_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_columns(tmp_path / "x", COLUMNS, {"when": object()})
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_columns(tmp_path / "x", COLUMNS, {"score": float("nan")})
    with pytest.raises(SettingsError, match=r"x: cannot be written: No such file or directory$"):
        save_columns(tmp_path / "no" / "x", COLUMNS, {})
    assert list(tmp_path.iterdir()) == []


def test_a_column_of_another_length_is_refused(saved: Path) -> None:
    for size in (0, 39, 41, 4_000):
        os.truncate(saved / "days.bin", size)
        with pytest.raises(SettingsError, match=rf"days\.bin: has {size} bytes, but .* 40$"):
            open_columns(saved, is_read_whole=False)
    (saved / "days.bin").unlink()
    with pytest.raises(SettingsError, match=r"days\.bin: cannot be read: No such file"):
        open_columns(saved, is_read_whole=False)
    (saved / "days.bin").mkdir()
    with pytest.raises(SettingsError, match=r"days\.bin: "):
        open_columns(saved)


@pytest.mark.parametrize("name", [name for name, column in COLUMNS.items() if column.size])
def test_one_turned_bit_in_any_column_is_seen(name: str, saved: Path) -> None:
    path = saved / f"{name}.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"{name}\.bin: is damaged: its digest is not"):
        open_columns(saved)


def test_any_changed_byte_of_the_header_is_seen(saved: Path) -> None:
    path = saved / HEADER
    whole = path.read_bytes()
    for at in range(0, len(whole) - 1, 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(SettingsError, match=r"header\.json: is damaged, or no header"):
            open_columns(saved)
    for foreign in (b"", b"\n", b"{}", whole[:-20], whole[:33], b"\x80\x04N.", b"\0" * 999):
        path.write_bytes(foreign)
        with pytest.raises(SettingsError, match=r"header\.json: is damaged, or no header"):
            open_columns(saved)
    path.unlink()
    with pytest.raises(SettingsError, match=r"header\.json: cannot be read: No such file"):
        open_columns(saved)


def _say(folder: Path, **content: Any) -> None:
    body = json.dumps(content).encode()
    digest = xxhash.xxh3_128_hexdigest(body).encode()
    (folder / HEADER).write_bytes(digest + b"\n" + body + b"\n")


def test_another_format_is_refused(saved: Path) -> None:
    _say(saved, format=FORMAT + 1)
    with pytest.raises(SettingsError, match=r"header\.json: format 2, but this version reads 1$"):
        open_columns(saved)


def test_a_header_cannot_ask_for_objects_or_for_files_elsewhere(saved: Path) -> None:
    told = {"shape": [5], "digest": "", "dtype": "|O"}
    _say(saved, format=FORMAT, columns={"score": told}, header={})
    with pytest.raises(SettingsError, match=r"^score: 1 dimensions of object are no column$"):
        open_columns(saved)
    _say(saved, format=FORMAT, columns={"../r7/score": told | {"dtype": "<f8"}}, header={})
    with pytest.raises(SettingsError, match=r"^`\.\./r7/score` is no name of a column$"):
        open_columns(saved)


READ = """
import re, sys
from pathlib import Path
from ranker.facts.columns import open_columns
columns, header = open_columns(Path(sys.argv[1]))
maps = Path("/proc/self/maps").read_text()
print(header["revision"], columns["days"].tolist())
print(*sorted(re.findall(r" (\\S{4}) .*/(\\w+)[.]bin$", maps, re.MULTILINE)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_share_the_pages_of_a_folder_even_when_it_is_removed(saved: Path) -> None:
    columns, _ = open_columns(saved)
    command = [sys.executable, "-W", "error", "-c", READ, str(saved)]
    root = Path(__file__).parent.parent
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)
    mapped = sorted(("r--s", name) for name, column in COLUMNS.items() if column.size)
    shared = " ".join(map(str, mapped))
    assert run.stdout == f"7 {COLUMNS['days'].tolist()}\n{shared}\n"
    for path in saved.iterdir():
        path.unlink()
    saved.rmdir()
    assert columns["days"].tolist() == COLUMNS["days"].tolist()
