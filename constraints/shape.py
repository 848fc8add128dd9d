"""What rules ask on one shape of page, as tables by class of row: made once, then looked up.

The rules in force and what they ask depend on the page alone, so pages alike share a `Shape`; the
tables also depend on the verdict vectors of a catalogue, so each catalogue remembers its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from constraints.catalogue import LABELS, QUARANTINED, Column
from constraints.effects import (
    HARD,
    Block,
    Cap,
    Floor,
    GroupEffect,
    Pin,
    RowEffect,
    Show,
    Sink,
    Weight,
)
from constraints.facts import BoolArray, FloatArray, IntArray, WordArray
from constraints.page import Page, slots_from
from constraints.policy import Policy, by_shape
from constraints.program import UNCAPPED
from constraints.rule import Rule, Verdicts

VERDICTS: Final = 256


class Pinned(NamedTuple):
    """What one rule pins: whom its `verdict` names, to a slot of the page."""

    slot: int
    rule: int
    verdict: int
    subject: str


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What the rules in force ask on a kind of page.

    Attributes:
        page: the page, without what rules do not look at.
        rules: the r rules that steer it, in policy order.
        columns: of each rule, its column in a catalogue's verdicts.
        effects, group_effects: what each asks for.
        pins: what is pinned, by slot and rule.
        weight_range: smallest and largest product of weights.
        look_back: positions above a page that the windows of its rules reach.
    """

    page: Page
    rules: tuple[Rule, ...]
    columns: tuple[int, ...]
    effects: tuple[dict[int, tuple[RowEffect, ...]], ...]
    group_effects: tuple[tuple[GroupEffect, ...], ...]
    pins: tuple[Pinned, ...]
    weight_range: tuple[float, float]
    look_back: int


@by_shape
def shape_of(policy: Policy, page: Page) -> Shape:
    """Return what a policy asks on pages like one."""
    found = policy.rules_for(page)
    rules = tuple(found.values())
    effects = tuple(dict(rule.effects(page)) for rule in rules)
    pins = (
        Pinned(effect.slot, rule, verdict, effect.subject)
        for rule, asked in enumerate(effects)
        for verdict, each in asked.items()
        for effect in each
        if isinstance(effect, Pin)
    )
    group_effects = tuple(rule.group_effects(page) for rule in rules)
    caps = (effect for each in group_effects for effect in each if isinstance(effect, Cap))
    return Shape(
        page,
        rules,
        tuple(found),
        effects,
        group_effects,
        tuple(sorted(pins)),
        policy.weight_range,
        max((cap.window_slots - 1 for cap in caps), default=0),
    )


class Tables(NamedTuple):
    """What is asked of c classes, as a gatherer reads it; f families of groups, s spans.

    A family is the groups of all rules that count the same classes by the same labels.

    Attributes:
        tail_count: T.
        eligible: (c,) uint64 positions the class may take.
        tier: (c,) uint8.
        weight: (c,) float64 product of all factors, clipped.
        family_start, family: (c + 1,) and (m,) int32, the families each class is counted in.
        labels: (f,) int32 index into LABELS, -1 for one single group.
        fewest: (f,) int32 smallest cap of the family's spans, -1 where it has a floor.
        span_start, level, least, most, mask, window, rule: as in `Spans`, by family.
    """

    tail_count: int
    eligible: WordArray
    tier: IntArray
    weight: FloatArray
    family_start: IntArray
    family: IntArray
    labels: IntArray
    fewest: IntArray
    span_start: IntArray
    level: IntArray
    least: IntArray
    most: IntArray
    mask: WordArray
    window: IntArray
    rule: IntArray


class Span(NamedTuple):
    """One span of a family; see `Spans`."""

    level: int
    least: int
    most: int
    mask: int
    window: int
    rule: int


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a shape asks of every class of a column of verdicts.

    Attributes:
        tables: for the gatherer.
        pinned: (c,) uint64 positions each class is pinned to and may take, 0 when it is sunk; None
            when nothing is pinned, as on most pages.
        weighers: ids of the w rules that weigh, in policy order.
        factors: (w, c + 1) float64, what each puts on each class, and 1 for nobody behind them.
        duties: (c + 1,) int64 word of what each class must be shown with, and 0 for nobody.
        verdicts: (c, columns) uint8, as in `Column`.
        spans: of each family, its spans as plain numbers, as reasons read them.
        noted: class → what reasons look up of it.
    """

    tables: Tables
    pinned: WordArray | None
    weighers: tuple[str, ...]
    factors: FloatArray
    duties: IntArray
    verdicts: Verdicts
    spans: tuple[tuple[Span, ...], ...]
    noted: dict[int, Any] = field(default_factory=dict)


def asked_of(shape: Shape, column: Column) -> Asked:
    """Look up what a shape asks of every class."""
    classes, page = column.verdicts, shape.page
    blocked = np.zeros(len(classes), np.uint64)
    tier = np.zeros(len(classes), np.uint8)
    factors: dict[str, FloatArray] = {}
    weight, duties = np.ones(len(classes)), np.zeros(len(classes), np.int64)
    for rule, at, effects in zip(shape.rules, shape.columns, shape.effects, strict=True):
        does, verdicts = _by_verdict(effects), column.by_rule[at]
        if does.owed is not None:
            duties |= does.owed[verdicts]
        if does.block is not None:
            blocked |= does.block[verdicts]
        if does.sunk is not None:
            tier |= does.sunk[verdicts]
        if does.factor is not None:
            factors[rule.id] = does.factor[verdicts]
            weight = weight * factors[rule.id]
    blocked[QUARANTINED] = page.slots
    eligible = (np.uint64(page.slots) & ~blocked) << np.uint64(page.tail_count)
    tables = Tables(
        page.tail_count,
        eligible,
        tier,
        np.clip(weight, *shape.weight_range),
        *_families(shape, column),
    )
    table = np.ones((len(factors), len(classes) + 1))
    table[:, :-1] = np.array([*factors.values()]).reshape(len(factors), len(classes))
    pinned = _pinned(shape, column, tables) if shape.pins else None
    numbers = _as_numbers(tables)
    return Asked(tables, pinned, tuple(factors), table, np.append(duties, 0), classes, numbers)


def _pinned(shape: Shape, column: Column, tables: Tables) -> WordArray:
    pinned = np.zeros(len(column.verdicts), np.uint64)
    for pin in shape.pins:
        position = np.uint64(1 << tables.tail_count + pin.slot)
        pinned[column.by_rule[shape.columns[pin.rule]] == pin.verdict] |= position
    return np.where(tables.tier == 0, pinned & tables.eligible, np.uint64(0))


def _as_numbers(t: Tables) -> tuple[tuple[Span, ...], ...]:
    columns = (t.level, t.least, t.most, t.mask, t.window, t.rule)
    rows = [Span(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    bounds = pairwise(t.span_start.tolist())
    return tuple(tuple(rows[start:stop]) for start, stop in bounds)


class _Does(NamedTuple):
    """What a rule does to a row, by verdict: (VERDICTS,) each, None for what it never does."""

    block: WordArray | None
    sunk: IntArray | None
    factor: FloatArray | None
    owed: IntArray | None


def _by_verdict(effects: dict[int, tuple[RowEffect, ...]]) -> _Does:
    """Turn verdict → effects into tables to look up in; most rules do one thing alone."""
    block = sunk = factor = owed = None
    for verdict, asked in effects.items():
        for effect in asked:
            match effect:
                case Block(slots) if slots:
                    block = np.zeros(VERDICTS, np.uint64) if block is None else block
                    block[verdict] |= np.uint64(slots)
                case Sink():
                    sunk = np.zeros(VERDICTS, np.uint8) if sunk is None else sunk
                    sunk[verdict] = 1
                case Weight(ratio):
                    factor = np.ones(VERDICTS) if factor is None else factor
                    factor[verdict] *= ratio
                case Show(duty):
                    owed = np.zeros(VERDICTS, np.int64) if owed is None else owed
                    owed[verdict] |= duty.word
    return _Does(block, sunk, factor, owed)


@dataclass(slots=True)
class _Family:
    labels: int
    counts: BoolArray
    spans: list[tuple[int, GroupEffect]] = field(default_factory=list)


def _families(shape: Shape, column: Column) -> tuple[Any, ...]:
    """Find who is counted together, and lay out what is counted of them."""
    many = len(column.verdicts)
    found: dict[tuple[str, bytes], _Family] = {}
    for index, rule in enumerate(shape.rules):
        effects = shape.group_effects[index]
        if not effects:
            continue
        counted = np.zeros(VERDICTS, np.bool_)
        counted[[*rule.counted]] = True
        counts = counted[column.by_rule[shape.columns[index]]]
        # What is in quarantine takes the strict side: it fills every cap and serves no floor.
        counts[QUARANTINED] = not any(isinstance(effect, Floor) for effect in effects)
        labels = LABELS.index(rule.labels) if rule.labels else -1
        family = found.setdefault((rule.labels, counts.tobytes()), _Family(labels, counts))
        family.spans.extend((index, effect) for effect in effects)
    families = list(found.values())
    member = np.array([family.counts for family in families], np.bool_)
    member = member.reshape(len(families), many)
    start = np.zeros(many + 1, np.int32)
    np.cumsum(member.sum(axis=0), out=start[1:])
    of_class = np.nonzero(member.T)[1].astype(np.int32)
    labels_of = np.array([family.labels for family in families], np.int32)
    fewest = np.array([_fewest(family.spans) for family in families], np.int32)
    return start, of_class, labels_of, fewest, *_spans(families, shape.page)


def _fewest(spans: Sequence[tuple[int, GroupEffect]]) -> int:
    return min(effect.most if isinstance(effect, Cap) else -1 for _, effect in spans)


def _spans(families: Sequence[_Family], page: Page) -> tuple[Any, ...]:
    start = np.zeros(len(families) + 1, np.int32)
    start[1:] = np.cumsum([len(family.spans) for family in families])
    tail_count = page.tail_count
    everywhere = (1 << tail_count + page.slot_count) - 1
    table = np.zeros((5, int(start[-1])), np.int32)
    mask = np.zeros(int(start[-1]), np.uint64)
    for at, (rule, effect) in enumerate(s for family in families for s in family.spans):
        if isinstance(effect, Floor):
            assert effect.level > HARD, "INVARIANT: a floor is soft"
            table[:, at] = effect.level, effect.least, UNCAPPED, 0, rule
            mask[at] = effect.slots << tail_count
        else:
            table[:, at] = effect.level, 0, effect.most, effect.window_slots, rule
            above = slots_from(tail_count - effect.above, tail_count)
            counted = effect.slots << tail_count | above
            mask[at] = everywhere if effect.window_slots else counted
    level, least, most, window, rules = table.copy()
    return start, level, least, most, mask, window, rules
