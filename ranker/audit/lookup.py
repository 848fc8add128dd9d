"""Finds a record without reading the log: an index of decisions and of places in segments.

`python -m ranker.audit.lookup` searches beside another process, and yields to it.
The index is never believed: what it leads to is unpacked and checked, and what it does not know
yet is looked for in the records behind its reach.
"""

import base64
import json
import os
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from ranker.audit.checking import read_records
from ranker.audit.frames import (
    COMPACTED,
    FRAME_BYTES,
    HEADER_BYTES,
    PAYLOAD_MAX,
    Frame,
    Header,
    frame_at,
)
from ranker.audit.log import FOLDER
from ranker.audit.packing import unpacked_part
from ranker.audit.records import Stored, unpack
from ranker.audit.segments import SUFFIX, frames_from
from ranker.audit.tables.manifest import FOLDER as TABLES
from ranker.audit.tables.manifest import INDEX
from ranker.v1 import log_pb2

_GUESS: Final = 64 << 10  # bytes that hold most records
NICE: Final = 19  # of a search in a process of its own
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS segment (first INTEGER PRIMARY KEY, day TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS record (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS decision (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reach (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
"""


class Place(NamedTuple):
    """Where a record stands.

    Attributes:
        sequence: its number; at: byte of its segment, as it was written.
        decision_id: empty where it is no decision.
    """

    sequence: int
    at: int
    decision_id: str


def write_index(
    path: Path, segments: Iterable[tuple[int, str]], places: Iterable[Place], last: int
) -> None:
    """Add places to an index; it is made when missing.

    Args:
        path: of the index.
        segments: number of the first record, and name of the day's folder.
        places: of records.
        last: number of the record it reaches now.

    Raises:
        sqlite3.Error: it cannot be written; it reaches as far as before.
    """
    with _opened(path) as db:
        db.executescript(_SCHEMA)
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT OR REPLACE INTO segment VALUES (?, ?)", segments)
        told = list(places)
        db.executemany("INSERT OR REPLACE INTO record VALUES (?, ?)", [p[:2] for p in told])
        decisions = sorted((p.decision_id, p.sequence) for p in told if p.decision_id)
        db.executemany("INSERT OR REPLACE INTO decision VALUES (?, ?)", decisions)
        db.execute("INSERT OR REPLACE INTO reach VALUES (1, ?)", (last,))
        db.execute("COMMIT")


def _opened(path: Path, mode: str = "rwc") -> "closing[sqlite3.Connection]":
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return closing(sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None))


class Lookup:
    """Finds records of a log.

    Args:
        data_dir: folder of the log.
    """

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / FOLDER
        self._index = data_dir / TABLES / INDEX

    def by_id(self, decision_id: str) -> Frame | None:
        """Return the record of a decision, checked; None where the log holds none.

        Raises:
            OSError: a segment cannot be read.
            ValueError: a record behind the reach of the index is not whole, though others follow.
        """
        found = self.indexed_id(decision_id)
        if found is not None:
            return found
        for stored in read_records(self.folder, self.search_from(decision_id)):
            if decision_of(stored) == decision_id:
                return self.by_sequence(stored.envelope.sequence)
        return None

    def indexed_id(self, decision_id: str) -> Frame | None:
        """Return the record of a decision the index knows, checked."""
        sequence = self._ask("SELECT sequence FROM decision WHERE id = ?", decision_id)
        frame = None if sequence is None else self.indexed(sequence)
        return frame if frame is not None and decision_of(unpack(frame)) == decision_id else None

    def search_from(self, decision_id: str) -> int:
        """Return the number of the first record to search for a decision the index did not find.

        An index that names another record is wrong, and nothing it says is believed.
        """
        told = self._ask("SELECT sequence FROM decision WHERE id = ?", decision_id)
        return self.reach() + 1 if told is None else 1

    def by_sequence(self, sequence: int) -> Frame | None:
        """Return a record by its number, checked; None where the log does not hold it whole.

        Raises:
            OSError: a segment cannot be read.
        """
        found = self.indexed(sequence)
        if found is not None:
            return found
        frame = next(frames_from(self.folder, sequence), None)
        return frame if frame is not None and frame.sequence == sequence else None

    def indexed(self, sequence: int) -> Frame | None:
        """Return a record by its number if the index knows its place, checked."""
        at = self._ask("SELECT at FROM record WHERE sequence = ?", sequence)
        if at is None:
            return None
        told = "SELECT max(first) FROM segment WHERE first <= ?"
        first = self._ask(told, sequence)
        day = self._ask("SELECT day FROM segment WHERE first = ?", first)
        if day is None:
            return None
        frame = _frame(self.folder / day / f"{first:020d}{SUFFIX}", at)
        return frame if frame is not None and _is_sound(frame, sequence) else None

    def reach(self) -> int:
        """Return the number of the last record the index knows, 0 without an index."""
        return int(self._ask("SELECT last FROM reach WHERE one = ?", 1) or 0)

    def _ask(self, question: str, value: object) -> Any:
        if not self._index.exists():
            return None
        try:
            with _opened(self._index, "ro") as db:
                found = db.execute(question, (value,)).fetchone()
        except sqlite3.Error:  # one that is damaged knows nothing
            return None
        return found[0] if found else None


def _frame(path: Path, at: int) -> Frame | None:
    """Read one frame out of a segment; None where there is none that is whole."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return _compacted_frame(path.with_name(path.name + COMPACTED), at)
    try:
        header = Header.unpack(os.pread(file, HEADER_BYTES, 0))
        size = int.from_bytes(os.pread(file, 4, at), "little")
        if header is None or size > PAYLOAD_MAX:
            return None
        raw = os.pread(file, FRAME_BYTES + size, at)
    finally:
        os.close(file)
    found = frame_at(raw, 0, header.salt)
    return None if found is None else found._replace(at=at)


def _compacted_frame(path: Path, at: int) -> Frame | None:
    """Read one frame out of a compacted segment, decompressing no more than it takes."""
    try:
        begin, raw = unpacked_part(path, 0, HEADER_BYTES), unpacked_part(path, at, _GUESS)
        size = FRAME_BYTES + min(int.from_bytes(raw[:4], "little"), PAYLOAD_MAX)
        if size > len(raw):
            raw = unpacked_part(path, at, size)
    except (FileNotFoundError, ValueError):
        return None
    header = Header.unpack(begin)
    found = None if header is None else frame_at(raw, 0, header.salt)
    return None if found is None else found._replace(at=at)


def _is_sound(frame: Frame, sequence: int) -> bool:
    try:
        return unpack(frame).envelope.sequence == sequence
    except ValueError:
        return False


def decision_of(stored: Stored) -> str:
    """Return the id of a decision, empty for any other record, though it may name one."""
    is_decision = stored.envelope.kind == log_pb2.RECORD_KIND_DECISION
    return stored.envelope.decision_id if is_decision else ""


def main() -> int:
    """Search for the record of the task on standard input, and write it, as JSON."""
    os.nice(NICE)
    task = json.load(sys.stdin)
    lookup = Lookup(Path(task["data_dir"]))
    told: dict[str, object] = {}
    try:
        if "sequence" in task:
            found = lookup.by_sequence(int(task["sequence"]))
        else:
            found = lookup.by_id(task["decision_id"])
    except (ValueError, OSError):
        found, told = None, {"fault": "the log is not whole; run `slotwarden audit fsck`"}
    if found is not None:
        parts = {"envelope": found.envelope, "body": found.body}
        told = {name: base64.b64encode(raw).decode() for name, raw in parts.items()}
        told["sequence"] = found.sequence
    json.dump(told, sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
