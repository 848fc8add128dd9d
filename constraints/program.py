"""Rules folded into the engine's one form: eligibility words, tiers, groups with their spans.

A position is a bit: 0 to T-1 the tail, nearest last; T to T+K-1 the slots of this page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from constraints.effects import HARD, Block, Floor, GroupEffect, RowEffect, Sink, Weight
from constraints.facts import BoolArray, Facts, FloatArray, IntArray, WordArray
from constraints.page import Page, slots_from
from constraints.rule import Rule, Verdicts

UNCAPPED: Final = 127
UTILITY_BITS: Final = 38  # the largest utility of a page has this many bits
DISCOUNT: Final = np.rint(2**16 / np.log2(np.arange(64) + 2)).astype(np.int64)
"""(64,) int64: how much a slot is worth, about 1 / log2(slot + 2), in 65536ths."""


@dataclass(frozen=True, slots=True)
class Steering:
    """What one rule asks of the candidates of one page; the reasons are read from it.

    Attributes:
        rule: the rule.
        verdicts: (n,) uint8, see `Rule.rows`.
        effects: verdict → row effects.
    """

    rule: Rule
    verdicts: Verdicts
    effects: dict[int, tuple[RowEffect, ...]]


@dataclass(frozen=True, slots=True)
class Spans:
    """Where members of a group are counted: ranges, and windows that slide.

    Sorted by group; the spans of group g are rows start[g] to start[g + 1] - 1.

    Attributes:
        start: (g + 1,) int32.
        level: (c,) int32, 0 hard.
        least, most: (c,) int32; least 0 for none, most UNCAPPED for none.
        mask: (c,) uint64, positions of a range; all positions for a window.
        window: (c,) int32, length of a window in positions, 0 for a range.
        rule: (c,) int32 index into the steering rules.
    """

    start: IntArray
    level: IntArray
    least: IntArray
    most: IntArray
    mask: WordArray
    window: IntArray
    rule: IntArray


@dataclass(frozen=True, slots=True)
class Program:
    """The page in the engine's form, for n candidates, T tail positions and K slots.

    Attributes:
        slot_count, tail_count: K and T.
        open: word of the page slots to fill.
        order: (n,) int32 candidates, best weighted utility first, ties by index.
        utility: (n,) int64 weighted utility, scaled by a power of two; 0 where it may not stand.
        eligible: (n,) uint64, positions the candidate may take.
        tier: (n,) uint8, 0 normal, 1 sunk.
        group_start, group_of: (n + 1,) and (m,) int32, the groups of each candidate.
        occupied: (g,) uint64, positions where a member of the group already stands.
        spans: what is counted.
        group_name: per group, (steering rule index, number of the group within the rule).
        weight: (n,) float64, product of all weights, clipped.
        weights: rule id → (n,) float64.
        steering: one entry a rule, in policy order.
    """

    slot_count: int
    tail_count: int
    open: int
    order: IntArray
    utility: IntArray
    eligible: WordArray
    tier: IntArray
    group_start: IntArray
    group_of: IntArray
    occupied: WordArray
    spans: Spans
    group_name: tuple[tuple[int, int], ...]
    weight: FloatArray
    weights: dict[str, FloatArray]
    steering: tuple[Steering, ...]


def compile_program(
    rules: Sequence[Rule],
    facts: Facts,
    utility: FloatArray,
    page: Page,
    weight_range: tuple[float, float],
) -> Program:
    """Fold the rules in force on a page into one program.

    Args:
        rules: rules in force on the page.
        facts: n rows, the candidates.
        utility: (n,) float, finite, >= 0, as received.
        page: the page.
        weight_range: smallest and largest product of weights.
    """
    steering = tuple(
        Steering(rule, rule.rows(facts, page.day), dict(rule.effects(page))) for rule in rules
    )
    count, tail_count = len(facts), page.tail_count
    open_slots = page.slots & ~page.reserved
    eligible = np.full(count, open_slots, np.uint64)
    tier = np.zeros(count, np.uint8)
    weight = np.ones(count)
    weights: dict[str, FloatArray] = {}
    for step in steering:
        blocked, sunk, factor = _tables(step.effects)
        eligible &= ~blocked[step.verdicts]
        tier |= sunk[step.verdicts]
        if factor is not None:
            weights[step.rule.id] = factor[step.verdicts]
            weight = weight * weights[step.rule.id]
    weight = np.clip(weight, *weight_range)
    weighted = utility.astype(np.float64) * weight
    group_start, group_of, occupied, spans, names = _group(rules, facts, page)
    return Program(
        slot_count=page.slot_count,
        tail_count=tail_count,
        open=open_slots,
        order=np.argsort(-weighted, kind="stable").astype(np.int32),
        utility=_scaled(weighted * (eligible != 0)),
        eligible=eligible << np.uint64(tail_count),
        tier=tier,
        group_start=group_start,
        group_of=group_of,
        occupied=occupied,
        spans=spans,
        group_name=names,
        weight=weight,
        weights=weights,
        steering=steering,
    )


def _tables(
    effects: dict[int, tuple[RowEffect, ...]],
) -> tuple[WordArray, IntArray, FloatArray | None]:
    """Turn verdict → effects into three look-up tables by verdict."""
    blocked, sunk = np.zeros(256, np.uint64), np.zeros(256, np.uint8)
    factor: FloatArray | None = None
    for verdict, asked in effects.items():
        for effect in asked:
            match effect:
                case Block(slots):
                    blocked[verdict] |= np.uint64(slots)
                case Sink():
                    sunk[verdict] = 1
                case Weight(ratio):
                    factor = np.ones(256) if factor is None else factor
                    factor[verdict] *= ratio
    return blocked, sunk, factor


def _scaled(weighted: FloatArray) -> IntArray:
    """Round once, on a power-of-two scale, so that the same page is the same everywhere."""
    _, exponent = np.frexp(weighted.max(initial=0.0))
    return np.rint(np.ldexp(weighted, UTILITY_BITS - int(exponent))).astype(np.int64)


def _group(
    rules: Sequence[Rule], facts: Facts, page: Page
) -> tuple[IntArray, IntArray, WordArray, Spans, tuple[tuple[int, int], ...]]:
    """Give every group a number, and list what is counted of its members."""
    columns = [np.empty((len(facts), 0), np.int32)]
    names: list[tuple[int, int]] = []
    rows: list[tuple[int, int, GroupEffect]] = []
    occupied: list[int] = []
    for index, rule in enumerate(rules):
        effects = rule.group_effects(page)
        labels = rule.groups(facts, page.day) if effects else None
        if labels is None:
            continue
        present = np.flatnonzero(np.bincount(labels.ravel() + 1)[1:])
        renumber = np.full(int(labels.max(initial=-1)) + 2, -1, np.int32)
        renumber[present] = len(names) + np.arange(len(present), dtype=np.int32)
        columns.append(renumber[labels])  # label -1 reads the last entry, which is -1
        seen = _seen(rule, page)
        for number in present.tolist():
            rows.extend((len(names), index, effect) for effect in effects)
            names.append((index, number))
            occupied.append(seen.get(number, 0))
    matrix = np.concatenate(columns, axis=1)
    member: BoolArray = matrix >= 0
    start = np.zeros(len(facts) + 1, np.int32)
    np.cumsum(member.sum(axis=1), out=start[1:])
    spans = _spans(rows, len(names), page)
    return start, matrix[member], np.array(occupied, np.uint64), spans, tuple(names)


def _seen(rule: Rule, page: Page) -> dict[int, int]:
    """Find where groups already stand, in the tail and in reserved slots: group → word."""
    seen: dict[int, int] = {}
    labels = rule.groups(page.standing, page.day) if page.standing_at else None
    if labels is not None:
        for at, labelled in zip(page.standing_at, labels.tolist(), strict=True):
            for number in labelled:
                if number >= 0:
                    seen[number] = seen.get(number, 0) | 1 << page.tail_count + at
    return seen


def _spans(rows: list[tuple[int, int, GroupEffect]], group_count: int, page: Page) -> Spans:
    tail_count = page.tail_count
    everywhere = (1 << tail_count + page.slot_count) - 1
    table = np.zeros((5, len(rows)), np.int32)
    mask = np.zeros(len(rows), np.uint64)
    for column, (_, rule_index, effect) in enumerate(rows):
        if isinstance(effect, Floor):
            table[:, column] = effect.level, effect.least, UNCAPPED, 0, rule_index
            mask[column] = effect.slots << tail_count
        else:
            table[:, column] = effect.level, 0, effect.most, effect.window_slots, rule_index
            above = slots_from(tail_count - effect.above, tail_count)
            counted = effect.slots << tail_count | above
            mask[column] = everywhere if effect.window_slots else counted
    start = np.searchsorted([group for group, _, _ in rows], np.arange(group_count + 1))
    level, least, most, window, rule = table
    assert (least[level == HARD] == 0).all(), "INVARIANT: a floor is soft"
    return Spans(start.astype(np.int32), level, least, most, mask, window, rule)
