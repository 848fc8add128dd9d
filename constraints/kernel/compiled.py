"""The fill, compiled. `reference.py` says the same in NumPy; a test holds them equal.

All words are uint64; numba turns mixed signed arithmetic into floats, hence the casts.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from constraints.effects import LEVEL_MAX
from constraints.kernel import LEVEL_BITS
from constraints.program import UNCAPPED

ONE = np.uint64(1)
ZERO = np.uint64(0)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
FIELD = (1 << LEVEL_BITS) - 1
NEVER = np.int64(2**62)


def _compiled(**options: Any) -> Callable[[Any], Any]:
    """Compile into numba's cache, or only for this process where nothing can be written."""

    def compile_one(function: Any) -> Any:
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # numba finds no folder for its cache
            return numba.njit(nogil=True, **options)(function)

    return compile_one


inline = _compiled(inline="never", forceinline=True)
kernel = _compiled()


@inline
def popcount(word):  # type: ignore[no-untyped-def]
    """Count the bits of a word."""
    word = word - ((word >> ONE) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inline
def low_bits(count):  # type: ignore[no-untyped-def]
    """Return a word whose `count` lowest bits are set, 0 to 64."""
    if count >= 64:
        return ALL
    return (ONE << np.uint64(count)) - ONE


@inline
def add_cost(cost, level, times):  # type: ignore[no-untyped-def]
    """Add breaks of a level to a packed cost; a full field stays full."""
    shift = np.int64(LEVEL_BITS * (LEVEL_MAX - level))
    field = min((cost >> shift) & FIELD, np.int64(FIELD)) + times
    cost &= ~(np.int64(FIELD) << shift)
    return cost | (min(field, np.int64(FIELD)) << shift)


@inline
def full_word(t, span, taken):  # type: ignore[no-untyped-def]
    """Return the positions where one more of the group would break the span."""
    most = t.most[span]
    if t.window[span] == 0:
        return t.mask[span] if popcount(taken & t.mask[span]) >= most else ZERO
    full = ZERO
    width = t.window[span]
    run = low_bits(width)
    for start in range(max(t.tail_count + t.slot_count - width, 0) + 1):
        word = run << np.uint64(start)
        if popcount(taken & word) >= most:
            full |= word
    return full


@inline
def broken(t, span, taken, position):  # type: ignore[no-untyped-def]
    """Count the runs of a span that one more at `position` would break."""
    most = t.most[span]
    if t.window[span] == 0:
        inside = t.mask[span] >> np.uint64(position) & ONE
        return np.int64(inside != ZERO and popcount(taken & t.mask[span]) >= most)
    width = t.window[span]
    run = low_bits(width)
    count = np.int64(0)
    for start in range(max(t.tail_count + t.slot_count - width, 0) + 1):
        if start <= position < start + width:
            count += popcount(taken & (run << np.uint64(start))) >= most
    return count


@inline
def refresh(t, group, taken, hard, soft):  # type: ignore[no-untyped-def]
    """Recompute where one more of a group would break something, hard or soft."""
    hard[group] = ZERO
    soft[group] = ZERO
    for span in range(t.span_start[group], t.span_start[group + 1]):
        if t.most[span] < UNCAPPED:
            if t.level[span] == 0:
                hard[group] |= full_word(t, span, taken[group])
            else:
                soft[group] |= full_word(t, span, taken[group])


@inline
def cost_at(t, candidate, position, taken, hard, soft):  # type: ignore[no-untyped-def]
    """Return the packed cost of a candidate at a position, NEVER where a hard span forbids it."""
    bit = ONE << np.uint64(position)
    cost = np.int64(0)
    for entry in range(t.group_start[candidate], t.group_start[candidate + 1]):
        group = t.group_of[entry]
        if hard[group] & bit:
            return NEVER
        if soft[group] & bit:
            for span in range(t.span_start[group], t.span_start[group + 1]):
                if t.level[span] > 0 and t.most[span] < UNCAPPED:
                    times = broken(t, span, taken[group], position)
                    if times:
                        cost = add_cost(cost, t.level[span], times)
    return cost


@inline
def room(t, span, group, free, taken, hard, soft):  # type: ignore[no-untyped-def]
    """Count how many of a group still fit into the free positions of a floor, packed."""
    before = taken[group]
    count = np.int64(0)
    for position in range(t.tail_count, t.tail_count + t.slot_count):
        bit = ONE << np.uint64(position)
        if free & t.mask[span] & bit and not hard[group] & bit:
            taken[group] |= bit
            refresh(t, group, taken, hard, soft)
            count += 1
    taken[group] = before
    refresh(t, group, taken, hard, soft)
    return count


@inline
def member(t, candidate, group):  # type: ignore[no-untyped-def]
    """Tell whether a candidate is in a group."""
    for entry in range(t.group_start[candidate], t.group_start[candidate + 1]):
        if t.group_of[entry] == group:
            return True
    return False


@inline
def add_unserved(t, candidate, cost, floors, due, span_group):  # type: ignore[no-untyped-def]
    """Add the floors due that a candidate does not serve; of a set, one served is enough."""
    joint = np.int64(0)
    for k in range(len(floors)):
        if due[k]:
            serves = member(t, candidate, span_group[floors[k]])
            if due[k] == 1 and not serves:
                cost = add_cost(cost, t.level[floors[k]], 1)
            elif due[k] == 2:
                if serves:
                    joint = np.int64(-1)
                elif joint >= 0:
                    joint = max(joint, np.int64(t.level[floors[k]]))
    return add_cost(cost, joint, 1) if joint > 0 else cost


@kernel
def fill(t: Any, heed_floors: bool, bold: bool) -> Any:
    """Fill slots from the top, best utility first, never breaking a hard span.

    Args:
        t: `Tables` of the program.
        heed_floors: keep room for floors, and serve those that fall due.
        bold: where nobody costs nothing, take the most useful, not the one of least cost.

    Returns:
        (K,) int32 candidate of each slot, -1 where none may stand or the slot is reserved.
    """
    slate = np.full(t.slot_count, -1, np.int32)
    used = np.zeros(len(t.order), np.bool_)
    taken = t.occupied.copy()
    hard = np.zeros(len(taken), np.uint64)
    soft = np.zeros(len(taken), np.uint64)
    span_group = np.zeros(len(t.level), np.int32)
    for group in range(len(taken)):
        refresh(t, group, taken, hard, soft)
        for span in range(t.span_start[group], t.span_start[group + 1]):
            span_group[span] = group
    floors = np.flatnonzero(t.least > 0)
    apart = _disjoint(t, floors, span_group)
    due = np.zeros(len(floors), np.int8)
    below = 0  # the sunk stand behind the last normal candidate
    for tier in range(2):
        for slot in range(below, t.slot_count):
            if slate[slot] >= 0 or not t.open >> np.uint64(slot) & ONE:
                continue
            if heed_floors:
                _fall_due(t, slot, slate, floors, apart, span_group, taken, hard, soft, due)
            chosen = _choose(t, slot, tier, used, floors, due, span_group, taken, hard, soft, bold)
            if chosen < 0:
                continue
            slate[slot] = chosen
            used[chosen] = True
            for entry in range(t.group_start[chosen], t.group_start[chosen + 1]):
                group = t.group_of[entry]
                taken[group] |= ONE << np.uint64(t.tail_count + slot)
                refresh(t, group, taken, hard, soft)
        for slot in range(t.slot_count):
            if slate[slot] >= 0:
                below = slot + 1
    return slate


@kernel
def _choose(t, slot, tier, used, floors, due, span_group, taken, hard, soft, bold):  # type: ignore[no-untyped-def]
    """Return the first candidate that costs nothing, else the first of least cost, else -1."""
    position = t.tail_count + slot
    bit = ONE << np.uint64(position)
    best = np.int32(-1)
    least = NEVER
    for candidate in t.order:
        if used[candidate] or t.tier[candidate] != tier or not t.eligible[candidate] & bit:
            continue
        cost = cost_at(t, candidate, position, taken, hard, soft)
        if cost >= least:
            continue
        cost = add_unserved(t, candidate, cost, floors, due, span_group)
        if bold:
            cost = min(cost, np.int64(1))
        if cost < least:
            best = candidate
            least = cost
            if cost == 0:
                break
    return best


@kernel
def _fall_due(t, slot, slate, floors, apart, span_group, taken, hard, soft, due):  # type: ignore[no-untyped-def]
    """Mark floors that this slot must serve: 1 alone, 2 one of a set, else 0.

    A floor is due when the room after this slot is too small for what it still needs; a set of
    disjoint floors when their needs together exceed the free slots of their ranges.
    """
    free = ZERO
    for later in range(slot + 1, t.slot_count):
        if slate[later] < 0 and t.open >> np.uint64(later) & ONE:
            free |= ONE << np.uint64(t.tail_count + later)
    here = ONE << np.uint64(t.tail_count + slot)
    needs = np.zeros(len(floors), np.int64)
    for k in range(len(floors)):
        span = floors[k]
        group = span_group[span]
        needs[k] = max(t.least[span] - popcount(taken[group] & t.mask[span]), 0)
        due[k] = 0
        if needs[k] > 0 and t.mask[span] & here:
            due[k] = needs[k] > room(t, span, group, free, taken, hard, soft)
    together = np.int64(0)
    mask = ZERO
    inside = np.zeros(len(floors), np.bool_)
    for k in range(len(floors)):
        joins = needs[k] > 0 and t.mask[floors[k]] & here
        for other in range(len(floors)):
            if inside[other] and not apart[k, other]:
                joins = False
        if joins:
            inside[k] = True
            together += needs[k]
            mask |= t.mask[floors[k]]
    if together > popcount(free & mask):
        for k in range(len(floors)):
            if inside[k] and due[k] == 0:
                due[k] = 2


@kernel
def _disjoint(t, floors, span_group):  # type: ignore[no-untyped-def]
    """Tell which floors share no candidate: (f, f) bool."""
    apart = np.ones((len(floors), len(floors)), np.bool_)
    for candidate in range(len(t.order)):
        for a in range(len(floors)):
            if member(t, candidate, span_group[floors[a]]):
                for b in range(len(floors)):
                    if member(t, candidate, span_group[floors[b]]):
                        apart[a, b] = False
    return apart


@kernel
def measure(t: Any, slate: Any) -> Any:
    """Measure a slate: lower is better, compared from the first number on.

    Returns:
        (LEVEL_MAX + 3,) int64: hard breaks, empty slots, breaks at levels 1 to LEVEL_MAX,
        and the objective negated.
    """
    score = np.zeros(LEVEL_MAX + 3, np.int64)
    taken = t.occupied.copy()
    for slot in range(t.slot_count):
        candidate = slate[slot]
        if candidate < 0:
            score[1] += np.int64(t.open >> np.uint64(slot) & ONE)
            continue
        score[LEVEL_MAX + 2] -= t.utility[candidate] * t.discount[slot]
        for entry in range(t.group_start[candidate], t.group_start[candidate + 1]):
            taken[t.group_of[entry]] |= ONE << np.uint64(t.tail_count + slot)
    for group in range(len(taken)):
        for span in range(t.span_start[group], t.span_start[group + 1]):
            level = t.level[span]
            place = 0 if level == 0 else level + 1
            score[place] += _excess(t, span, taken[group], t.occupied[group])
    return score


@inline
def _excess(t, span, taken, before):  # type: ignore[no-untyped-def]
    """Count what a page adds over a cap, run by run, or lacks of a floor."""
    if t.least[span] > 0:
        return max(t.least[span] - popcount(taken & t.mask[span]), 0)
    if t.most[span] >= UNCAPPED:
        return np.int64(0)
    if t.window[span] == 0:
        already = popcount(before & t.mask[span])
        return max(popcount(taken & t.mask[span]) - max(np.int64(t.most[span]), already), 0)
    total = np.int64(0)
    width = t.window[span]
    run = low_bits(width)
    for start in range(max(t.tail_count + t.slot_count - width, 0) + 1):
        word = run << np.uint64(start)
        already = popcount(before & word)
        total += max(popcount(taken & word) - max(np.int64(t.most[span]), already), 0)
    return total
