"""Why a candidate stands where it does, what that rests on, and the least that would change it.

Nothing here guesses: every statement about what would be is what `decide` makes of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from constraints.columns_read import columns_read
from constraints.costs import rule_cost
from constraints.decision import Cause, Decision, Reason
from constraints.errors import RequestError
from constraints.explain.mending import Mender, variants
from constraints.explain.trials import Edit, value_of, with_edits
from constraints.govern import DEFAULT_ROUNDS, govern
from constraints.offer import Candidates
from constraints.page import Page
from constraints.policy import Policy

BISECTIONS_MAX: Final = 40  # LIMIT: of a utility
SUBSETS_MAX: Final = 12  # LIMIT: parts of a change of which every subset is tried
TOO_MUCH: Final = 16.0  # times the best utility: more changes nothing


class Verdict(StrEnum):
    """What became of a candidate."""

    STANDS = "stands"  # where its utility puts it, or higher
    LOWER = "stands lower"  # than its utility would put it
    BARRED = "barred"  # from every slot of the page
    ABSENT = "absent"  # others stand there


class Used(NamedTuple):
    """A fact a rule looked at: rule, column of `Facts`, value in it."""

    rule_id: str
    column: str
    value: int | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The least that would alter what became of a candidate; no part of it alone would.

    Attributes:
        edits: facts told otherwise.
        utility: its utility would be this; None where utility need not change.
        rule_id: a rule given up, where nothing about the candidate helps; else empty.
        slot: where it would then stand, -1 for nowhere.
    """

    edits: tuple[Edit, ...]
    utility: float | None
    rule_id: str
    slot: int

    @property
    def size(self) -> int:
        """How many things would have to be otherwise."""
        return len(self.edits) + (self.utility is not None) + bool(self.rule_id)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of a candidate, and why.

    Attributes:
        candidate: index in the request.
        verdict: what became of it.
        slot: where it stands, -1 for nowhere.
        reasons: rules that put it there, the deciding one first; may be empty.
        used: facts those rules looked at.
        cost: worth the page would gain without the deciding rule, utility as received in slot 0.
        change: the least that would alter it, None where nothing tried does.
        decision: of the page.
    """

    candidate: int
    verdict: Verdict
    slot: int
    reasons: tuple[Reason, ...]
    used: tuple[Used, ...]
    cost: float
    change: Change | None
    decision: Decision


def explain(
    offered: Candidates,
    page: Page,
    policy: Policy,
    candidate: int,
    *,
    rounds: int = DEFAULT_ROUNDS,
) -> Explanation:
    """Explain one candidate of a page.

    Args:
        offered: n candidates.
        page: the page, as it was decided.
        policy: the policy in force.
        candidate: index, 0 to n - 1.
        rounds: as it was decided with.

    Raises:
        RequestError: there is no such candidate.
    """
    if not 0 <= candidate < len(offered.facts):
        raise RequestError(f"candidate: {candidate} is not one of those offered", field="candidate")
    case = _Case(offered, page, policy, candidate, rounds)
    verdict, reasons = case.verdict()
    used = tuple(case.used(reasons))
    cost = case.cost(reasons[0].rule_id) if reasons else 0.0
    change = case.change(verdict, reasons)
    return Explanation(candidate, verdict, case.slot, reasons, used, cost, change, case.decision)


class _Case:
    """One candidate of one page, decided as often as it takes."""

    def __init__(
        self, offered: Candidates, page: Page, policy: Policy, candidate: int, rounds: int
    ) -> None:
        self.offered, self.page, self.policy = offered, page, policy
        self.candidate, self.rounds = candidate, rounds
        self.decision = govern(offered, page, policy, rounds=rounds)
        self.slot = _slot_of(self.decision, candidate)
        self.one = offered.facts.take(np.array([candidate]))

    def verdict(self) -> tuple[Verdict, tuple[Reason, ...]]:
        """Tell what became of the candidate, and by which reasons."""
        moves = [m.reasons for m in self.decision.moves if m.candidate == self.candidate]
        own = self.decision.placements[self.slot].reasons if self.slot >= 0 else ()
        if self.slot >= 0:
            return (Verdict.LOWER, moves[0] + own) if moves else (Verdict.STANDS, own)
        mender = Mender(self.one, self.page, self.policy)
        closed = int(mender.closed(self.one)[0])
        reasons = moves[0] if moves else ()
        if self.page.open & ~closed:
            return Verdict.ABSENT, reasons
        return Verdict.BARRED, reasons or tuple(self._barring(mender))

    def _barring(self, mender: Mender) -> list[Reason]:
        return [
            Reason(rule.id, Cause.BLOCKED, source=rule.source_of(verdict))
            for rule, verdict in mender.barring(self.one)
        ]

    def used(self, reasons: Sequence[Reason]) -> list[Used]:
        """List the facts that the rules of some reasons looked at."""
        rules = {rule.id: rule for rule in self.policy.rules}
        found = []
        for rule_id in dict.fromkeys(reason.rule_id for reason in reasons):
            if rule_id in rules:
                read = columns_read(rules[rule_id].judged, self.one, self.page.day)
                found += [Used(rule_id, column, value_of(self.one, column)) for column in read]
        return found

    def cost(self, rule_id: str) -> float:
        """Return the worth the page would gain without a rule."""
        offer = self.offered.offer(self.policy.compiled, self.page.day)
        return rule_cost(offer, self.page, self.policy, rule_id, self.rounds)

    def change(self, verdict: Verdict, reasons: Sequence[Reason]) -> Change | None:
        """Find the least that would alter the verdict."""
        if verdict is Verdict.STANDS:
            return self._fall()
        return self._rise() or self._given_up(reasons)

    def _slot_if(self, edits: Sequence[Edit] = (), utility: float | None = None) -> int:
        facts = with_edits(self.offered.facts, self.candidate, edits) if edits else None
        worth = self.offered.utility
        if utility is not None:
            worth = worth.copy()
            worth[self.candidate] = utility
        offered = replace(self.offered, facts=facts or self.offered.facts, utility=worth)
        decision = govern(offered, self.page, self.policy, rounds=self.rounds)
        return _slot_of(decision, self.candidate)

    def _is_better(self, slot: int) -> bool:
        return slot >= 0 and (self.slot < 0 or slot < self.slot)

    @property
    def _wanted(self) -> int:
        """Word of the slots that would be better than where it stands."""
        return self.page.open if self.slot < 0 else self.page.open & ((1 << self.slot) - 1)

    def _rise(self) -> Change | None:
        """Find facts, then utility, then both, with which it would stand, or stand higher."""
        mender = Mender(self.one, self.page, self.policy)
        openings = list(dict.fromkeys(mender.openings(self._wanted)))
        for edits in openings:
            if self._is_better(self._slot_if(edits)):
                return self._least(edits, None)
        for edits in [(), *openings]:
            utility = self._utility_needed(edits)
            if utility is not None:
                return self._least(edits, utility)
        return None

    def _utility_needed(self, edits: Sequence[Edit]) -> float | None:
        """Return a utility with which it would stand, or stand higher; near the least of them."""
        low = float(self.offered.utility[self.candidate])
        high = float(np.float32(max(float(self.offered.utility.max()), 1e-6) * TOO_MUCH))
        if high <= low or not self._is_better(self._slot_if(edits, high)):
            return None
        for _ in range(BISECTIONS_MAX):
            middle = float(np.float32((low + high) / 2))
            if middle in (low, high) or high - low < 1e-4 * high:
                break
            if self._is_better(self._slot_if(edits, middle)):
                high = middle
            else:
                low = middle
        return high

    def _least(self, edits: Sequence[Edit], utility: float | None) -> Change:
        """Return the smallest part of a change that still does it."""
        parts: list[Edit | float] = [*edits, *([utility] if utility is not None else [])]
        while len(parts) > SUBSETS_MAX and (fewer := self._one_less(parts)):
            parts = fewer
        if len(parts) <= SUBSETS_MAX:
            sizes = range(1, len(parts))
            some_of = [some for size in sizes for some in combinations(parts, size)]
            for some in self._open(some_of):
                if self._is_better(self._slot_of_parts(some)):
                    return self._told(some)
        return self._told(parts)

    def _one_less(self, parts: Sequence[Edit | float]) -> list[Edit | float]:
        """Return a change without one of its parts that still does it, empty where none is."""
        for part in parts:
            fewer = [other for other in parts if other is not part]
            if self._is_better(self._slot_of_parts(fewer)):
                return fewer
        return []

    def _open(self, some_of: Sequence[Sequence[Edit | float]]) -> list[Sequence[Edit | float]]:
        """Return those of several partial changes that leave a wanted slot open at all."""
        if not some_of:
            return []
        mender = Mender(self.one, self.page, self.policy)
        edits = [[part for part in some if isinstance(part, Edit)] for some in some_of]
        closed = mender.closed(variants(self.one, edits)).tolist()
        wanted = self._wanted
        return [some for some, word in zip(some_of, closed, strict=True) if wanted & ~int(word)]

    def _slot_of_parts(self, parts: Sequence[Edit | float]) -> int:
        edits = [part for part in parts if isinstance(part, Edit)]
        utility = next((part for part in parts if not isinstance(part, Edit)), None)
        return self._slot_if(edits, utility)

    def _told(self, parts: Sequence[Edit | float]) -> Change:
        edits = tuple(part for part in parts if isinstance(part, Edit))
        utility = next((part for part in parts if not isinstance(part, Edit)), None)
        return Change(edits, utility, "", self._slot_of_parts(parts))

    def _given_up(self, reasons: Sequence[Reason]) -> Change | None:
        """Find a rule without which it would stand, or stand higher."""
        for rule_id in dict.fromkeys(reason.rule_id for reason in reasons):
            rules = tuple(rule for rule in self.policy.rules if rule.id != rule_id)
            without = replace(self.policy, rules=rules)
            decision = govern(self.offered, self.page, without, rounds=self.rounds)
            slot = _slot_of(decision, self.candidate)
            if self._is_better(slot):
                return Change((), None, rule_id, slot)
        return None

    def _fall(self) -> Change | None:
        """Find a fact, or a utility, with which it would lose its slot."""
        for edits in Mender(self.one, self.page, self.policy).closings(self.slot):
            slot = self._slot_if(edits)
            if slot != self.slot:
                return Change(edits, None, "", slot)
        if self._slot_if((), 0.0) == self.slot:
            return None
        low, high = 0.0, float(self.offered.utility[self.candidate])
        for _ in range(BISECTIONS_MAX):
            middle = float(np.float32((low + high) / 2))
            if middle in (low, high) or high - low < 1e-4 * high:
                break
            if self._slot_if((), middle) == self.slot:
                high = middle
            else:
                low = middle
        return Change((), low, "", self._slot_if((), low))


def _slot_of(decision: Decision, candidate: int) -> int:
    slate = decision.slate
    return slate.index(candidate) if candidate in slate else -1
