"""What counters and alarms are told of a decided page."""

from collections import Counter as Counts
from typing import NamedTuple

from constraints.decision import Decision
from ranker.telemetry import (
    BEHIND,
    BLOCKED,
    BOUND,
    RULES,
    SLOTS,
    UNREGISTERED,
    WORTH,
    alarm,
    series,
)


class _Page(NamedTuple):
    """What is counted of a page: no more than that outlives its call."""

    surface: str
    slots: int
    filled: int
    empty: int
    unregistered: int
    blocked: int
    deciding: list[str]
    findings: list[tuple[str, str, int]]
    worth: float
    bound: float


def note(surface: str, decision: Decision, decision_id: str) -> None:
    """Have a page counted, and raise what must never happen."""
    told = {"surface": surface, "decision_id": decision_id}
    parts, findings = decision.parts, list[tuple[str, str, int]]()
    for outcome in ("relaxed", "shadow", "withdrawn"):
        findings += [(v.rule_id, outcome, v.count) for v in getattr(decision, outcome)]
    page = _Page(
        surface,
        len(parts.slate),
        parts.filled_count,
        len(parts.empty_slots),
        parts.unregistered_count,
        decision.blocked_count,
        parts.deciding,
        findings,
        decision.worth,
        decision.free_bound,
    )
    BEHIND.note(_count, page)
    if decision.solver_failed:
        alarm("SOLVER_FAILED", "the solver raised or returned no slate", **told)
    if decision.withdrawn:
        rules = sorted({violation.rule_id for violation in decision.withdrawn})
        alarm("SLOTS_WITHDRAWN", "the verifier emptied slots", rules=rules, **told)


def _count(page: _Page) -> None:
    counts = (page.filled, page.empty, page.slots - page.filled - page.empty)
    for state, count in zip(("filled", "empty", "reserved"), counts, strict=True):
        if count:
            series(SLOTS, page.surface, state).inc(count)
    if page.unregistered:
        series(UNREGISTERED, page.surface).inc(page.unregistered)
    for rule_id, outcome, count in page.findings:
        series(RULES, page.surface, rule_id, outcome).inc(count)
    for rule_id, count in Counts(page.deciding).items():
        series(RULES, page.surface, rule_id, "decided").inc(count)
    if page.blocked:
        series(BLOCKED, page.surface).inc(page.blocked)
    series(WORTH, page.surface).inc(page.worth)
    series(BOUND, page.surface).inc(max(page.bound, 0.0))
