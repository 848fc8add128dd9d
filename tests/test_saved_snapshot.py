"""Snapshots on disk: opened instead of built, never trusted when damaged, never in the way."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xxhash
from prometheus_client import REGISTRY

from constraints.errors import SettingsError
from constraints.facts import THEMES_MAX
from constraints.terms import Kind
from ranker.facts.columns import HEADER
from ranker.facts.snapshot import FOLDER, PARTIAL_S_MAX, Snapshot
from ranker.facts.store import FactStore
from ranker.serving.state import State
from ranker.settings import Settings
from tests import chance, make
from tests.serving import fill, put, request, served


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FactStore]:
    fill(tmp_path)
    with FactStore(tmp_path) as opened:
        yield opened


def alarms() -> float:
    return REGISTRY.get_sample_value("slotwarden_alarms_total", {"reason": "SNAPSHOT_DAMAGED"}) or 0


def same(one: Snapshot, other: Snapshot) -> None:
    assert (one.revision, one.digest) == (other.revision, other.digest)
    assert one.themes.names == other.themes.names
    assert one.themes.aliases == other.themes.aliases
    for tag in (*one.themes.names[1:], *one.themes.aliases, "never seen"):
        assert one.themes.copy().number(tag) == other.themes.copy().number(tag)
    ours, theirs = one.columns(), other.columns()
    assert list(ours) == list(theirs)
    for name, column in ours.items():
        np.testing.assert_array_equal(column, theirs[name], name, strict=True)


def saved(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / FOLDER).iterdir())


def is_mapped(snapshot: Snapshot) -> bool:
    return isinstance(snapshot.facts.kind.base, np.memmap) and not snapshot.facts.kind.flags.owndata


@pytest.mark.parametrize("number", range(8))
def test_a_snapshot_opened_is_the_one_that_was_built(number: int, tmp_path: Path) -> None:
    rng = chance.seeded("saved snapshot", number)
    drawn = [chance.row(rng, make.TODAY) for _ in range(rng.randint(1, 40))]
    rows = {
        rng.choice([str(rng.getrandbits(64)), f"短剧-{at}"]): {
            name: value for name, value in row.items() if isinstance(value, str)
        }
        for at, row in enumerate(drawn)
    }
    clips = {f"c{at}": {"subject_id": key} for at, key in enumerate(rows)}
    changes: list[Any] = [
        ("alias", "总裁", {"theme": "霸总"}),
        ("alias", "霸总", {"theme": "豪门"}),
    ]
    changes += [("subject", key, row) for key, row in rows.items()]
    changes += [("candidate", key, row) for key, row in clips.items()]
    with FactStore(tmp_path) as store:
        store.apply(changes, actor="a test", at_us=1)
        built = Snapshot.build(store)
    built.save(tmp_path / "saved")
    opened = Snapshot.open(tmp_path / "saved")
    same(opened, built)
    assert is_mapped(opened)
    ids = [*rows, *clips, "nobody"]
    assert opened.rows(ids).tolist() == built.rows(ids).tolist()
    assert not any(getattr(opened.facts, name).flags.writeable for name in ("kind", "themes"))


def test_an_empty_store_has_a_snapshot_too(tmp_path: Path) -> None:
    with FactStore(tmp_path) as store:
        same(Snapshot.load(store, tmp_path), Snapshot.build(store))
        same(Snapshot.load(store, tmp_path), Snapshot.build(store))
    assert len(Snapshot.open(tmp_path / FOLDER / saved(tmp_path)[0]).facts) == len(Kind)


def test_a_snapshot_is_saved_once_and_opened_from_then_on(store: FactStore, tmp_path: Path) -> None:
    first = Snapshot.load(store, tmp_path)
    (name,) = saved(tmp_path)
    assert name.startswith(f"{first.revision}-{first.digest[:12]}-")
    written = (tmp_path / FOLDER / name / HEADER).stat().st_mtime_ns
    second = Snapshot.load(store, tmp_path)
    same(first, second)
    same(first, Snapshot.build(store))
    assert is_mapped(first)
    assert is_mapped(second)
    assert (tmp_path / FOLDER / name / HEADER).stat().st_mtime_ns == written


def test_a_newer_snapshot_removes_what_it_replaces_and_nothing_else(
    store: FactStore, tmp_path: Path
) -> None:
    then = Snapshot.load(store, tmp_path)
    old_names, folder = saved(tmp_path), tmp_path / FOLDER
    newer = f"{then.revision + 9}-{'0' * 12}-{'0' * 8}"
    for name in ("notes", ".1-a.0.partial", ".2-b.0.partial", newer):
        (folder / name).mkdir()
    long_ago = time.time() - PARTIAL_S_MAX - 1
    os.utime(folder / ".1-a.0.partial", (long_ago, long_ago))
    put(tmp_path, "id", {"new": make.drama()})
    now = Snapshot.load(store, tmp_path)
    assert now.revision == then.revision + 1
    left = set(saved(tmp_path))
    assert not left & {*old_names, ".1-a.0.partial"}
    assert {"notes", ".2-b.0.partial", newer} < left
    assert len(left) == 4
    assert then.rows(["new", "video"]).tolist()[0] == len(then.facts) - len(Kind)
    assert not then.facts.kind[then.rows(["new"])].any(), "still mapped, though removed"


def test_any_damage_is_alarmed_and_built_anew(store: FactStore, tmp_path: Path) -> None:
    Snapshot.load(store, tmp_path)
    built = Snapshot.build(store)  # it maps none of the files
    folder = tmp_path / FOLDER / saved(tmp_path)[0]
    rng = chance.seeded("damage")
    for path in sorted(folder.iterdir()):
        content = bytearray(path.read_bytes())
        match rng.randrange(3) if content else 0:
            case 0:
                path.unlink()
            case 1:
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
                path.write_bytes(content)
            case 2:
                path.write_bytes(content[:-1])
        before = alarms()
        again = Snapshot.load(store, tmp_path)
        assert alarms() == before + 1, path.name
        same(again, built)
        assert is_mapped(again)
    before = alarms()
    same(Snapshot.load(store, tmp_path), built)
    assert alarms() == before


def _retell(folder: Path, **told: object) -> None:
    """Change what a header tells, digest and all, as other code or another history would."""
    content = json.loads((folder / HEADER).read_bytes().partition(b"\n")[2])
    content["header"] |= told
    body = json.dumps(content, sort_keys=True).encode()
    (folder / HEADER).write_text(f"{xxhash.xxh3_128_hexdigest(body)}\n{body.decode()}\n")


def test_what_other_code_or_another_history_saved_is_refused(
    store: FactStore, tmp_path: Path
) -> None:
    snapshot = Snapshot.load(store, tmp_path)
    folder = tmp_path / FOLDER / saved(tmp_path)[0]
    _retell(folder, digest="ab")
    with pytest.raises(SettingsError, match=r"is of another history, digest ab$"):
        Snapshot.open(folder, snapshot.digest)
    _retell(folder, code="older")
    with pytest.raises(SettingsError, match=r"was written by another version$"):
        Snapshot.open(folder)
    same(Snapshot.load(store, tmp_path), snapshot)
    assert Snapshot.open(folder, snapshot.digest).digest == snapshot.digest


def test_where_nothing_can_be_saved_what_was_built_serves(store: FactStore, tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_bytes(b"in the way")
    before = alarms()
    snapshot = Snapshot.load(store, tmp_path)
    same(snapshot, Snapshot.build(store))
    assert not is_mapped(snapshot)
    assert alarms() == before


def test_many_may_load_at_once(tmp_path: Path) -> None:
    fill(tmp_path)

    def load(_: int) -> Snapshot:
        with FactStore(tmp_path) as store:
            return Snapshot.load(store, tmp_path)

    before = alarms()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(load, range(12)))
    for each in found:
        same(each, found[0])
        assert is_mapped(each)
    assert alarms() == before
    assert len(saved(tmp_path)) == 1


def test_a_server_that_starts_again_opens_the_snapshot_and_decides_the_same(tmp_path: Path) -> None:
    replies = []
    for _ in range(2):
        with served(tmp_path) as app:
            using = app.server.state.in_use()
            assert is_mapped(using.snapshot)
            replies.append(app.rerank(request()).decision)
    assert replies[0] == replies[1]


def test_the_refresh_thread_saves_each_new_snapshot(tmp_path: Path) -> None:
    fill(tmp_path)
    state = State(Settings(data_dir=tmp_path))
    first = saved(tmp_path)
    put(tmp_path, "id", {"new": make.drama()})
    state.refresh()
    assert is_mapped(state.in_use().snapshot)
    assert len(saved(tmp_path)) == 1
    assert saved(tmp_path) != first


def test_labels_take_no_more_places_than_some_row_needs(tmp_path: Path) -> None:
    many = "|".join(f"t{i}" for i in range(THEMES_MAX))
    for tags, width in (("", 1), ("a", 1), ("a|b|c", 3), (many, THEMES_MAX)):
        put(tmp_path, "id", {"one": make.drama(themes=tags), "two": make.drama(themes="a")})
        with FactStore(tmp_path) as store:
            assert Snapshot.load(store, tmp_path).facts.themes.shape[1] == width


def test_ids_are_told_of_rows_whatever_they_are(tmp_path: Path) -> None:
    keys = ["7", "0", str(2**64 - 1), str(2**64), "007", "短剧", "x y"]
    put(tmp_path, "id", {key: make.video() for key in keys})
    with FactStore(tmp_path) as store:
        snapshot = Snapshot.load(store, tmp_path)
    for key in keys:
        assert snapshot.ids(snapshot.rows([key]), 9) == [key]
    assert sorted(snapshot.ids(np.arange(len(snapshot.facts)), 99)) == sorted(keys)
    assert len(snapshot.ids(np.arange(len(snapshot.facts)), 5)) == 5
    assert snapshot.ids(np.array([len(snapshot.facts) - 1]), 9) == []
