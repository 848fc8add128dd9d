"""Pins beside other rules: what they yield to, who yields to them, and what is reported."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from rich.console import Console

from constraints.catalogue import QUARANTINE
from constraints.decision import Cause, Decision, Void
from constraints.facts import Facts, subject_keys
from constraints.govern import decide, govern
from constraints.page import Page
from constraints.policy import Policy
from constraints.rule import Day, Rule, Verdicts
from ranker.page_view import PageView
from ranker.v1 import decision_pb2 as out
from tests import chance, make, plain_law
from tests.chance import ALIASES, Instance
from tests.make import drama, room, video
from tests.serving import POLICY, request, served, shown
from tests.test_rule_contract import MIXTURES, policy_for


def pin(slot: int, subject: str = "x", rule_id: str = "pins", **parameters: Any) -> str:
    places = [{"slot": slot, "id": subject}]
    return make.rule_text("pinned_slot", id=rule_id, pins=places, **parameters)


def decided(
    rows: list[make.Row], *rules: str, page: Page | None = None, **offered: Any
) -> Decision:
    """Decide a page of three slots; the first row is worth most."""
    told = page or make.page()
    return govern(make.candidates(rows, **offered), told, make.policy(*rules))


def void(decision: Decision) -> list[tuple[str, int, Void, list[str]]]:
    return [
        (p.rule_id, p.slot, p.void, [reason.rule_id for reason in p.reasons])
        for p in decision.void_pins
    ]


def test_block_comes_before_a_pin_and_the_title_then_stands_where_it_may() -> None:
    rows = [video(), video(), drama(subject="x", document="bureau_filing")]
    licence = make.rule_text("licensed_first_screen", id="licence")
    decision = decided(rows, pin(0), licence)
    assert decision.slate == [0, 1, 2]
    assert void(decision) == [("pins", 0, Void.BLOCKED, ["licence"])]
    assert decision.void_pins[0].reasons[0].cause == Cause.BLOCKED
    assert decision.void_pins[0].candidate == 2


def test_title_blocked_everywhere_is_shown_nowhere_whatever_pins_it() -> None:
    rows = [video(), drama(subject="x", document="none")]
    decision = decided(rows, pin(0), make.rule_text("record_required", id="number"))
    assert decision.slate == [0, -1, -1]
    assert void(decision) == [("pins", 0, Void.BLOCKED, ["number"])]


def test_sunk_room_is_not_lifted_by_a_pin() -> None:
    rows = [room(subject="x", room_grade="d"), video(), video()]
    decision = decided(rows, pin(0), make.rule_text("room_rating", id="rating", sink=["d", "e"]))
    assert decision.slate == [1, 2, 0]
    assert void(decision) == [("pins", 0, Void.SUNK, ["rating"])]


def test_two_rules_that_pin_one_title_to_one_slot_are_one_pin() -> None:
    decision = decided([video(), video(subject="x")], pin(2), pin(2, rule_id="again"))
    assert decision.slate == [0, -1, 1]
    assert [r.rule_id for r in decision.placements[2].reasons] == ["pins", "again"]
    assert decision.void_pins == ()


def test_title_that_two_rules_pin_apart_takes_the_higher_slot_and_leaves_the_other() -> None:
    rows = [video(), video(), video(subject="x")]
    for rules in ((pin(0), pin(1, rule_id="lower")), (pin(1, rule_id="lower"), pin(0))):
        decision = decided(rows, *rules)
        assert decision.slate == [2, 0, 1]
        assert void(decision) == [("lower", 1, Void.PINNED_ABOVE, ["pins"])]


def test_title_pinned_apart_takes_the_lower_slot_where_the_higher_is_closed_to_it() -> None:
    rows = [video(), video(), video(subject="x")]
    two = (pin(0), pin(1, rule_id="lower"))
    decision = decided(rows, *two, page=make.page(reserved=[0]), reserved=[0])
    assert decision.slate == [-1, 2, 0]
    assert void(decision) == [("pins", 0, Void.RESERVED, [])]


def test_of_two_titles_pinned_to_one_slot_the_better_stands_there_and_the_other_nowhere() -> None:
    rows = [video(), video(subject="y"), video(subject="x")]
    for rules in ((pin(0), pin(0, "y", "other")), (pin(0, "y", "other"), pin(0))):
        decision = decided(rows, *rules)
        assert decision.slate == [1, 0, -1]
        assert void(decision) == [("pins", 0, Void.TAKEN, ["other"])]


def test_of_two_titles_pinned_to_one_slot_the_one_that_is_offered_has_it() -> None:
    decision = decided([video(), video(subject="x")], pin(0), pin(0, "y", "other"))
    assert decision.slate == [1, 0, -1]
    assert void(decision) == [("other", 0, Void.NOT_OFFERED, [])]


def test_hard_cap_may_leave_a_pinned_slot_empty_and_nobody_else_gets_it() -> None:
    cap = make.rule_text("theme_cap", id="cap", most_on_page=1, level=0)
    rows = [video(themes="p", subject="x"), video(themes="q")]
    soft = make.rule_text("theme_cap", id="soft", most_on_page=1, level=1)
    caller = {1: video(themes="p")}
    decision = decided(rows, pin(0), cap, soft, page=make.page(reserved=[1]), reserved=caller)
    assert decision.slate == [-1, -1, 1]
    assert void(decision) == [("pins", 0, Void.NO_ROOM, ["cap"])]


def test_soft_cap_gives_way_to_a_pin_and_others_of_the_theme_to_the_pinned() -> None:
    cap = make.rule_text("theme_cap", id="cap", most_on_page=1, level=1)
    rows = [video(themes="p"), video(themes="q"), video(themes="r"), video(themes="p", subject="x")]
    decision = decided(rows, pin(2), cap)
    assert decision.slate == [1, 2, 3]
    assert decision.relaxed == ()


def test_pin_in_shadow_moves_nobody_and_is_judged() -> None:
    decision = decided([video(), video(), video(subject="x")], pin(1, mode="shadow"))
    assert decision.slate == [0, 1, 2]
    assert decision.void_pins == ()
    assert [(v.rule_id, v.slots) for v in decision.shadow] == [("pins", (1,)), ("pins", (2,))]


def test_block_in_shadow_frees_nobody_of_a_pin() -> None:
    number = make.rule_text("record_required", id="number", mode="shadow")
    decision = decided([video(), drama(subject="x", document="none")], pin(0), number)
    assert decision.slate == [1, 0, -1]
    assert [v.rule_id for v in decision.shadow] == ["number"]


def test_pin_holds_only_where_and_when_its_rule_does() -> None:
    rows = [video(), video(subject="x")]
    assert decided(rows, pin(0, surfaces=["theatre"])).slate == [0, 1, -1]
    assert decided(rows, pin(0, until=make.TODAY)).slate == [0, 1, -1]
    assert decided(rows, pin(0, since=make.TODAY)).slate == [1, 0, -1]


def test_verifier_empties_slots_of_whoever_takes_the_place_of_the_pinned() -> None:
    policy = make.policy(pin(0))
    offered = make.candidates([video(), video(subject="x"), video()])
    liar = make.solver(lambda program: np.array([0, 2, 1]))
    decision = govern(offered, make.page(), policy, solver=liar)
    assert decision.slate == [-1, 2, -1]
    assert [(v.rule_id, v.slots) for v in decision.withdrawn] == [("pins", (0,)), ("pins", (2,))]
    assert [(p.void, p.reasons[0].cause) for p in decision.void_pins] == [
        (Void.NO_ROOM, Cause.WITHDRAWN)
    ]


def test_row_offered_twice_stands_once_in_its_pinned_slot() -> None:
    policy = make.policy(pin(1))
    offer = make.candidates([video(), video(subject="x")]).offer(policy.compiled, make.page().day)
    twice = type(offer)(
        offer.catalogue, np.array([0, 1, 1], np.int32), np.array([3.0, 2.0, 1.0], np.float32)
    )
    assert decide(twice, make.page(), policy).slate == [0, 1, -1]


def test_last_slot_a_rule_may_name_is_found_on_a_page_that_begins_far_down() -> None:
    page = make.page(first_slot=61)
    decision = decided([video(), video(subject="x")], pin(63), page=page)
    assert decision.slate == [0, -1, 1]
    beyond = make.page(first_slot=1_000)
    assert decided([video(subject="x")], pin(63), page=beyond).slate == [0, -1, -1]


def test_key_of_an_id_is_the_same_everywhere_and_0_for_none() -> None:
    assert subject_keys(["", "7", "霸总"]).tolist() == [0, 0x828F78CECA1750E7, 0xA087CB8B7CA1579D]


def crowded(seed: int) -> tuple[Instance, Policy]:
    """Draw a page with few subjects and many pins of them, beside rules of any type."""
    rng, drawn = chance.seeded("crowded", seed), chance.instance("crowded", seed, slots_max=6)
    names = ["x", "y", "z", ""]
    rows = [row | {"subject": rng.choice(names)} for row in drawn.rows]
    ids = [row["subject"] if row.get("registered", True) else "" for row in rows]
    facts = drawn.candidates.facts.with_columns(subject=subject_keys(ids))
    page, seen = drawn.page, [*range(drawn.page.first_slot, drawn.page.first_slot + 4)]
    pins = []
    for number in range(3):
        slots = rng.sample(seen, 2)
        given = zip(slots, rng.sample(names[:3], 2), strict=True)
        places = [{"slot": slot, "id": each} for slot, each in given]
        pins.append(make.rule("pinned_slot", id=f"pins-{number}", pins=places))
    rules = (*policy_for(MIXTURES, seed).rules, *pins)
    rules = tuple(rule for rule in rules if seed % 2 or rule.type != "record_required")
    offered = replace(drawn.candidates, facts=facts)
    return replace(drawn, rows=rows, candidates=offered, page=page), make.policy_of(*rules)


def test_whatever_pins_meet_the_page_is_lawful_and_every_pin_holds_or_is_reported() -> None:
    voids, held = set[Void](), 0
    for seed in range(300):
        drawn, policy = crowded(seed)
        decision = govern(drawn.candidates, drawn.page, policy, rounds=40)
        assert decision.withdrawn == (), seed
        rules = [*policy.rules_for(drawn.page).values()]
        slate = decision.slate
        assert not plain_law.astray(rules, drawn.rows, drawn.page, slate, ALIASES), seed
        told = {(pin.rule_id, pin.slot): pin for pin in decision.void_pins}
        for rule in rules:
            for place in getattr(rule, "pins", ()):
                slot = place.slot - drawn.page.first_slot
                if not 0 <= slot < drawn.page.slot_count:
                    continue
                shown = drawn.rows[slate[slot]] if slate[slot] >= 0 else {}
                is_held = shown.get("registered", True) and shown.get("subject") == place.id
                assert is_held != ((rule.id, slot) in told), seed
                held += is_held
        for pin in decision.void_pins:
            no_rule = pin.void in (Void.NOT_OFFERED, Void.RESERVED)
            assert bool(pin.reasons) != no_rule, (seed, pin)
            assert all(reason.source for reason in pin.reasons)
            voids.add(pin.void)
    assert voids | {Void.NO_ROOM} == set(Void)
    assert held > 100


def test_verifier_finds_every_stray_that_the_plain_law_finds() -> None:
    found = 0
    for seed in range(300):
        drawn, policy = crowded(seed)
        page, rng = drawn.page, np.random.default_rng(seed)
        pool = rng.permutation(np.r_[np.arange(len(drawn.rows)), np.full(page.slot_count, -1)])
        slate = pool[: page.slot_count]
        slate[[page.reserved >> slot & 1 == 1 for slot in range(page.slot_count)]] = -1
        rules = [*policy.rules_for(page).values()]
        astray = plain_law.astray(rules, drawn.rows, page, slate.tolist(), ALIASES)
        told = make.judged(slate, drawn.candidates, page, policy)
        pins = {rule.id for rule in rules if rule.type == "pinned_slot"}
        assert {s for v in told if v.rule_id in pins for s in v.slots} == astray, seed
        found += len(astray)
    assert found > 100


def test_clip_of_a_pinned_title_is_served_in_its_slot_and_void_pins_are_in_the_reply(
    tmp_path: Path,
) -> None:
    (tmp_path / "policies").mkdir()
    places = [{"slot": 1, "id": "lead-3"}, {"slot": 2, "id": "90"}, {"slot": 3, "id": "filed-0"}]
    pins = make.rule_text("pinned_slot", id="operators", pins=places)
    (tmp_path / "policies" / "pins.toml").write_text(POLICY + pins, encoding="utf-8")
    asked = request(["lead-0", "lead-1", "lead-2", "7003", "filed-0"], in_rows=True)
    with served(tmp_path, policy_dir=tmp_path / "policies") as app:
        reply = app.rerank(asked)
    assert shown(reply) == ["lead-0", "7003", "lead-1", "lead-2"]
    [own] = reply.decision.placements[1].reasons
    assert (own.rule_id, own.cause, own.source) == ("operators", out.CAUSE_PINNED, "PLATFORM")
    told = [(pin.slot, pin.subject_id, pin.cause, pin.id) for pin in reply.decision.void_pins]
    assert told == [
        (2, "90", out.VOID_CAUSE_NOT_OFFERED, ""),
        (3, "filed-0", out.VOID_CAUSE_BLOCKED, "filed-0"),
    ]
    assert reply.decision.void_pins[1].reasons[0].rule_id == "first-screen-licence"
    for language, words in (
        ("zh", ["固定位", "固定位未生效：operators，90 → 第 2 位：候选中没有", "不得占此位"]),
        ("en", ["pinned", "void pin: operators, 90 → slot 2: not among", "may not stand here"]),
    ):
        console = Console(width=400, record=True, file=io.StringIO())
        PageView(asked, reply, {}, language).show(console)
        page = console.export_text()
        assert all(word in page for word in words)


def test_policy_without_pins_makes_no_table_of_them() -> None:
    policy: Policy = make.policy(make.rule_text("record_required"))
    steering = make.steering(make.candidates([video()]), make.page(), policy)
    assert steering.asked.pinned is None
    assert steering.home is None


@pytest.mark.parametrize("rounds", [0, 5, 50, 250])
def test_pin_that_can_hold_is_not_given_up_for_a_page_of_more_worth(rounds: int) -> None:
    """Whoever is in the way of a pin makes room, however the page is improved."""
    rows = [drama(themes="p"), drama(themes="q"), drama(themes="r"), drama(themes="p|q")]
    rows[3]["subject"] = "x"
    cap = make.rule_text("theme_cap", id="cap", most_on_page=1, level=0)
    offered = make.candidates(rows, (9, 8, 7, 1))
    decision = govern(offered, make.page(), make.policy(pin(1), cap), rounds=rounds)
    assert decision.slate == [2, 3, -1]
    assert not decision.void_pins


class Torn(Rule):
    """A rule whose halves disagree on everything."""

    type: Literal["torn"] = "torn"

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find everything, which the other half does not."""
        return np.ones(len(facts), np.uint8)


def test_pinned_title_in_quarantine_is_reported_as_blocked() -> None:
    policy = make.policy_of(make.rule_of(pin(0)), Torn(id="torn", source="PLATFORM"))
    decision = govern(make.candidates([video(), drama(subject="x")]), make.page(), policy)
    assert decision.slate == [-1, -1, -1]
    assert void(decision) == [("pins", 0, Void.BLOCKED, [QUARANTINE])]
    assert decision.void_pins[0].candidate == 1
