"""The decision log: a record is with the operating system before its reply leaves.

Segments of frames, one log a process. The disk is told behind the reply's back every `SYNC_S`, or,
with durability `disk` and for control records, before anything is acknowledged.
"""

import errno
import fcntl
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from constraints.errors import OverloadedError, SettingsError
from ranker.audit import segments
from ranker.audit.frames import Header
from ranker.audit.records import Record, record
from ranker.audit.tree import leaf_hash
from ranker.clock import now_us
from ranker.files import sync_path
from ranker.telemetry import alarm
from ranker.v1 import log_pb2 as pb

FOLDER: Final = "log"
SYNC_S: Final = 0.05  # so much is lost at most when the power fails
WAIT_S: Final = 5.0  # LIMIT: how long a reply waits for the disk


class DecisionLog:
    """An append-only log with contiguous sequence numbers from 1.

    What a crash cut short is cut off when the log is opened, and kept beside the segment.

    Args:
        data_dir: its folder `log` holds the log; made when missing.
        durability: what an acknowledged record survives: the end of the `process`, or that of the
            machine (`disk`).
        clock: microseconds since 1970 (UTC).

    Raises:
        SettingsError: another process has it open, or a file in it is no segment.
        OSError: it cannot be read, written or put on the disk.
    """

    def __init__(
        self,
        data_dir: Path,
        durability: Literal["process", "disk"] = "process",
        clock: Callable[[], int] = now_us,
    ) -> None:
        self.folder, self.durability, self._clock = data_dir / FOLDER, durability, clock
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = _locked(self.folder / "lock")
        self._lock = threading.Lock()
        self._synced = threading.Condition(self._lock)
        self._wakes = threading.Event()
        self._closing = False
        self.is_healthy = True
        self._refused_bytes = 0  # size of the record that failed last
        self._spoilt = False  # a sync failed: nothing more goes into that file
        self._doubted: list[range] = []  # records that a sync failed for, one range a failure
        self.on_disk = 0
        try:
            self._open()
        except (OSError, SettingsError):
            os.close(self._lock_file)
            raise
        self.on_disk = self.sequence
        self._leaves: deque[bytes] | None = None  # of records behind `_taken`, if anybody asks
        self._taken = self.sequence
        self._syncer = threading.Thread(target=self._sync_behind, name="log-sync", daemon=True)
        self._syncer.start()

    def _open(self) -> None:
        """Open the newest segment and go on from its last whole record."""
        self._log_id, self.sequence, self._ends_us = uuid.uuid4().bytes, 0, 0
        self._writer: segments.Writer | None = None
        paths = segments.segments_of(self.folder)
        for path in paths[-2:]:  # whoever wrote them may have been killed before it did
            sync_path(path)
        while paths:
            path = paths.pop()
            found = _recovered(path)
            if found.header is None:
                path.unlink()  # a crash made the file, and nothing in it
                continue
            self._log_id, self.sequence = found.header.log_id, found.sequence
            self._ends_us = segments.day_of(found.header.created_us)[1]
            if path.suffix == segments.SUFFIX and found.damaged_at < 0:
                self._writer = segments.Writer(path)
            break  # one that was changed is left as it is
        self.origin = f"slotwarden/{uuid.UUID(bytes=self._log_id)}"
        if self._writer is None:
            self._roll()

    def _roll(self) -> None:
        """Go on in a new segment."""
        instant_us = self._clock()
        first, (day, ends_us) = self.sequence + 1, segments.day_of(instant_us)
        path = self.folder / day / f"{first:020d}{segments.SUFFIX}"
        path.unlink(missing_ok=True)  # of a roll that failed before it held a record
        fresh = segments.Writer(path, Header.new(self._log_id, first, instant_us))
        old, self._writer = self._writer, fresh
        if old is not None:
            try:
                if not self._spoilt:
                    old.sync()
            except OSError as error:  # never tried again: see `_sync`
                self._doubt(error, self.sequence)
            old.close()
        self._spoilt, self._ends_us = False, ends_us

    @property
    def path(self) -> Path:
        """The segment written now."""
        assert self._writer is not None
        return self._writer.path

    def append(self, one: Record) -> int:
        """Append one record.

        Returns:
            Its sequence number; the record survives what `durability` says.

        Raises:
            OverloadedError: it could not be written; nothing may be answered.
        """
        with self._lock:
            sequence = self.sequence + 1
            envelope = one.envelope(self.origin, sequence)
            try:
                self._put(sequence, envelope, one.body)
            except ValueError as error:  # this one alone: the log itself is well
                alarm("RECORD_REFUSED", "a record cannot be kept", fault=str(error))
                raise OverloadedError(str(error), reason="RECORD_TOO_LARGE") from None
            except OSError as error:
                self._fail(error, len(envelope) + len(one.body))
            self.sequence, self.is_healthy = sequence, True
            if self._leaves is not None:
                self._leaves.append(leaf_hash(envelope))
        self._wakes.set()
        if self.durability == "disk" or one.kind == pb.RECORD_KIND_CONTROL:
            self._await_disk(sequence)
        return sequence

    def _put(self, sequence: int, envelope: bytes, body: bytes) -> None:
        if self._closing or self._writer is None:
            raise OSError("the log is closed")
        is_over = self._clock() >= self._ends_us
        if self._spoilt or is_over or self._writer.size >= segments.SEGMENT_BYTES:
            self._roll()
        self._writer.append(sequence, envelope, body)

    def _fail(self, error: Exception, size: int) -> None:
        self.is_healthy, self._refused_bytes = False, size
        alarm("DECISION_LOG_FAILED", "the decision log cannot be written", fault=str(error))
        raise OverloadedError(
            "the decision log cannot take a record", reason="DECISION_LOG_FAILED"
        ) from None

    def _await_disk(self, sequence: int) -> None:
        """Wait until a record is on the disk.

        Raises:
            OverloadedError: the disk failed, or did not answer in time.
        """
        with self._synced:
            self._synced.wait_for(
                lambda: self.on_disk >= sequence or self._is_doubted(sequence), WAIT_S
            )
            if self.on_disk < sequence or self._is_doubted(sequence):
                self._fail(OSError("it could not be put on the disk"), 0)

    def _is_doubted(self, sequence: int) -> bool:
        return any(sequence in doubted for doubted in self._doubted)

    def _sync_behind(self) -> None:
        """Put on the disk what was written since, again and again."""
        while not self._closing:
            self._wakes.wait()
            self._wakes.clear()
            self._sync()
            if self.durability == "process" and not self._closing:
                time.sleep(SYNC_S)

    def _sync(self) -> None:
        """Sync once. One that fails is never tried again on its file: the kernel forgets."""
        with self._lock:
            writer, upto = self._writer, self.sequence
            if writer is None or self._spoilt or self.on_disk >= upto:
                return
        try:
            writer.sync()
        except OSError as error:
            with self._synced:
                is_old = writer is not self._writer
                if self._closing or (is_old and error.errno == errno.EBADF):
                    return  # whoever closed it has synced it
                if not is_old:
                    self._spoilt, self.is_healthy, upto = True, False, self.sequence
                self._doubt(error, upto)
            return
        with self._synced:
            self.on_disk = max(self.on_disk, upto)
            self._synced.notify_all()

    def _doubt(self, error: OSError, upto: int) -> None:
        """Note that nobody knows of the records up to one whether they are on the disk.

        Nor will anybody: what a later sync of another file says is not about them.
        """
        self._doubted.append(range(self.on_disk + 1, upto + 1))
        alarm("DECISION_LOG_FAILED", "the disk failed the log", fault=str(error))
        self._synced.notify_all()

    def control(self, action: str, before: str, after: str, told: str = "") -> int:
        """Record what changed how we decide; it is on the disk when this returns.

        Raises:
            OverloadedError: it could not be written.
        """
        body = pb.ControlBody(before=before, after=after, note=told)
        raw = body.SerializeToString(deterministic=True)
        return self.append(record(pb.RECORD_KIND_CONTROL, self._clock(), raw, action=action))

    def take_leaves(self) -> list[bytes]:
        """Return the hashes of the records that are on the disk and were not taken before.

        Those that a failed sync left in doubt come with the first behind them that is.
        """
        with self._lock:
            return self._take()

    def keep_leaves(self) -> int:
        """Keep the hashes of records for `take_leaves`, from the next one on if none were kept.

        Returns:
            The last number it will not return; all up to it are on the disk once one is behind it.
        """
        with self._lock:
            if self._leaves is None:
                self._leaves, self._taken = deque(), self.sequence
            self._take()
            return self._taken

    def _take(self) -> list[bytes]:
        if self._leaves is None:
            return []
        taken = [self._leaves.popleft() for _ in range(self.on_disk - self._taken)]
        self._taken += len(taken)
        return taken

    def probe(self) -> None:
        """Learn whether a log that failed would take a record of that size again; leave none."""
        with self._lock, suppress(OSError):
            if self._spoilt:
                self._roll()
            if self._writer is not None:
                self._writer.probe(self._refused_bytes)
                self.is_healthy = True

    def close(self) -> None:
        """Sync and close the log."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            writer = self._writer
        self._wakes.set()
        self._syncer.join()
        if writer is not None:
            if not self._spoilt:
                with suppress(OSError):
                    writer.sync()
                    self.on_disk = self.sequence
            writer.close()
        os.close(self._lock_file)


def _recovered(path: Path) -> segments.Opened:
    """Open the newest segment, and say what was wrong with it."""
    try:
        found = segments.recover(path)
    except (ValueError, OSError) as error:
        raise SettingsError(f"{path}: {error}") from None
    if found.cut_at >= 0:
        told = {"file": str(path), "at": found.cut_at, "bytes": found.cut_bytes}
        alarm("DECISION_LOG_TORN", "the end of the log was cut off and set aside", **told)
    if found.damaged_at >= 0:
        told = {"file": str(path), "at": found.damaged_at}
        alarm("DECISION_LOG_DAMAGED", "a record was changed; run `slotwarden audit fsck`", **told)
    return found


def _locked(path: Path) -> int:
    """Take the lock of a log."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        fault = "another server writes this log; stop it, or take another data folder"
        raise SettingsError(f"{path.parent}: {fault}") from None
    return file
