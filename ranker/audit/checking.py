"""Reads the log back, and checks every byte of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ranker.audit.checkpoint import CHECKPOINT, PUBLIC, verified
from ranker.audit.frames import HEADER_BYTES, Frame, Segment
from ranker.audit.records import Stored, unpack
from ranker.audit.retention import LEAST
from ranker.audit.segments import segments_of
from ranker.audit.tree import leaf_hash, root_of
from ranker.clock import in_shanghai, now_us
from ranker.v1 import log_pb2 as pb

FAULTS: Final = {
    "header": ("文件头被改动或不完整", "the header was changed or is not whole"),
    "frame": ("记录被改动或不完整", "the record was changed or is not whole"),
    "gap": ("记录编号不连续", "numbers of records are not contiguous"),
    "record": ("记录内容不一致", "the record contradicts itself"),
    "origin": ("不属于同一日志", "belongs to another log"),
    "checkpoint": ("检查点无效", "the checkpoint does not hold"),
    "deleted": ("内容在法定留存期内被删除", "the body was deleted before the law allows"),
    "root": ("记录与签署的检查点不符", "the records are not those that were signed"),
}
"""Fault → what it means, zh and en."""


class Fault(NamedTuple):
    """Something wrong with a log.

    Attributes:
        path: file; at: byte in it.
        kind: one of FAULTS.
        sequence: of the record at fault, or the one that should be there.
        told: details, in English.
    """

    path: Path
    at: int
    kind: str
    sequence: int
    told: str = ""


class Found(NamedTuple):
    """What is in a log.

    Attributes:
        records, decisions: how many; last_sequence: the highest.
        stored_bytes: of all segment files; decision_bytes: of decisions as stored.
        candidates: offered in all decisions.
        deleted: bodies that are gone because their time is over.
        signed: records under the last checkpoint.
        faults: everything wrong.
    """

    records: int
    decisions: int
    last_sequence: int
    stored_bytes: int
    decision_bytes: int
    candidates: int
    deleted: int
    signed: int
    faults: tuple[Fault, ...]


def read_records(folder: Path, first: int = 1) -> Iterator[Stored]:
    """Yield the records of a log in order.

    Args:
        folder: of the log.
        first: number of the first wanted; segments before it are not read.

    Raises:
        ValueError: a record is not whole, though others follow it.
    """
    paths = segments_of(folder)
    begins = [int(path.name.partition(".")[0]) for path in paths]
    for path, behind in zip(paths, [*begins[1:], None], strict=True):
        if behind is None or behind > first:
            yield from (one for one in _records(path) if one.envelope.sequence >= first)


def last_records(folder: Path, count: int) -> list[Stored]:
    """Return the last records of a log, the newest last; older segments are not read.

    Raises:
        ValueError: as `read_records`.
    """
    found: list[Stored] = []
    for path in reversed(segments_of(folder)):
        found = [*_records(path), *found][-count:]
        if len(found) == count:
            break
    return found


def _records(path: Path) -> Iterator[Stored]:
    segment, end = Segment.read(path), HEADER_BYTES
    for frame in segment.frames():
        yield unpack(frame)
        end = frame.end
    if segment.next_whole(end) is not None:  # else it is being written, or a crash tore it
        raise ValueError(f"{path.name}: what begins at byte {end} is not whole")


def check(folder: Path, tick: Callable[[int], None] | None = None) -> Found:
    """Check every byte of a log.

    Args:
        folder: of the log.
        tick: told how many bytes were checked, after each segment.
    """
    books = _Books()
    done = 0
    for path in segments_of(folder):
        try:
            segment = Segment.read(path)
        except OSError as error:
            books.fault(path, 0, "header", books.last + 1, str(error).rpartition(": ")[2])
            continue
        books.take(segment)
        done += len(segment.raw)
        if tick is not None:
            tick(done)
    return Found(
        books.records,
        books.decisions,
        books.last,
        done,
        books.decision_bytes,
        books.candidates,
        books.deleted,
        books.signed(folder),
        tuple(books.faults),
    )


class _Books:
    """Counts records, and remembers what is wrong."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.records = self.decisions = self.last = self.decision_bytes = self.candidates = 0
        self.deleted, self.today = 0, in_shanghai(now_us()).date()
        self.log_id = b""
        self.leaves: list[bytes] = []

    def take(self, segment: Segment) -> None:
        """Check a segment that follows those before it."""
        path, header = segment.path, segment.header
        if header is None:
            return self.fault(path, 0, "header", self.last + 1)
        if self.log_id and header.log_id != self.log_id:
            self.fault(path, 0, "origin", header.first_sequence)
        self.log_id = header.log_id
        if header.first_sequence != self.last + 1:  # a log begins with record 1
            told = f"begins with {header.first_sequence} after {self.last}"
            self.fault(path, 0, "gap", self.last + 1, told)
        self.last = header.first_sequence - 1
        end = HEADER_BYTES
        while end < len(segment.raw):
            for frame in segment.frames(end, self.last + 1):
                self.frame(path, frame)
                end = frame.end
            if end < len(segment.raw):
                end = self._skip(segment, end)
        return None

    def _skip(self, segment: Segment, at: int) -> int:
        """Note what is not a whole record, and return where the next whole one begins."""
        found = segment.next_whole(at)
        upto = len(segment.raw) if found is None else found.at
        self.fault(segment.path, at, "frame", self.last + 1, f"{upto - at} bytes")
        if found is None:
            return upto
        if found.sequence != self.last + 2:
            told = f"{found.sequence} after {self.last}"
            self.fault(segment.path, found.at, "gap", self.last + 1, told)
        self.last = found.sequence - 1
        return upto

    def frame(self, path: Path, frame: Frame) -> None:
        """Check a record."""
        self.records += 1
        self.last = frame.sequence
        self.leaves.append(leaf_hash(frame.envelope))
        try:
            stored = unpack(frame)
        except ValueError as error:
            return self.fault(path, frame.at, "record", frame.sequence, str(error))
        envelope = stored.envelope
        if stored.is_deleted:
            self.deleted += 1
            if not LEAST.over(envelope, self.today):
                self.fault(path, frame.at, "deleted", frame.sequence)
        if envelope.kind == pb.RECORD_KIND_DECISION:
            self.decisions += 1
            self.decision_bytes += frame.end - frame.at
            self.candidates += envelope.candidate_count
        return None

    def signed(self, folder: Path) -> int:
        """Check what was signed against the records, and return how many that were."""
        path, public = folder / CHECKPOINT, folder.parent / PUBLIC
        if not path.exists():
            return 0
        try:
            key = public.read_text(encoding="utf-8")
            found = verified(path.read_text(encoding="utf-8"), key)
        except (ValueError, OSError) as error:
            self.fault(path, 0, "checkpoint", 0, str(error))
            return 0
        are_whole = not self.faults and len(self.leaves) >= found.size
        if are_whole and root_of(self.leaves[: found.size]) != found.root:
            self.fault(path, 0, "root", found.size)
        elif self.last < found.size:
            self.fault(path, 0, "gap", self.last + 1, f"{found.size} were signed")
        return found.size

    def fault(self, path: Path, at: int, kind: str, sequence: int, told: str = "") -> None:
        """Note a fault."""
        self.faults.append(Fault(path, at, kind, sequence, told))
