"""Every candidate that is held back has a reason, and every reason given is true."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from constraints.decision import Cause, Placement, Reason
from constraints.demands import Below
from constraints.govern import govern
from constraints.law import law_rows
from constraints.policy import Policy
from constraints.rules import rule_types
from constraints.verify import verify
from tests import chance, make
from tests.chance import Instance
from tests.test_rule_contract import MIXTURES, policy_for

SEEDS = range(200)
every_policy = pytest.mark.parametrize("name", [*rule_types(), MIXTURES])


class Case:
    """A decided page, and what the judges say of slates like it."""

    def __init__(self, drawn: Instance, policy: Policy) -> None:
        self.drawn, self.policy, self.page = drawn, policy, drawn.page
        self.rules = {rule.id: rule for rule in policy.rules_for(drawn.page).values()}
        self.offered = drawn.candidates
        self.decision = govern(self.offered, self.page, policy)
        self.alone = {rule_id: make.policy_of(rule) for rule_id, rule in self.rules.items()}
        self.offers = {
            rule_id: self.offered.offer(alone.compiled, self.page.day)
            for rule_id, alone in self.alone.items()
        }
        self.steering = make.steering(self.offered, self.page, policy)
        program = self.steering.program
        self.open, self.order = program.open, program.order
        self.eligible = [int(word) >> program.tail_count for word in program.eligible]

    def objections(self, placed: Sequence[int], rule_id: str) -> int:
        """Count what a rule finds in a page that is filled from the top and then empty."""
        slate = np.full(self.page.slot_count, -1)
        slate[: len(placed)] = placed
        claims = self.steering.claims(slate)
        alone, offer = self.alone[rule_id], self.offers[rule_id]
        found = verify(slate, offer, claims, self.page, alone).violations
        return sum(violation.count for violation in found if violation.slots)

    def objects_alone(self, rule_id: str, candidate: int, slot: int) -> bool:
        """Tell whether a rule finds fault with a page that holds nothing but a candidate."""
        return self.objections([-1] * slot + [candidate], rule_id) > 0

    def objects(self, rule_id: str, candidate: int, slot: int) -> bool:
        """Tell whether a rule finds more when a candidate follows what stands above a slot.

        Or when it stands there beside all others who stand on the page.
        """
        above = self.decision.slate[:slot]
        if self.objections([*above, candidate], rule_id) > self.objections(above, rule_id):
            return True
        others = [-1 if one == candidate else one for one in self.decision.slate]
        beside, spared = list(others), list(others)
        beside[slot], spared[slot] = candidate, -1
        return self.objections(beside, rule_id) > self.objections(spared, rule_id)

    def sinks(self, rule_id: str, candidate: int) -> bool:
        facts, rule = self.offered.facts.take(np.array([candidate])), self.rules[rule_id]
        [verdict] = rule.judged(facts, self.page.day).tolist()
        below = (d for d in rule.demands(self.page) if isinstance(d, Below))
        return any(verdict in demand.verdicts for demand in below)

    def names(self, rule_id: str, candidate: int) -> bool:
        facts, rule = self.offered.facts.take(np.array([candidate])), self.rules[rule_id]
        return bool(rule.judged(facts, self.page.day).any())

    def factor(self, rule_id: str, candidate: int) -> float:
        asked = self.steering.asked
        row = asked.factors[asked.weighers.index(rule_id)]
        return float(row[self.steering.class_of[candidate]])

    def first_slot_left(self, candidate: int, slot: int) -> int:
        """Return the first slot from `slot` on that no block takes from a candidate, or `slot`."""
        word = self.eligible[candidate]
        return next((s for s in range(slot, self.page.slot_count) if word >> s & 1), slot)

    def is_true(self, reason: Reason, candidate: int, slot: int) -> bool:
        match reason.cause:
            case Cause.BLOCKED | Cause.CAPPED:
                return self.objects(reason.rule_id, candidate, slot)
            case Cause.SUNK:
                return self.sinks(reason.rule_id, candidate)
            case Cause.WEIGHTED:
                return reason.ratio == self.factor(reason.rule_id, candidate) != 1
            case Cause.FLOOR:
                return reason.by == self.decision.slate[slot]
            case Cause.DISPLACED:
                other = self.decision.slate[slot]
                return reason.by == other and other != candidate
            case Cause.PINNED:
                return self.objects_alone(reason.rule_id, candidate, slot)
            case Cause.KEPT:
                is_kept = self.objects_alone(reason.rule_id, candidate, slot)
                is_kept |= self.names(reason.rule_id, candidate)  # a pin of its own that is void
                return is_kept and reason.by == self.decision.slate[slot]
        return False


@cache
def cases(name: str) -> list[Case]:
    return [
        Case(chance.instance("reasons", seed, count_max=30, slots_max=16), policy_for(name, seed))
        for seed in SEEDS
    ]


@every_policy
def test_whoever_is_held_back_is_told_why_and_it_is_true(name: str) -> None:
    moved = 0
    for seed, case in enumerate(cases(name)):
        for move in case.decision.moves:
            moved += 1
            assert move.reasons, seed
            assert move.reasons[0].slot == move.wanted, (seed, move)
            slots = {move.wanted, case.first_slot_left(move.candidate, move.wanted)}
            for reason in move.reasons:
                assert reason.slot in slots, (seed, move, reason)
                assert case.is_true(reason, move.candidate, reason.slot), (seed, move, reason)
                assert reason.source in law_rows()
    assert moved > 50 or name == "must_show"


@every_policy
def test_whoever_is_blocked_is_told_why_it_does_not_stand_just_below(name: str) -> None:
    for seed, case in enumerate(cases(name)):
        for move in case.decision.moves:
            first = case.first_slot_left(move.candidate, move.wanted)
            if move.reasons[0].cause == Cause.BLOCKED and first not in (move.wanted, move.slot):
                assert any(reason.slot == first for reason in move.reasons), (seed, move)


@every_policy
def test_moves_are_those_who_stand_lower_than_by_utility_alone(name: str) -> None:
    for case in cases(name):
        by_utility = iter(np.argsort(-case.offered.utility, kind="stable").tolist())
        slots = [s for s in range(case.page.slot_count) if case.open >> s & 1]
        wanted = dict(zip(slots, by_utility, strict=False))
        slate = case.decision.slate
        held = [c for s, c in wanted.items() if c not in slate[: s + 1]]
        assert [(m.wanted, m.candidate) for m in case.decision.moves] == [
            (s, c) for s, c in wanted.items() if c in held
        ]
        for move in case.decision.moves:
            now = slate.index(move.candidate) if move.candidate in slate else -1
            assert move.slot == now


@every_policy
def test_blocked_may_stand_nowhere_and_the_rules_named_say_so(name: str) -> None:
    for seed, case in enumerate(cases(name)):
        open_slots = [s for s in range(case.page.slot_count) if case.open >> s & 1]
        if not open_slots:
            continue
        for blocked in case.decision.blocked:
            assert blocked.rule_ids, seed
            assert blocked.candidate not in case.decision.slate
            assert len(blocked.sources) == len(blocked.rule_ids)
            assert set(blocked.sources) <= set(law_rows())
            for rule_id in blocked.rule_ids:
                assert any(case.objects_alone(rule_id, blocked.candidate, s) for s in open_slots)


@every_policy
def test_reasons_of_a_placement_are_true(name: str) -> None:
    for seed, case in enumerate(cases(name)):
        for placement in case.decision.placements:
            for reason in placement.reasons:
                assert reason.source in law_rows()
                if reason.cause == Cause.PINNED:
                    slots = [s for s in range(case.page.slot_count) if case.open >> s & 1]
                    objected = [
                        case.objects_alone(reason.rule_id, placement.candidate, s) for s in slots
                    ]
                    assert objected == [s != placement.slot for s in slots], seed
                elif reason.cause == Cause.FLOOR:
                    assert _overtook(case, placement), seed
                else:
                    assert case.is_true(reason, placement.candidate, placement.slot), seed


def _overtook(case: Case, placement: Placement) -> bool:
    """Tell whether a candidate of more weighted utility stands lower, or nowhere."""
    order = case.order.tolist()
    better = order[: order.index(placement.candidate)]
    return bool(set(better) - set(case.decision.slate[: placement.slot]))
