"""Bodies of decisions are deleted when their time is over; envelopes and proofs stay for ever.

INVARIANT: nothing younger than the law allows, and nothing of a day under legal hold, is deleted.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from constraints.errors import SettingsError
from ranker.audit.frames import COMPACTED, Segment, frame_head
from ranker.audit.packing import packed
from ranker.audit.records import Stored, unpack
from ranker.audit.segments import LEVEL, SUFFIX, segments_of
from ranker.clock import in_shanghai
from ranker.files import write_whole
from ranker.settings import RETAIN
from ranker.v1 import log_pb2 as pb

HOLDS: Final = "holds.json"
HOLDS_MAX: Final = 10_000  # LIMIT
EXPIRING: Final = (pb.RECORD_KIND_DECISION, pb.RECORD_KIND_EXPOSURE)


class Hold(NamedTuple):
    """Days of which nothing may be deleted, whatever their age.

    Attributes:
        name: of the case.
        first, last: days in Shanghai, both included.
        reason: in words.
    """

    name: str
    first: date
    last: date
    reason: str


class Terms(NamedTuple):
    """How long bodies are kept, days: of all, and of decisions that were offered live rooms."""

    days: int
    live_days: int

    def over(self, envelope: pb.Envelope, today: date) -> bool:
        """Tell whether the time of a record's body is over."""
        is_long = envelope.live or envelope.kind == pb.RECORD_KIND_EXPOSURE  # of any decisions
        kept_days = max(self.live_days, self.days) if is_long else self.days
        age = today - in_shanghai(envelope.instant_us).date()
        return envelope.kind in EXPIRING and age > timedelta(kept_days)


LEAST: Final = Terms(*(least for least, _ in RETAIN.values()))
"""What the law allows at the least."""


class Expired(NamedTuple):
    """What was deleted, or would be.

    Attributes:
        bodies: how many; bytes_freed: of the segment files.
        held: how many more would be, but for a hold.
        first, last: numbers of the first and the last of them; 0 for none.
    """

    bodies: int
    bytes_freed: int
    held: int
    first: int
    last: int


@contextmanager
def locked_holds(data_dir: Path) -> Iterator[list[Hold]]:
    """Give the holds in force, and let nobody change them, or delete anything, meanwhile.

    Raises:
        SettingsError: the file holds something else.
    """
    file = os.open(data_dir / f"{HOLDS}.lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield holds_of(data_dir)
    finally:
        os.close(file)


def holds_of(data_dir: Path) -> list[Hold]:
    """Return the holds in force.

    Raises:
        SettingsError: the file holds something else.
    """
    path = data_dir / HOLDS
    try:
        told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return [
            Hold(
                str(one["name"]),
                date.fromisoformat(one["first"]),
                date.fromisoformat(one["last"]),
                str(one["reason"]),
            )
            for one in told
        ]
    except (ValueError, KeyError, TypeError):
        raise SettingsError(f"{path}: cannot be read as holds; nothing is deleted") from None


def write_holds(data_dir: Path, holds: list[Hold]) -> None:
    """Put these in place of the holds in force.

    Raises:
        SettingsError: there are too many.
        OSError: they cannot be written; those before stay.
    """
    if len(holds) > HOLDS_MAX:
        raise SettingsError(f"{HOLDS}: has more than {HOLDS_MAX} holds")
    told = [one._asdict() for one in holds]
    raw = json.dumps(told, ensure_ascii=False, indent=1, default=date.isoformat) + "\n"
    write_whole(data_dir / HOLDS, raw.encode())


def expire(
    folder: Path,
    terms: Terms,
    holds: Callable[[], AbstractContextManager[list[Hold]]],
    today: date,
    *,
    is_rehearsal: bool = False,
    tick: Callable[[int], None] | None = None,
) -> Expired:
    """Delete the bodies whose time is over, in all segments but the newest.

    A segment is replaced by one with the same envelopes in one step. A rehearsal changes nothing.

    Args:
        folder: of the log.
        terms: how long bodies are kept.
        holds: gives the days that are kept, anew for each segment: one may be held meanwhile.
        today: in Shanghai.
        is_rehearsal: only count.
        tick: told how many segments were looked at.

    Raises:
        ValueError: a record is not whole; its segment is left as it is.
        OSError: a segment cannot be read or replaced; it is left as it is.
    """
    total = Expired(0, 0, 0, 0, 0)
    for count, path in enumerate(segments_of(folder)[:-1], 1):
        if terms.days < (today - date.fromisoformat(path.parent.name)).days:
            with holds() as kept:
                found = _expire(path, terms, kept, today, is_rehearsal)
            total = Expired(
                total.bodies + found.bodies,
                total.bytes_freed + found.bytes_freed,
                total.held + found.held,
                total.first or found.first,
                found.last or total.last,
            )
        if tick is not None:
            tick(count)
    return total


def _expire(
    path: Path, terms: Terms, holds: list[Hold], today: date, is_rehearsal: bool
) -> Expired:
    segment, end = Segment.read(path), 0
    if segment.header is None:
        raise ValueError(f"{path}: has no header; run `slotwarden audit fsck`")
    kept, over, held = [segment.header.pack()], list[int](), 0
    for frame in segment.frames():
        stored, body, end = unpack(frame), frame.body, frame.end
        if not stored.is_deleted and terms.over(stored.envelope, today):
            if _is_held(stored, holds):
                held += 1
            else:
                over.append(frame.sequence)
                body = b""
        head = frame_head(segment.header.salt, frame.sequence, frame.envelope, body)
        kept.append(head + body)
    if end != len(segment.raw):
        raise ValueError(f"{path}: byte {end} is not whole; run `slotwarden audit fsck`")
    freed = 0
    if over and not is_rehearsal:
        freed = _replace(path, b"".join(kept))
    return Expired(len(over), freed, held, over[0] if over else 0, over[-1] if over else 0)


def _is_held(stored: Stored, holds: list[Hold]) -> bool:
    day = in_shanghai(stored.envelope.instant_us).date()
    return any(hold.first <= day <= hold.last for hold in holds)


def _replace(path: Path, raw: bytes) -> int:
    """Put a compacted segment in place of one; return how many bytes that freed."""
    before = path.stat().st_size
    small = packed(raw, LEVEL)
    target = path if path.suffix == COMPACTED else path.with_name(path.name + COMPACTED)
    write_whole(target, small)
    if path.suffix == SUFFIX:
        path.unlink()
    return before - len(small)
