"""How records stand in a segment file: a header, then frames, each with its length and CRC32.

All numbers are little-endian. A checksum is over the salt of the segment, length and number, the
envelope, and the XXH3 of the body, which takes a tenth of the time of a CRC32 of it. So bytes that
a disk kept from another file are never read as records.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

import xxhash

from ranker.audit.packing import unpacked

COMPACTED: Final = ".zst"
MAGIC: Final = b"SLOTLOG1"
PAYLOAD_MAX: Final = 16 << 20  # LIMIT: bytes of one record as it is stored
ENVELOPE_MAX: Final = 1_024  # LIMIT: bytes of an envelope
_HEADER: Final = struct.Struct("<8s16s16sQQI4x")  # magic, salt, log id, sequence, µs, CRC32
_FRAME: Final = struct.Struct("<IIQ")  # payload bytes, CRC32, sequence
_SIZE: Final = struct.Struct("<H")  # bytes of the envelope
HEADER_BYTES: Final = _HEADER.size
FRAME_BYTES: Final = _FRAME.size


@dataclass(frozen=True, slots=True)
class Header:
    """First bytes of a segment.

    Attributes:
        salt: 16 random bytes of this file.
        log_id: 16 bytes of the log's UUID.
        first_sequence: number of its first record.
        created_us: microseconds since 1970 (UTC).
    """

    salt: bytes
    log_id: bytes
    first_sequence: int
    created_us: int

    @classmethod
    def new(cls, log_id: bytes, first_sequence: int, created_us: int) -> Self:
        """Return a header with a salt of its own."""
        return cls(os.urandom(16), log_id, first_sequence, created_us)

    def pack(self) -> bytes:
        """Write it, HEADER_BYTES long."""
        told = (MAGIC, self.salt, self.log_id, self.first_sequence, self.created_us)
        checksum = zlib.crc32(_HEADER.pack(*told, 0))
        return _HEADER.pack(*told, checksum)

    @classmethod
    def unpack(cls, raw: bytes) -> "Header | None":
        """Read it; None where these bytes are no whole header."""
        if len(raw) < HEADER_BYTES:
            return None
        magic, salt, log_id, sequence, created_us, _ = _HEADER.unpack_from(raw)
        found = cls(salt, log_id, sequence, created_us)
        return found if magic == MAGIC and found.pack() == raw[:HEADER_BYTES] else None


class Frame(NamedTuple):
    """A record as it is stored.

    Attributes:
        at: where in the file it begins, bytes.
        sequence: its number.
        envelope, body: as stored.
    """

    at: int
    sequence: int
    envelope: bytes
    body: bytes

    @property
    def end(self) -> int:
        """Where in the file it ends."""
        return self.at + FRAME_BYTES + _SIZE.size + len(self.envelope) + len(self.body)


def frame_head(salt: bytes, sequence: int, envelope: bytes, body: bytes) -> bytes:
    """Write what stands before the body of a record.

    Raises:
        ValueError: it is larger than a record may be.
    """
    start = _SIZE.pack(len(envelope)) + envelope
    size = len(start) + len(body)
    if len(envelope) > ENVELOPE_MAX or size > PAYLOAD_MAX:
        raise ValueError("the record is larger than a record may be")
    checksum = zlib.crc32(_digest(body), zlib.crc32(start, _seed(salt, sequence, size)))
    return _FRAME.pack(size, checksum, sequence) + start


def _digest(body: bytes) -> bytes:
    return xxhash.xxh3_128_digest(body)


def _seed(salt: bytes, sequence: int, size: int) -> int:
    """Return the checksum of what is not in the payload."""
    return zlib.crc32(_FRAME.pack(size, 0, sequence), zlib.crc32(salt))


def frame_at(raw: bytes | memoryview, at: int, salt: bytes) -> Frame | None:
    """Read the frame that begins somewhere; None where no whole and unchanged one does."""
    if at + FRAME_BYTES > len(raw):
        return None
    size, checksum, sequence = _FRAME.unpack_from(raw, at)
    begin = at + FRAME_BYTES
    if not _SIZE.size <= size <= PAYLOAD_MAX or begin + size > len(raw):
        return None
    payload = bytes(raw[begin : begin + size])
    split = _SIZE.size + _SIZE.unpack_from(payload)[0]
    start, body = payload[:split], payload[split:]
    if zlib.crc32(_digest(body), zlib.crc32(start, _seed(salt, sequence, size))) != checksum:
        return None
    if split > size:
        return None
    return Frame(at, sequence, start[_SIZE.size :], body)


class Segment(NamedTuple):
    """One file, read whole: its header, and where its first frame that is not whole begins.

    Attributes:
        header: None where the file has none.
        raw: the bytes of the file.
    """

    path: Path
    header: Header | None
    raw: bytes

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file, compacted or not.

        Raises:
            OSError: it cannot be read, or is no whole compacted segment.
        """
        try:
            raw = path.read_bytes()
        except FileNotFoundError:  # it was compacted a moment ago
            path = path.with_name(path.name + COMPACTED)
            raw = path.read_bytes()
        if path.suffix == COMPACTED:
            try:
                raw = unpacked(raw)
            except ValueError as error:
                raise OSError(str(error)) from None
        return cls(path, Header.unpack(raw), raw)

    def frames(self, at: int = HEADER_BYTES, first: int = -1) -> Iterator[Frame]:
        """Yield frames up to the first that is not whole, or whose number is not the next.

        Args:
            at: where the first begins.
            first: its number, that of the header unless given.
        """
        if self.header is None:
            return
        wanted = self.header.first_sequence if first < 0 else first
        while (frame := frame_at(self.raw, at, self.header.salt)) is not None:
            if frame.sequence != wanted:
                return
            yield frame
            at, wanted = frame.end, wanted + 1

    def next_whole(self, after: int) -> Frame | None:
        """Return the first whole frame that begins at `after` or later, None for none."""
        if self.header is None:
            return None
        for at in range(after, len(self.raw) - FRAME_BYTES - _SIZE.size + 1):
            frame = frame_at(self.raw, at, self.header.salt)
            if frame is not None:
                return frame
        return None
