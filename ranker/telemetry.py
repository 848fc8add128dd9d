"""Counters, and logs as JSON lines. An alarm is both: an ERROR line and a count."""

import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TextIO

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

log: Final = logging.getLogger("slotwarden")
NOTES_MAX: Final = 4_096  # LIMIT: calls whose counting waits; the next counts them all


class Behind(Collector):
    """Counts behind the calls: one leaves a note of what is to be counted, and goes.

    In a call's midst counting is slow, for nothing of it is in the processor's caches. It is done
    for many calls at a time: before anybody reads a counter, for this is the first collector asked,
    and now and then.
    """

    def __init__(self) -> None:
        self._notes: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()

    def note(self, count: Callable[..., None], *told: Any) -> None:
        """Have something counted later."""
        self._notes.append((count, told))
        if len(self._notes) > NOTES_MAX:
            self.count()

    def count(self) -> None:
        """Count all there is to count."""
        with self._lock:
            while self._notes:
                count, told = self._notes.popleft()
                count(*told)

    def collect(self) -> Iterable[Metric]:
        """Count, so that those who are asked next know all; there is nothing of our own."""
        self.count()
        return ()

    def describe(self) -> Iterable[Metric]:
        """Name nothing."""
        return ()


BEHIND: Final = Behind()
REGISTRY.register(BEHIND)  # before all others

REQUESTS: Final = Counter("slotwarden_requests", "Calls answered", ["reason"])
SECONDS: Final = Histogram(
    "slotwarden_request_seconds",
    "Time from a message to its answer",
    buckets=(
        *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05),
        *(0.1, 0.15, 0.2, 0.25, 0.3, 0.5),
    ),
)
CALLS: Final = Gauge("slotwarden_calls", "Calls that run or wait")
STAGES: Final = ("decode", "facts", "govern", "encode", "record", "reply")
"""Stages of a call, in order: request to page, ids to rows, deciding, reasons, log, bytes."""
STAGE_SECONDS: Final = Histogram(
    "slotwarden_stage_seconds",
    "Time of each stage of a call",
    ["stage"],
    buckets=(0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.5),
)
WORTH: Final = Counter("slotwarden_page_worth", "What pages are worth", ["surface"])
BOUND: Final = Counter(
    "slotwarden_page_bound", "What they could be worth given only who may stand where", ["surface"]
)
BLOCKED: Final = Counter("slotwarden_blocked", "Candidates that may stand in no slot", ["surface"])
LOG_UNSYNCED: Final = Gauge("slotwarden_log_unsynced", "Records that are not on the disk yet")
LOG_UNSIGNED: Final = Gauge("slotwarden_log_unsigned", "Records under no checkpoint yet")
SLOTS: Final = Counter("slotwarden_slots", "Slots decided", ["surface", "state"])
UNREGISTERED: Final = Counter(
    "slotwarden_unregistered_placements", "Placements nobody registered", ["surface"]
)
RULES: Final = Counter(
    "slotwarden_rule_decisions", "What rules did", ["surface", "rule", "outcome"]
)
EXPOSURES: Final = Counter("slotwarden_exposures", "What was reported as shown", ["status"])
DENIED: Final = Counter("slotwarden_denied", "Calls of nobody who may", ["reason", "method"])
ALARMS: Final = Counter("slotwarden_alarms", "Things that must never happen", ["reason"])
COMPILED_ANEW: Final = Counter(
    "slotwarden_compiled_anew", "Calls whose rows were not compiled ahead: slower, decided alike"
)
QUARANTINED: Final = Gauge(
    "slotwarden_quarantined_rows", "Rows shown nowhere: the halves of a rule disagree on them"
)
FACTS_AGE: Final = Gauge("slotwarden_facts_age_seconds", "Since the facts were confirmed newest")
FACTS_REVISION: Final = Gauge("slotwarden_facts_revision", "Revision of the facts in use")
RELOADS: Final = Counter("slotwarden_reloads", "Policies and facts looked at", ["what", "outcome"])


@lru_cache(8_192)
def series(counter: Counter, *labels: str) -> Counter:
    """Look a series of a counter up, which takes as long as counting does."""
    return counter.labels(*labels)


def alarm(reason: str, message: str, **fields: Any) -> None:
    """Report something that must never happen: counted, and logged as an error."""
    ALARMS.labels(reason).inc()
    log.error(message, extra={"fields": {"reason": reason, **fields}})


def note(message: str, **fields: Any) -> None:
    """Log something an operator wants to know."""
    log.info(message, extra={"fields": fields})


def note_behind(message: str, **fields: Any) -> None:
    """Log the same behind the calls, with the instant of now: where nobody may wait for a pipe."""
    if log.isEnabledFor(logging.INFO):
        told = {"fields": fields}
        record = log.makeRecord(log.name, logging.INFO, __file__, 0, message, (), None, extra=told)
        BEHIND.note(log.handle, record)


class Laps:
    """Times the stages of one call."""

    __slots__ = ("_last_s", "_spent")

    def __init__(self) -> None:
        self._last_s, self._spent = time.perf_counter(), list[tuple[str, float]]()

    def __call__(self, stage: str) -> None:
        """Note that a stage is over."""
        now_s = time.perf_counter()
        self._spent.append((stage, now_s - self._last_s))
        self._last_s = now_s

    def over(self) -> None:
        """Have the stages counted that came to their end."""
        BEHIND.note(_observe, self._spent)


_BY_STAGE: Final = {stage: STAGE_SECONDS.labels(stage) for stage in STAGES}


def _observe(spent: Iterable[tuple[str, float]]) -> None:
    for stage, seconds in spent:
        _BY_STAGE[stage].observe(seconds)


class _JsonLines(logging.Formatter):
    def __init__(self, always: Mapping[str, Any]) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            **self._always,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_as_json(stream: TextIO | None = None, level: int = logging.INFO, **always: Any) -> None:
    """Send the log to a stream (standard error unless given) as JSON lines.

    Args:
        stream: where to.
        level: of what is sent.
        always: fields of every line.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines(always))
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False
