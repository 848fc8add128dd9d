"""How closed segments are packed: any program unpacks them, and a part is found by itself."""

from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from ranker.audit import packing


@pytest.mark.parametrize("chunk", [1, 64, 1_000, 1 << 20])
def test_a_part_of_what_is_packed_is_that_part(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CHUNK", chunk)
    raw = bytes(number * number % 251 for number in range(3_000))
    path = tmp_path / "a.zst"
    path.write_bytes(packing.packed(raw, 3))
    assert packing.unpacked(path.read_bytes()) == raw
    with zstandard.ZstdDecompressor().stream_reader(
        path.read_bytes(), read_across_frames=True
    ) as reader:
        assert reader.read(4_000) == raw, "as any other program reads it"
    for begin in range(0, 3_100, 97):
        for count in (0, 1, 64, 700, 5_000):
            assert packing.unpacked_part(path, begin, count) == raw[begin : begin + count]


def test_no_change_of_what_is_packed_goes_unnoticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CHUNK", 500)
    raw = bytes(number * number % 251 for number in range(2_000))
    small = packing.packed(raw, 3)
    for at in range(len(small)):
        changed = bytearray(small)
        changed[at] ^= 0x10
        with suppress(ValueError):
            assert packing.unpacked(bytes(changed)) == raw, "a bit that says nothing"
    for length in range(len(small)):
        with pytest.raises(ValueError, match=r"frames|decompressed"):
            packing.unpacked(small[:length])
    path = tmp_path / "a.zst"
    for length in range(0, len(small), 7):
        path.write_bytes(small[:length])
        with suppress(ValueError):
            assert packing.unpacked_part(path, 0, 100) == raw[:100]


def test_a_file_of_one_frame_is_read_as_well() -> None:
    raw = bytes(number * number % 251 for number in range(2_000))
    small = zstandard.ZstdCompressor(3, write_checksum=True).compress(raw)
    assert packing.unpacked(small) == raw
    for broken in (small[:-1], small + small, small + b"x"):
        with pytest.raises(ValueError, match=r"frames|decompressed"):
            packing.unpacked(broken)
