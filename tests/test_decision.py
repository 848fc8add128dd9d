"""What a decision says of its placements, moves and blocked candidates, page by page."""

from constraints.decision import BLOCKED_MAX, Cause, Decision, Move, Placement, Reason, SlotState
from constraints.govern import govern
from tests import chance, make
from tests.make import drama, room, video


def floor(rule_id: str, **parameters: int) -> str:
    """Write a rule that asks for supported titles without raising them."""
    ratios = {"national_ratio": 1.0, "provincial_ratio": 1.0}
    return make.rule_text("supported_boost", id=rule_id, level=3, **ratios, **parameters)


def test_page_without_rules_is_the_page_by_utility_and_needs_no_reason() -> None:
    offered = make.candidates([video()] * 5, [1, 5, 3, 5, 2])
    decision = govern(offered, make.page(slot_count=4, reserved=[1]), make.policy())
    assert decision.slate == [1, -1, 3, 2], "of equal ones the lower index leads"
    assert decision.moves == decision.blocked == decision.relaxed == decision.withdrawn == ()
    assert all(placement.reasons == () for placement in decision.placements)


def test_many_candidates_worth_the_same_stand_in_the_order_they_came() -> None:
    worth = [chance.seeded("ties", i).choice([1, 2, 3]) for i in range(300)]
    decision = govern(
        make.candidates([video()] * 300, worth), make.page(slot_count=50), make.policy()
    )
    assert decision.slate == sorted(range(300), key=lambda i: -worth[i])[:50]
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
    policy = make.policy(floor("floor", least=2, first_slots=3))
    rows = [video(), video(), drama(support="national"), drama(support="provincial")]
    decision = govern(make.candidates(rows, [9, 8, 2, 1]), make.page(), policy)
    assert decision.slate == [0, 2, 3]
    assert [[r.cause for r in p.reasons] for p in decision.placements] == [
        [],
        [Cause.FLOOR],
        [Cause.FLOOR],
    ]
    assert decision.moves[0].reasons == (Reason("floor", Cause.FLOOR, by=2),)


def floored(decision: Decision) -> list[int]:
    """List the candidates that stand where they do for a floor."""
    return [
        placement.candidate
        for placement in decision.placements
        if any(reason.cause == Cause.FLOOR for reason in placement.reasons)
    ]


def test_supported_title_that_stands_where_a_capped_one_could_not_serves_no_floor() -> None:
    one = floor("floor", least=1, first_slots=2)
    cap = make.rule_text("theme_cap", most_on_page=1, level=0)
    rows = [video(themes="x"), video(themes="x"), drama(support="national", themes="y")]
    decision = govern(make.candidates(rows), make.page(), make.policy(one, cap))
    assert decision.slate == [0, 2, -1]
    assert floored(decision) == []


def test_supported_title_above_a_sunk_room_serves_no_floor() -> None:
    one = floor("floor", least=1, first_slots=2)
    sink = make.rule_text("room_rating", sink=["e"])
    rows = [video(), room(room_grade="e"), drama(support="national")]
    decision = govern(make.candidates(rows), make.page(), make.policy(one, sink))
    assert decision.slate == [0, 2, 1]
    assert floored(decision) == []


def test_floor_of_other_slots_is_not_named() -> None:
    top = floor("top", least=1, first_slots=1)
    page = floor("page", least=2, first_slots=3)
    rows = [drama(support="national"), video(), video(), drama(support="provincial")]
    decision = govern(make.candidates(rows), make.page(), make.policy(top, page))
    assert decision.slate == [0, 1, 3]
    assert decision.placements[2].reasons == (Reason("page", Cause.FLOOR),)
    assert decision.moves == (Move(2, 2, -1, (Reason("page", Cause.FLOOR, by=3),)),)


def test_who_came_down_for_a_block_displaces_by_the_block_and_not_by_its_boost() -> None:
    licence = make.rule_text("licensed_first_screen", id="licence")
    boost = make.rule_text("supported_boost", id="boost", national_ratio=1.1)
    rows = [drama(document="none", support="national"), drama(document="none"), drama()]
    page = make.page(first_screen_slots=1)
    decision = govern(make.candidates(rows, [10, 9, 7]), page, make.policy(boost, licence))
    assert decision.slate == [2, 0, 1]
    [blocked, displaced] = [move.reasons[0] for move in decision.moves]
    assert (blocked.rule_id, blocked.cause) == ("licence", Cause.BLOCKED)
    assert (displaced.rule_id, displaced.cause, displaced.by) == ("licence", Cause.DISPLACED, 0)


def test_what_may_stand_nowhere_does_not_blur_what_the_others_are_worth() -> None:
    policy, page = make.policy(make.rule_text("record_required")), make.page()
    rows = [drama(document="none"), drama(), drama()]
    giant = make.steering(make.candidates(rows, [1e30, 2, 1]), page, policy).program
    others = make.steering(make.candidates(rows[1:], [2, 1]), page, policy).program
    assert giant.utility.tolist() == [0, *others.utility.tolist()]
