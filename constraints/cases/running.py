"""Decides a case: the page and its candidates through the one entry, as in serving."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from constraints.cases.papers import usual_day
from constraints.cases.reading import Case, check_names
from constraints.cases.rows import RESERVED_MARK, facts_of
from constraints.decision import Cause, Decision, Reason, SlotState
from constraints.errors import PolicyError, quoted
from constraints.facts import day_of
from constraints.faults import did_you_mean
from constraints.govern import govern
from constraints.law import law_rows
from constraints.offer import Candidates
from constraints.page import Page, ViewerClass
from constraints.policy import Policy, policy_of
from constraints.vocabulary import Vocabulary

SURFACE: Final = "home"
TERMINAL: Final = "phone"
FIRST_SCREEN: Final = 2
NOTHING: Final = "nothing"
"""Stands for a rule where none held a candidate back."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case, in the words of the case files: candidates by id, slots in order."""

    case: Case
    policy: Policy
    page: Page
    decision: Decision

    @property
    def ids(self) -> list[str]:
        """Ids of the candidates, in order."""
        return self.case.ids

    @cached_property
    def slate(self) -> list[str]:
        """Id in each slot, or a mark."""
        marks = {SlotState.EMPTY: "", SlotState.RESERVED: RESERVED_MARK}
        placements = self.decision.placements
        return [self.ids[p.candidate] if p.candidate >= 0 else marks[p.state] for p in placements]

    @cached_property
    def reasons(self) -> dict[str, tuple[Reason, ...]]:
        """Id → its reasons, the deciding one first; a Reason without a rule for none."""
        own = {p.candidate: p.reasons for p in self.decision.placements if p.reasons}
        none = (Reason(NOTHING, Cause.DISPLACED),)
        moved = {m.candidate: m.reasons or none for m in self.decision.moves}
        return {self.ids[c]: reasons for c, reasons in (own | moved).items()}

    @cached_property
    def blocked(self) -> dict[str, tuple[str, ...]]:
        """Id of each that may stand nowhere → the rules that say so."""
        return {self.ids[b.candidate]: b.rule_ids for b in self.decision.blocked}

    @cached_property
    def deciding(self) -> dict[str, str]:
        """Id → the rule that decided where it stands, or that it stands nowhere."""
        first = {key: rules[0] for key, rules in self.blocked.items()}
        return first | {key: reasons[0].rule_id for key, reasons in self.reasons.items()}

    @cached_property
    def duties(self) -> dict[str, dict[str, str]]:
        """Id → what it must be shown with → the rule that says so."""
        placements = (p for p in self.decision.placements if p.duties)
        return {
            self.ids[p.candidate]: {o.duty.name.lower(): o.rule_id for o in p.duties}
            for p in placements
        }

    @cached_property
    def scored(self) -> dict[str, float]:
        """Id of each on the page → its utility after all weights."""
        placements = self.decision.placements
        return {self.ids[p.candidate]: p.scored for p in placements if p.candidate >= 0}

    @cached_property
    def void_pins(self) -> dict[str, str]:
        """Slot and id of each pin that does not hold → why."""
        pins = self.decision.void_pins
        return {f"{p.slot} {p.subject}": p.void.name.lower() for p in pins}

    @cached_property
    def in_force(self) -> list[str]:
        """Ids of the rules that decide on the page."""
        return [rule.id for rule in self.policy.rules_for(self.page).values()]

    def touched(self, rule_id: str) -> set[str]:
        """Return the ids a rule moved, blocked, weighed, sank or marked."""
        named = {key for key, why in self.reasons.items() if any(r.rule_id == rule_id for r in why)}
        marked = {key for key, owed in self.duties.items() if rule_id in owed.values()}
        return named | marked | {key for key, rules in self.blocked.items() if rule_id in rules}


def run(case: Case, policy: Policy) -> Outcome:
    """Decide a case: by its own rule where it has one, else by a policy.

    Raises:
        CaseError: it names a surface, a rule or a row of the law that is not there.
    """
    policy = policy if case.rule is None else _own_policy(case)
    check_names(case, {rule.id for rule in policy.rules}, law_rows().keys())
    page = page_of(case, policy)
    return Outcome(case, policy, page, govern(offered(case), page, policy))


def offered(case: Case, *, is_good: bool = True) -> Candidates:
    """Return the candidates of a case, and what stands on its page already.

    Args:
        case: the case.
        is_good: whether facts that are not told are good ones; else they are unknown.
    """
    themes, standing = Vocabulary(case.aliases), _standing(case)
    good_on = (case.page.day or usual_day()) if is_good else None
    rows = [(candidate.id, candidate) for candidate in case.told.candidates]
    return Candidates(
        np.array([row.utility for _, row in rows], np.float32),
        facts_of(rows, themes, good_on),
        facts_of([("", row) for row in standing.values()], themes, good_on),
        tuple(standing),
    )


def _standing(case: Case) -> dict[int, Any]:
    """Return place → who stands there by others' doing, as far as the case tells."""
    tail = case.page.tail or ()
    slots = {int(slot): row for slot, row in (case.page.reserved or {}).items() if row is not None}
    return {**dict(enumerate(tail, start=-len(tail))), **slots}


def _own_policy(case: Case) -> Policy:
    """Return a policy of the case's own rule; its surfaces are those the rule and the case name."""
    rule = case.rule or {}
    surfaces = (case.page.surface or SURFACE, *_texts(rule.get("surfaces")))
    sizes = {"first_screen_slots": dict.fromkeys(_texts(rule.get("terminals")), FIRST_SCREEN)}
    content = {"surface": dict.fromkeys(surfaces, sizes), "rules": (rule,)}
    try:
        return policy_of([(case.file, content)])
    except PolicyError as error:
        place = error.place.replace("rules.0", "rule", 1)
        raise case.fault(place, error.fault) from None


def _texts(value: Any) -> list[str]:
    """Return the texts of a list; what else it may be is a fault the rule itself finds."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, tuple) else []


def page_of(case: Case, policy: Policy) -> Page:
    """Return the page of a case.

    Raises:
        CaseError: the policy knows no such surface.
    """
    told = case.page
    name, terminal = told.surface or SURFACE, told.terminal or TERMINAL
    first_screen, is_recommended = told.first_screen_slots, told.is_recommended
    if case.rule is None:
        if told.surface is None:
            raise case.fault("surface", "is missing")
        surface = policy.surfaces.get(name)
        if surface is None:
            fault = f"no policy for `{quoted(name)}`{did_you_mean(name, set(policy.surfaces))}"
            raise case.fault("surface", fault)
        if case.slot_count > surface.slot_count_max:
            raise case.fault("slot_count", f"must be at most {surface.slot_count_max} on `{name}`")
        first_screen, is_recommended = surface.first_screen(terminal), surface.is_recommended
    return Page(
        surface=name,
        terminal=terminal,
        day=day_of(told.day or usual_day()),
        slot_count=case.slot_count,
        first_screen_slots=FIRST_SCREEN if first_screen is None else first_screen,
        first_slot=told.first_slot or 0,
        is_recommended=is_recommended is not False,
        viewer_class=ViewerClass(told.viewer_class or "unknown"),
        is_personalised=told.is_personalised is not False,
        reserved=sum(1 << int(slot) for slot in told.reserved or ()),
        tail_count=len(told.tail or ()),
    )
