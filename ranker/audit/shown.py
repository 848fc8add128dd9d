"""What was decided lately, and what was reported of it: an index that reports are held against.

Decisions are noted in memory, which costs a reply nothing, and written behind it. The log is the
truth: what the index lacks after a crash, or all of it, is read from there.
"""

import hashlib
import json
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from constraints.errors import OverloadedError, SettingsError
from ranker.audit.checking import read_records
from ranker.audit.records import Stored
from ranker.audit.segments import day_of, segments_of
from ranker.telemetry import note
from ranker.v1 import decision_pb2 as out
from ranker.v1 import exposure_pb2, log_pb2

FILE: Final = "shown.sqlite"
FOLLOW_S: Final = 0.1  # so much later another worker knows what was decided here
NOTED_MAX: Final = 100_000  # LIMIT: decisions that wait in memory; behind them the log is read
AGAIN: Final = 10_000  # records before the reach that are read again after a restart
CATCH_UP_MAX: Final = 100_000  # LIMIT: records read from the log at a start
PRUNED_MAX: Final = 5_000  # LIMIT: rows of each table taken away at a time
ANYTHING: Final = None
"""In place of an id: the caller filled the slot itself, and did not say with what."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS decision (
    id TEXT PRIMARY KEY, at_us INTEGER NOT NULL, ids TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS decision_at ON decision (at_us);
CREATE TABLE IF NOT EXISTS report (digest BLOB PRIMARY KEY, at_us INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS report_at ON report (at_us);
CREATE TABLE IF NOT EXISTS reached (log TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
"""


class Decided(NamedTuple):
    """A decision, as far as reports need it.

    Attributes:
        at_us: its instant, microseconds since 1970 (UTC).
        ids: of each slot, empty for none, ANYTHING where the caller chose.
    """

    at_us: int
    ids: Sequence[str | None]


class Shown:
    """The index of the logs of a data folder, each worker's view of it.

    Args:
        data_dir: folder of the index; workers share it.
        folder: of the log this worker writes.
        keep_s: how long decisions are known.
        clock: microseconds since 1970 (UTC).

    Raises:
        SettingsError: the file of the index can be neither opened nor made anew.
    """

    def __init__(self, data_dir: Path, folder: Path, keep_s: int, clock: Callable[[], int]) -> None:
        self._folder, self._keep_us = folder, keep_s * 1_000_000
        self._log = folder.parent.name if folder.parent != data_dir else ""
        self._noted: deque[tuple[int, str, Decided]] = deque(maxlen=NOTED_MAX)
        self._seen_sequence = 0  # of the newest decision noted at the last flush
        self.lock = threading.Lock()
        self._clock, self._stop = clock, threading.Event()
        self._db = _opened(data_dir / FILE)
        self._catch_up(clock())
        self._thread = threading.Thread(target=self._follow, name="shown", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        """Write behind the replies, so that other workers know what was decided here."""
        while not self._stop.wait(FOLLOW_S):
            if self._noted:
                with self.lock, suppress(OverloadedError):  # it said so; the log holds it anyway
                    self.flush()

    def note(self, sequence: int, decision_id: str, decided: Decided) -> None:
        """Note a decision that was recorded; it is written later."""
        self._noted.append((sequence, decision_id, decided))

    def flush(self) -> None:
        """Write what was noted, and forget what is too old. The lock must be held.

        Raises:
            OverloadedError: the index cannot be written.
        """
        now_us = self._clock()
        if len(self._noted) == NOTED_MAX:  # some fell out
            self._catch_up(now_us)
        rows = [self._noted.popleft() for _ in range(len(self._noted))]
        try:
            self._write([(key, one) for _, key, one in rows], (), self._seen_sequence)
            before_us = now_us - self._keep_us
            for table, key in (("decision", "id"), ("report", "digest")):
                old = f"SELECT {key} FROM {table} WHERE at_us < ? LIMIT {PRUNED_MAX}"
                self._db.execute(f"DELETE FROM {table} WHERE {key} IN ({old})", (before_us,))
        except sqlite3.Error as error:
            raise _unavailable(error) from None
        self._seen_sequence = max((row[0] for row in rows), default=self._seen_sequence)

    def find(self, decision_id: str) -> Decided | None:
        """Return a decision; None where it is not known. The lock must be held.

        Raises:
            OverloadedError: the index cannot be read.
        """
        try:
            row = self._db.execute(
                "SELECT at_us, ids FROM decision WHERE id = ?", (decision_id,)
            ).fetchone()
        except sqlite3.Error as error:
            raise _unavailable(error) from None
        return Decided(row[0], json.loads(row[1])) if row else None

    def is_reported(self, digest: bytes) -> bool:
        """Tell whether the very same was recorded before. The lock must be held.

        Raises:
            OverloadedError: the index cannot be read.
        """
        try:
            found = self._db.execute("SELECT 1 FROM report WHERE digest = ?", (digest,)).fetchone()
        except sqlite3.Error as error:
            raise _unavailable(error) from None
        return found is not None

    def remember(self, digests: Iterable[bytes], now_us: int) -> None:
        """Write that these were recorded. The lock must be held.

        What cannot be written now is read from the log at the next start.
        """
        with suppress(sqlite3.Error):
            self._write((), [(digest, now_us) for digest in digests], 0)

    def close(self) -> None:
        """Write what was noted, and close the file."""
        self._stop.set()
        self._thread.join()
        with self.lock, suppress(sqlite3.Error):
            rows = [(key, one) for _, key, one in self._noted]
            self._write(rows, (), max((row[0] for row in self._noted), default=0))
            self._db.close()

    def _write(
        self,
        decisions: Iterable[tuple[str, Decided]],
        reports: Iterable[tuple[bytes, int]],
        last: int,
    ) -> None:
        told = [(key, one.at_us, _text(one.ids)) for key, one in decisions]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR IGNORE INTO decision VALUES (?, ?, ?)", told)
            self._db.executemany("INSERT OR IGNORE INTO report VALUES (?, ?)", reports)
            self._db.execute(
                "INSERT INTO reached VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
                (self._log, last),
            )
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _catch_up(self, now_us: int) -> None:
        """Read what the index lacks from the log."""
        row = self._db.execute("SELECT last FROM reached WHERE log = ?", (self._log,)).fetchone()
        reach = row[0] if row else 0
        first = max(reach - AGAIN, _first_since(self._folder, now_us - self._keep_us))
        decisions, reports = list[tuple[str, Decided]](), list[tuple[bytes, int]]()
        try:
            for stored in read_records(self._folder, first):
                reach = stored.envelope.sequence
                decisions += _decided(stored)
                reports += _reported(stored)
                if len(decisions) + len(reports) > NOTED_MAX:
                    self._write(decisions, reports, reach)
                    decisions, reports = [], []
        except (ValueError, OSError) as error:
            note("reports are held against a part of the log only", fault=str(error))
        self._write(decisions, reports, reach)


def _decided(stored: Stored) -> list[tuple[str, Decided]]:
    """Return what a record decided, if it is a decision."""
    envelope = stored.envelope
    if envelope.kind != log_pb2.RECORD_KIND_DECISION or stored.is_deleted:
        return []
    body = log_pb2.DecisionBody.FromString(stored.body)
    ids = ids_of(out.Decision.FromString(body.decision))
    return [(envelope.decision_id, Decided(envelope.instant_us, ids))]


def _reported(stored: Stored) -> list[tuple[bytes, int]]:
    """Return what a record reports as shown, if it does."""
    envelope = stored.envelope
    if envelope.kind != log_pb2.RECORD_KIND_EXPOSURE or stored.is_deleted:
        return []
    told = log_pb2.ExposureBody.FromString(stored.body).exposures
    return [(digest_of(one.exposure), envelope.instant_us) for one in told]


def ids_of(decision: out.Decision) -> list[str | None]:
    """Return what a decision put into each slot of its page."""
    reserved = out.SLOT_STATE_RESERVED
    return [p.id if p.state != reserved else ANYTHING for p in decision.placements]


def digest_of(exposure: exposure_pb2.Exposure) -> bytes:
    """Return what tells an exposure from all others: two that are the same are one."""
    raw = exposure.SerializeToString(deterministic=True)
    return hashlib.blake2b(raw, digest_size=16).digest()


def _text(ids: Sequence[str | None]) -> str:
    return json.dumps(ids, ensure_ascii=False, separators=(",", ":"))


def _first_since(folder: Path, instant_us: int) -> int:
    """Return the number of the first record of a day, but not too many back."""
    day = day_of(max(instant_us, 0))[0]
    names = [path.name for path in segments_of(folder) if path.parent.name >= day]
    newest = int(names[-1].partition(".")[0]) if names else 1
    first = int(names[0].partition(".")[0]) if names else 1
    return max(first, newest - CATCH_UP_MAX)


def _opened(path: Path) -> sqlite3.Connection:
    """Open the index; one that is damaged is made anew."""
    for is_last in (False, True):
        try:
            db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_SCHEMA)
            return db
        except sqlite3.Error as error:
            if is_last:
                raise SettingsError(f"{path}: cannot be written: {error}") from None
            for each in path.parent.glob(f"{path.name}*"):
                each.unlink(missing_ok=True)
    raise AssertionError("unreachable")


def _unavailable(error: sqlite3.Error) -> OverloadedError:
    note("reports cannot be taken", fault=str(error))
    return OverloadedError("reports cannot be taken now", reason="EXPOSURES_UNAVAILABLE")
