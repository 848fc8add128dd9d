"""The compiled gatherer, judge and finder of reasons against their references, on seeded inputs."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from constraints.decision import Cause, Parts
from constraints.govern import decide
from constraints.judging import bench_of, compiled, reference, watched_of
from constraints.kernel import gather, gather_reference
from constraints.offer import Offer
from constraints.page import Page
from constraints.policy import Policy
from constraints.program import DISCOUNT, Program
from constraints.reasons import plain, told
from constraints.reasons.reference import Reasons
from constraints.reasons.rows import Told
from constraints.shape import asked_of, shape_of
from constraints.steering import compile_program
from tests import chance, make
from tests.test_rule_contract import MIXTURES, policy_for

SEEDS = range(150)


def drawn(seed: int) -> tuple[Offer, Page, Policy]:
    """Draw an offer; every third rule is in shadow, every fifth page offers rows twice."""
    policy = policy_for(MIXTURES, seed)
    instance = chance.instance("compiled", seed, count_max=40, slots_max=20)
    if seed % 3 == 0:
        modes = ["shadow", "enforce", "enforce"]
        rules = tuple(
            rule.model_copy(update={"mode": modes[i % 3]}) for i, rule in enumerate(policy.rules)
        )
        policy = Policy(policy.surfaces, rules, policy.weight_range, policy.digest)
    offer = instance.candidates.offer(policy.compiled, instance.page.day)
    if seed % 5 == 0 and len(offer):
        rows = np.random.default_rng(seed).choice(offer.rows, len(offer)).astype(np.int32)
        offer = Offer(offer.catalogue, rows, offer.utility, offer.standing_rows, offer.standing_at)
    return offer, instance.page, policy


def _read_only(array: np.ndarray) -> np.ndarray:
    """Return an array as catalogues hold theirs: kernels are compiled for such alone."""
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("spread", [1, 1_009], ids=["few labels", "as many as series"])
def test_gathering_equals_the_reference(spread: int) -> None:
    groups = widest = 0
    for seed in SEEDS:
        offer, page, policy = drawn(seed)
        catalogue = offer.catalogue
        asked = asked_of(shape_of(policy, page), catalogue.steer)
        arguments = (
            np.uint64(page.open << page.tail_count),
            np.array(offer.rows, np.int32),
            np.array(offer.utility, np.float64),
            np.array(offer.standing_rows, np.int32),
            np.array(offer.standing_at, np.int32),
            catalogue.steer.class_of,
            tuple(_read_only(column * np.int32(spread)) for column in catalogue.labels),
            (catalogue.label_counts - 1) * spread + 1,
            asked.tables,
        )
        ours, theirs = gather.gather(*arguments), gather_reference.gather(*arguments)
        pairs = zip(map(np.asarray, ours), map(np.asarray, theirs), strict=True)
        for name, (mine, other) in zip(ours._fields, pairs, strict=True):
            assert mine.dtype == other.dtype, name
            assert mine.tolist() == other.tolist(), (seed, name)
        groups += len(ours.occupied)
        widest = max(widest, *ours.group_label.tolist(), 0)
    assert groups > 100
    assert (widest > gather.DENSE_MAX) == (spread > 1)


def test_claims_equal_the_reference() -> None:
    for seed in SEEDS:
        offer, page, policy = drawn(seed)
        steering, rng = compile_program(offer, page, policy), np.random.default_rng(seed)
        for _ in range(4):
            slate = rng.integers(-3, len(offer) + 3, page.slot_count)
            told = slate, steering.class_of, steering.asked.factors, steering.asked.duties
            pairs = zip(gather.claim(*told), gather_reference.claim(*told), strict=True)
            assert all(mine.tolist() == other.tolist() for mine, other in pairs), seed
            told = np.clip(slate, -1, len(offer) - 1), steering.program.utility, DISCOUNT
            assert gather.worth(*told) == gather_reference.worth(*told)


WORTHS = {
    "different": lambda rng: rng.gamma(2, 1, 300),
    "many alike": lambda rng: rng.integers(0, 4, 300) * 0.25,
    "float32 with weights": lambda rng: (
        rng.gamma(2, 1, 300).astype(np.float32) * rng.choice([1.0, 1.12, 0.6], 300)
    ),
    "huge and tiny": lambda rng: 10.0 ** rng.uniform(-300, 300, 300),
    "zeros": lambda rng: np.zeros(300),
    "one": lambda rng: np.ones(1),
    "none": lambda rng: np.ones(0),
}


@pytest.mark.parametrize("name", WORTHS)
def test_order_is_by_worth_and_ties_by_index(name: str) -> None:
    for seed in range(20):
        worth = WORTHS[name](np.random.default_rng(seed)).astype(np.float64)
        expected = np.argsort(-worth, kind="stable")
        assert gather._by_worth(worth).tolist() == expected.tolist()


def test_minus_zero_is_zero() -> None:
    offer, page, policy = drawn(1)
    utility = np.where(np.arange(len(offer)) % 2, -0.0, 0.0)
    zeros = Offer(offer.catalogue, offer.rows, utility, offer.standing_rows, offer.standing_at)
    kept: list[Program] = []
    empty = np.full(page.slot_count, -1)
    solver = make.solver(lambda program: (kept.append(program), empty)[1])
    decide(zeros, page, policy, solver=solver)
    assert kept[0].order.tolist() == list(range(len(offer)))


def test_judging_equals_the_reference() -> None:
    kinds = set[int]()
    for seed in SEEDS:
        offer, page, policy = drawn(seed)
        bench, judge = bench_of(policy, page), offer.catalogue.judge
        rng = np.random.default_rng(seed)
        count = len(offer)
        for draw in range(8):
            pool = np.r_[np.arange(count), np.full(page.slot_count, -1)]
            slate = rng.permutation(pool)[: page.slot_count]
            if draw == 7:
                slate = rng.integers(-3, count + 3, page.slot_count)
            class_of = judge.class_of
            if draw == 6:  # some are in quarantine
                class_of = class_of * rng.integers(0, 2, len(class_of)).astype(np.uint16)
                class_of.flags.writeable = False
            arguments = (
                slate.astype(np.int64),
                page.reserved,
                np.array(offer.rows, np.int32),
                np.array(offer.standing_rows, np.int32),
                np.array(offer.standing_at, np.int32),
                class_of,
                judge.verdicts,
                offer.catalogue.labels,
                rng.choice([0.5, 1.0, 1.5], (len(bench.weighers), page.slot_count)),
                rng.integers(0, 4, page.slot_count),
                watched_of(bench, judge),
                bench.tables,
            )
            ours, theirs = compiled.judge(*arguments), reference.judge(*arguments)
            key = tuple[int, ...]
            mine: list[key] = sorted(map(tuple, ours.tolist()))
            assert mine == sorted(map(tuple, theirs.tolist())), (seed, draw)
            assert _by_rule(ours) == _by_rule(theirs), "each rule's findings in the same order"
            kinds.update(ours[:, 0].tolist())
    assert kinds == set(range(8))


def _by_rule(found: np.ndarray) -> list[list[int]]:
    return sorted(found.tolist(), key=lambda finding: finding[:2])


def test_kernels_are_compiled_for_one_kind_of_arrays_alone() -> None:
    """Or a request with others would wait for a compiler."""
    for seed in SEEDS[:30]:
        decide(*drawn(seed))
    assert len(gather.gather.signatures) == 1
    assert len(compiled.judge.signatures) == 1


def test_others_functions_are_compiled_as_numba_does() -> None:
    """What we leave out of our own kernels stays in those of a program that we are part of."""
    numba: Any = pytest.importorskip("numba")
    last = numba.njit(lambda numbers, at: numbers[at])
    assert gather.worth(np.zeros(1, np.int64), np.ones(1, np.int64), np.ones(1, np.int64)) == 1
    assert last(np.arange(3), -1) == 2


def test_reasons_equal_the_reference() -> None:
    """On the slates we return, and on any others: nothing but who stands where is given."""
    causes, groups = set[Cause](), 0
    for seed in SEEDS:
        offer, page, policy = drawn(seed)
        steering = compile_program(offer, page, policy)
        if steering.shape.pins:
            continue
        rng = np.random.default_rng(seed)
        slates = [np.array(decide(offer, page, policy).slate, np.int64)]
        for _ in range(3):
            drawn_slate = rng.permutation(np.arange(-page.slot_count // 3, len(offer)))
            slate = np.full(page.slot_count, -1)
            slate[: len(drawn_slate)] = np.maximum(drawn_slate, -1)[: page.slot_count]
            slates.append(slate)
        for slate in slates:
            ours = told(slate, steering, offer, page)
            theirs = plain(Reasons(steering, offer.utility, slate.tolist(), {}), offer, page)
            assert isinstance(ours, Told)
            assert repr(ours.words) == repr(theirs.words), seed  # rows of the law, too
            for field in fields(Parts):
                assert getattr(ours, field.name) == getattr(theirs, field.name), (seed, field.name)
            found = [r for m in ours.words.moves for r in m.reasons]
            found += [r for one in ours.words.placements for r in one.reasons]
            causes |= {reason.cause for reason in found}
            groups += sum(reason.group > 0 for reason in found)
    assert causes >= {Cause.BLOCKED, Cause.CAPPED, Cause.SUNK, Cause.WEIGHTED, Cause.FLOOR}
    assert Cause.DISPLACED in causes
    assert groups > 100
