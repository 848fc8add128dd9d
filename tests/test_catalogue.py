"""Facts compiled ahead: whatever way a catalogue came about, it says what compiling anew says."""

import random
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from constraints import catalogue as module
from constraints.catalogue import QUARANTINE, QUARANTINED, Catalogue, compile_catalogue
from constraints.decision import Cause
from constraints.demands import Claims
from constraints.errors import OverloadedError
from constraints.facts import DAY_MAX, Facts, day_of
from constraints.govern import decide, govern
from constraints.offer import Offer
from constraints.policy import Policy
from constraints.rule import Day, Rule, Verdicts
from constraints.rules import rule_types
from constraints.verify import verify
from tests import chance, make
from tests.make import drama, video

TODAY = day_of(make.TODAY)
SEEDS = range(40)


def policy_of_all_types(*names: object) -> Policy:
    texts = (chance.rule_text(name, kind, *names) for name, kind in rule_types().items())
    return make.policy(*texts)


def rows_drawn(count: int, *names: object) -> Facts:
    rng = chance.seeded("catalogue", *names)
    return make.facts([chance.row(rng, rng.choice(chance.DAYS)) for _ in range(count)])


def told(catalogue: Catalogue) -> list[Any]:
    """Return all that a catalogue says of its rows; classes may be numbered otherwise."""
    said = []
    for column in (catalogue.steer, catalogue.judge):
        said += [column.verdicts[column.class_of].tolist(), (column.class_of == 0).tolist()]
    return [*said, catalogue.holds_until.tolist(), catalogue.day, catalogue.quarantined.tolist()]


def test_compiling_some_rows_says_of_them_what_compiling_all_says() -> None:
    for seed in SEEDS:
        facts, rules = rows_drawn(60, seed), policy_of_all_types(seed).compiled
        whole = compile_catalogue(rules, facts, TODAY)
        some = np.random.default_rng(seed).permutation(60)[:20]
        part = compile_catalogue(rules, facts.take(some), TODAY)
        for ours, theirs in ((part.steer, whole.steer), (part.judge, whole.judge)):
            mine = ours.verdicts[ours.class_of]
            assert mine.tolist() == theirs.verdicts[theirs.class_of[some]].tolist()
        assert part.holds_until.tolist() == whole.holds_until[some].tolist()


def test_verdicts_are_those_the_rules_give() -> None:
    for seed in SEEDS:
        facts, rules = rows_drawn(60, seed), policy_of_all_types(seed).compiled
        whole = compile_catalogue(rules, facts, TODAY)
        for at, rule in enumerate(rules):
            verdicts = whole.steer.verdicts[whole.steer.class_of, at]
            assert verdicts.tolist() == rule.rows(facts, TODAY).tolist()
            verdicts = whole.judge.verdicts[whole.judge.class_of, at]
            assert verdicts.tolist() == rule.judged(facts, TODAY).tolist()


def test_advancing_day_by_day_says_what_compiling_anew_says() -> None:
    for seed in SEEDS[:15]:
        facts, rules = rows_drawn(40, seed), policy_of_all_types(seed).compiled
        rng = random.Random(seed)
        day = day_of(rng.choice(chance.DAYS)) - 3
        going = compile_catalogue(rules, facts, day)
        for step in (1, 1, 1, 2, 30, 60, 400, -500, 1):
            before, day = going, day + step
            going = going.advanced(day)
            assert told(going) == told(compile_catalogue(rules, facts, day)), (seed, day)
            if step > 0:
                assert going.facts is before.facts


def test_rows_replaced_say_what_compiling_anew_says() -> None:
    for seed in SEEDS[:15]:
        facts, rules = rows_drawn(40, seed), policy_of_all_types(seed).compiled
        rng = np.random.default_rng(seed)
        going = compile_catalogue(rules, facts, TODAY)
        for step in range(5):
            rows = rng.permutation(40)[: rng.integers(0, 12)]
            going = going.recompiled(rows, rows_drawn(len(rows), seed, step))
            anew = compile_catalogue(rules, going.facts, TODAY)
            assert told(going) == told(anew), (seed, step)
            assert going.label_counts.tolist() == anew.label_counts.tolist()


def test_decisions_do_not_depend_on_how_a_catalogue_came_about() -> None:
    for seed in SEEDS:
        policy, drawn = policy_of_all_types(seed), chance.instance("catalogue", seed, count_max=30)
        offered, page = drawn.candidates, drawn.page
        decision = govern(offered, page, policy)
        facts = Facts.concatenate([rows_drawn(30, seed), offered.facts, offered.standing])
        rows = np.arange(30, len(facts), dtype=np.int32)
        count, at = len(offered.facts), offered.standing_at
        fresh = compile_catalogue(policy.compiled, facts, page.day)
        aged = compile_catalogue(policy.compiled, facts, page.day - 40)
        other = Facts.concatenate([facts.take(np.arange(30)), rows_drawn(len(rows), seed)])
        patched = compile_catalogue(policy.compiled, other, page.day)
        ways = {
            "compiled": fresh,
            "advanced": aged.advanced(page.day),
            "patched": patched.recompiled(rows, facts.take(rows)),
            "of another day": aged,
            "of a later day": compile_catalogue(policy.compiled, facts, page.day + 1),
            "of other rules": compile_catalogue(policy.compiled[:2], facts, page.day),
        }
        for way, catalogue in ways.items():
            offer = Offer(catalogue, rows[:count], offered.utility, rows[count:], at)
            again = decide(offer, page, policy)
            assert again == decision, (seed, way)
            if way in ("compiled", "advanced", "patched"):
                assert not again.compiled_anew
            elif way != "of another day":
                assert again.compiled_anew


def test_row_past_its_day_is_compiled_anew_and_others_are_not() -> None:
    policy = make.policy(make.rule_text("record_required"))
    facts = make.facts([drama(), drama(document_until="2026-11-24")])
    catalogue = compile_catalogue(policy.compiled, facts, TODAY)
    assert catalogue.holds_until.tolist() == [DAY_MAX, TODAY + 1]
    for rows, day, anew, slate in (
        ([0, 1], TODAY, False, [0, 1, -1]),
        ([0], TODAY + 1, False, [0, -1, -1]),
        ([0, 1], TODAY + 1, True, [0, -1, -1]),
    ):
        offer = Offer(catalogue, np.array(rows, np.int32), np.ones(len(rows), np.float32))
        decision = decide(offer, make.page(day=day), policy)
        assert (decision.compiled_anew, decision.slate) == (anew, slate)


class Torn(Rule):
    """A rule whose halves disagree on videos."""

    type: Literal["torn"] = "torn"

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        return (facts.kind == 3).astype(np.uint8)


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_row_on_which_the_halves_of_a_rule_disagree_is_shown_nowhere(mode: Any) -> None:
    policy = make.policy_of(Torn(id="torn", source="PLATFORM", mode=mode))
    offered = make.candidates([video(), drama(), video()])
    decision = govern(offered, make.page(), policy)
    assert decision.slate == [1, -1, -1]
    assert [b.rule_ids for b in decision.blocked] == [(QUARANTINE,)] * 2
    assert decision.moves[0].reasons[0].cause == Cause.BLOCKED
    catalogue = offered.offer(policy.compiled, TODAY).catalogue
    assert catalogue.quarantined.tolist() == [0, 2]


def test_quarantined_row_that_is_shown_all_the_same_is_withdrawn() -> None:
    policy = make.policy_of(Torn(id="torn", source="PLATFORM"))
    offered = make.candidates([video(), drama()])
    wrong = make.solver(lambda program: np.array([0, 1, -1]))
    decision = govern(offered, make.page(), policy, solver=wrong)
    assert decision.slate == [-1, 1, -1]
    assert [(v.rule_id, v.slots) for v in decision.withdrawn] == [(QUARANTINE, (0,))]


def test_quarantined_row_that_others_show_fills_caps_and_serves_no_floor() -> None:
    torn = Torn(id="torn", source="PLATFORM")
    cap = make.rule("theme_cap", most_on_page=1, level=0)
    floor = make.rule("supported_boost", national_ratio=1.0, least=1, first_slots=3, level=3)
    rows = [drama(themes="x"), drama(themes="y")]
    standing = video(themes="x", support="national")
    offered = make.candidates(rows, reserved={1: standing}, aliases=make.themes())
    page = make.page(reserved=[1])
    decision = govern(offered, page, make.policy_of(torn, cap, floor))
    assert decision.slate == [1, -1, -1]
    assert [violation.rule_id for violation in decision.relaxed] == [floor.id]
    found = make.judged([0, -1, -1], offered, page, make.policy_of(torn, cap))
    assert [(v.rule_id, v.slots) for v in found] == [(cap.id, (0,))]


def test_judges_never_read_what_steers() -> None:
    for seed in SEEDS:
        policy, drawn = policy_of_all_types(seed), chance.instance("steer", seed)
        page, offer = drawn.page, drawn.candidates.offer(policy.compiled, drawn.page.day)
        slate = np.array(decide(offer, page, policy).slate)
        lies = np.full_like(offer.catalogue.steer.class_of, QUARANTINED)
        lying = replace(offer.catalogue, steer=replace(offer.catalogue.steer, class_of=lies))
        claims = Claims((), np.ones((0, page.slot_count)), np.zeros(page.slot_count, np.int64))
        honest = verify(slate, offer, claims, page, policy)
        assert verify(slate, replace(offer, catalogue=lying), claims, page, policy) == honest


class Fine(Rule):
    """A rule that tells rows apart by their last days."""

    type: Literal["fine"] = "fine"
    shift: int

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        return (facts.document_until >> self.shift & 0xFF).astype(np.uint8)

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        return self.rows(facts, day)


def test_more_kinds_of_rows_than_classes_are_refused() -> None:
    rules = [Fine(id=f"fine-{s}", source="PLATFORM", shift=s) for s in (0, 8)]
    until = np.arange(65_534, dtype=np.int32)
    facts = Facts.unknown(len(until)).with_columns(document_until=until)
    full = compile_catalogue(rules, facts, TODAY)
    assert len(full.steer.verdicts) == 65_535
    assert full.steer.verdicts[full.steer.class_of].tolist() == [
        [each & 0xFF, each >> 8] for each in until.tolist()
    ]
    one_more = Facts.unknown(1).with_columns(document_until=np.array([65_534], np.int32))
    with pytest.raises(OverloadedError, match="more than 65,535 kinds of rows") as caught:
        compile_catalogue(rules, Facts.concatenate([facts, one_more]), TODAY)
    assert caught.value.reason == "TOO_MANY_CLASSES"
    # A class that no row has any more does not stand in the way of a new one.
    patched = full.recompiled(np.array([7]), one_more)
    assert told(patched) == told(compile_catalogue(rules, patched.facts, TODAY))


def test_arrays_are_read_only_and_take_few_bytes_a_row() -> None:
    facts = rows_drawn(500, 1)
    catalogue = compile_catalogue(policy_of_all_types(1).compiled, facts, TODAY)
    arrays = [catalogue.holds_until, *catalogue.labels]
    for column in (catalogue.steer, catalogue.judge):
        arrays += [column.class_of, column.verdicts]
    for array in arrays:
        assert not array.flags.writeable
        assert array.flags.c_contiguous
    assert facts.themes.flags.writeable, "the facts themselves are left as they are"
    assert catalogue.bytes_a_row <= 85


def test_tables_of_a_shape_are_made_once() -> None:
    catalogue = compile_catalogue((), Facts.unknown(1), TODAY)
    made = [catalogue.cached(lambda key: object(), "key") for _ in range(2)]
    assert made[0] is not made[1], "functions are told apart"

    def make_one(key: str) -> object:
        return object()

    assert catalogue.cached(make_one, "a") is catalogue.cached(make_one, "a")
    assert catalogue.cached(make_one, "a") is not catalogue.cached(make_one, "b")
    assert module.SHAPES_MAX >= 100
