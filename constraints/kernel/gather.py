"""Gathers rows into a program, compiled. `gather_reference.py` says the same; a test holds them so.

All words are uint64; numba turns mixed signed arithmetic into floats, hence the casts.
"""

import math
from typing import Any

import numpy as np

from constraints.jit import inline, kernel, popcount
from constraints.kernel.gather_reference import Gathered
from constraints.program import UTILITY_BITS

ONE = np.uint64(1)
ZERO = np.uint64(0)
SIGN = np.uint64(1 << 63)
BYTE = np.uint64(0xFF)
DENSE_MAX = 4096  # labels of a column up to which a page may count each of them


@kernel
def gather(
    open_positions: Any,
    rows: Any,
    utility: Any,
    standing_rows: Any,
    standing_at: Any,
    class_of: Any,
    labels: Any,
    label_counts: Any,
    t: Any,
) -> Any:
    """Look up classes and gather groups; see `gather_reference.gather`."""
    count = len(rows)
    classes = np.empty(count, np.uint16)
    for one in range(count):  # a loop of its own: the reads overlap
        classes[one] = class_of[rows[one]]
    eligible, tier, weight, weighted, scaled, largest = _worth(open_positions, utility, classes, t)
    own, others = _labels_of(rows, labels, t), _labels_of(standing_rows, labels, t)
    counts = label_counts.copy()
    names = _renumbered(own, others, counts, t)
    base = np.zeros(len(t.labels) + 1, np.int64)
    for family in range(len(t.labels)):
        column = t.labels[family]
        base[family + 1] = base[family] + (1 if column < 0 else counts[column])
    keys, key_start = _keys_of(classes, own, labels, base, t)
    number, group_label, group_family, occupied = _groups(
        keys, class_of[standing_rows], others, standing_at, base, t
    )
    _named(group_label, group_family, names, t)
    start, group_of = np.zeros(count + 1, np.int32), np.empty(len(keys), np.int32)
    found = 0
    for one in range(count):
        for at in range(key_start[one], key_start[one + 1]):
            group_of[found] = number[keys[at]]
            found += group_of[found] >= 0  # without a branch: see `_keys_of`
        start[one + 1] = found
    span_start, span = _spans(group_family, t)
    return Gathered(
        classes,
        weight,
        _by_worth(weighted),
        scaled,
        eligible,
        tier,
        start,
        group_of[:found],
        group_label,
        group_family,
        occupied,
        span_start,
        t.level[span],
        t.least[span],
        t.most[span],
        t.mask[span],
        t.window[span],
        t.rule[span],
        largest,
    )


@kernel
def claim(slate: Any, class_of: Any, factors: Any, duties: Any) -> Any:
    """Look up what is done to the placements of a slate; see `gather_reference.claim`."""
    nobody = len(duties) - 1
    claimed, shown = np.empty((len(factors), len(slate))), np.empty(len(slate), np.int64)
    for slot in range(len(slate)):
        is_one = 0 <= slate[slot] < len(class_of)
        of = np.int64(class_of[slate[slot]]) if is_one else nobody
        shown[slot] = duties[of]
        for weigher in range(len(factors)):
            claimed[weigher, slot] = factors[weigher, of]
    return claimed, shown


@kernel
def worth(slate: Any, utility: Any, discount: Any) -> Any:
    """Add up what a slate is worth; see `gather_reference.worth`."""
    total = np.int64(0)
    for slot in range(len(slate)):
        if slate[slot] >= 0:
            total += utility[slate[slot]] * discount[slot]
    return total


@kernel
def _worth(open_positions, utility, classes, t):  # type: ignore[no-untyped-def]
    """Look up where candidates may stand and what they are worth there."""
    count = len(classes)
    eligible = np.empty(count, np.uint64)
    tier = np.empty(count, np.uint8)
    weight = np.empty(count, np.float64)
    weighted = np.empty(count, np.float64)
    largest = 0.0
    for one in range(count):
        of = classes[one]
        eligible[one] = t.eligible[of] & open_positions
        tier[one], weight[one] = t.tier[of], t.weight[of]
        weighted[one] = utility[one] * weight[one] + 0.0  # -0.0 becomes 0.0
        if eligible[one] and weighted[one] > largest:
            largest = weighted[one]
    scaled = np.zeros(count, np.int64)
    shift = UTILITY_BITS - math.frexp(largest)[1]
    some, more = math.ldexp(1.0, shift // 2), math.ldexp(1.0, shift - shift // 2)
    for one in range(count):  # by two powers of two: one alone may be too large for a float
        if eligible[one]:
            scaled[one] = np.int64(np.rint(weighted[one] * some * more))
    return eligible, tier, weight, weighted, scaled, largest


@kernel
def _by_worth(weighted):  # type: ignore[no-untyped-def]
    """Sort the largest first, ties by index: by the bits of the floats."""
    keys = weighted.view(np.uint64).copy()
    for one in range(len(keys)):
        keys[one] = keys[one] if keys[one] & SIGN else ~(keys[one] | SIGN)
    return _by_bytes(keys)


@kernel
def _by_bytes(keys):  # type: ignore[no-untyped-def]
    """Sort words, the smallest first, ties by index: by their bytes, the last byte first."""
    count, differ = len(keys), ZERO
    order, other = np.empty(count, np.int32), np.empty(count, np.int32)
    for one in range(count):
        order[one] = one
        differ |= keys[one] ^ keys[0]
    times = np.empty(256, np.int32)
    for byte in range(8):
        shift = np.uint64(8 * byte)
        if not differ >> shift & BYTE:
            continue  # all alike
        times[:] = 0
        for one in range(count):
            times[np.int64(keys[one] >> shift & BYTE)] += 1
        at = 0
        for value in range(256):
            have = times[value]
            times[value] = at
            at += have
        for rank in range(count):
            own = np.int64(keys[order[rank]] >> shift & BYTE)
            other[times[own]] = order[rank]
            times[own] += 1
        order, other = other, order
    return order


@kernel
def _labels_of(rows, labels, t):  # type: ignore[no-untyped-def]
    """Copy the labels that some rule counts side by side: (columns, n, widest + 1) int32, then 0.

    Large catalogues lie outside the processor's caches; read one after the other, rows overlap.
    What stands in columns that no rule counts is never read.
    """
    widest = 0
    for column in labels:
        widest = max(widest, column.shape[1])
    copied = np.empty((len(labels), len(rows), widest + 1), np.int32)
    for column in range(len(labels)):
        if not (t.labels == column).any():
            continue
        table = labels[column]
        for one in range(len(rows)):
            for place in range(table.shape[1]):
                copied[column, one, place] = table[rows[one], place]
            copied[column, one, table.shape[1]] = 0
    return copied


@kernel
def _renumbered(own, others, counts, t):  # type: ignore[no-untyped-def]
    """Give the labels of a column that has very many their ranks on this page, from 1, in place.

    So that what a page costs does not grow with the series and providers of the catalogue. Returns
    (columns, k) int32, the label of each rank; k is 0 where no column is numbered anew.
    """
    wanted = np.zeros(len(counts), np.bool_)
    for family in range(len(t.labels)):
        column = t.labels[family]
        if column >= 0 and counts[column] > DENSE_MAX:
            wanted[column] = True
    most = own.shape[1] * own.shape[2] + others.shape[1] * others.shape[2] if wanted.any() else 0
    names = np.zeros((len(counts), most + 1 if most else 0), np.int32)
    for column in range(len(counts)):
        if wanted[column]:
            counts[column] = _rank(names[column], own[column], others[column]) + 1
    return names


@kernel
def _rank(names, own, others):  # type: ignore[no-untyped-def]
    """Put in place of each label of two tables its rank, from 1; return how many there are.

    The label of each rank is left in `names`.
    """
    labels, place_of = np.empty(len(names), np.uint64), np.empty(len(names), np.int32)
    count, size = 0, own.size
    ours, theirs = own.reshape(own.size), others.reshape(others.size)
    for table, first in ((own, 0), (others, size)):
        for one in range(table.shape[0]):
            place = 0
            while place < table.shape[1] and table[one, place] > 0:
                labels[count] = np.uint64(table[one, place])
                place_of[count] = first + one * table.shape[1] + place
                count += 1
                place += 1
    ranks, last = 0, ZERO
    for at in _by_bytes(labels[:count]):
        if labels[at] != last:
            last = labels[at]
            ranks += 1
            names[ranks] = np.int32(last)
        place = place_of[at]
        if place < size:
            ours[place] = ranks
        else:
            theirs[place - size] = ranks
    return ranks


@kernel
def _named(group_label, group_family, names, t):  # type: ignore[no-untyped-def]
    """Give groups of columns numbered anew their labels back."""
    if names.shape[1] == 0:
        return
    for group in range(len(group_label)):
        column = t.labels[group_family[group]]
        if column >= 0 and names[column, 1] > 0:  # rank 1, where there are ranks
            group_label[group] = names[column, group_label[group]]


@inline
def label_at(labels, column, one, place):  # type: ignore[no-untyped-def]
    """Return a label: 0 at the first place where there is none, -1 where they end."""
    if column < 0:
        return 0 if place == 0 else -1
    label = np.int64(labels[column, one, place])
    return label if label > 0 else (0 if place == 0 else -1)


@kernel
def _keys_of(classes, copied, labels, base, t):  # type: ignore[no-untyped-def]
    """List the keys under which each candidate is counted, and where those of each begin.

    The key of a label of a family is its place among the labels of all families; see `base`. Every
    place for a label is written and kept or written over: how many a candidate has, no processor
    guesses.
    """
    most = 0
    for one in range(len(classes)):
        most += t.family_start[classes[one] + 1] - t.family_start[classes[one]]
    wide = np.ones(len(labels), np.int64)
    for column in range(len(labels)):
        wide[column] = labels[column].shape[1]
    keys = np.empty(most * max(copied.shape[2] - 1, 1), np.int32)
    start, count = np.empty(len(classes) + 1, np.int32), 0
    start[0] = 0
    for one in range(len(classes)):
        of = classes[one]
        for entry in range(t.family_start[of], t.family_start[of + 1]):
            family = t.family[entry]
            column = t.labels[family]
            if column < 0:
                keys[count] = base[family]
                count += 1
                continue
            for place in range(wide[column]):
                label = max(copied[column, one, place], 0)
                keys[count] = base[family] + label
                count += (label > 0) | (place == 0)
        start[one + 1] = count
    return keys[:count], start


@kernel
def _groups(keys, standing, standing_labels, standing_at, base, t):  # type: ignore[no-untyped-def]
    """Give a number to each group that can bind, by family and then by label.

    Returns:
        Number of each label of each family, -1 for none; label, family and occupied positions of
        each group.
    """
    many = base[len(t.labels)]
    size = np.zeros(many, np.int32)
    taken = np.zeros(many, np.uint64)
    for at in range(len(keys)):
        size[keys[at]] += 1
    for one in range(len(standing)):
        bit = ONE << np.uint64(t.tail_count + standing_at[one])
        _mark(taken, bit, one, standing[one], standing_labels, base, t)
    number = np.full(many, -1, np.int32)
    groups = 0
    for family in range(len(t.labels)):
        for key in range(base[family], base[family + 1]):
            if size[key] > 0 and size[key] + popcount(taken[key]) > t.fewest[family]:
                number[key] = groups
                groups += 1
    group_label = np.empty(groups, np.int32)
    group_family = np.empty(groups, np.int32)
    occupied = np.empty(groups, np.uint64)
    for family in range(len(t.labels)):
        for key in range(base[family], base[family + 1]):
            group = number[key]
            if group >= 0:
                group_label[group] = key - base[family]
                group_family[group] = family
                occupied[group] = taken[key]
    return number, group_label, group_family, occupied


@inline
def _mark(taken, bit, one, of, labels, base, t):  # type: ignore[no-untyped-def]
    for entry in range(t.family_start[of], t.family_start[of + 1]):
        family = t.family[entry]
        place = 0
        label = label_at(labels, t.labels[family], one, place)
        while label >= 0:
            taken[base[family] + label] |= bit
            place += 1
            label = label_at(labels, t.labels[family], one, place)


@kernel
def _spans(group_family, t):  # type: ignore[no-untyped-def]
    """List the spans of each group: (g + 1,) start and (c,) spans of its family."""
    start = np.zeros(len(group_family) + 1, np.int32)
    for group in range(len(group_family)):
        family = group_family[group]
        start[group + 1] = start[group] + t.span_start[family + 1] - t.span_start[family]
    span = np.empty(start[len(group_family)], np.int64)
    for group in range(len(group_family)):
        first = t.span_start[group_family[group]]
        for each in range(start[group], start[group + 1]):
            span[each] = first + each - start[group]
    return start, span
