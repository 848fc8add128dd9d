"""Segment files of one log: written by one process, synced behind its back, opened again by any."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

from ranker.audit.frames import COMPACTED, HEADER_BYTES, Frame, Header, Segment, frame_head
from ranker.audit.packing import packed
from ranker.clock import in_shanghai
from ranker.files import sync_path, write_whole

SEGMENT_BYTES: Final = 64 << 20  # a segment that reached this size is followed by another
SUFFIX: Final = ".seg"
LEVEL: Final = 12  # of compression, off every reply's path


class Opened(NamedTuple):
    """What opening a log found in its newest segment.

    Attributes:
        header: of the segment, None where a crash left none.
        sequence: of the last record.
        damaged_at: where a record in its middle was changed, -1 for none; nothing is taken away.
        cut_at: first byte of what was cut off its end, -1 for nothing; cut_bytes: how many.
    """

    header: Header | None
    sequence: int
    damaged_at: int = -1
    cut_at: int = -1
    cut_bytes: int = 0


def segments_of(folder: Path) -> list[Path]:
    """Return the segment files of a log, the oldest first."""
    found = {path.name.partition(".")[0]: path for path in folder.glob(f"*/*{SUFFIX}{COMPACTED}")}
    found |= {path.stem: path for path in folder.glob(f"*/*{SUFFIX}")}  # until it is removed
    return [found[name] for name in sorted(found)]


def frames_from(folder: Path, sequence: int) -> Iterator[Frame]:
    """Yield the whole records of a log from a number on; those that are not whole are left out.

    Args:
        folder: of the log.
        sequence: of the first.
    """
    paths = segments_of(folder)
    firsts = [int(path.name.partition(".")[0]) for path in paths] + [1 << 63]
    for path, behind in zip(paths, firsts[1:], strict=True):
        if behind > sequence:
            yield from (f for f in Segment.read(path).frames() if f.sequence >= sequence)


def day_of(instant_us: int) -> tuple[str, int]:
    """Return the day in Shanghai, as in the name of its folder, and the instant it ends, µs."""
    midnight = in_shanghai(instant_us).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = midnight + timedelta(days=1)
    return midnight.date().isoformat(), int(ends.timestamp()) * 1_000_000


class Writer:
    """Appends frames to one segment file.

    After an error nothing is believed of the file's end until `mend` has cut it off.

    Args:
        path: the file; it is opened, or made.
        header: of a new file.

    Raises:
        OSError: it cannot be opened, made or read.
    """

    def __init__(self, path: Path, header: Header | None = None) -> None:
        self.path, self._is_torn = path, False
        flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT | os.O_EXCL if header else 0)
        if header:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, flags, 0o640)
        try:
            if header:
                self._write(header.pack())
                os.fdatasync(self._file)
                sync_path(path.parent)
                sync_path(path.parent.parent)
            self.header = header or Header.unpack(os.pread(self._file, HEADER_BYTES, 0))
            self.size = os.fstat(self._file).st_size
        except OSError:
            os.close(self._file)
            if header:
                path.unlink(missing_ok=True)
            raise

    def append(self, sequence: int, envelope: bytes, body: bytes) -> None:
        """Write a record; it is with the operating system when this returns.

        Raises:
            OSError: it is not; no part of it is left, or the next append cuts it off first.
        """
        assert self.header is not None
        head = frame_head(self.header.salt, sequence, envelope, body)
        if self._is_torn:
            self.mend()
        try:
            self._write(head, body)
        except OSError:
            self.mend()
            raise
        self.size += len(head) + len(body)

    def probe(self, count: int) -> None:
        """Write so many bytes and cut them off again, to learn whether that is possible.

        Raises:
            OSError: it is not.
        """
        try:
            self._write(b"\0" * count)
        finally:
            self.mend()

    def mend(self) -> None:
        """Cut off what an append that failed left behind.

        Raises:
            OSError: it is still there; the next append begins with it.
        """
        self._is_torn = True
        if os.fstat(self._file).st_size != self.size:
            os.ftruncate(self._file, self.size)
        self._is_torn = False

    def sync(self) -> None:
        """Put what was written on the disk.

        Raises:
            OSError: nobody knows what is on it; this file must not be synced again and believed.
        """
        os.fdatasync(self._file)

    def close(self) -> None:
        """Close the file; it is not synced."""
        file, self._file = self._file, -1  # a call that outlasts us must not write elsewhere
        if file >= 0:
            os.close(file)

    def _write(self, *raw: bytes) -> None:
        if os.writev(self._file, raw) != sum(map(len, raw)):
            raise OSError("short write")


def recover(path: Path) -> Opened:
    """Keep the longest valid prefix of the newest segment; what is cut off is kept beside it.

    Where whole records follow what is not one, no crash did that: the file is left as it is.

    Raises:
        ValueError: the file has more than a header, and no header: it is left as it is.
    """
    segment = Segment.read(path)
    if segment.header is None:
        if len(segment.raw) > HEADER_BYTES:
            raise ValueError("is not a segment of a decision log, or its first bytes were changed")
        return Opened(None, -1)
    end, sequence = HEADER_BYTES, segment.header.first_sequence - 1
    for frame in segment.frames():
        end, sequence = frame.end, frame.sequence
    if end == len(segment.raw):
        return Opened(segment.header, sequence)
    found = segment.next_whole(end)
    if found is None:
        _set_aside(segment, end)
        return Opened(segment.header, sequence, cut_at=end, cut_bytes=len(segment.raw) - end)
    while found is not None:
        sequence = found.sequence
        found = segment.next_whole(found.end)
    return Opened(segment.header, sequence, damaged_at=end)


def _set_aside(segment: Segment, at: int) -> None:
    """Move the end of a file into one of its own, unless it is zeros, and cut it off."""
    path, rest = segment.path, segment.raw[at:]
    if rest.strip(b"\0"):
        path.with_name(f"{path.name}.cut-{at}").write_bytes(rest)
    with path.open("r+b") as file:
        file.truncate(at)
        os.fsync(file.fileno())


def compact(folder: Path, tick: Callable[[int], None] | None = None) -> tuple[int, int]:
    """Compress every segment but the newest, which may be written now.

    What a proof commits to stays the same: the bytes of records come out as they went in. A segment
    is removed once what was written in its place was read back and found equal.

    Args:
        folder: of the log.
        tick: told how many bytes were compressed, after each segment.

    Returns:
        Bytes before and after, of what was compressed now.

    Raises:
        OSError: something could not be read or written; nothing is lost.
    """
    before = after = 0
    for path in segments_of(folder)[:-1]:
        if path.suffix == COMPACTED:
            continue
        raw = path.read_bytes()
        small = packed(raw, LEVEL)
        target = path.with_name(path.name + COMPACTED)
        write_whole(target, small)
        if Segment.read(target).raw != raw:
            target.unlink()
            raise OSError(f"{target}: is not what was written")
        path.unlink()
        before, after = before + len(raw), after + len(small)
        if tick is not None:
            tick(before)
    return before, after
