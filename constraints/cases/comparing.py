"""Says what of a case came out otherwise than its author told, and why, in words."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from constraints.cases.expected import slots_of
from constraints.cases.rows import RESERVED_MARK
from constraints.cases.running import NOTHING, Outcome
from constraints.cases.words import CAUSES, TEMPLATES, Both, counts, how, law, names, say
from constraints.decision import Cause
from constraints.rule import Violation


def differences(outcome: Outcome, *, exact: bool = False) -> tuple[Both, ...]:
    """List what came out otherwise; empty when all is as told.

    Args:
        outcome: of the case.
        exact: what the case does not say must not be either: no other candidate is decided by a
            rule, nothing else is relaxed, objected to or void, and where the case tells duties, no
            other candidate has any.
    """
    parts = (
        *(_sound(outcome), _places(outcome), _decided(outcome, exact), _untouched(outcome)),
        *(_page(outcome, exact), _candidates(outcome, exact)),
    )
    return tuple(one for part in parts for one in part)


def counted(found: Iterable[Violation]) -> dict[str, int]:
    """Return rule → how much it was broken by."""
    counter: Counter[str] = Counter()
    for violation in found:
        counter[violation.rule_id] += violation.count
    return dict(counter)


def _sound(outcome: Outcome) -> Iterator[Both]:
    decision = outcome.decision
    if decision.withdrawn:
        yield say("withdrawn", rules=names(sorted({v.rule_id for v in decision.withdrawn})))
    if decision.solver_failed:
        yield say("solver_failed")
    expected, found = outcome.case.told.rules_in_force, outcome.in_force
    if expected is None:
        if not found:
            yield say("none_in_force")
    else:
        lacking, surplus = {*expected} - {*found}, {*found} - {*expected}
        if lacking:
            yield say("lacking", rules=names(sorted(lacking)))
        if surplus:
            yield say("surplus", rules=names(sorted(surplus)))


def _places(outcome: Outcome) -> Iterator[Both]:
    told, slate = outcome.case.told, outcome.slate
    for slot, (expected, got) in enumerate(zip(told.slate or (), slate, strict=False)):
        if expected != got:
            yield say(
                "slot",
                slot=slot,
                expected=_standing(expected),
                got=_standing(got),
                why=_why_not(outcome, expected, got),
            )
    where = {key: slot for slot, key in enumerate(slate) if key not in ("", RESERVED_MARK)}
    for name in ("in_slots", "not_in_slots"):
        for key, asked in getattr(told, name).items():
            slots = slots_of(asked, outcome.page)
            if (where.get(key) in slots) != (name == "in_slots"):
                yield say(
                    name,
                    key=key,
                    slots=_slots(slots),
                    where=_where(where.get(key)),
                    why=_why_here(outcome, key) if key in where else _why_away(outcome, key),
                )
    for key in told.absent:
        if key in where:
            why = _why_here(outcome, key)
            yield say("absent", key=key, where=_where(where[key]), why=why)
    if told.empty is not None:
        found = [slot for slot, key in enumerate(slate) if not key]
        if sorted({*told.empty}) != found:
            yield say("empty", expected=_slots({*told.empty}), got=_slots({*found}))


def _decided(outcome: Outcome, exact: bool) -> Iterator[Both]:
    told, deciding, reasons = outcome.case.told, outcome.deciding, outcome.reasons
    surplus = set(deciding) - set(told.decided_by) if exact else set()
    for key, rule in told.decided_by.items():
        if deciding.get(key) != rule:
            yield say("decided_by", key=key, expected=f"`{rule}`", got=_decider(outcome, key))
    for key in sorted(surplus):
        yield say("decided_too", key=key, got=_decider(outcome, key))
    for key, cause in told.because.items():
        first = reasons.get(key)
        if not first or first[0].cause.name.lower() != cause:
            expected = _acting(cause)
            yield say("because", key=key, expected=expected, got=_decider(outcome, key))
    for key, source in told.sources.items():
        found = _deciding(outcome, key)[2]
        if found != source:
            got = f"`{found}`" if found else TEMPLATES["none"]
            yield say("sources", key=key, expected=f"`{source}`", got=got)


def _untouched(outcome: Outcome) -> Iterator[Both]:
    told = outcome.case.told
    for key, rule in told.blocked_by.items():
        rules = outcome.blocked.get(key, ())
        if rule not in rules:
            got = say("blockers", rules=names(rules)) if rules else TEMPLATES["not_blocked"]
            yield say("blocked_by", key=key, expected=f"`{rule}`", got=got)
    for key in told.left_alone:
        if key in outcome.deciding:
            yield say("left_alone", key=key, got=_decider(outcome, key))
        elif told.duties is not None and key in outcome.duties:
            got = say("marked", duties=names(outcome.duties[key]))
            yield say("left_alone", key=key, got=got)


def _page(outcome: Outcome, exact: bool) -> Iterator[Both]:
    told, decision = outcome.case.told, outcome.decision
    if told.blocked is not None and list(told.blocked) != list(outcome.blocked):
        yield say("blocked", expected=names(told.blocked), got=names(outcome.blocked))
    found: dict[str, tuple[Any, Any]] = {
        "relaxed": (told.relaxed, counted(decision.relaxed)),
        "shadow": (told.shadow, counted(decision.shadow)),
        "void_pins": (told.void_pins, outcome.void_pins),
    }
    for name, (expected, got) in found.items():
        if (expected or {}) != got and (exact or expected is not None):
            yield say(name, expected=counts(expected or {}), got=counts(got))


def _candidates(outcome: Outcome, exact: bool) -> Iterator[Both]:
    told = outcome.case.told
    owed = {key: [*duties] for key, duties in outcome.duties.items()}
    expected = {key: [*duties] for key, duties in (told.duties or {}).items()}
    unsaid = sorted({*owed} - {*expected}) if exact and told.duties is not None else []
    for key in (*expected, *unsaid):
        wanted = expected.get(key, [])
        if wanted != owed.get(key, []):
            yield say("duties", key=key, expected=names(wanted), got=names(owed.get(key)))
    for key, score in told.scored.items():
        found = outcome.scored.get(key)
        if found is None or not math.isclose(found, score, rel_tol=1e-6):
            got = TEMPLATES["off_the_page"] if found is None else f"{found:g}"
            yield say("scored", key=key, expected=f"{score:g}", got=got)


def _acting(cause: str) -> Both:
    """Say how a rule is expected to act."""
    return Both(*(text.replace("{ratio:g}", "…") for text in CAUSES[Cause[cause.upper()]]))


def _standing(key: str) -> Both | str:
    return {"": TEMPLATES["nobody"], RESERVED_MARK: TEMPLATES["caller"]}.get(key, f"`{key}`")


def _slots(slots: set[int]) -> Both:
    told = [str(slot) for slot in sorted(slots)]
    return Both("、".join(told), ", ".join(told)) if told else TEMPLATES["none"]


def _where(slot: int | None) -> Both:
    return TEMPLATES["off_the_page"] if slot is None else say("in_slot", slot=slot)


def _why_not(outcome: Outcome, expected: str, got: str) -> Both:
    """Say why one who is expected in a slot is not there; else why the other is."""
    if expected in ("", RESERVED_MARK):
        return _why_here(outcome, got)
    if expected in outcome.slate and expected not in outcome.reasons:
        return say("stands", key=expected, where=_where(outcome.slate.index(expected)))
    return _why_away(outcome, expected)


def _why_here(outcome: Outcome, key: str) -> Both:
    """Say which rule brought a candidate where it stands, or that none kept it out."""
    if key in outcome.reasons:
        return _why_away(outcome, key)
    return say("may_stand", key=key)


def _why_away(outcome: Outcome, key: str) -> Both:
    """Say what holds a candidate back."""
    rule, told, source = _deciding(outcome, key)
    if not rule:
        return say("by_utility", key=key)
    if rule == NOTHING:
        return TEMPLATES["page_decides"]
    return say("held", key=key, how=told, rule=rule, law=law(source))


def _decider(outcome: Outcome, key: str) -> Both:
    """Say which rule decided a candidate."""
    rule, told, source = _deciding(outcome, key)
    if not rule:
        return TEMPLATES["no_decider"]
    if rule == NOTHING:
        return TEMPLATES["page_decides"]
    return say("decider", rule=f"`{rule}`", law=law(source), how=told)


def _deciding(outcome: Outcome, key: str) -> tuple[str, Both, str]:
    """Return the rule that decided a candidate, how it acted, and its row of the law."""
    reasons = outcome.reasons.get(key)
    if reasons:
        return reasons[0].rule_id, how(reasons[0]), reasons[0].source
    for blocked in outcome.decision.blocked:
        if outcome.ids[blocked.candidate] == key:
            return blocked.rule_ids[0], CAUSES[Cause.BLOCKED], blocked.sources[0]
    return "", TEMPLATES["none"], ""
