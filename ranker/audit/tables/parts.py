"""Parts: runs of segments of one day, each made into files of its own, by one worker each."""

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ranker.audit.frames import HEADER_BYTES, Frame, Segment
from ranker.audit.lookup import Place, decision_of
from ranker.audit.records import unpack
from ranker.audit.tables.kinds import KINDS
from ranker.audit.tables.manifest import Part
from ranker.audit.tables.parquet import Files
from ranker.audit.tables.schema import Rows

SEGMENTS_MAX: Final = 4  # LIMIT: segments of one part; an unfinished one is made again
ROWS_MAX: Final = 300_000  # LIMIT: rows held before they are written


class Work(NamedTuple):
    """A part to be made.

    Attributes:
        paths: its segments, in order.
        is_final: none of them will grow, and none will join them.
    """

    paths: tuple[Path, ...]
    is_final: bool


class Made(NamedTuple):
    """A part that was made, and where its records stand."""

    part: Part
    places: list[Place]


def first_of(path: Path) -> int:
    """Return the number of the first record of a segment, from its name."""
    return int(path.name.partition(".")[0])


def planned(paths: Sequence[Path], kept: Sequence[Part]) -> list[Work]:
    """Cut the segments that no part covers into parts: runs of one day, without a gap.

    Args:
        paths: all segments of the log, in order; the last may be written now.
        kept: parts that need not be made.
    """
    runs: list[list[Path]] = []
    is_next = False
    for path in paths:
        if any(part.first <= first_of(path) <= part.last for part in kept):
            is_next = False
            continue
        is_same_day = is_next and runs[-1][-1].parent == path.parent
        if is_same_day and len(runs[-1]) < SEGMENTS_MAX:
            runs[-1].append(path)
        else:
            runs.append([path])
        is_next = True
    return [Work(tuple(run), run[-1] != paths[-1]) for run in runs]


def make(work: Work, root: Path) -> Made:
    """Make the files of a part.

    Args:
        work: what it is made from.
        root: folder of the tables.

    Raises:
        OSError: a segment cannot be read, or a file not written.
    """
    gc.disable()  # rows point at nothing: looking for cycles in them takes a sixth of the time
    try:
        return _make(work, root)
    finally:
        gc.enable()


def _make(work: Work, root: Path) -> Made:
    first = first_of(work.paths[0])
    last, files = first - 1, Files(root, f"{first:020d}")
    rows, places, left_out = Rows(), list[Place](), list[str]()
    for path in work.paths:
        for frame in _frames(Segment.read(path), left_out):
            last = frame.sequence
            try:
                stored = unpack(frame)
            except ValueError:
                left_out.append(f"{path.name} {frame.at}")
                continue
            places.append(Place(last, frame.at, decision_of(stored)))
            if stored.envelope.kind in KINDS and not stored.is_deleted:
                KINDS[stored.envelope.kind].read(stored, rows)
            if len(places) % 256 == 0 and len(rows) > ROWS_MAX:
                rows = _written(rows, files)
    _written(rows, files)
    made = Part(
        first=first,
        last=last,
        is_final=work.is_final,
        left_out=tuple(left_out),
        files=files.close(f"{first:020d}-{last:020d}"),
    )
    return Made(made, places)


def _written(rows: Rows, files: Files) -> Rows:
    for (table, folder), batch in rows.batches.items():
        files.write(table, folder, batch)
    return Rows()


def _frames(segment: Segment, left_out: list[str]) -> Iterator[Frame]:
    """Yield the whole records of a segment, and note where something else stands among them."""
    if segment.header is None:
        return
    at, wanted = HEADER_BYTES, segment.header.first_sequence
    while True:
        for frame in segment.frames(at, wanted):
            yield frame
            at, wanted = frame.end, frame.sequence + 1
        found = segment.next_whole(at)
        if found is None:  # being written, or torn by a crash
            return
        left_out.append(f"{segment.path.name} {at}")
        at, wanted = found.at, found.sequence
