"""Which rules of a policy rest on which rows of the law, and which rows nothing rests on."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from constraints.law import PLATFORM, LawRow, law_rows
from constraints.policy import Policy
from constraints.rule import Rule


class Standing(StrEnum):
    """What becomes of a row of the law under a policy."""

    ENFORCED = "enforced"
    SHADOW = "shadow"
    NO_SLOT = "not a slot matter"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Covered:
    """A row of the law and the rules that rest on it, in policy order; none that is off."""

    row: LawRow
    standing: Standing
    rule_ids: tuple[str, ...]


def sources_of(rule: Rule) -> set[str]:
    """Return every row of the law a rule rests on: its source, and those of its single measures."""
    fields = (name for name in type(rule).model_fields if name.endswith("source"))
    return {told for name in fields if (told := getattr(rule, name)) is not None}


def coverage(policy: Policy) -> tuple[Covered, ...]:
    """Go through the rows of the law in the order of law.toml, platform policy left out."""
    return tuple(_covered(row, policy) for key, row in law_rows().items() if key != PLATFORM)


def _covered(row: LawRow, policy: Policy) -> Covered:
    rules = [rule for rule in policy.compiled if row.id in sources_of(rule)]
    ids = tuple(rule.id for rule in rules)
    if any(rule.mode == "enforce" for rule in rules):
        return Covered(row, Standing.ENFORCED, ids)
    if rules:
        return Covered(row, Standing.SHADOW, ids)
    return Covered(row, Standing.OPEN if row.decides == "slot" else Standing.NO_SLOT, ids)


def recalled_and_enforced(policy: Policy) -> Iterator[str]:
    """Yield the rules in force on a row that is only recalled: they belong in shadow mode."""
    for rule in policy.rules:
        if rule.mode == "enforce" and any(law_rows()[s].grade == "R" for s in sources_of(rule)):
            yield rule.id
