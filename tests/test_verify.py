"""The verifier against corrupted slates, hostile solvers, and the plain law of `plain_law.py`."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from constraints.effects import Duty
from constraints.rule import Rule, Violation
from constraints.rules import rule_types
from constraints.steering import compile_program
from constraints.verify import SLATE, verify
from tests import chance, make, plain_law
from tests.chance import ALIASES, Instance
from tests.make import drama, room, video

# Rule type → parameters, rows, a lawful slate, its corruption, and the slots to object to.
CORRUPTED: dict[str, list[tuple[Any, ...]]] = {
    "record_required": [
        ({}, [drama(), drama(document="none")], [0, -1, -1], [0, -1, 1], [2]),
        ({}, [drama(), drama(document_until="2026-11-23")], [0, -1, -1], [1, 0, -1], [0]),
        ({}, [video(), video(kind="")], [0, -1, -1], [0, 1, -1], [1]),
    ],
    "licensed_first_screen": [
        ({}, [drama(), drama(document="bureau_filing")], [0, -1, 1], [1, 0, -1], [0]),
        ({"recheck": [{"since": make.TODAY, "value": "lead"}]},
         [drama(), drama(recheck="pending")], [0, 1, -1], [1, 0, -1], [0]),
        ({"unlicensed_share": [{"since": make.TODAY, "value": 0.5}]},
         [drama(document="none"), drama(document="none")], [0, -1, 1], [0, 1, -1], [1]),
    ],
    "registered_only": [
        ({"slots": "first_screen"},
         [video(), video(registered=False)], [0, -1, 1], [0, 1, -1], [1]),
        ({"slots": "page"},
         [video(), video(registered=False)], [0, -1, -1], [0, -1, 1], [2]),
    ],
    "group_cap": [
        ({"by": "series", "most_on_page": 1, "level": 0},
         [video(series="x"), video(series="x")], [0, -1, -1], [0, -1, 1], [2]),
        ({"by": "provider", "most_in_window": 1, "window_slots": 2, "level": 0},
         [video(), video()], [0, -1, 1], [-1, 0, 1], [2]),
        ({"by": "duplicate", "unknown": "alone", "most_on_first_screen": 1, "level": 0},
         [video(duplicate="x"), video(duplicate="x")], [0, -1, 1], [0, 1, -1], [1]),
    ],
    "theme_cap": [
        ({"most_on_page": 1, "level": 0},
         [video(themes="x"), video(themes="x")], [0, -1, -1], [0, -1, 1], [2]),
        ({"most_share_of_page": 0.4, "level": 0},
         [video(themes="x"), video(themes="x")], [0, -1, -1], [1, -1, 0], [2]),
        ({"most_on_first_screen": 1, "level": 0},
         [video(themes="x"), video(themes="x")], [0, -1, 1], [0, 1, -1], [1]),
        ({"most_in_window": 1, "window_slots": 2, "level": 0},
         [video(themes="x"), video(themes="x")], [0, -1, 1], [-1, 0, 1], [2]),
    ],
    "fact_required": [
        ({"of": {"ai_generated": ["yes"]}, "needs": [{"ai_label": ["all"]}]},
         [video(ai_generated="no"), video(ai_generated="yes", ai_label="some")],
         [0, -1, -1], [0, 1, -1], [1]),
        ({"of": {"listings": ["takedown"]}},
         [video(), video(listings="takedown:2026-11-24..2026-11-24")],
         [0, -1, -1], [0, -1, 1], [2]),
        ({"needs": [{"human_review": ["yes"]}], "slots": "first_screen"},
         [video(human_review="yes"), video(human_review="")], [0, -1, 1], [0, 1, -1], [1]),
        ({"needs": [{"provider_until": "running"}], "first_slots": 1},
         [video(provider_until="2026-11-24"), video(provider_until="2026-11-23")],
         [0, 1, -1], [1, 0, -1], [0]),
        ({"of": {"watch": ["absurd"]}, "measure": "sink"},
         [video(watch="none"), video(watch="absurd|vulgar_title")],
         [0, 1, -1], [1, 0, -1], [0]),
    ],
    "fact_weight": [
        # What it forbids is a weight, not a place: see the tests of weights below.
    ],
    "must_show": [
        # What it forbids is a missing mark, not a place: see the tests of duties below.
    ],
    "quota": [
        ({"of": {"access": ["paid"]}, "most": 1, "level": 0},
         [video(access="paid"), video()], [0, -1, -1], [0, 1, -1], [1]),
        ({"of": {"access": ["paid"]}, "most_share": 0.5, "slots": "first_screen", "level": 0},
         [video(access="paid"), video(access="paid")], [0, -1, 1], [0, 1, -1], [1]),
        ({"of": {"access": ["paid"]}, "most": 1, "window_slots": 2, "level": 0},
         [video(access="paid"), video(access="paid")], [0, -1, 1], [-1, 0, 1], [2]),
    ],
    "document_class": [
        ({"thresholds": [{"since": date(2024, 2, 5),
                          "value": {"key_cny": 1_000_000, "ordinary_cny": 300_000}}]},
         [drama(document="bureau_filing", investment_cny="999999", filed_on="2024-02-05",
                special_subjects="none"),
          drama(document="bureau_filing", investment_cny="1000000", filed_on="2024-02-05",
                special_subjects="none")],
         [0, -1, -1], [0, 1, -1], [1]),
    ],
    "own_record": [
        ({"platforms": ["qimao"]},
         [drama(document="platform_filing", document_number="（七猫）网微剧备字（2025）第1号"),
          drama(document="platform_filing", document_number="（番茄）网微剧备字（2025）第1号")],
         [0, -1, -1], [0, 1, -1], [1]),
    ],
    "supported_boost": [
        # What it forbids is a weight, not a place: see the tests of weights below.
    ],
    "pinned_slot": [
        ({"pins": [{"slot": 1, "id": "x"}]},
         [video(), video(subject="x")], [0, 1, -1], [1, -1, -1], [0]),
        ({"pins": [{"slot": 1, "id": "x"}]},
         [video(), video(subject="x")], [0, -1, -1], [-1, 0, -1], [1]),
        ({"pins": [{"slot": 0, "id": "x"}, {"slot": 2, "id": "y"}]},
         [video(subject="y"), video(subject="x")], [1, -1, 0], [0, -1, 1], [0, 2]),
    ],
    "room_rating": [
        ({"stop": ["e"]}, [room(), room(room_grade="e")], [0, -1, -1], [0, 1, -1], [1]),
        ({"remove": ["e"]}, [room(), room(anchor_grade="e")], [0, -1, -1], [1, 0, -1], [0]),
        ({}, [room(), room(restriction="closed")], [0, -1, -1], [-1, -1, 1], [2]),
        ({"sink": ["d", "e"]}, [room(), room(room_grade="d")], [0, 1, -1], [1, 0, -1], [0]),
        ({}, [room(), room(restriction="rectify")], [0, 1, -1], [1, -1, 0], [0]),
    ],
}  # fmt: skip
GRID = [
    pytest.param(name, *case, id=f"{name}-{i}")
    for name, cases in CORRUPTED.items()
    for i, case in enumerate(cases)
]


def judge(rule: Rule, rows: list[make.Row], slate: list[int], **weights: list[float]) -> Any:
    claimed = {key.replace("_", "-"): factors for key, factors in weights.items()}
    return make.judged(slate, make.candidates(rows), make.page(), make.policy_of(rule), claimed)


def test_every_rule_type_has_a_corrupted_slate() -> None:
    assert sorted(CORRUPTED) == sorted(rule_types())


@pytest.mark.parametrize(("name", "parameters", "rows", "lawful", "corrupt", "slots"), GRID)
def test_offender_swapped_in_is_named_with_its_rule_and_slot(
    name: str,
    parameters: dict[str, Any],
    rows: list[make.Row],
    lawful: list[int],
    corrupt: list[int],
    slots: list[int],
) -> None:
    rule = make.rule(name, **parameters)
    assert judge(rule, rows, lawful) == []
    found = judge(rule, rows, corrupt)
    assert {violation.rule_id for violation in found} == {rule.id}
    assert {violation.level for violation in found} == {0}
    assert sorted(slot for violation in found for slot in violation.slots) == slots


@pytest.mark.parametrize("name", rule_types())
def test_any_placement_the_plain_law_forbids_is_objected_to_and_no_other(name: str) -> None:
    corrupted = 0
    for seed in range(1200 if name == "quota" else 300):  # hard quotas are seldom drawn
        drawn = chance.instance("verify", seed)
        rule = make.rule_of(chance.rule_text(name, rule_types()[name], seed))
        if not rule.applies(drawn.page):
            continue
        slate = _random_slate(np.random.default_rng(seed), drawn)
        forbidden = plain_law.unlawful_slots(
            rule, drawn.rows, drawn.standing, drawn.page, slate.tolist(), ALIASES
        )
        forbidden |= plain_law.astray([rule], drawn.rows, drawn.page, slate.tolist(), ALIASES)
        disordered = plain_law.out_of_order([rule], drawn.rows, drawn.page, slate.tolist())
        hard = [v for v in _verified(slate, drawn, [rule]) if v.level == 0]
        assert bool(hard) == bool(forbidden or disordered), seed
        if not disordered:
            assert {slot for v in hard for slot in v.slots} == forbidden, seed
        corrupted += bool(hard)
    assert corrupted or name in ("supported_boost", "fact_weight", "must_show")


def _random_slate(rng: np.random.Generator, drawn: Instance) -> np.ndarray:
    page = drawn.page
    pool = rng.permutation(np.r_[np.arange(len(drawn.rows)), np.full(page.slot_count, -1)])
    slate = pool[: page.slot_count]
    slate[[page.reserved >> slot & 1 == 1 for slot in range(page.slot_count)]] = -1
    return slate


def _verified(slate: np.ndarray, drawn: Instance, rules: list[Rule]) -> list[Violation]:
    return make.judged(slate, drawn.candidates, drawn.page, make.policy_of(*rules))


def test_title_raised_without_a_list_is_objected_to() -> None:
    rule = make.rule("supported_boost", national_ratio=1.5)
    rows = [drama(), drama(support="national")]
    assert judge(rule, rows, [1, 0, -1], the_supported_boost=[1.0, 1.5]) == []
    found = judge(rule, rows, [1, -1, 0], the_supported_boost=[1.5, 1.5])
    assert [(v.rule_id, v.level, v.slots) for v in found] == [("the-supported-boost", 0, (2,))]


def test_title_raised_by_more_than_its_list_gives_is_objected_to() -> None:
    rule = make.rule("supported_boost", national_ratio=1.5, provincial_ratio=1.2)
    rows = [drama(support="provincial"), drama(support="national", support_until="2026-11-23")]
    found = judge(rule, rows, [0, 1, -1], the_supported_boost=[1.5, 1.5])
    assert [v.slots for v in found] == [(0,), (1,)]


def test_room_left_at_full_weight_that_had_to_be_demoted_is_objected_to() -> None:
    rule = make.rule("room_rating", demote={"c": 0.5}, stop=["d", "e"])
    rows = [room(), room(room_grade="c"), room(rated_on="")]
    assert judge(rule, rows, [0, 1, 2], the_room_rating=[1.0, 0.5, 0.4]) == []
    for claimed in ([1.0, 0.6, 1.0], [1.0, 1.0, 0.6]):
        found = judge(rule, rows, [0, 1, 2], the_room_rating=claimed)
        assert [v.slots for v in found] == [(1,), (2,)]
    assert [v.slots for v in judge(rule, rows, [0, 1, 2])] == [(1,), (2,)]


def test_floor_that_is_missed_is_counted_but_is_no_objection() -> None:
    named = {"national_ratio": 1.0, "provincial_ratio": 1.0}
    rule = make.rule("supported_boost", **named, least=2, first_slots=2, level=3)
    rows = [drama(), drama(support="national"), drama(support="provincial")]
    assert judge(rule, rows, [1, 2, 0]) == []
    for slate, short in (([1, 0, 2], 1), ([0, -1, 1], 2)):
        [found] = judge(rule, rows, slate)
        assert (found.rule_id, found.level, found.slots, found.count) == (rule.id, 3, (), short)


def test_soft_cap_is_counted_with_its_theme_but_is_no_objection() -> None:
    rule = make.rule("theme_cap", most_on_page=1, level=2)
    [found] = judge(rule, [video(themes="x"), video(themes="x"), video(themes="y")], [2, 1, 0])
    assert found == Violation(rule.id, 2, (2,), 1, group=1)


MALFORMED = [
    pytest.param([0, 0, -1], [1], id="twice"),
    pytest.param([0, 2, -1], [1], id="not offered"),
    pytest.param([-2, 0, 1], [0], id="below -1"),
    pytest.param([9, 9, 9], [0, 1, 2], id="all wrong"),
    pytest.param([0, -1, 1], [], id="well formed"),
]


@pytest.mark.parametrize(("slate", "slots"), MALFORMED)
def test_malformed_slate_is_objected_to_as_such(slate: list[int], slots: list[int]) -> None:
    found = make.judged(slate, make.candidates([video()] * 2), make.page(), make.policy())
    assert [(v.rule_id, v.level, v.slots) for v in found] == [(SLATE, 0, (s,)) for s in slots]


def test_filled_reserved_slot_is_objected_to_as_a_malformed_slate() -> None:
    page, offered = make.page(reserved=[1]), make.candidates([video()] * 2)
    found = make.judged([0, 1, -1], offered, page, make.policy())
    assert [(v.rule_id, v.slots) for v in found] == [(SLATE, (1,))]


def test_placement_without_its_mark_is_objected_to() -> None:
    rule = make.rule("must_show", of={"ai_generated": ["suspected"]}, duty="ai_suspected")
    rows = [video(ai_generated="no"), video(ai_generated="suspected"), video()]
    offered, page, policy = make.candidates(rows), make.page(), make.policy_of(rule)
    offer = offered.offer(policy.compiled, page.day)
    slate = np.array([0, 1, 2])
    honest = compile_program(offer, page, policy).claims(slate)
    assert honest.duties.tolist() == [0, Duty.AI_SUSPECTED.word, Duty.AI_SUSPECTED.word]
    assert verify(slate, offer, honest, page, policy).violations == []
    for duties, slots in (([0, 0, 16], (1,)), ([0, 0, 0], (1, 2)), ([0, 2, 16], (1,))):
        claims = honest._replace(duties=np.array(duties))
        [found] = verify(slate, offer, claims, page, policy).violations
        assert (found.rule_id, found.level, found.slots) == (rule.id, 0, slots)
