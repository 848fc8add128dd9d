"""The page as a relaxation sees it: what is counted, run by run, and who may stand where."""

from typing import Final, NamedTuple

import numpy as np

from constraints.certify.assignment import FAR
from constraints.facts import IntArray, WordArray
from constraints.jit import kernel, popcount
from constraints.kernel.layout import ONE, low_bits
from constraints.kernel.scores import EMPTY, HARD_BREAKS, SOFT, SUNK
from constraints.program import UNCAPPED

WORTH_BITS: Final = 32  # worth is counted in units so coarse, rounded up; the rest is headroom
CLOSED: Final = np.int64(1) << 40  # what a placement that may not be costs


class Runs(NamedTuple):
    """What is counted and can be broken: r runs of slots.

    Attributes:
        group: (r,) int32.
        part: (r,) int32 entry of the score where breaks are counted.
        slots: (r,) uint64 word of open slots.
        limit: (r,) int64 how many of ours may, or for a floor must, stand there.
        sign: (r,) int64, 1 for a cap, -1 for a floor.
    """

    group: IntArray
    part: IntArray
    slots: WordArray
    limit: IntArray
    sign: IntArray


class Choice(NamedTuple):
    """Who may stand where: n columns for m open slots.

    Attributes:
        candidate: (n,) int32, -1 for a column that leaves its slot empty.
        worth: (m, n) int64 in units of the relaxation, -CLOSED where it may not stand.
        member_start, member: (g + 1,) and (k,) int32 columns of each group.
    """

    candidate: IntArray
    worth: IntArray
    member_start: IntArray
    member: IntArray


@kernel
def choice_of(t, score, slots):  # type: ignore[no-untyped-def]
    """List who may stand where on a page that gives up no more than `score` says.

    Returns:
        The `Choice`, and how many bits its unit is above that of the objective.
    """
    candidate = _candidates(t, score, len(slots))
    most = np.int64(0)
    for one in candidate:
        if one >= 0:
            most = max(most, t.utility[one] * t.discount[slots[0]])
    shift = np.int64(0)
    while most >> shift >> WORTH_BITS > 0:
        shift += 1
    worth = _worth(t, candidate, slots, score, shift)
    start, member = _members(t, candidate)
    return Choice(candidate, worth, start, member), shift


@kernel
def _candidates(t, score, slots):  # type: ignore[no-untyped-def]
    """List who may stand somewhere; where slots may be empty, also a nobody for each."""
    opened = np.uint64(t.open) << np.uint64(t.tail_count)
    candidate = np.full(len(t.order) + slots, -1, np.int32)
    count = 0
    for one in t.order:
        if t.eligible[one] & opened and (t.tier[one] == 0 or score[SUNK] > 0):
            candidate[count] = one
            count += 1
    return candidate[: count + (slots if score[EMPTY] > 0 or count < slots else 0)]


@kernel
def _worth(t, candidate, slots, score, shift):  # type: ignore[no-untyped-def]
    """Say what each is worth in each slot; above the sunk stand all others there must be."""
    above = len(slots) - score[EMPTY] - score[SUNK]
    worth = np.zeros((len(slots), len(candidate)), np.int64)
    for row in range(len(slots)):
        position = np.uint64(t.tail_count + slots[row])
        for column in range(len(candidate)):
            one = candidate[column]
            if one < 0:
                continue
            if not t.eligible[one] >> position & ONE or (t.tier[one] > 0 and row < above):
                worth[row, column] = -CLOSED
            else:
                worth[row, column] = -(-t.utility[one] * t.discount[slots[row]] >> shift)
    return worth


@kernel
def _members(t, candidate):  # type: ignore[no-untyped-def]
    start = np.zeros(len(t.occupied) + 1, np.int32)
    for one in candidate:
        if one >= 0:
            for entry in range(t.group_start[one], t.group_start[one + 1]):
                start[t.group_of[entry] + 1] += 1
    start[:] = np.cumsum(start)
    member, next_of = np.empty(start[len(t.occupied)], np.int32), start.copy()
    for column in range(len(candidate)):
        one = candidate[column]
        if one >= 0:
            for entry in range(t.group_start[one], t.group_start[one + 1]):
                member[next_of[t.group_of[entry]]] = column
                next_of[t.group_of[entry]] += 1
    return start, member


@kernel
def sifted(t, choice, net, matching, loss):  # type: ignore[no-untyped-def]
    """Leave out those with whom a page is worth less than the relaxed one by `loss` or more."""
    kept = np.empty(len(choice.candidate), np.int64)
    count = 0
    for column in range(len(choice.candidate)):
        best = -FAR
        for row in range(len(net)):
            best = max(best, net[row, column] - matching.by_slot[row])
        if choice.candidate[column] < 0 or best - matching.by_column[column] > -loss:
            kept[count] = column
            count += 1
    worth = np.empty((len(net), count), np.int64)
    candidate = np.empty(count, np.int32)
    for at in range(count):
        candidate[at] = choice.candidate[kept[at]]
        worth[:, at] = choice.worth[:, kept[at]]
    start, member = _members(t, candidate)
    return Choice(candidate, worth, start, member)


@kernel
def runs_of(t):  # type: ignore[no-untyped-def]
    """List what is counted, run by run, as `excess` counts it; what cannot break is left out."""
    width = t.tail_count + t.slot_count
    size = np.zeros(len(t.occupied), np.int64)
    for group in t.group_of:
        size[group] += 1
    count = len(t.level) * 64
    group_of, part = np.empty(count, np.int32), np.empty(count, np.int32)
    slots, limit = np.empty(count, np.uint64), np.empty(count, np.int64)
    sign = np.empty(count, np.int64)
    runs = 0
    for group in range(len(t.occupied)):
        for span in range(t.span_start[group], t.span_start[group + 1]):
            is_floor, length = t.least[span] > 0, np.int64(t.window[span])
            if not is_floor and t.most[span] >= UNCAPPED:
                continue
            for first in range(max(width - length, 0) + 1 if length else 1):
                word = low_bits(length) << np.uint64(first) if length else t.mask[span]
                stands = popcount(t.occupied[group] & word)
                ours = word >> np.uint64(t.tail_count) & np.uint64(t.open)
                rest = max((t.least[span] if is_floor else t.most[span]) - stands, 0)
                if rest == 0 if is_floor else rest >= min(size[group], popcount(ours)):
                    continue
                group_of[runs], slots[runs], limit[runs] = group, ours, rest
                part[runs] = SOFT + t.level[span] if t.level[span] > 0 else HARD_BREAKS
                sign[runs] = -1 if is_floor else 1
                runs += 1
    return Runs(group_of[:runs], part[:runs], slots[:runs], limit[:runs], sign[:runs])
