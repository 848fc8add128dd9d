"""Refills a few slots of a page in the best way there is, or the best found within a limit."""

import numpy as np

from constraints.jit import bare, inline, lowest, popcount
from constraints.kernel.board import HARDLY, SOFTLY, TAKEN, lift, place
from constraints.kernel.filling import NOT_BOLD, fits_narrow
from constraints.kernel.knobs import FREED_MAX, POOL_MORE
from constraints.kernel.layout import LOW_SIX, ONE, ZERO, has
from constraints.kernel.state import NONE


@bare
def refill(p, board, k, target, limit):  # type: ignore[no-untyped-def]
    """Fill the freed slots at no cost so that the page is worth more than `target`.

    Depth first, slot by slot from the top, candidates in order of worth. A branch ends where even
    the most useful candidates that could stand in the slots left, each counted once, would not do.

    Args:
        p: `Layout`.
        board: a page whose slots `k.freed[:size]` are empty, in rising order.
        k: `Workspace`; `k.size[0]` slots, worth `k.worth[0]` without them, floors lacking
            `k.lacking` may not lack more.
        target: what to beat.
        limit: how many candidates to place at most.

    Returns:
        The worth reached, `target` if none was better; the ranks are in `k.found`.
    """
    size, best, depth, placed = np.int64(k.size[0]), target, np.int64(0), np.int64(0)
    pool = _pool(p, board, k)
    if pool == 0:
        return best
    heeds_floors = False
    for f in range(len(p.floors)):
        heeds_floors |= _short(p, board, k, f) > 0
    k.chosen[0], k.at[0] = NONE, -1
    _rank_rest(p, board, k, pool, depth)
    while depth >= 0:
        slot = k.freed[depth]
        rank, must, dead = NONE, NONE, placed >= limit
        if heeds_floors:
            must, is_lost = _must(p, board, k, depth)
            dead |= is_lost
        if not dead:
            rank = _next(p, board, k, pool, depth, slot, must, best)
        if rank < 0:
            depth -= 1
            if depth >= 0:
                lift(p, board, k.freed[depth])
            continue
        k.chosen[depth] = rank
        worth = k.worth[depth] + p.utility[rank] * p.discount[slot]
        if depth == size - 1:
            if not heeds_floors or _serves(p, board, k, slot, rank):
                best = worth
                for j in range(size):
                    k.found[j] = k.chosen[j]
            continue
        place(p, board, slot, rank)
        placed += 1
        depth += 1
        k.worth[depth] = worth
        k.chosen[depth], k.at[depth] = NONE, -1
        _rank_rest(p, board, k, pool, depth)
    return best


@inline
def _rank_rest(p, board, k, pool, depth):  # type: ignore[no-untyped-def]
    """List the most useful ranks for the slots from `depth` on, one more than there are slots."""
    row = depth * (FREED_MAX + 1)
    count, most = np.int64(0), k.size[0] - depth + 1
    for m in range(pool):
        rank = k.pool[m]
        if k.reach[m] >> np.uint64(depth) and not has(board.used, rank):
            k.rest[row + count] = rank
            count += 1
            if count == most:
                break
    k.rests[depth] = count
    total = np.int64(0)
    for j in range(depth + 1, k.size[0]):
        bit = ONE << np.uint64(p.tail_count + k.freed[j])
        rank = k.beyond[j]
        for m in range(pool):
            if (k.reach[m] >> np.uint64(j)) & ONE:
                other = k.pool[m]
                if not has(board.used, other) and fits(p, board, other, bit):
                    rank = other
                    break
        if rank >= len(p.utility):
            k.rests[depth] = -1
            return
        total += p.utility[rank] * p.discount[k.freed[j]]
    k.own[depth] = total


@inline
def _beats(p, k, depth, rank, best):  # type: ignore[no-untyped-def]
    """Tell whether the page could be worth more than `best` with a rank in the slot of `depth`."""
    worth = k.worth[depth] + p.utility[rank] * p.discount[k.freed[depth]]
    if worth + k.own[depth] <= best:
        return False
    row, j = depth * (FREED_MAX + 1), depth + 1
    for m in range(k.rests[depth]):
        if j == k.size[0]:
            break
        if k.rest[row + m] != rank:
            worth += p.utility[k.rest[row + m]] * p.discount[k.freed[j]]
            j += 1
    return worth > best and j == k.size[0]


@inline
def _next(p, board, k, pool, depth, slot, must, best):  # type: ignore[no-untyped-def]
    """Return the next rank for a slot that costs nothing and could make the page worth more."""
    bit = ONE << np.uint64(p.tail_count + slot)
    for at in range(k.at[depth] + 1, pool):
        rank = k.pool[at]
        if not (k.reach[at] >> np.uint64(depth)) & ONE:
            continue
        if not _beats(p, k, depth, rank, best):
            return NONE
        serves = must < 0 or has(p.member[must], rank)
        if serves and not has(board.used, rank) and fits(p, board, rank, bit):
            k.at[depth] = at
            return rank
    return _beyond(p, board, k, pool, depth, slot, must, best)


@inline
def _beyond(p, board, k, pool, depth, slot, must, best):  # type: ignore[no-untyped-def]
    """Return the next rank for a slot among those the pool does not hold."""
    bit = ONE << np.uint64(p.tail_count + slot)
    k.at[depth] = pool
    after = np.int64(max(k.chosen[depth], k.beyond[depth]))
    if after + 1 >= len(p.utility) or not _beats(p, k, depth, np.int32(after + 1), best):
        return NONE
    count = blockers(p, board, bit)
    for word in range((after + 1) >> 6, p.may.shape[2]):
        free = p.may[0, slot, word] & ~board.used[word]
        if word == (after + 1) >> 6:
            free &= ~((ONE << (np.uint64(after + 1) & LOW_SIX)) - ONE)
        for j in range(count):
            free &= ~p.member[board.hard[j], word]
        if must >= 0:
            free &= p.member[must, word]
        while free:
            rank = np.int32((word << 6) + lowest(free))
            free &= free - ONE
            if not _beats(p, k, depth, rank, best):
                return NONE
            if fits_narrow(p, board, rank, bit, NOT_BOLD):
                return rank
    return NONE


@inline
def fits(p, board, rank, bit):  # type: ignore[no-untyped-def]
    """Tell whether a rank breaks nothing at a position."""
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group = p.group_of[entry]
        if (board.words[HARDLY, group] | board.words[SOFTLY, group]) & bit:
            return False
    return True


@inline
def _short(p, board, k, f):  # type: ignore[no-untyped-def]
    """Return how many more a floor lacks than it may."""
    span = p.floors[f]
    have = popcount(board.words[TAKEN, p.floor_group[f]] & p.mask[span])
    return p.least[span] - have - k.lacking[f]


@inline
def _must(p, board, k, depth):  # type: ignore[no-untyped-def]
    """Return a group that the slot must serve, NONE if none; and whether a floor is lost."""
    must, dead = NONE, False
    for f in range(len(p.floors)):
        short = _short(p, board, k, f)
        if short > 0:
            left, here = np.int64(0), False
            for j in range(depth, k.size[0]):
                inside = (p.mask[p.floors[f]] >> np.uint64(p.tail_count + k.freed[j])) & ONE != ZERO
                left += inside
                here |= inside and j == depth
            dead |= short > left
            if short == left and here:
                must = np.int32(p.floor_group[f])
    return must, dead


@inline
def _serves(p, board, k, slot, rank):  # type: ignore[no-untyped-def]
    """Tell whether a rank in the last slot leaves no floor short."""
    for f in range(len(p.floors)):
        short = _short(p, board, k, f)
        if short > 0:
            inside = (p.mask[p.floors[f]] >> np.uint64(p.tail_count + slot)) & ONE != ZERO
            if short > 1 or not inside or not has(p.member[p.floor_group[f]], rank):
                return False
    return True


@inline
def blockers(p, board, bit):  # type: ignore[no-untyped-def]
    """List in `board.hard` the broad groups full at a position; return how many."""
    count = 0
    for at in range(len(board.blocking)):
        left = board.blocking[at]
        while left:
            group = (at << 6) + lowest(left)
            left &= left - ONE
            if (board.words[HARDLY, group] | board.words[SOFTLY, group]) & bit:
                board.hard[count] = group
                count += 1
    return count


@inline
def _pool(p, board, k):  # type: ignore[no-untyped-def]
    """Gather the most useful ranks that may stand in each freed slot, as many as there are slots.

    Returns:
        How many; 0 when some slot has none. `k.pool` rises, `k.reach` has bit j for slot j.
    """
    count, size, rank = np.int64(0), k.size[0], NONE
    per = size + POOL_MORE
    for j in range(size):
        bit = ONE << np.uint64(p.tail_count + k.freed[j])
        blocked, got = blockers(p, board, bit), 0
        for at in range(p.may.shape[2]):
            free = p.may[0, k.freed[j], at] & ~board.used[at]
            for b in range(blocked):
                free &= ~p.member[board.hard[b], at]
            while free and got < per:
                rank = np.int32((at << 6) + lowest(free))
                free &= free - ONE
                if fits_narrow(p, board, rank, bit, NOT_BOLD):
                    got += 1
                    count = _into_pool(k, count, rank, ONE << np.uint64(j))
            if got == per:
                break
        if got == 0:
            return np.int64(0)
        k.beyond[j] = rank if got == per else np.int32(len(p.utility))
    return count


@inline
def _into_pool(k, count, rank, bit):  # type: ignore[no-untyped-def]
    at = count
    while at > 0 and k.pool[at - 1] > rank:
        at -= 1
    if at > 0 and k.pool[at - 1] == rank:
        k.reach[at - 1] |= bit
        return count
    for j in range(count, at, -1):
        k.pool[j] = k.pool[j - 1]
        k.reach[j] = k.reach[j - 1]
    k.pool[at] = rank
    k.reach[at] = bit
    return count + 1
