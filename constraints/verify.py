"""Judges the finished slate from raw facts. It shares nothing with what built the slate."""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from constraints.catalogue import QUARANTINE
from constraints.demands import Claims
from constraints.facts import FloatArray, IntArray
from constraints.judging import (
    ABOVE,
    MALFORMED,
    OF_NO_RULE,
    Bench,
    bench_of,
    watched_of,
)
from constraints.offer import Offer
from constraints.page import SHAPES_MAX, Page
from constraints.policy import Policy
from constraints.rule import Violation

SLATE: Final = "slate"
"""Rule id of violations of what any slate must be: offered candidates, each once, in open slots."""

try:
    from constraints.jit import straight
    from constraints.judging.compiled import judge

    judge = straight(judge)
except ImportError:  # without numba
    from constraints.judging.reference import judge


class Judgement(NamedTuple):
    """What is wrong with a slate.

    Attributes:
        violations: of rules in force, hard (level 0) and soft.
        shadow: of rules that are only judged.
    """

    violations: list[Violation]
    shadow: list[Violation]


def verify(slate: IntArray, offer: Offer, claims: Claims, page: Page, policy: Policy) -> Judgement:
    """Judge a slate by every rule's own judging half.

    Args:
        slate: (K,) int candidate of each slot, -1 for none; values may be anything.
        offer: what was offered, compiled for the rules of this policy and this day.
        claims: the factors and duties the decision says each placement has.
        page: the page.
        policy: the policy in force.

    Returns:
        Every violation. When the slate itself is malformed, only that.
    """
    bench, catalogue, laid = bench_of(policy, page), offer.catalogue, offer.laid
    found = judge(
        np.array(slate, np.int64),
        page.reserved,
        laid.rows,
        laid.standing_rows,
        laid.standing_at,
        catalogue.judge.class_of,
        catalogue.judge.verdicts,
        catalogue.labels,
        _aligned(claims, bench.weighers),
        np.array(claims.duties, np.int64),
        catalogue.cached(watched_of, bench, catalogue.judge),
        bench.tables,
    )
    told = found.tolist()
    judgement = Judgement([], [])
    if told:
        _tell(told, bench, judgement)
    return judgement


def _aligned(claims: Claims, rule_ids: tuple[str, ...]) -> FloatArray:
    """Return the factors claimed for some rules, 1 where a rule claims none: (w, K) float64."""
    if claims.rule_ids == rule_ids:
        return claims.factors
    nothing = np.ones((1, claims.factors.shape[1]))
    return np.concatenate([claims.factors, nothing])[_places(claims.rule_ids, rule_ids)]


@lru_cache(SHAPES_MAX)
def _places(claimed: tuple[str, ...], wanted: tuple[str, ...]) -> IntArray:
    """Find each rule among those that claim something, the place behind them where it is not."""
    place = {rule_id: at for at, rule_id in enumerate(claimed)}
    return np.array([place.get(rule_id, len(claimed)) for rule_id in wanted], np.int64)


def _tell(found: list[list[int]], bench: Bench, judgement: Judgement) -> None:
    """Put findings in words, rule by rule; what stands out of order comes last."""
    enforced = bench.tables.enforced
    for kind, rule, level, count, group, word in sorted(found, key=_place):
        if rule == OF_NO_RULE:
            rule_id = SLATE if kind == MALFORMED else QUARANTINE
        else:
            rule_id = bench.rules[rule].id
        slots = tuple(slot for slot in range(word.bit_length()) if word >> slot & 1)
        told = judgement.violations if rule < enforced else judgement.shadow
        told.append(Violation(rule_id, level, slots, count, group))


def _place(finding: list[int]) -> tuple[bool, int, int]:
    kind, rule = finding[:2]
    return kind == ABOVE, rule, kind
