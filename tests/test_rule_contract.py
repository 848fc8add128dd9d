"""What every rule type promises, tried on seeded inputs. A new type is tried without more ado."""

import re
import tomllib
from collections import Counter
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

import numpy as np
import pytest

from constraints import kernel
from constraints.facts import DAY_MAX, Facts, FloatArray, day_of
from constraints.govern import govern
from constraints.judging import bench_of
from constraints.kernel import reference
from constraints.law import law_rows
from constraints.offer import Candidates
from constraints.page import Page, ViewerClass
from constraints.policy import Policy, shipped_policy
from constraints.program import Program
from constraints.rule import Rule
from constraints.rules import rule_types
from constraints.shape import shape_of
from constraints.steering import Steering
from constraints.terms import Kind
from constraints.vocabulary import Vocabulary
from tests import chance, make
from tests.chance import Instance

SEEDS = range(200)
MIXTURES = "mixture"
every_type = pytest.mark.parametrize("name", rule_types())
every_policy = pytest.mark.parametrize("name", [*rule_types(), MIXTURES])


@cache
def rule_for(name: str, seed: int) -> Rule:
    return make.policy(chance.rule_text(name, rule_types()[name], seed)).rules[0]


@cache
def policy_for(name: str, seed: int) -> Policy:
    """Return a policy of one rule of a type, or a mixture of up to eight of any types."""
    if name != MIXTURES:
        return replace(make.policy(), rules=(rule_for(name, seed),))
    rng = chance.seeded("mixture", seed)
    names = rng.choices([*rule_types()], k=rng.randint(2, 8))
    drawn = [rule_for(each, seed * 10 + i) for i, each in enumerate(names)]
    rules = (rule.model_copy(update={"id": f"rule-{i}"}) for i, rule in enumerate(drawn))
    return replace(make.policy(), rules=tuple(rules))


def compiled(policy: Policy, facts: Facts, utility: FloatArray, page: Page) -> Steering:
    return make.steering(Candidates(utility, facts), page, policy)


def columns(facts: Facts) -> dict[str, list[Any]]:
    return {f.name: getattr(facts, f.name).tolist() for f in fields(facts)}


@every_type
def test_docstring_cites_its_law_and_says_how_it_reads_it(name: str) -> None:
    doc = rule_types()[name].__doc__ or ""
    parts = re.findall(r"^    (Law|Reading|Unknown|Effect): \S", doc, re.MULTILINE)
    assert parts == ["Law", "Reading", "Unknown", "Effect"]


def test_every_source_of_a_shipped_policy_is_a_row_of_the_law() -> None:
    for path in (files("constraints") / "policies").iterdir():
        for rule in tomllib.loads(path.read_text(encoding="utf-8")).get("rules", []):
            assert rule["source"] in law_rows()


@every_type
def test_parameters_survive_being_written_to_a_file_and_read_again(name: str) -> None:
    for seed in SEEDS:
        rule = rule_for(name, seed)
        told = rule.model_dump(exclude_none=True, exclude={"type"})
        assert make.rule(name, **told) == rule, seed


@every_type
def test_verdicts_of_some_rows_are_those_rows_of_all(name: str) -> None:
    for seed in SEEDS:
        drawn, rule = chance.instance(seed), rule_for(name, seed)
        facts, day = drawn.candidates.facts, drawn.page.day
        before = columns(facts)
        rng = np.random.default_rng(seed)
        index = rng.integers(0, len(facts), 20) if len(facts) else np.arange(0)
        for index_ in (index, rng.permutation(len(facts))):
            some = facts.take(index_)
            for half in (rule.rows, rule.judged):
                assert half(some, day).tolist() == half(facts, day)[index_].tolist(), seed
        assert columns(facts) == before, "facts are only read"


@every_type
def test_both_halves_give_the_same_verdicts(name: str) -> None:
    seen = set[int]()
    for seed in SEEDS:
        drawn, rule = chance.instance(seed), rule_for(name, seed)
        for day in (drawn.page.day, *map(day_of, chance.DAYS)):
            verdicts = rule.rows(drawn.candidates.facts, day)
            assert verdicts.dtype == rule.judged(drawn.candidates.facts, day).dtype == np.uint8
            assert verdicts.tolist() == rule.judged(drawn.candidates.facts, day).tolist(), seed
            seen.update(verdicts.tolist())
    assert len(seen) > 1 or name == "theme_cap"


@every_type
def test_verdicts_change_only_on_the_days_a_rule_names(name: str) -> None:
    for seed in SEEDS[:80]:
        drawn, rule = chance.instance(seed), rule_for(name, seed)
        facts, day = drawn.candidates.facts, drawn.page.day
        named_days = rule.flips(facts)
        flips = np.array(named_days, np.int64).reshape(len(named_days), len(facts))
        days = {day + offset for offset in (-200, -50, -1, 0, 1, 50, 200)}
        days |= {each - 1 for each in flips.ravel().tolist() if 1 < each < DAY_MAX}
        days |= {each + 1 for each in days}
        before = min(days) - 1
        for each in sorted(days):
            named = ((flips > before) & (flips <= each)).any(axis=0)
            for half in (rule.rows, rule.judged):
                changed = half(facts, each) != half(facts, before)
                assert not (changed & ~named).any(), (seed, each)
            before = each


@every_policy
def test_rules_ask_the_same_of_every_page_of_a_shape(name: str) -> None:
    shapes = set[Page]()
    for seed in SEEDS:
        page, policy, rng = chance.instance(seed).page, policy_for(name, seed), Random(seed)
        for first_slot in (page.first_slot, rng.randrange(60), 64 + seed * seed):
            each = page._replace(
                first_slot=first_slot,
                terminal=rng.choice([*policy.terminals, ""]),
                viewer_class=rng.choice([*ViewerClass]),
                is_personalised=rng.random() < 0.5,
            )
            shape = policy.shape(each)
            assert policy.shape(shape) == shape
            shapes.add(shape)
            for rule in policy.compiled:
                assert rule.applies(each) == rule.applies(shape), seed
                if rule.applies(each):
                    assert rule.demands(each) == rule.demands(shape), seed
                    assert rule.effects(each) == rule.effects(shape), seed
                    assert rule.group_effects(each) == rule.group_effects(shape), seed
    assert len(shapes) > len(SEEDS) // 2


def test_pages_that_the_shipped_rules_do_not_tell_apart_share_what_is_made_for_them() -> None:
    policy = shipped_policy()
    top = Page("home", "phone", day_of(chance.DAYS[0]), 10, 6)
    below = top._replace(first_slot=10, tail_count=5)
    same = top._replace(terminal="tv", viewer_class=ViewerClass.ADULT, is_personalised=False)
    assert shape_of(policy, top) is shape_of(policy, same._replace(reserved=3))
    assert bench_of(policy, below) is bench_of(policy, below._replace(first_slot=40))
    others = (
        below,
        top._replace(first_screen_slots=7),
        top._replace(viewer_class=ViewerClass.MINOR),
    )
    assert len({id(shape_of(policy, page)) for page in (top, *others)}) == 4


@every_policy
def test_what_govern_makes_is_lawful_at_once(name: str) -> None:
    for seed in SEEDS:
        drawn, policy = chance.instance(seed), policy_for(name, seed)
        before = columns(drawn.candidates.facts)
        decision = govern(drawn.candidates, drawn.page, policy)
        assert decision.withdrawn == (), seed
        assert not decision.solver_failed, seed
        assert all(violation.level > 0 for violation in decision.relaxed), seed
        assert govern(drawn.candidates, drawn.page, policy) == decision, seed
        assert columns(drawn.candidates.facts) == before


@every_policy
def test_solver_and_verifier_measure_a_slate_alike(name: str) -> None:
    for seed in SEEDS:
        drawn, policy = chance.instance(seed), policy_for(name, seed)
        offered, page = drawn.candidates, drawn.page
        told = offered, page, policy
        steering, judge = make.steering(*told), make.judge(*told)
        program, known = steering.program, _known(steering)
        rng = np.random.default_rng(seed)
        slates = [np.array(govern(offered, page, policy).slate, np.int32)]
        slates += [_random_slate(rng, len(offered.facts), page) for _ in range(4)]
        for slate in slates:
            found = judge(slate)
            score = reference.measure(kernel.tables(program), slate)
            assert score[3:9].tolist() == _soft(found, known), seed
            objections = [violation for violation in found if violation.level == 0]
            assert bool(objections) == (not _lawful(program, slate, score)), seed


def _random_slate(rng: np.random.Generator, count: int, page: Page) -> np.ndarray:
    drawn = rng.permutation(np.r_[np.arange(count), np.full(page.slot_count // 2 + 1, -1)])
    slate = np.full(page.slot_count, -1, np.int32)
    slate[: len(drawn)] = drawn[: page.slot_count]
    slate[[page.reserved >> slot & 1 == 1 for slot in range(page.slot_count)]] = -1
    return slate


def _known(steering: Steering) -> set[tuple[str, int]]:
    """List the groups of a program: rule id and number."""
    spans = steering.program.spans
    labels = np.repeat(steering.group_label, np.diff(spans.start)).tolist()
    ids = [steering.shape.rules[rule].id for rule in spans.rule]
    return set(zip(ids, labels, strict=True))


def _soft(found: list[Any], known: set[tuple[str, int]]) -> list[int]:
    """Add up soft violations by level, without floors of which nothing at all is offered."""
    counts: Counter[int] = Counter()
    for violation in found:
        if (violation.rule_id, violation.group) in known:
            counts[violation.level] += violation.count
        else:
            assert violation.level == 0 or violation.slots == ()
    return [counts[level] for level in range(1, 7)]


def _lawful(program: Program, slate: np.ndarray, score: np.ndarray) -> bool:
    placed = [(slot, c) for slot, c in enumerate(slate.tolist()) if c >= 0]
    may = [int(program.eligible[c]) >> program.tail_count + slot & 1 for slot, c in placed]
    tiers = [int(program.tier[c]) for _, c in placed]
    return all(may) and tiers == sorted(tiers) and score[0] == 0


@every_policy
def test_numbering_candidates_otherwise_changes_nothing(name: str) -> None:
    for seed in SEEDS:
        drawn, policy = chance.instance(seed), policy_for(name, seed)
        offered = drawn.candidates
        order = np.random.default_rng(seed).permutation(len(offered.facts))
        renumbered = replace(
            offered, utility=offered.utility[order], facts=offered.facts.take(order)
        )
        slate = govern(offered, drawn.page, policy).slate
        again = govern(renumbered, drawn.page, policy).slate
        assert [int(order[c]) if c >= 0 else -1 for c in again] == slate, seed


def _stand(policy: Policy, facts: Facts, drawn: Instance) -> np.ndarray:
    """Tell which candidate could stand in which slot, nothing else of ours being on the page."""
    page, others = drawn.page, drawn.candidates
    offered = Candidates(np.ones(len(facts)), facts, others.standing, others.standing_at)
    program, judge = make.steering(offered, page, policy).program, make.judge(offered, page, policy)
    may = np.zeros((len(facts), page.slot_count), np.bool_)
    for candidate in range(len(facts)):
        for slot in np.flatnonzero([page.reserved >> s & 1 == 0 for s in range(page.slot_count)]):
            slate = np.full(page.slot_count, -1, np.int32)
            slate[slot] = candidate
            score = reference.measure(kernel.tables(program), slate)
            found = judge(slate)
            may[candidate, slot] = all(violation.level > 0 for violation in found)
            assert may[candidate, slot] == _lawful(program, slate, score)
    return may


@every_type
def test_steering_and_judging_agree_on_who_may_stand_where(name: str) -> None:
    for seed in SEEDS[:60]:
        drawn = chance.instance(seed, count_max=8, slots_max=6)
        _stand(policy_for(name, seed), drawn.candidates.facts, drawn)


@every_type
def test_what_nobody_knows_of_opens_no_slot_that_good_papers_do_not(name: str) -> None:
    kinds = np.array([Kind.DRAMA, Kind.ROOM, Kind.VIDEO, Kind.VIDEO], np.uint8)
    told = np.array([Kind.DRAMA, Kind.ROOM, Kind.VIDEO, Kind.UNKNOWN], np.uint8)
    rows = [make.drama(), make.room(), make.video(), make.video()]
    for seed in SEEDS[:60]:
        if getattr(rule_for(name, seed), "in_doubt", "burdened") == "spared":
            continue  # it says of itself that it lets alone whom nobody knows
        drawn = chance.instance(seed, slots_max=6)
        own = [row | {"themes": f"own-{i}", "rated_on": "2022-01-01"} for i, row in enumerate(rows)]
        good = make.facts(own, _beyond(chance.TAGS))
        good = good.with_columns(rated_on=np.full(len(rows), drawn.page.day, np.int32))
        assert good.kind.tolist() == kinds.tolist()
        unknown = Facts.unknown(len(rows)).with_columns(kind=told.astype(np.uint8))
        known = _stand(policy_for(name, seed), good, drawn)
        assert not (_stand(policy_for(name, seed), unknown, drawn) & ~known).any(), seed


def _beyond(tags: list[str]) -> Vocabulary:
    """Return a vocabulary whose next themes stand nowhere on a drawn page."""
    vocabulary = Vocabulary()
    for tag in tags:
        vocabulary.number(tag)
    return vocabulary


@every_type
def test_facts_that_age_open_no_slot_and_raise_no_score(name: str) -> None:
    for seed in SEEDS[:60]:
        drawn, policy = chance.instance(seed, count_max=8, slots_max=6), policy_for(name, seed)
        fresh, page = drawn.candidates.facts, drawn.page
        aged = fresh.aged()
        opened = _stand(policy, aged, drawn) & ~_stand(policy, fresh, drawn)
        assert not opened.any(), seed
        before = compiled(policy, fresh, drawn.candidates.utility, page)
        after = compiled(policy, aged, drawn.candidates.utility, page)
        sunk = after.program.tier > before.program.tier
        assert (after.program.tier >= before.program.tier).all(), seed
        lower = (after.weight <= before.weight) | sunk | (after.program.eligible == 0)
        assert lower.all(), seed
