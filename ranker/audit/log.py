"""The decision log: one JSON line a decision, written before the reply leaves."""

import fcntl
import json
import os
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from constraints.errors import OverloadedError, SettingsError
from ranker.telemetry import alarm

_TAIL_BYTES: Final = 1 << 20
_HEADER: Final = b'{"origin":"slotwarden/'


class DecisionLog:
    """An append-only file of JSON lines with contiguous sequence numbers from 1.

    The first line names the log. A line that a crash cut short is dropped when the log is opened.

    Args:
        data_dir: folder of the file `decisions.jsonl`; made when missing.

    Raises:
        SettingsError: another process has it open, or it is no decision log.
    """

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.path = data_dir / "decisions.jsonl"
        self._lock = threading.Lock()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            fault = "another server writes this log; stop it, or take another data folder"
            raise SettingsError(f"{self.path}: {fault}") from None
        self._torn_at: int | None = None  # where a part of a line stands that could not be cut off
        self.is_healthy = True
        self._refused_bytes = 0  # size of the record that failed last
        self._recover()

    def _recover(self) -> None:
        """Find the last whole line, cut what follows it, and go on from its number."""
        size = os.fstat(self._file).st_size
        with self.path.open("rb") as file:
            first, tail = file.readline(), _tail(file, size)
        whole = tail.rfind(b"\n") + 1
        last = tail[:whole].rstrip(b"\n").rpartition(b"\n")[2]
        try:
            if whole:
                self.origin = str(json.loads(first)["origin"])
                self.sequence = int(json.loads(last)["sequence"])
            elif not (tail.startswith(_HEADER) or _HEADER.startswith(tail)):
                raise ValueError
        except (ValueError, TypeError, KeyError):
            raise SettingsError(f"{self.path.name}: is not a decision log") from None
        if whole < len(tail):
            os.ftruncate(self._file, size - len(tail) + whole)
            alarm("DECISION_LOG_TORN", "a line cut short by a crash was dropped from the log")
        if not whole:
            self.origin, self.sequence = f"slotwarden/{uuid.uuid4()}", 0
            self._write({"origin": self.origin, "sequence": 0})

    def append(self, record: dict[str, Any]) -> int:
        """Append one record.

        Returns:
            Its sequence number; the line is with the operating system, and survives our death.

        Raises:
            OverloadedError: it could not be written; nothing may be answered.
        """
        with self._lock:
            sequence = self.sequence + 1
            self._write({"sequence": sequence, **record})
            self.sequence = sequence
            return sequence

    def probe(self) -> None:
        """Learn whether a log that failed would take a record of that size again; leave none."""
        with self._lock, suppress(OSError):
            self._cut(self._put(b" " * self._refused_bytes))
            self.is_healthy = True

    def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self._put(line)
        except OSError as error:
            self.is_healthy, self._refused_bytes = False, len(line)
            alarm("DECISION_LOG_FAILED", "the decision log cannot be written", fault=str(error))
            raise OverloadedError(
                "the decision log cannot take a record", reason="DECISION_LOG_FAILED"
            ) from None
        self.is_healthy = True

    def _put(self, line: bytes) -> int:
        """Write a line, whole or not at all; return where it begins."""
        if self._torn_at is not None:
            self._cut(self._torn_at)
        before = os.fstat(self._file).st_size
        if os.write(self._file, line) != len(line):
            self._cut(before)
            raise OSError("short write")
        return before

    def _cut(self, at: int) -> None:
        """Cut the file off; where that fails too, the next record begins with it."""
        self._torn_at = at
        os.ftruncate(self._file, at)
        self._torn_at = None

    def close(self) -> None:
        """Sync and close the file."""
        with self._lock:
            file, self._file = self._file, -1  # a call that outlasts us must not write elsewhere
            os.fsync(file)
            os.close(file)


def _tail(file: BinaryIO, size: int) -> bytes:
    """Read the end of the file, at least from where the last whole line begins."""
    span = _TAIL_BYTES
    while True:
        file.seek(max(0, size - span))
        tail = file.read()
        if span >= size or tail.count(b"\n") > 1:
            return tail
        span *= 2
