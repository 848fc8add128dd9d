"""Fills the empty slots of a page from the top, best utility first, never breaking a hard cap."""

from typing import Any

import numpy as np

from constraints.effects import LEVEL_MAX
from constraints.jit import bare, inline, lowest, popcount
from constraints.kernel import LEVEL_BITS
from constraints.kernel.board import HARDLY, SOFTLY, TAKEN, full_word, place, runs_broken
from constraints.kernel.layout import LOW_SIX, ONE, ZERO, low_bits
from constraints.program import UNCAPPED

NEVER = np.int64(2**62)
FIELD_MAX = np.int64((1 << LEVEL_BITS - 1) - 1)
GUARDS = np.int64(sum(1 << LEVEL_BITS * field + LEVEL_BITS - 1 for field in range(LEVEL_MAX)))

PLAIN, CAREFUL, BOLD = np.int64(0), np.int64(1), np.int64(2)
"""How to fill: without a thought of floors; keeping room for them; the same as plain, but where
everything costs something taking the most useful, not the least costly."""
NOT_BOLD = np.bool_(False)


@inline
def add(cost, more):  # type: ignore[no-untyped-def]
    """Add two packed costs; a full field stays full. The top bit of a field guards it."""
    total = cost + more
    over = total & GUARDS
    return (total & ~GUARDS) | (over - (over >> (LEVEL_BITS - 1)))


@inline
def cost_of(level, times):  # type: ignore[no-untyped-def]
    """Pack breaks of one level; level 1 weighs most."""
    return min(np.int64(times), FIELD_MAX) << np.int64(LEVEL_BITS * (LEVEL_MAX - level))


@inline
def choose(p, board, slot, tier, how, banned):  # type: ignore[no-untyped-def]
    """Return the first rank that costs nothing at a slot, else the first of least cost, else -1.

    Args:
        p: `Layout`.
        board: the page.
        slot: where.
        tier: whom: 0 the normal, 1 the sunk.
        how: BOLD takes whoever breaks nothing hard.
        banned: rank that may not be chosen, -1 for none.
    """
    at_bit = np.uint64(p.tail_count + slot)
    bit = ONE << at_bit
    hards, softs = np.int64(0), np.int64(0)
    for at in range(len(board.blocking)):
        left = board.blocking[at]
        while left:  # without branches: what is full where is hard to foretell
            group = (at << 6) + lowest(left)
            left &= left - ONE
            hard = (board.words[HARDLY, group] >> at_bit) & ONE
            soft = (board.words[SOFTLY, group] >> at_bit) & ONE & ~hard
            board.hard[hards] = group
            board.soft[softs] = group
            hards += np.int64(hard)
            softs += np.int64(soft)
    for at in range(p.may.shape[2]):
        free = possible(p, board, slot, tier, at, hards, banned)
        if how != BOLD:
            for k in range(softs):
                free &= ~p.member[board.soft[k], at]
            free = serving(p, board, at, free)
        while free:
            rank = np.int32((at << 6) + lowest(free))
            if fits_narrow(p, board, rank, bit, how == BOLD):
                return rank
            free &= free - ONE
    if how == BOLD:
        return np.int32(-1)
    return _cheapest(p, board, slot, tier, banned, hards, softs)


@inline
def fits_narrow(p, board, rank, bit, is_bold):  # type: ignore[no-untyped-def]
    """Tell whether no narrow group of a rank is full at a position."""
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group = p.group_of[entry]
        if group >= p.broad:
            full = board.words[HARDLY, group]
            if not is_bold:
                full |= board.words[SOFTLY, group]
            if full & bit:
                return False
    return True


@inline
def possible(p, board, slot, tier, at, hards, banned):  # type: ignore[no-untyped-def]
    """Return which of the ranks of word `at` may stand in the slot now."""
    free = p.may[tier, slot, at] & ~board.used[at]
    if banned >= 0 and at == banned >> 6:
        free &= ~(ONE << (np.uint64(banned) & LOW_SIX))
    for k in range(hards):
        free &= ~p.member[board.hard[k], at]
    return free


@inline
def serving(p, board, at, free):  # type: ignore[no-untyped-def]
    """Keep the ranks that serve all floors due alone, and one of those due together."""
    together, any_of = False, ZERO
    for k in range(len(board.due)):
        if board.due[k] == 1:
            free &= p.member[p.floor_group[k], at]
        elif board.due[k] == 2:
            together = True
            any_of |= p.member[p.floor_group[k], at]
    return free & any_of if together else free


@inline
def _cheapest(p, board, slot, tier, banned, hards, softs):  # type: ignore[no-untyped-def]
    """Return the first rank of least packed cost."""
    bit = ONE << np.uint64(p.tail_count + slot)
    for k in range(softs):
        board.cost[board.soft[k]] = _group_cost(p, board, board.soft[k], slot)
    best, least = np.int32(-1), NEVER
    for at in range(p.may.shape[2]):
        free = possible(p, board, slot, tier, at, hards, banned)
        while free:
            rank = (at << 6) + lowest(free)
            free &= free - ONE
            cost = np.int64(0)
            for entry in range(p.group_start[rank], p.group_start[rank + 1]):
                group = p.group_of[entry]
                if group < p.broad:
                    cost = add(cost, board.cost[group])
                elif board.words[HARDLY, group] & bit:
                    cost = NEVER
                    break
                elif board.words[SOFTLY, group] & bit:
                    cost = add(cost, _group_cost(p, board, group, slot))
            if cost < least:
                cost = add(cost, _unserved(p, board, rank))
            if cost < least:
                best, least = np.int32(rank), cost
    for k in range(softs):
        board.cost[board.soft[k]] = 0
    board.dear[0] += 1
    return best


@inline
def _group_cost(p, board, group, slot):  # type: ignore[no-untyped-def]
    """Return the packed cost of one more of a group at a slot."""
    cost = np.int64(0)
    for span in range(p.span_start[group], p.span_start[group + 1]):
        if p.level[span] > 0 and p.most[span] < UNCAPPED:
            times = runs_broken(p, span, board.words[TAKEN, group], p.tail_count + slot)
            cost = add(cost, cost_of(p.level[span], times))
    return cost


@inline
def _unserved(p, board, rank):  # type: ignore[no-untyped-def]
    """Return the packed cost of floors due that a rank does not serve."""
    cost, joint, served = np.int64(0), np.int64(0), False
    for k in range(len(board.due)):
        due = board.due[k]
        if due:
            level = np.int64(p.level[p.floors[k]])
            word = p.member[p.floor_group[k], rank >> 6]
            serves = (word >> (np.uint64(rank) & LOW_SIX)) & ONE != ZERO
            if due == 1 and not serves:
                cost = add(cost, cost_of(level, 1))
            elif due == 2:
                served |= serves
                joint = max(joint, level)
    if joint > 0 and not served:
        cost = add(cost, cost_of(joint, 1))
    return cost


@inline
def fall_due(p, board, slot):  # type: ignore[no-untyped-def]
    """Mark in `board.due` floors that this slot must serve: 1 alone, 2 one of a set, else 0.

    A floor is due when the room after this slot is too small for what it still needs; a set of
    disjoint floors when their needs together exceed the free slots of their ranges.

    Returns:
        Whether any floor still lacks somebody: otherwise none will fall due in the slots below.
    """
    here = ONE << np.uint64(p.tail_count + slot)
    later = (board.free[0] & ~low_bits(slot + 1)) << np.uint64(p.tail_count)
    due, together, ranges, lacks = board.due, np.int64(0), ZERO, np.bool_(False)
    for k in range(len(p.floors)):
        due[k] = 0
        needs, range_ = _needs(p, board, k), p.mask[p.floors[k]]
        lacks |= needs > 0
        if needs == 0 or not range_ & here:
            continue
        due[k] = needs > room(p, board, k, later, needs)
        joins = True
        for other in range(k):
            if due[other] < 0 and not p.apart[k, other]:
                joins = False
        if joins:
            together += needs
            ranges |= range_
            due[k] = -1 - due[k]  # negative: in the set
    enough = together <= popcount(later & ranges)
    for k in range(len(p.floors)):
        if due[k] < 0:
            alone = due[k] == -2
            due[k] = 1 if alone else (0 if enough else 2)
    return lacks


@inline
def _needs(p, board, k):  # type: ignore[no-untyped-def]
    """Return how many a floor still lacks."""
    span = p.floors[k]
    have = popcount(board.words[TAKEN, p.floor_group[k]] & p.mask[span])
    return max(np.int64(p.least[span]) - have, np.int64(0))


@inline
def room(p, board, k, later, enough):  # type: ignore[no-untyped-def]
    """Count how many of a floor's group still fit into later positions, packed, up to `enough`."""
    group = p.floor_group[k]
    left = later & p.floor_reach[k] & ~board.words[HARDLY, group]
    if popcount(left) < enough:
        return popcount(left)
    capped = False
    for span in range(p.span_start[group], p.span_start[group + 1]):
        capped |= p.level[span] == 0 and p.most[span] < UNCAPPED
    if not capped:
        return popcount(left)
    taken, count = board.words[TAKEN, group], np.int64(0)
    while left and count < enough:
        taken |= left & (~left + ONE)
        left &= left - ONE
        count += 1
        for span in range(p.span_start[group], p.span_start[group + 1]):
            if p.level[span] == 0 and p.most[span] < UNCAPPED:
                left &= ~full_word(p, span, taken)
    return count


@bare
def fill_board(p: Any, board: Any, how: Any, ban_slot: Any, banned: Any, cut: Any) -> None:
    """Fill the empty open slots from the top; then those below the last normal one with the sunk.

    Args:
        p: `Layout`.
        board: the page.
        how: PLAIN, CAREFUL or BOLD.
        ban_slot: slot that `banned` may not take; -1 for none.
        banned: a rank.
        cut: slot from which on only the sunk may stand, K for none.
    """
    for k in range(len(board.due)):
        board.due[k] = 0
    _place_pinned(p, board)
    heeds = how == CAREFUL and len(p.floors) > 0
    for tier in range(2):
        if tier == 0:
            left = board.free[0] & low_bits(cut)
        else:
            left = board.free[0] & ~low_bits(_below_all(board)) & p.sunk_slots
        while left:
            slot = lowest(left)
            left &= left - ONE
            if heeds:
                heeds = fall_due(p, board, slot)
            not_here = banned if slot == ban_slot else np.int32(-1)
            rank = choose(p, board, slot, tier, how, not_here)
            if rank >= 0:
                place(p, board, slot, rank)


@inline
def _below_all(board):  # type: ignore[no-untyped-def]
    """Return the first slot below everyone."""
    start = 0
    for slot in range(len(board.slate)):
        if board.slate[slot] >= 0:
            start = slot + 1
    return start


@inline
def _place_pinned(p, board):  # type: ignore[no-untyped-def]
    """Put the pinned into their slots, but where that breaks something hard."""
    left = board.free[0] & p.pinned_slots
    while left:
        slot = lowest(left)
        left &= left - ONE
        rank = p.pinned[slot]
        bit, hard, soft = ONE << np.uint64(p.tail_count + slot), ZERO, ZERO
        for entry in range(p.group_start[rank], p.group_start[rank + 1]):
            hard |= board.words[HARDLY, p.group_of[entry]]
            soft |= board.words[SOFTLY, p.group_of[entry]]
        if not hard & bit:
            board.dear[0] += np.int64(soft & bit != ZERO)
            place(p, board, slot, rank)
