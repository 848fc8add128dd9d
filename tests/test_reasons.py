"""Every candidate that is held back has a reason, and every reason given is true."""

from collections.abc import Sequence

import numpy as np
import pytest

from constraints.decision import BLOCKED_MAX, Cause, Placement, Reason, SlotState
from constraints.govern import govern
from constraints.policy import Policy
from constraints.program import compile_program
from constraints.rules import rule_types
from constraints.verify import verify
from tests import chance, make
from tests.chance import Instance
from tests.make import drama, video
from tests.test_rule_contract import MIXTURES, policy_for

SEEDS = range(150)
every_policy = pytest.mark.parametrize("name", [*rule_types(), MIXTURES])


class Case:
    """A decided page, and what the judges say of slates like it."""

    def __init__(self, drawn: Instance, policy: Policy) -> None:
        self.drawn, self.policy, self.page = drawn, policy, drawn.page
        self.rules = {rule.id: rule for rule in policy.rules_for(drawn.page)}
        self.offered = drawn.candidates
        self.decision = govern(self.offered, self.page, policy)
        program = compile_program(
            [*self.rules.values()],
            self.offered.facts,
            self.offered.utility,
            self.page,
            policy.weight_range,
        )
        self.weights, self.open, self.order = program.weights, program.open, program.order

    def objections(self, placed: Sequence[int], rule_id: str) -> int:
        """Count what a rule finds in a page that is filled from the top and then empty."""
        slate = np.full(self.page.slot_count, -1)
        slate[: len(placed)] = placed
        rule = [self.rules[rule_id]]
        found = verify(slate, self.offered.facts, self.weights, self.page, rule)
        return sum(violation.count for violation in found if violation.slots)

    def objects_alone(self, rule_id: str, candidate: int, slot: int) -> bool:
        """Tell whether a rule finds fault with a page that holds nothing but a candidate."""
        return self.objections([-1] * slot + [candidate], rule_id) > 0

    def objects(self, rule_id: str, candidate: int, slot: int) -> bool:
        """Tell whether a rule finds more when a candidate follows what stands above a slot."""
        above = self.decision.slate[:slot]
        return self.objections([*above, candidate], rule_id) > self.objections(above, rule_id)

    def sinks(self, rule_id: str, candidate: int) -> bool:
        facts = self.offered.facts.take(np.array([candidate]))
        return bool(self.rules[rule_id].sinks(facts, self.page)[0])

    def is_true(self, reason: Reason, candidate: int, slot: int) -> bool:
        match reason.cause:
            case Cause.BLOCKED | Cause.CAPPED:
                return self.objects(reason.rule_id, candidate, slot)
            case Cause.SUNK:
                return self.sinks(reason.rule_id, candidate)
            case Cause.WEIGHTED:
                return reason.ratio == self.weights[reason.rule_id][candidate] != 1
            case Cause.FLOOR:
                return reason.by == self.decision.slate[slot]
            case Cause.DISPLACED:
                other = self.decision.slate[slot]
                return reason.by == other and other != candidate
        return False


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
            for reason in move.reasons:
                assert case.is_true(reason, move.candidate, move.wanted), (seed, move, reason)
    assert moved > 50


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
            for rule_id in blocked.rule_ids:
                assert any(case.objects_alone(rule_id, blocked.candidate, s) for s in open_slots)


@every_policy
def test_reasons_of_a_placement_are_true(name: str) -> None:
    for seed, case in enumerate(cases(name)):
        for placement in case.decision.placements:
            for reason in placement.reasons:
                if reason.cause == Cause.FLOOR:
                    assert _overtook(case, placement), seed
                else:
                    assert case.is_true(reason, placement.candidate, placement.slot), seed


def _overtook(case: Case, placement: Placement) -> bool:
    """Tell whether a candidate of more weighted utility stands lower, or nowhere."""
    order = case.order.tolist()
    better = order[: order.index(placement.candidate)]
    return bool(set(better) - set(case.decision.slate[: placement.slot]))


def test_page_without_rules_is_the_page_by_utility_and_needs_no_reason() -> None:
    offered = make.candidates([video()] * 5, [1, 5, 3, 5, 2])
    decision = govern(offered, make.page(slot_count=4, reserved=[1]), make.policy())
    assert decision.slate == [1, -1, 3, 2], "of equal ones the lower index leads"
    assert decision.moves == decision.blocked == decision.relaxed == decision.withdrawn == ()
    assert all(placement.reasons == () for placement in decision.placements)


def test_many_candidates_worth_the_same_stand_in_the_order_they_came() -> None:
    offered = make.candidates([video()] * 300, [3] * 300)
    decision = govern(offered, make.page(slot_count=50), make.policy())
    assert decision.slate == list(range(50))
    assert decision.moves == ()


def test_placements_say_what_was_received_and_what_was_made_of_it() -> None:
    policy = make.policy(make.rule_text("supported_boost", national_ratio=1.5))
    rows = [video(registered=False), drama(support="national")]
    decision = govern(make.candidates(rows, [9, 4]), make.page(reserved=[1]), policy)
    raised = (Reason("the-supported-boost", Cause.WEIGHTED, 1.5),)
    assert decision.placements == (
        Placement(0, SlotState.FILLED, True, 0, 9.0, 9.0, False),
        Placement(1, SlotState.RESERVED, True),
        Placement(2, SlotState.FILLED, False, 1, 4.0, 6.0, True, raised),
    )


def test_weights_of_several_rules_multiply_and_the_product_is_clipped() -> None:
    one = make.rule_text("supported_boost", id="one", national_ratio=1.5)
    two = make.rule_text("supported_boost", id="two", national_ratio=1.2)
    offered = make.candidates([drama(support="national")], [4])
    for limits, factor in (("[0.25, 2.0]", 1.5 * 1.2), ("[0.25, 1.6]", 1.6)):
        policy = make.policy(one, two, f"weight_range = {limits}\n")
        [first, *_] = govern(offered, make.page(), policy).placements
        assert first.scored == 4 * factor
        assert [reason.ratio for reason in first.reasons] == [1.5, 1.2], "each as its rule states"


def test_at_most_fifty_blocked_are_named_the_most_useful_first_and_all_are_counted() -> None:
    policy = make.policy(make.rule_text("record_required"))
    rows = [drama(document="none")] * (BLOCKED_MAX + 10)
    decision = govern(make.candidates(rows, range(1, len(rows) + 1)), make.page(), policy)
    named = [blocked.candidate for blocked in decision.blocked]
    assert named == list(range(len(rows) - 1, len(rows) - 1 - BLOCKED_MAX, -1))
    assert decision.blocked_count == len(rows)


def test_every_rule_that_blocks_a_candidate_is_named() -> None:
    rules = ("record_required", "registered_only")
    policy = make.policy(make.rule_text(rules[0]), make.rule_text(rules[1], slots="page"))
    decision = govern(
        make.candidates([drama(document="none", registered=False)]), make.page(), policy
    )
    assert decision.blocked[0].rule_ids == ("the-record-required", "the-registered-only")
    assert [r.rule_id for r in decision.moves[0].reasons] == [*decision.blocked[0].rule_ids]


def test_page_whose_slots_are_all_reserved_blocks_nobody() -> None:
    policy = make.policy(make.rule_text("record_required"))
    offered = make.candidates([drama(), drama(document="none")])
    decision = govern(offered, make.page(reserved=[0, 1, 2]), policy)
    assert {placement.state for placement in decision.placements} == {SlotState.RESERVED}
    assert (decision.blocked, decision.blocked_count, decision.moves) == ((), 0, ())


def test_hard_cap_is_named_before_a_soft_one() -> None:
    soft = make.rule_text("theme_cap", id="soft", most_on_page=1, level=1)
    hard = make.rule_text("theme_cap", id="hard", most_on_page=1, level=0)
    rows = [video(themes="x"), video(themes="x"), video(themes="y")]
    decision = govern(make.candidates(rows), make.page(), make.policy(soft, hard))
    [move] = decision.moves
    assert [(r.rule_id, r.cause) for r in move.reasons] == [
        ("hard", Cause.CAPPED),
        ("soft", Cause.CAPPED),
    ]


def test_floor_names_those_it_raised_and_who_had_to_give_way() -> None:
    policy = make.policy(make.rule_text("supported_boost", least=2, first_slots=3, level=3))
    rows = [video(), video(), drama(support="national"), drama(support="provincial")]
    decision = govern(make.candidates(rows, [9, 8, 2, 1]), make.page(), policy)
    assert decision.slate == [0, 2, 3]
    assert [[r.cause for r in p.reasons] for p in decision.placements] == [
        [],
        [Cause.FLOOR],
        [Cause.FLOOR],
    ]
    assert decision.moves[0].reasons == (Reason("the-supported-boost", Cause.FLOOR, by=2),)
