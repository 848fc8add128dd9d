"""Gathers rows into a program with NumPy: the fallback without numba, and its yardstick."""

from typing import Any, NamedTuple

import numpy as np

from constraints.facts import FloatArray, IntArray, WordArray
from constraints.program import UTILITY_BITS


class Gathered(NamedTuple):
    """A program's arrays, see `Program` and `Spans`, and what reasons are read from.

    Attributes:
        class_of: (n,) uint16 class of each candidate.
        weight: (n,) float64.
        group_label, group_family: (g,) int32 what each group is; sorted by family, then by label.
        largest: weighted utility of the best who may stand somewhere, 0.0 for none.
    """

    class_of: IntArray
    weight: FloatArray
    order: IntArray
    utility: IntArray
    eligible: WordArray
    tier: IntArray
    group_start: IntArray
    group_of: IntArray
    group_label: IntArray
    group_family: IntArray
    occupied: WordArray
    span_start: IntArray
    level: IntArray
    least: IntArray
    most: IntArray
    mask: WordArray
    window: IntArray
    rule: IntArray
    largest: float


def gather(
    open_positions: np.uint64,
    rows: IntArray,
    utility: FloatArray,
    standing_rows: IntArray,
    standing_at: IntArray,
    class_of: IntArray,
    labels: tuple[IntArray, ...],
    label_counts: IntArray,
    t: Any,
) -> Gathered:
    """Look up classes and gather groups.

    Args:
        open_positions: word of the positions to fill.
        rows: (n,) int32.
        utility: (n,) float64.
        standing_rows: (t,) int32, see `Offer`.
        standing_at: (t,) int32, see `Offer`.
        class_of: see `Column`; of the steering half.
        labels: see `Catalogue`.
        label_counts: see `Catalogue`.
        t: `Tables` of the page shape.
    """
    classes = class_of[rows]
    eligible, weight = t.eligible[classes] & open_positions, t.weight[classes]
    weighted = utility * weight
    base = np.zeros(len(t.labels) + 1, np.int64)
    base[1:] = np.cumsum([label_counts[column] if column >= 0 else 1 for column in t.labels])
    keys = _keys(rows, classes, labels, base, t)
    occupied = np.zeros(int(base[-1]), np.uint64)
    standing = _keys(standing_rows, class_of[standing_rows], labels, base, t)
    for at, row in zip(standing_at.tolist(), standing, strict=True):
        occupied[row[row >= 0]] |= np.uint64(1 << t.tail_count + at)
    count = np.bincount(keys[keys >= 0], minlength=len(occupied))
    family = np.repeat(np.arange(len(t.labels)), np.diff(base))
    kept = np.flatnonzero((count > 0) & (count + np.bitwise_count(occupied) > t.fewest[family]))
    number = np.full(len(occupied) + 1, -1, np.int32)  # key -1 reads the last entry
    number[kept] = np.arange(len(kept), dtype=np.int32)
    groups = number[keys]
    start = np.concatenate([[0], np.cumsum((groups >= 0).sum(axis=1))]).astype(np.int32)
    first, last = t.span_start[family[kept]], t.span_start[family[kept] + 1]
    spans = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
    span = np.concatenate([np.zeros(0, np.int64), *spans])
    span_start = np.concatenate([[0], np.cumsum(last - first)]).astype(np.int32)
    return Gathered(
        classes,
        weight,
        np.argsort(-weighted, kind="stable").astype(np.int32),
        _scaled(weighted * (eligible != 0)),
        eligible,
        t.tier[classes],
        start,
        groups[groups >= 0],
        (kept - base[family[kept]]).astype(np.int32),
        family[kept].astype(np.int32),
        occupied[kept],
        span_start,
        t.level[span],
        t.least[span],
        t.most[span],
        t.mask[span],
        t.window[span],
        t.rule[span],
        float(weighted.max(initial=0.0, where=eligible != 0)),
    )


def _keys(
    rows: IntArray, classes: IntArray, labels: tuple[IntArray, ...], base: IntArray, t: Any
) -> IntArray:
    """Return the groups of each row, numbered across all families: (n, k) int64, -1 none."""
    columns = [np.empty((len(rows), 0), np.int64)]
    counted = np.repeat(np.arange(len(t.family_start) - 1), np.diff(t.family_start))
    for family, column in enumerate(t.labels):
        own = np.zeros((len(rows), 1), np.int64) if column < 0 else labels[column][rows]
        found = np.where(own > 0, own, -1).astype(np.int64)
        found[:, 0] = np.maximum(own[:, 0], 0)
        member = np.isin(classes, counted[t.family == family])
        columns.append(np.where((found >= 0) & member[:, None], found + base[family], -1))
    return np.concatenate(columns, axis=1)


def _scaled(weighted: FloatArray) -> IntArray:
    """Round once, on a power-of-two scale, so that the same page is the same everywhere."""
    _, exponent = np.frexp(weighted.max(initial=0.0))
    return np.rint(np.ldexp(weighted, UTILITY_BITS - int(exponent))).astype(np.int64)


def claim(
    slate: IntArray, class_of: IntArray, factors: FloatArray, duties: IntArray
) -> tuple[FloatArray, IntArray]:
    """Look up what is done to the placements of a slate.

    Args:
        slate: (K,) int64; it may hold anything.
        class_of: (n,) uint16 class of each candidate.
        factors: (w, c + 1) float64 of each class, the last of nobody.
        duties: (c + 1,) int64, the same.

    Returns:
        (w, K) factors and (K,) duties.
    """
    classes: IntArray = np.full(len(slate), len(duties) - 1)
    if len(class_of):
        placed = (slate >= 0) & (slate < len(class_of))
        classes = np.where(placed, class_of.take(slate, mode="clip"), classes)
    return factors.take(classes, axis=1), duties[classes]


def worth(slate: IntArray, utility: IntArray, discount: IntArray) -> int:
    """Add up what a slate is worth.

    Args:
        slate: (K,) int64 candidate of each slot, -1 for none.
        utility: (n,) int64 of each candidate.
        discount: int64 of each slot, and of more.
    """
    filled = slate >= 0
    return int(utility[slate[filled]] @ discount[: len(slate)][filled])
