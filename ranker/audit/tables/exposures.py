"""Rows of what was reported as shown."""

from typing import Final

from ranker.audit.records import Stored
from ranker.audit.segments import day_of
from ranker.audit.tables.schema import DATE, MANY, Rows, Table
from ranker.clock import INSTANT_US_MAX
from ranker.v1 import exposure_pb2, log_pb2

EXPOSURES: Final = Table(
    "exposures",
    head={"sequence": "int", "reported_us": "int"},
    row={
        "decision_id": "text",
        "page_slot": "int",
        "candidate": "text",
        "decided": "text",
        "shown_us": "int",
        "status": "text",
        "outcomes": "text",
    },
    by=(DATE,),
)


def read_exposures(stored: Stored, into: Rows) -> None:
    """Add the rows of a report; `candidate` is what was shown."""
    envelope, body = stored.envelope, log_pb2.ExposureBody.FromString(stored.body)
    rows = [
        (
            one.exposure.decision_id,
            one.exposure.slot,
            one.exposure.id or one.decided_id or None,
            one.decided_id or None,
            min(one.exposure.shown_at_us, INSTANT_US_MAX),  # an older server took any
            exposure_pb2.ExposureStatus.Name(one.status).removeprefix("EXPOSURE_STATUS_").lower(),
            MANY.join(_outcome(each) for each in one.exposure.outcomes),
        )
        for one in body.exposures
    ]
    folder = (day_of(envelope.instant_us)[0],)
    into.add(EXPOSURES, folder, (envelope.sequence, envelope.instant_us), rows)


def _outcome(one: exposure_pb2.Outcome) -> str:
    name = exposure_pb2.OutcomeKind.Name(one.kind).removeprefix("OUTCOME_KIND_").lower()
    return f"{name}:{one.value:g}"
