"""Counts which rules of a policy some cases show at work, and which they show at rest."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from constraints.cases.running import Outcome
from constraints.decision import Cause
from constraints.policy import Policy

ACTS: Final = {
    Cause.BLOCKED: "blocks",
    Cause.CAPPED: "caps",
    Cause.SUNK: "sinks",
    Cause.WEIGHTED: "weighs",
    Cause.FLOOR: "floors",
    Cause.DISPLACED: "displaces",
    Cause.WITHDRAWN: "withdraws",
    Cause.PINNED: "pins",
    Cause.KEPT: "pins",
}
MARKS: Final = "marks"
OBJECTS: Final = "objects"
"""What a rule in shadow mode does."""
OUTCOMES: Final = (*dict.fromkeys(ACTS.values()), MARKS, OBJECTS)


@dataclass(slots=True)
class RuleCount:
    """How many cases show a rule.

    Attributes:
        rule_id, mode: the rule.
        acts: what it does → cases in which it does so, deciding alone or beside others.
        acts_in: cases in which it does anything; one in shadow mode, objects.
        leaves_alone: cases in which it is in force and leaves a candidate alone; one in shadow
            mode, objects to nothing.
    """

    rule_id: str
    mode: str
    acts: Counter[str] = field(default_factory=Counter)
    acts_in: int = 0
    leaves_alone: int = 0

    @property
    def is_shown(self) -> bool:
        """At least one case shows it at work, and one at rest."""
        return bool(self.acts_in and self.leaves_alone)


def count(policy: Policy, outcomes: Iterable[Outcome]) -> tuple[RuleCount, ...]:
    """Count the cases about a policy; those with a rule of their own count for none."""
    found = {rule.id: RuleCount(rule.id, rule.mode) for rule in policy.compiled}
    for outcome in outcomes:
        if outcome.policy is policy:
            for rule_id in outcome.in_force:
                _add(found[rule_id], acts_of(outcome, rule_id), leaves_alone(outcome, rule_id))
            objecting = {violation.rule_id for violation in outcome.decision.shadow}
            for rule in policy.rules_for(outcome.page, "shadow").values():
                objects = rule.id in objecting
                _add(found[rule.id], {OBJECTS} if objects else set(), not objects)
    return tuple(found.values())


def shown_share(counts: Iterable[RuleCount]) -> float:
    """Return which share of the rules that decide are shown at work and at rest; 1 of none."""
    deciding = [one for one in counts if one.mode == "enforce"]
    return sum(one.is_shown for one in deciding) / len(deciding) if deciding else 1.0


def acts_of(outcome: Outcome, rule_id: str) -> set[str]:
    """Return what a rule does in a case, deciding alone or beside others; empty for nothing."""
    reasons = (reason for each in outcome.reasons.values() for reason in each)
    acts = {ACTS[reason.cause] for reason in reasons if reason.rule_id == rule_id}
    if any(rule_id in rules for rules in outcome.blocked.values()):
        acts.add(ACTS[Cause.BLOCKED])
    if any(rule_id in owed.values() for owed in outcome.duties.values()):
        acts.add(MARKS)
    return acts


def leaves_alone(outcome: Outcome, rule_id: str) -> bool:
    """Tell whether some candidate of a case is none of a rule's business."""
    return bool({*outcome.ids} - outcome.touched(rule_id))


def _add(one: RuleCount, acts: set[str], alone: bool) -> None:
    one.acts.update(acts)
    one.acts_in += bool(acts)
    one.leaves_alone += alone
