"""Rows of control records: what changed how we decide."""

from typing import Final

from ranker.audit.records import Stored
from ranker.audit.segments import day_of
from ranker.audit.tables.schema import DATE, Rows, Table
from ranker.v1 import log_pb2

CONTROLS: Final = Table(
    "controls",
    head={"sequence": "int", "instant_us": "int"},
    row={"action": "text", "before": "text", "after": "text", "note": "text"},
    by=(DATE,),
)


def read_control(stored: Stored, into: Rows) -> None:
    """Add the row of a control record."""
    envelope = stored.envelope
    body = log_pb2.ControlBody.FromString(stored.body)
    row = (envelope.action, body.before, body.after, body.note)
    folder = (day_of(envelope.instant_us)[0],)
    into.add(CONTROLS, folder, (envelope.sequence, envelope.instant_us), [row])
