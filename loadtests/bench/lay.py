"""Lays a page out in the engine's form: candidates, families of groups, and what is counted."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from constraints.kernel import Tables
from constraints.program import DISCOUNT, UNCAPPED, UTILITY_BITS

IntArray = NDArray[Any]
FloatArray = NDArray[np.float64]
WordArray = NDArray[np.uint64]
ONE: Final = np.uint64(1)


class Span(NamedTuple):
    """One cap or floor, for every group of a family; a word of positions, or a window of many."""

    level: int
    least: int = 0
    most: int = UNCAPPED
    mask: int = 0
    window: int = 0


class Family(NamedTuple):
    """Groups of one kind, such as themes.

    Attributes:
        labels: (n, k) int group of each candidate within the family, -1 none.
        spans: what is counted of each group.
        standing: (p, k) int groups of what already stands; see `Shape.standing_at`.
    """

    labels: IntArray
    spans: tuple[Span, ...]
    standing: IntArray | None = None


class Shape(NamedTuple):
    """The page: K slots, T tail positions, the word of open slots.

    Attributes:
        standing_at: (p,) int positions that others have filled, as bits count them.
    """

    slot_count: int
    tail_count: int
    open: int
    standing_at: IntArray

    @property
    def every(self) -> int:
        """Word of all positions."""
        return (1 << self.tail_count + self.slot_count) - 1

    def slots(self, start: int, stop: int) -> int:
        """Return the word of positions of slots [start, stop)."""
        return ((1 << max(stop, start)) - 1 & ~((1 << start) - 1)) << self.tail_count


def scaled(weighted: FloatArray) -> IntArray:
    """Round once, on a power-of-two scale: the largest has UTILITY_BITS bits."""
    _, exponent = np.frexp(weighted.max(initial=0.0))
    found: IntArray = np.rint(np.ldexp(weighted, UTILITY_BITS - int(exponent))).astype(np.int64)
    return found


def tables(
    shape: Shape,
    utility: FloatArray,
    slots: WordArray,
    tier: IntArray,
    families: Sequence[Family],
) -> Tables:
    """Lay a page out.

    Args:
        shape: of the page.
        utility: (n,) float64, finite, >= 0.
        slots: (n,) uint64 word of slots that each candidate may take, bit 0 for slot 0.
        tier: (n,) 0 normal, 1 sunk.
        families: what is counted; a group without a candidate is left out.
    """
    slots = slots & np.uint64(shape.open)
    columns = [np.empty((len(utility), 0), np.int32)]
    occupied, spans, start = [np.zeros(0, np.uint64)], list[Span](), [0]
    for family in families:
        present = np.flatnonzero(np.bincount(family.labels.ravel() + 1)[1:])
        if not len(present):
            continue
        before = len(start) - 1
        renumber = np.full(family.labels.max() + 2, -1, np.int32)  # label -1 reads the last, -1
        renumber[present] = before + np.arange(len(present))
        columns.append(renumber[family.labels])
        occupied.append(_occupied(shape, family)[present])
        for _ in present:
            spans.extend(family.spans)
            start.append(len(spans))
    matrix = np.concatenate(columns, axis=1)
    member = matrix >= 0
    table = np.array(spans, dtype=object).reshape(len(spans), 5)
    level, least, most, window = table[:, [0, 1, 2, 4]].astype(np.int32).T.copy()
    mask = np.where(window > 0, shape.every, table[:, 3]).astype(np.uint64)
    return Tables(
        slot_count=shape.slot_count,
        tail_count=shape.tail_count,
        open=np.uint64(shape.open),
        order=np.argsort(-utility, kind="stable").astype(np.int32),
        utility=scaled(utility * (slots != 0)),
        eligible=slots << np.uint64(shape.tail_count),
        tier=tier.astype(np.uint8),
        group_start=np.concatenate([[0], np.cumsum(member.sum(axis=1))]).astype(np.int32),
        group_of=matrix[member],
        occupied=np.concatenate(occupied),
        span_start=np.array(start, np.int32),
        level=level,
        least=least,
        most=most,
        mask=mask,
        window=window,
        discount=DISCOUNT,
    )


def _occupied(shape: Shape, family: Family) -> WordArray:
    """Return the word of each group of a family, numbered as in its labels."""
    words = np.zeros(family.labels.max() + 1, np.uint64)
    if family.standing is not None:
        bits = ONE << shape.standing_at.astype(np.uint64)
        for column in family.standing.T:
            known = (column >= 0) & (column < len(words))
            np.bitwise_or.at(words, column[known], bits[known])
    return words
