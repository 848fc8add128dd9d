"""Compressed segments that can be read from the middle: the seekable format of Zstandard.

Independent frames of `CHUNK` bytes each, then a frame that decompressors skip, with the lengths of
those before it. Whatever reads Zstandard reads the whole; we also read a part.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import zstandard

RAW_MAX: Final = 256 << 20  # LIMIT: bytes of a compacted segment, decompressed
CHUNK: Final = 4 << 20  # decompressed in 3 ms; smaller ones compress worse
_SKIPPED: Final = 0x184D2A5E
_SEEKABLE: Final = 0x8F92EAB1
_HEAD: Final = struct.Struct("<II")  # magic, bytes that follow
_ENTRY: Final = struct.Struct("<II")  # bytes compressed, and decompressed
_FOOT: Final = struct.Struct("<IBI")  # frames, descriptor, magic
_TABLE_MAX: Final = 1 << 20  # LIMIT: bytes of the table


def packed(raw: bytes, level: int) -> bytes:
    """Compress bytes.

    Args:
        raw: at most RAW_MAX.
        level: of compression.
    """
    compressor = zstandard.ZstdCompressor(level, write_checksum=True)
    chunks = [raw[at : at + CHUNK] for at in range(0, len(raw), CHUNK)]
    frames = [compressor.compress(chunk) for chunk in chunks]
    sizes = zip(frames, chunks, strict=True)
    table = b"".join(_ENTRY.pack(len(frame), len(chunk)) for frame, chunk in sizes)
    table += _FOOT.pack(len(frames), 0, _SEEKABLE)
    return b"".join([*frames, _HEAD.pack(_SKIPPED, len(table)), table])


def unpacked(small: bytes) -> bytes:
    """Decompress all of it.

    A file of one frame without a table, as other tools make it, is read as well.

    Raises:
        ValueError: it is not whole, or was changed.
    """
    if small[-4:] != _SEEKABLE.to_bytes(4, "little"):
        return _one_frame(small)
    whole, at = [], 0
    for size, raw_size in _table(small):
        whole.append(_chunk(small[at : at + size], raw_size))
        at += size
    return b"".join(whole)


def unpacked_part(path: Path, begin: int, count: int) -> bytes:
    """Decompress some bytes of a file.

    Checksums of frames are not looked at: whoever reads a part checks what is in it.

    Args:
        path: of the file.
        begin: of the first byte, decompressed.
        count: at most so many.

    Raises:
        ValueError: it is not whole, or was changed.
        OSError: it cannot be read.
    """
    found = []
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        tail = min(size, _TABLE_MAX)
        end = os.pread(file.fileno(), tail, size - tail)
        at = raw_at = 0
        for stored, raw_size in _table(end, size):
            if raw_at < begin + count and raw_at + raw_size > begin:
                frame = os.pread(file.fileno(), stored, at)
                start = _start(frame, min(raw_size, begin + count - raw_at))
                found.append(start[max(begin - raw_at, 0) :])
            at, raw_at = at + stored, raw_at + raw_size
    return b"".join(found)


def _table(end: bytes, size: int = -1) -> Iterator[tuple[int, int]]:
    """Yield the lengths of each frame, compressed and decompressed.

    Args:
        end: of the file, with the whole table.
        size: of the file, that of `end` unless given.

    Raises:
        ValueError: the table is not that of such a file.
    """
    size = len(end) if size < 0 else size
    if len(end) < _FOOT.size:
        raise ValueError("it has no table of its frames")
    count, descriptor, magic = _FOOT.unpack(end[-_FOOT.size :])
    length = count * _ENTRY.size + _FOOT.size
    head = len(end) - length - _HEAD.size
    if magic != _SEEKABLE or head < 0:
        raise ValueError("it has no table of its frames")
    if descriptor or _HEAD.unpack_from(end, head) != (_SKIPPED, length):
        raise ValueError("the table of its frames was changed")
    entries = list(_ENTRY.iter_unpack(end[head + _HEAD.size : len(end) - _FOOT.size]))
    stored, raw = (sum(column) for column in zip(*entries, strict=True)) if entries else (0, 0)
    if stored + _HEAD.size + length != size or raw > RAW_MAX:
        raise ValueError("the table of its frames was changed")
    yield from entries


def _start(frame: bytes, count: int) -> bytes:
    """Decompress the first bytes of a frame; its checksum, over all of it, is not looked at."""
    try:
        with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
            return reader.read(count)
    except zstandard.ZstdError:
        raise ValueError("cannot be decompressed") from None


def _one_frame(small: bytes) -> bytes:
    reader = zstandard.ZstdDecompressor().decompressobj()
    try:
        raw = reader.decompress(small)
    except zstandard.ZstdError:
        raise ValueError("cannot be decompressed") from None
    is_cut = len(raw) == CHUNK  # the first frame of several
    if not reader.eof or reader.unused_data or is_cut or len(raw) > RAW_MAX:
        raise ValueError("it has no table of its frames")
    return raw


def _chunk(frame: bytes, raw_size: int) -> bytes:
    try:
        raw = zstandard.ZstdDecompressor().decompress(
            frame, max_output_size=raw_size, allow_extra_data=False
        )
    except zstandard.ZstdError:
        raise ValueError("cannot be decompressed") from None
    if len(raw) != raw_size:
        raise ValueError("a frame is not as long as the table says")
    return raw
