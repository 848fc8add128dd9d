"""A program laid out for speed: candidates by rank, sets of candidates as rows of bits.

A rank is a place in the order of worth; rank 0 is worth most. Only candidates that may stand
somewhere have one. Only groups and spans that can bind are kept: a rule that cannot bind must not
change the walk of the search.
"""

from typing import Any, NamedTuple

import numpy as np

from constraints.facts import BoolArray, IntArray, WordArray
from constraints.jit import inline, kernel, lowest, popcount
from constraints.kernel.knobs import NARROW
from constraints.kernel.scores import EMPTY, SCORES, SOFT, SUNK
from constraints.program import UNCAPPED

ONE = np.uint64(1)
ZERO = np.uint64(0)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
LOW_SIX = np.uint64(63)


class Layout(NamedTuple):
    """The page for n ranks (w words of 64), g groups and c spans; see `Tables` for the rest.

    Attributes:
        slot_count, tail_count, open: as in `Tables`; `open_positions` is `open` by position.
        candidate: (n,) int32 candidate of each rank.
        utility: (n,) int64.
        may: (2, K, w) uint64: tier, slot → set of ranks that may stand there.
        pinned: (K,) int32 the rank that alone may take the slot and may take no other, else -1;
            pinned_slots: word of the slots that have one.
        sunk_slots: word of the slots that some sunk rank may take.
        member: (g, w) uint64: group → set of ranks in it.
        broad: groups 0 to broad - 1 have more than NARROW ranks: worth a set operation each.
        group_start, group_of: (n + 1,) and (m,) int32, the groups of each rank.
        occupied: (g,) uint64.
        span_start, level, least, most, mask, window: as in `Tables`, of the spans kept.
        most_least: (g,) int32 the least `most` of a group.
        floors, floor_group: (f,) int32 spans that ask for a least, and their groups.
        floor_reach: (f,) uint64 positions of the span that some member may take.
        apart: (f, f) bool: two floors share no rank.
        must_give_up: (SCORES,) int64 what no page can do without: empty slots where too few are
            offered, floors that too few can serve.
    """

    slot_count: Any
    tail_count: Any
    open: np.uint64
    open_positions: np.uint64
    candidate: IntArray
    utility: IntArray
    discount: IntArray
    may: WordArray
    pinned: IntArray
    pinned_slots: np.uint64
    sunk_slots: np.uint64
    member: WordArray
    broad: Any
    group_start: IntArray
    group_of: IntArray
    occupied: WordArray
    span_start: IntArray
    level: IntArray
    least: IntArray
    most: IntArray
    most_least: IntArray
    mask: WordArray
    window: IntArray
    floors: IntArray
    floor_group: IntArray
    floor_reach: WordArray
    apart: BoolArray
    must_give_up: IntArray


@inline
def low_bits(count):  # type: ignore[no-untyped-def]
    """Return a word whose `count` lowest bits are set, 0 to 64."""
    if count >= 64:
        return ALL
    return (ONE << np.uint64(count)) - ONE


@inline
def has(ranks, rank):  # type: ignore[no-untyped-def]
    """Tell whether a set of ranks holds one."""
    return (ranks[rank >> 6] >> (np.uint64(rank) & LOW_SIX)) & ONE != ZERO


@kernel
def lay_out(t: Any) -> Any:
    """Lay out `Tables` for the search."""
    open_positions = np.uint64(t.open) << np.uint64(t.tail_count)
    rank_of, candidate = _rank(t, open_positions)
    count = len(candidate)
    words = (count + 63) >> 6
    utility = np.empty(count, np.int64)
    for rank in range(count):
        utility[rank] = t.utility[candidate[rank]]
    may = _who_may(t, candidate, open_positions, words)
    kept, broad, span_start, span = _binding(t, rank_of)
    level, least, most = t.level[span], t.least[span], t.most[span]
    mask, window = t.mask[span], t.window[span]
    group_start, group_of, member, occupied = _membership(t, candidate, kept, len(span_start) - 1)
    pinned = _pins(t, candidate, may, open_positions)
    floors, floor_group, floor_reach, apart = _floors(
        t, candidate, span_start, least, mask, member, open_positions
    )
    must_give_up = np.zeros(SCORES, np.int64)
    slots, normal = popcount(np.uint64(t.open)), np.int64(0)
    for one in candidate:
        normal += t.tier[one] == 0
    must_give_up[EMPTY] = max(slots - count, np.int64(0))
    must_give_up[SUNK] = max(min(slots, count) - normal, np.int64(0))
    for k in range(len(floors)):
        span, group = floors[k], floor_group[k]
        serve = _count(member[group], floor_reach[k])
        lacks = least[span] - popcount(occupied[group] & mask[span]) - serve
        must_give_up[SOFT + level[span]] += max(lacks, np.int64(0))
    return Layout(
        np.int64(t.slot_count),
        np.int64(t.tail_count),
        np.uint64(t.open),
        open_positions,
        candidate,
        utility,
        t.discount,
        may,
        pinned,
        _slots_of(pinned >= 0),
        _slots_of(_have_any(may[1])),
        member,
        np.int64(broad),
        group_start,
        group_of,
        occupied,
        span_start,
        level,
        least,
        most,
        _least_of(most, span_start),
        mask,
        window,
        floors,
        floor_group,
        floor_reach,
        apart,
        must_give_up,
    )


@kernel
def _rank(t, open_positions):  # type: ignore[no-untyped-def]
    """Give a rank to the candidates that may stand somewhere, in order of worth."""
    rank_of = np.full(len(t.order), -1, np.int32)
    candidate = np.empty(len(t.order), np.int32)
    count = 0
    for one in t.order:
        if t.eligible[one] & open_positions:
            rank_of[one] = count
            candidate[count] = one
            count += 1
    return rank_of, candidate[:count]


@kernel
def _who_may(t, candidate, open_positions, words):  # type: ignore[no-untyped-def]
    """Turn eligibility words into a set of ranks for each tier and slot.

    Most candidates share a few words, so sets are first gathered by word.
    """
    may = np.zeros((2, t.slot_count, words), np.uint64)
    seen = np.empty((2, 8), np.uint64)
    sets = np.zeros((2, 8, words), np.uint64)
    count = np.zeros(2, np.int64)
    for rank in range(len(candidate)):
        one = candidate[rank]
        tier = np.int64(t.tier[one])
        word = t.eligible[one] & open_positions
        at, bit = rank >> 6, ONE << (np.uint64(rank) & LOW_SIX)
        entry = np.int64(0)
        while entry < count[tier] and seen[tier, entry] != word:
            entry += 1
        if entry < 8:
            if entry == count[tier]:
                seen[tier, entry] = word
                count[tier] += 1
            sets[tier, entry, at] |= bit
            continue
        while word:
            may[tier, lowest(word) - t.tail_count, at] |= bit
            word &= word - ONE
    for row in range(2):
        for each in range(count[row]):
            left = seen[row, each]
            while left:
                slot = lowest(left) - t.tail_count
                for each_word in range(words):
                    may[row, slot, each_word] |= sets[row, each, each_word]
                left &= left - ONE
    return may


@kernel
def _binding(t, rank_of):  # type: ignore[no-untyped-def]
    """Keep the groups and spans that can bind: group → its new number or -1, and the spans."""
    size = np.zeros(len(t.occupied), np.int64)
    for one in range(len(rank_of)):
        if rank_of[one] >= 0:
            for entry in range(t.group_start[one], t.group_start[one + 1]):
                size[t.group_of[entry]] += 1
    kept = np.full(len(t.occupied), -1, np.int32)
    span = np.empty(len(t.level), np.int32)
    span_start = np.zeros(len(t.occupied) + 1, np.int32)
    groups, spans, broad = 0, 0, 0
    for narrow in range(2):
        for group in range(len(t.occupied)):
            if size[group] == 0 or (size[group] <= NARROW) != (narrow == 1):
                continue
            before = spans
            for each in range(t.span_start[group], t.span_start[group + 1]):
                stands = popcount(t.occupied[group] & t.mask[each])
                full = t.most[each] < UNCAPPED and stands + size[group] > t.most[each]
                if t.least[each] > stands or (full and not _is_implied(t, group, each)):
                    span[spans] = each
                    spans += 1
            if spans > before:
                kept[group] = groups
                groups += 1
                span_start[groups] = spans
        if narrow == 0:
            broad = groups
    return kept, broad, span_start[: groups + 1], span[:spans]


@inline
def _is_implied(t, group, span):  # type: ignore[no-untyped-def]
    """Tell whether a hard window of the group alone keeps the cap of a range.

    A range of n positions in a row is ceil(n / width) runs, none longer than the window.
    """
    mask = t.mask[span]
    if mask == ZERO or t.window[span] > 0 or t.occupied[group] & mask:
        return False
    count = popcount(mask)
    if mask >> np.uint64(lowest(mask)) != low_bits(count):
        return False
    for other in range(t.span_start[group], t.span_start[group + 1]):
        width = np.int64(t.window[other])
        if width > 0 and t.level[other] == 0:
            runs = (count + width - 1) // width
            if runs * t.most[other] <= t.most[span]:
                return True
    return False


@kernel
def _pins(t, candidate, may, open_positions):  # type: ignore[no-untyped-def]
    pinned = np.full(t.slot_count, -1, np.int32)
    for slot in range(t.slot_count):
        alone, count = np.int32(-1), np.int64(0)
        for at in range(may.shape[2]):
            word = may[0, slot, at] | may[1, slot, at]
            count += popcount(word)
            if word:
                alone = np.int32((at << 6) + lowest(word))
        if count == 1:
            word = t.eligible[candidate[alone]] & open_positions
            if popcount(word) == 1 and t.tier[candidate[alone]] == 0:
                pinned[slot] = alone
    return pinned


@kernel
def _membership(t, candidate, kept, groups):  # type: ignore[no-untyped-def]
    words = (len(candidate) + 63) >> 6
    member = np.zeros((groups, words), np.uint64)
    group_start = np.zeros(len(candidate) + 1, np.int32)
    group_of = np.empty(len(t.group_of), np.int32)
    entries = 0
    for rank in range(len(candidate)):
        one = candidate[rank]
        for entry in range(t.group_start[one], t.group_start[one + 1]):
            group = kept[t.group_of[entry]]
            if group >= 0:
                group_of[entries] = group
                entries += 1
                member[group, rank >> 6] |= ONE << (np.uint64(rank) & LOW_SIX)
        group_start[rank + 1] = entries
    occupied = np.zeros(groups, np.uint64)
    for group in range(len(kept)):
        if kept[group] >= 0:
            occupied[kept[group]] = t.occupied[group]
    return group_start, group_of[:entries], member, occupied


@kernel
def _floors(t, candidate, span_start, least, mask, member, open_positions):  # type: ignore[no-untyped-def]
    count = 0
    floors = np.empty(len(least), np.int32)
    floor_group = np.empty(len(least), np.int32)
    for group in range(len(member)):
        for span in range(span_start[group], span_start[group + 1]):
            if least[span] > 0:
                floors[count] = span
                floor_group[count] = group
                count += 1
    floors, floor_group = floors[:count], floor_group[:count]
    reach = np.zeros(count, np.uint64)
    apart = np.ones((count, count), np.bool_)
    for a in range(count):
        for at in range(member.shape[1]):
            mine = member[floor_group[a], at]
            for b in range(count):
                if mine & member[floor_group[b], at]:
                    apart[a, b] = False
            while mine and reach[a] != mask[floors[a]] & open_positions:
                one = candidate[(at << 6) + lowest(mine)]
                reach[a] |= t.eligible[one] & mask[floors[a]] & open_positions
                mine &= mine - ONE
    return floors, floor_group, reach, apart


@kernel
def _count(ranks, reach):  # type: ignore[no-untyped-def]
    """Count the ranks of a set, or the positions they reach, whichever are fewer."""
    count = np.int64(0)
    for word in ranks:
        count += popcount(word)
    return min(count, popcount(reach))


@kernel
def _least_of(most, span_start):  # type: ignore[no-untyped-def]
    least = np.full(len(span_start) - 1, UNCAPPED, np.int32)
    for group in range(len(least)):
        for span in range(span_start[group], span_start[group + 1]):
            least[group] = min(least[group], most[span])
    return least


@kernel
def _have_any(sets):  # type: ignore[no-untyped-def]
    """Tell of each set whether it holds any rank."""
    found = np.zeros(len(sets), np.bool_)
    for each in range(len(sets)):
        for word in sets[each]:
            found[each] |= word != ZERO
    return found


@kernel
def _slots_of(holds):  # type: ignore[no-untyped-def]
    """Return the word of the slots of which something holds."""
    word = ZERO
    for slot in range(len(holds)):
        if holds[slot]:
            word |= ONE << np.uint64(slot)
    return word
