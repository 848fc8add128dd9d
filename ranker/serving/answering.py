"""Answers `DecisionLogService`: records with their proofs, and questions to the tables.

INVARIANT: none of it holds up a page. One call is answered at a time, on threads of their own; what
reads much (DuckDB, a search through the log) runs in another process, which yields to all others.
"""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError, Message

from constraints.errors import (
    OverloadedError,
    RequestError,
    SettingsError,
    UnknownRecordError,
    UnpreparedError,
    quoted,
)
from ranker.audit.bundle import Prover
from ranker.audit.frames import Frame
from ranker.audit.logs import homes_of
from ranker.audit.lookup import Lookup
from ranker.audit.records import unpack
from ranker.audit.tables.asking import FIRST, LAST, Asking, ask
from ranker.v1 import decision_log_pb2 as pb

BYTES_MAX: Final = 16_384  # LIMIT: of a request
ROWS_MAX: Final = 10_000  # LIMIT: rows of one answer
TEXT_MAX: Final = 3 << 20  # LIMIT: bytes of its cells; a client takes 4 MiB unless told otherwise
SECONDS_MAX: Final = 10.0  # LIMIT: of one call
_ID_CHARS_MAX: Final = 128


class Answerer:
    """Answers one call at a time.

    Args:
        data_dir: folder of the logs and their tables.
        home: of this worker's log.
    """

    def __init__(self, data_dir: Path, home: Path) -> None:
        self._data_dir, self._home = data_dir, home
        self._busy = threading.Lock()

    def get(self, data: bytes) -> bytes:
        """Answer a `GetRequest`.

        Raises:
            RequestError: naming the field at fault.
            OverloadedError: another call is under way, or this one took too long.
            UnknownRecordError: the log does not hold the record.
        """
        with self._alone():
            asked = _parsed(pb.GetRequest, data)
            home, frame = self._frame(asked)
            stored = unpack(frame)
            reply = pb.GetResponse(
                envelope=frame.envelope,
                body=frame.body,
                kind=stored.envelope.kind,
                sequence=frame.sequence,
                proof=_proof(home, frame.sequence),
            )
            return reply.SerializeToString(deterministic=True)

    def query(self, data: bytes) -> bytes:
        """Answer a `QueryRequest`.

        Raises:
            RequestError: naming the field at fault.
            OverloadedError: another call is under way, or this one took too long.
            UnpreparedError: there are no tables.
        """
        with self._alone():
            asked = _parsed(pb.QueryRequest, data)
            rows = asked.row_count_max or 1_000
            if rows > ROWS_MAX:
                fault = f"row_count_max: must be at most {ROWS_MAX}"
                raise RequestError(fault, field="row_count_max")
            wanted = Asking(
                question=asked.question,
                value=asked.value,
                begin=_day(asked.from_day, "from_day", FIRST),
                end=_day(asked.until_day, "until_day", LAST),
                surface=asked.surface,
                rows=rows,
                seconds=SECONDS_MAX,
                threads=1,
            )
            try:
                found = ask(self._data_dir, wanted)
            except SettingsError as error:
                raise UnpreparedError(str(error), reason="TABLES_MISSING") from None
            told, more = _told(found.rows)
            reply = pb.QueryResponse(
                columns=[pb.QueryColumn(name=n, type=t) for n, t in found.columns.items()],
                rows=told,
                more=found.more or more,
                last_sequence=found.last_sequence,
                signed_count=found.signed,
                rotated_us=found.rotated_us,
                left_out_count=found.left_out,
            )
            return reply.SerializeToString(deterministic=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise OverloadedError("one question to the log at a time", reason="ANSWERING")
        try:
            yield
        finally:
            self._busy.release()

    def _frame(self, asked: pb.GetRequest) -> tuple[Path, Frame]:
        """Return a record and the home of its log: by an index, or by a search.

        A number is one of this worker's own log.
        """
        which = asked.WhichOneof("record")
        if which == "sequence":
            homes, named = [self._home], str(asked.sequence)
        elif which == "decision_id" and len(asked.decision_id) <= _ID_CHARS_MAX:
            homes, named = homes_of(self._data_dir), asked.decision_id
        else:
            raise RequestError("record: a decision_id or a sequence is needed", field="record")
        for search in (_indexed, _searched):  # all indices first: a search takes long
            for home in homes:
                if (found := search(home, which, named)) is not None:
                    return home, found
        raise UnknownRecordError(f"`{quoted(named)}` is no record of this log", field=which)


def _proof(home: Path, sequence: int) -> str:
    try:
        return Prover(home).proof(sequence)
    except (ValueError, OSError):  # not signed yet
        return ""


def _indexed(home: Path, which: str, named: str) -> Frame | None:
    lookup = Lookup(home)
    if which == "decision_id":
        return lookup.indexed_id(named)
    return lookup.indexed(int(named)) if int(named) < 1 << 63 else None


def _searched(data_dir: Path, which: str, named: str) -> Frame | None:
    """Search the log beside this process.

    Raises:
        OverloadedError: it took too long.
        UnpreparedError: the log is not whole.
    """
    task = json.dumps({"data_dir": str(data_dir), which: named})
    command = [sys.executable, "-P", "-m", "ranker.audit.lookup"]
    try:
        done = subprocess.run(
            command, input=task.encode(), capture_output=True, check=True, timeout=SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        fault = f"it took longer than {SECONDS_MAX:g} seconds: rotate the log first"
        raise OverloadedError(fault, reason="QUERY_TOO_LARGE") from None
    told: dict[str, Any] = json.loads(done.stdout)
    if "fault" in told:
        raise UnpreparedError(told["fault"], reason="LOG_DAMAGED")
    if not told:
        return None
    envelope, body = (base64.b64decode(told[name]) for name in ("envelope", "body"))
    return Frame(0, told["sequence"], envelope, body)


def _parsed(kind: Callable[[], Any], data: bytes) -> Any:
    message: Message = kind()
    if len(data) > BYTES_MAX:
        raise RequestError(f"the request is larger than {BYTES_MAX} bytes", reason="TOO_LARGE")
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise RequestError("the request cannot be read", reason="MALFORMED") from None
    return message


def _day(text: str, field: str, otherwise: date) -> date:
    if not text:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(f"{field}: must be a day such as 2026-11-24", field=field) from None


def _told(rows: list[list[Any]]) -> tuple[list[pb.QueryRow], bool]:
    """Return rows as text, and whether some found no room."""
    told, size = list[pb.QueryRow](), 0
    for row in rows:
        cells = [_text(cell) for cell in row]
        size += sum(len(cell.encode()) + 4 for cell in cells)
        if size > TEXT_MAX:
            return told, True
        told.append(pb.QueryRow(cells=cells))
    return told, False


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None else str(cell)
