"""Takes reports of what was shown, and records them once."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Final

from google.protobuf.message import DecodeError

from constraints.errors import OverloadedError, RequestError
from ranker.audit.log import DecisionLog
from ranker.audit.records import record
from ranker.audit.shown import ANYTHING, Decided, Shown, digest_of
from ranker.clock import INSTANT_US_MAX
from ranker.clock import now_us as clock
from ranker.telemetry import EXPOSURES, alarm
from ranker.v1 import exposure_pb2 as pb
from ranker.v1 import log_pb2

BYTES_MAX: Final = 1 << 20  # LIMIT: of a report
EXPOSURES_MAX: Final = 1_000  # LIMIT: exposures of a report
OUTCOMES_MAX: Final = 16  # LIMIT: outcomes of an exposure
ID_CHARS_MAX: Final = 128  # LIMIT: characters of an id
AHEAD_US: Final = 300_000_000  # how far another clock may be ahead of ours
BEFORE_US: Final = 5_000_000  # and behind it
_STATUSES: Final = pb.ExposureStatus


class Reporter:
    """Answers `ExposureService`.

    Args:
        log: where reports are recorded before they are answered.
        shown: what was decided lately, and reported.
        late_s: how long after its decision an exposure may be reported.
        now_us: clock, microseconds since 1970 (UTC).
    """

    def __init__(
        self, log: DecisionLog, shown: Shown, late_s: int, *, now_us: Callable[[], int] = clock
    ) -> None:
        self._log, self._shown, self.now_us = log, shown, now_us
        self._late_us = late_s * 1_000_000

    def report(self, data: bytes) -> bytes:
        """Answer a `ReportRequest`.

        Raises:
            RequestError: naming the field at fault; nothing is recorded.
            OverloadedError: the log or the index cannot take it; nothing is recorded.
        """
        exposures = _parsed(data)
        now_us = self.now_us()
        with self._shown.lock:  # of two that report the same, one is the first
            self._shown.flush()
            statuses, body, digests = self._judged(exposures, now_us)
            reply = pb.ReportResponse(statuses=statuses)
            if body.exposures or body.unknown:
                raw = body.SerializeToString(deterministic=True)
                sequence = self._log.append(record(log_pb2.RECORD_KIND_EXPOSURE, now_us, raw))
                reply.receipt.origin, reply.receipt.sequence = self._log.origin, sequence
                self._shown.remember(digests, now_us)
        self._count(statuses)
        return reply.SerializeToString(deterministic=True)

    def _judged(
        self, exposures: Sequence[pb.Exposure], now_us: int
    ) -> tuple[list[pb.ExposureStatus], log_pb2.ExposureBody, list[bytes]]:
        """Return the status of each, what is recorded, and digests of what is."""
        statuses, body, digests = (
            list[pb.ExposureStatus](),
            log_pb2.ExposureBody(),
            dict[bytes, None](),
        )
        known: dict[str, Decided | None] = {}
        for one in exposures:
            if one.decision_id not in known:
                known[one.decision_id] = self._shown.find(one.decision_id)
            decided, digest = known[one.decision_id], digest_of(one)
            if decided is None:
                status = pb.EXPOSURE_STATUS_UNKNOWN
                body.unknown += 1
            elif digest in digests or self._shown.is_reported(digest):
                status = pb.EXPOSURE_STATUS_DUPLICATE
                body.duplicates += 1
            else:
                status, found = self._status(one, decided, now_us)
                body.exposures.add(exposure=one, status=status, decided_id=found)
                digests[digest] = None
            statuses.append(status)
        return statuses, body, [*digests]

    def _status(
        self, one: pb.Exposure, decided: Decided, now_us: int
    ) -> tuple[pb.ExposureStatus, str]:
        """Return the status of an exposure that is new, and what was decided for its slot."""
        found = decided.ids[one.slot] if one.slot < len(decided.ids) else ""
        if found is not ANYTHING and (not found or one.id not in ("", found)):
            return pb.EXPOSURE_STATUS_MISMATCHED, found
        if not decided.at_us - BEFORE_US <= one.shown_at_us <= now_us + AHEAD_US:
            return pb.EXPOSURE_STATUS_MISTIMED, found or ""
        if now_us - decided.at_us > self._late_us:
            return pb.EXPOSURE_STATUS_LATE, found or ""
        return pb.EXPOSURE_STATUS_RECORDED, found or ""

    def _count(self, statuses: Sequence[pb.ExposureStatus]) -> None:
        for status in sorted(set(statuses)):
            name = _STATUSES.Name(status).removeprefix("EXPOSURE_STATUS_").lower()
            EXPOSURES.labels(name).inc(statuses.count(status))
        mismatched = statuses.count(pb.EXPOSURE_STATUS_MISMATCHED)
        if mismatched:
            told = "something was shown that was not decided"
            alarm("EXPOSURE_MISMATCHED", told, exposures=mismatched)


def _parsed(data: bytes) -> Sequence[pb.Exposure]:
    if len(data) > BYTES_MAX:
        raise OverloadedError(
            f"report: has {len(data)} bytes, at most {BYTES_MAX} are read",
            reason="REPORT_TOO_LARGE",
            field="report",
        )
    try:
        message = pb.ReportRequest.FromString(data)
    except DecodeError:
        raise RequestError(
            "report: is not a ReportRequest", reason="MALFORMED_MESSAGE", field="report"
        ) from None
    count = len(message.exposures)
    if not 1 <= count <= EXPOSURES_MAX:
        fault = f"has {count}, must be 1 to {EXPOSURES_MAX}"
        raise _bad("exposures", fault, "EXPOSURE_COUNT_OUT_OF_RANGE")
    for index, one in enumerate(message.exposures):
        _check(f"exposures[{index}]", one)
        one.DiscardUnknownFields()  # they may be about the viewer
    return message.exposures


def _check(field: str, one: pb.Exposure) -> None:
    for name in ("decision_id", "id"):
        text = getattr(one, name)
        if len(text) > ID_CHARS_MAX:
            raise _bad(f"{field}.{name}", f"is longer than {ID_CHARS_MAX}", "TEXT_TOO_LONG")
        if text and not text.isprintable():
            raise _bad(f"{field}.{name}", "holds a control character", "TEXT_NOT_PRINTABLE")
    if not one.decision_id:
        raise _bad(f"{field}.decision_id", "is missing", "DECISION_ID_MISSING")
    if not one.shown_at_us:
        raise _bad(f"{field}.shown_at_us", "is missing", "SHOWN_AT_MISSING")
    if one.shown_at_us > INSTANT_US_MAX:
        fault = f"is {one.shown_at_us}, beyond the year 9998: it is told in microseconds"
        raise _bad(f"{field}.shown_at_us", fault, "SHOWN_AT_OUT_OF_RANGE")
    if len(one.outcomes) > OUTCOMES_MAX:
        raise _bad(f"{field}.outcomes", f"has more than {OUTCOMES_MAX}", "TOO_MANY_OUTCOMES")
    for index, outcome in enumerate(one.outcomes):
        place = f"{field}.outcomes[{index}]"
        if outcome.kind not in pb.OutcomeKind.values() or not outcome.kind:
            raise _bad(f"{place}.kind", "is not a kind of outcome", "ENUM_VALUE_UNKNOWN")
        if not isfinite(outcome.value) or outcome.value < 0:
            fault = "is not a finite number of 0 or more"
            raise _bad(f"{place}.value", fault, "OUTCOME_OUT_OF_RANGE")


def _bad(field: str, fault: str, reason: str) -> RequestError:
    return RequestError(f"{field}: {fault}", reason=reason, field=field)
