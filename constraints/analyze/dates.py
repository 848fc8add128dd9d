"""Days: versions of one rule that leave a gap or overlap, and rules outside their row's days."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

from constraints.analyze.findings import Finding, Kind, finding
from constraints.law import law_rows
from constraints.policy import Policy
from constraints.rule import Rule


def dated(policy: Policy, today: date) -> Iterator[Finding]:
    """Yield what is wrong with the days of rules."""
    for rule in policy.compiled:
        row = law_rows()[rule.source]
        if rule.since and rule.since < row.since and row.grade != "P":
            yield finding(
                Kind.OUTSIDE_LAW,
                (rule.id,),
                f"自 {rule.since} 起生效，早于依据 {row.id} 的施行日 {row.since}",
                f"is in force from {rule.since}, before its row {row.id} is, on {row.since}",
            )
        if row.until and (rule.until is None or rule.until > row.until):
            yield finding(
                Kind.OUTSIDE_LAW,
                (rule.id,),
                f"依据 {row.id} 自 {row.until} 起失效，规则其后仍在生效",
                f"is in force after its row {row.id} ends, on {row.until}",
            )
        if rule.until and rule.until <= today:
            yield finding(
                Kind.VACUOUS,
                (rule.id,),
                f"已于 {rule.until} 到期",
                f"has expired on {rule.until}",
                severity="note",
            )
    versions: dict[str, list[Rule]] = defaultdict(list)
    for rule in policy.compiled:
        versions[_subject(rule)].append(rule)
    for rules in versions.values():
        rules.sort(key=lambda rule: (rule.since or date.min, rule.id))
        for earlier, later in pairwise(rules):
            yield from _between(earlier, later)


def _between(earlier: Rule, later: Rule) -> Iterator[Finding]:
    ids = earlier.id, later.id
    start, end = later.since or date.min, earlier.until or date.max
    if end < start:
        yield finding(
            Kind.DATE_GAP,
            ids,
            f"{end} 至 {start} 之间两个版本均不生效",
            f"leave the days from {end} until {start} to neither",
        )
    elif start < end and (earlier.since, earlier.until) != (later.since, later.until):
        last = "" if end == date.max else f" {end}"
        yield finding(
            Kind.DATE_OVERLAP,
            ids,
            f"自 {start} 起{last}两个版本同时生效",
            f"are both in force from {start}" + (f" until{last}" if last else ""),
        )


def _subject(rule: Rule) -> str:
    """Return whom and what a rule is about, without its days and numbers."""
    told = rule.model_dump(mode="json", exclude={"id", "since", "until"})
    return json.dumps(_worded(told), sort_keys=True, ensure_ascii=False)


def _worded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _worded(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_worded(v) for v in value]
    return value if isinstance(value, (str, bool)) else "number"
