"""Rotation: what the log holds is put into tables, from where the last rotation ended.

The manifest is written last, and is the only thing that says which files are the tables. So a
rotation that is killed changes nothing, and the next one takes its remains away.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from constraints.errors import SettingsError
from ranker.audit.checkpoint import CHECKPOINT, Checkpoint
from ranker.audit.frames import Segment
from ranker.audit.log import FOLDER as LOG
from ranker.audit.lookup import write_index
from ranker.audit.segments import segments_of
from ranker.audit.tables import parts
from ranker.audit.tables.manifest import FOLDER, INDEX, Manifest, Part
from ranker.audit.tables.parquet import arrow
from ranker.audit.tables.registers import write_registers
from ranker.clock import now_us

WORKERS_MAX: Final = 64  # LIMIT: processes of one rotation


class Rotated(NamedTuple):
    """What a rotation did.

    Attributes:
        records: read now; last_sequence: the tables reach.
        rows: in the tables; stored_bytes: of their files.
        signed: records under the checkpoint of that moment.
        left_out: places of the log that are not whole records.
    """

    records: int
    last_sequence: int
    rows: int
    stored_bytes: int
    signed: int
    left_out: tuple[str, ...]


def rotate(
    data_dir: Path,
    home: Path | None = None,
    *,
    workers: int = 1,
    rebuild: bool = False,
    tick: Callable[[int], None] = lambda done: None,
) -> Rotated:
    """Put the records of a log into tables.

    Args:
        data_dir: folder of facts and policies.
        home: of the log, the same unless given; the tables stand in its folder `query`.
        workers: processes that read segments, 1 for this one alone.
        rebuild: make every table anew.
        tick: told how many segments were read.

    Raises:
        SettingsError: another rotation is under way, or there is no log, or a library is missing.
        OSError: something cannot be read or written; the tables are what they were.
    """
    arrow()
    home = home or data_dir
    paths, root = segments_of(home / LOG), home / FOLDER
    if not paths:
        raise SettingsError(f"{home / LOG}: holds no decision log")
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root):
        origin, before = _origin(paths), Manifest.load(root) or Manifest()
        _sweep(root, before)
        kept = tuple(part for part in before.parts if _stands(part, root))
        if rebuild or before.origin != origin:
            kept = ()
            (root / INDEX).unlink(missing_ok=True)
        works = parts.planned(paths, kept)
        made = _made(works, root, workers, tick)
        manifest = Manifest(
            origin=origin,
            rotated_us=now_us(),
            signed=signed_size(home),
            parts=tuple(sorted((*kept, *made), key=lambda part: part.first)),
            registers=write_registers(data_dir, root),
        )
        manifest.save(root)
        _sweep(root, manifest)
    files = manifest.files
    return Rotated(
        records=sum(part.last - part.first + 1 for part in made),
        last_sequence=manifest.last_sequence,
        rows=sum(file.rows for file in files),
        stored_bytes=sum((root / file.path).stat().st_size for file in files),
        signed=manifest.signed,
        left_out=tuple(manifest.left_out),
    )


def added(rotations: Sequence[Rotated]) -> Rotated:
    """Add up what rotations of several logs did."""
    return Rotated(
        records=sum(one.records for one in rotations),
        last_sequence=sum(one.last_sequence for one in rotations),
        rows=sum(one.rows for one in rotations),
        stored_bytes=sum(one.stored_bytes for one in rotations),
        signed=sum(one.signed for one in rotations),
        left_out=tuple(place for one in rotations for place in one.left_out),
    )


@contextmanager
def forgotten(data_dir: Path, first: int, last: int) -> Iterator[None]:
    """Remove from the tables all parts that hold some records, and let none be made meanwhile.

    What changes these records is done within: whatever becomes of it, no table holds what the log
    does not. The next rotation makes the parts anew.

    Args:
        data_dir: folder of the log.
        first: number of the first of the records.
        last: of the last.

    Raises:
        SettingsError: a rotation is under way; nothing was removed.
        OSError: something cannot be removed.
    """
    root = data_dir / FOLDER
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root):
        before = Manifest.load(root)
        if before is not None:
            kept = tuple(part for part in before.parts if part.last < first or last < part.first)
            before = before.model_copy(update={"parts": kept})
            before.save(root)
            _sweep(root, before)
        yield


def signed_size(data_dir: Path) -> int:
    """Return how many records are under the last checkpoint, 0 for none that can be read."""
    try:
        return Checkpoint.parse((data_dir / LOG / CHECKPOINT).read_text(encoding="utf-8")).size
    except (OSError, ValueError):
        return 0


def _stands(part: Part, root: Path) -> bool:
    """Say whether a part need not be made again."""
    return part.is_final and all((root / file.path).exists() for file in part.files)


def _origin(paths: list[Path]) -> str:
    """Return the name of the log."""
    headers = (Segment.read(path).header for path in reversed(paths))
    return next((f"slotwarden/{UUID(bytes=found.log_id)}" for found in headers if found), "")


def _made(
    works: list[parts.Work], root: Path, workers: int, tick: Callable[[int], None]
) -> list[Part]:
    """Make parts, and add where their records stand to the index."""
    made, done = [], 0
    for one, work in zip(_each(works, root, workers), works, strict=True):
        segments = [(parts.first_of(path), path.parent.name) for path in work.paths]
        write_index(root / INDEX, segments, one.places, one.part.last)
        made.append(one.part)
        done += len(work.paths)
        tick(done)
    return made


def _each(works: list[parts.Work], root: Path, workers: int) -> Iterator[parts.Made]:
    count = min(workers, len(works))
    if count <= 1:
        yield from (parts.make(work, root) for work in works)
        return
    try:
        with ProcessPoolExecutor(count, get_context("spawn")) as pool:
            yield from pool.map(parts.make, works, [root] * len(works))
    except BrokenProcessPool:
        raise OSError("a worker was killed, for its memory perhaps: try fewer") from None


def _sweep(root: Path, manifest: Manifest) -> None:
    """Remove files that are not, or no longer, of the tables, and folders left empty."""
    named = {file.path for file in manifest.files}
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.parent != root and path.relative_to(root).as_posix() not in named:
            path.unlink()


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    file = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise SettingsError(f"{root}: another rotation is under way") from None
    try:
        yield
    finally:
        os.close(file)
