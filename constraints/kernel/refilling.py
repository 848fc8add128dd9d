"""Refills a few slots of a page in the best way there is, or the best found within a limit."""

import numpy as np

from constraints.jit import bare, inline, lowest, popcount
from constraints.kernel.board import HARDLY, SOFTLY, TAKEN, full_word, lift, place
from constraints.kernel.filling import NOT_BOLD, fits_narrow
from constraints.kernel.knobs import FREED_MAX, LISTED
from constraints.kernel.layout import LOW_SIX, ONE, ZERO, has
from constraints.kernel.state import NONE
from constraints.program import UNCAPPED

DEAD = np.int64(-(2**62))  # worth of slots that cannot be filled


@bare
def refill(p, board, k, target, limit):  # type: ignore[no-untyped-def]
    """Fill the freed slots at no cost so that the page is worth more than `target`.

    Depth first, slot by slot from the top, candidates in order of worth. A branch ends where even
    the most useful candidate for each of the slots left, one by one, would not do. The last slot
    is filled without placing who stands in the one above it.

    Args:
        p: `Layout`.
        board: a page whose slots `k.freed[:size]` are empty, in rising order.
        k: `Workspace`; `k.size[0]` slots, worth `k.worth[0]` without them, floors lacking
            `k.lacking` may not lack more.
        target: what to beat.
        limit: how many candidates to try at most above the last slot.

    Returns:
        The worth reached, `target` if none was better; the ranks are in `k.found`.
    """
    size, best, depth, tried = np.int64(k.size[0]), target, np.int64(0), np.int64(0)
    if not _list(p, board, k):
        return best
    heeds_floors = False
    for f in range(len(p.floors)):
        heeds_floors |= _short(p, board, k, f) > 0
    _enter(p, board, k, depth, heeds_floors)
    while depth >= 0:
        rank = NONE
        if tried < limit:
            rank = _next(p, board, k, depth, best)
        if rank < 0:
            depth -= 1
            if depth >= 0:
                lift(p, board, k.freed[depth])
            continue
        tried += 1
        k.chosen[depth] = rank
        worth = k.worth[depth] + p.utility[rank] * p.discount[k.freed[depth]]
        last = size - 1
        if depth < last - 1:
            place(p, board, k.freed[depth], rank)
            depth += 1
            k.worth[depth] = worth
            _enter(p, board, k, depth, heeds_floors)
            continue
        if depth < last:
            below = _last(p, board, k, depth, rank, worth, best, heeds_floors)
            if below < 0:
                continue
            k.chosen[last] = below
            worth += p.utility[below] * p.discount[k.freed[last]]
        elif heeds_floors and not _serves(p, board, k, last, rank, NONE):
            continue
        best = worth
        for j in range(size):
            k.found[j] = k.chosen[j]
    return best


@inline
def _list(p, board, k):  # type: ignore[no-untyped-def]
    """List for each freed slot the most useful ranks that fit, LISTED at most.

    Returns:
        False when some slot has none.
    """
    for j in range(k.size[0]):
        bit = ONE << np.uint64(p.tail_count + k.freed[j])
        blocked, got = blockers(p, board, bit), np.int64(0)
        for at in range(p.may.shape[2]):
            free = p.may[0, k.freed[j], at] & ~board.used[at]
            for b in range(blocked):
                free &= ~p.member[board.hard[b], at]
            while free and got < LISTED:
                rank = np.int32((at << 6) + lowest(free))
                free &= free - ONE
                if fits_narrow(p, board, rank, bit, NOT_BOLD):
                    k.listed[j * LISTED + got] = rank
                    got += 1
            if got == LISTED:
                break
        if got == 0:
            return False
        k.listed_count[j] = got
        k.first[j] = 0
    return True


@inline
def _enter(p, board, k, depth, heeds_floors):  # type: ignore[no-untyped-def]
    """Begin with the slot of a depth: what the slots below may be worth, and whom it must serve."""
    row, total = depth * FREED_MAX, np.int64(0)
    above = row - FREED_MAX if depth > 0 else row  # what does not fit above does not fit here
    for j in range(depth, k.size[0]):
        bit = ONE << np.uint64(p.tail_count + k.freed[j])
        entry = k.first[above + j]
        while entry < k.listed_count[j]:
            rank = k.listed[j * LISTED + entry]
            if not has(board.used, rank) and fits(p, board, rank, bit):
                break
            entry += 1
        k.first[row + j] = entry
        if j > depth:
            if entry == k.listed_count[j] and entry < LISTED:
                total = DEAD
                break
            rank = k.listed[j * LISTED + min(entry, LISTED - 1)]
            total += p.utility[rank] * p.discount[k.freed[j]]
    k.own[depth], k.must[depth] = total, NONE
    k.chosen[depth], k.at[depth] = NONE, k.first[row + depth] - 1
    if heeds_floors and total != DEAD:
        must, is_lost = _must(p, board, k, depth)
        k.must[depth] = must
        if is_lost:
            k.own[depth] = DEAD


@inline
def _next(p, board, k, depth, best):  # type: ignore[no-untyped-def]
    """Return the next rank for a slot that costs nothing and could make the page worth more."""
    base = k.worth[depth] + k.own[depth]
    return _pick(p, board, k, depth, k.at[depth] + 1, k.must[depth], base, best, NONE, 0)


@inline
def _last(p, board, k, depth, above, worth, best, heeds_floors):  # type: ignore[no-untyped-def]
    """Return the best rank for the last slot beside one in the slot above it, else NONE."""
    last, must = depth + 1, NONE
    if heeds_floors:
        for f in range(len(p.floors)):
            if _short(p, board, k, f) > _counts(p, k, f, depth, above):
                must = np.int32(p.floor_group[f])
        if must >= 0 and not _may_serve(p, board, k, last, above):
            return NONE
    k.chosen[last] = NONE
    entry = k.first[depth * FREED_MAX + last]
    while True:
        rank = _pick(
            p, board, k, last, entry, must, worth, best, above, p.tail_count + k.freed[depth]
        )
        if rank < 0 or not heeds_floors or _serves(p, board, k, last, rank, above):
            return rank
        k.chosen[last] = rank
        entry = k.at[last] + 1


@inline
def _pick(p, board, k, j, entry, must, base, best, above, above_at):  # type: ignore[no-untyped-def]
    """Return the first rank for a freed slot that makes the page worth more, else NONE.

    Args:
        p: `Layout`.
        board: the page.
        k: `Workspace`; `k.at[j]` becomes the entry found, or `k.listed_count[j]` where it is none.
        j: the freed slot.
        entry: of its list, the first to look at.
        must: a group the rank must be of, or NONE.
        base: worth of the page without it.
        best: what to beat.
        above: a rank that is not placed yet and that it must fit beside, or NONE.
        above_at: its position.
    """
    slot = k.freed[j]
    bit = ONE << np.uint64(p.tail_count + slot)
    while entry < k.listed_count[j]:
        rank = k.listed[j * LISTED + entry]
        if base + p.utility[rank] * p.discount[slot] <= best:
            return NONE
        is_wanted = rank != above and (must < 0 or has(p.member[must], rank))
        is_wanted = is_wanted and not has(board.used, rank)
        if is_wanted and _fits_beside(p, board, rank, bit, above, above_at):
            k.at[j] = entry
            return rank
        entry += 1
    k.at[j] = k.listed_count[j]
    if k.listed_count[j] < LISTED:
        return NONE
    after = max(k.chosen[j], k.listed[j * LISTED + LISTED - 1]) + 1
    if after >= len(p.utility) or base + p.utility[after] * p.discount[slot] <= best:
        return NONE
    return _beyond(p, board, slot, after, must, base, best, above, above_at)


@inline
def _beyond(p, board, slot, after, must, base, best, above, above_at):  # type: ignore[no-untyped-def]
    """Return the same among the ranks from `after` on, which no list holds."""
    bit = ONE << np.uint64(p.tail_count + slot)
    blocked = blockers(p, board, bit)
    for word in range(after >> 6, p.may.shape[2]):
        free = p.may[0, slot, word] & ~board.used[word]
        if word == after >> 6:
            free &= ~((ONE << (np.uint64(after) & LOW_SIX)) - ONE)
        for b in range(blocked):
            free &= ~p.member[board.hard[b], word]
        if must >= 0:
            free &= p.member[must, word]
        while free:
            rank = np.int32((word << 6) + lowest(free))
            free &= free - ONE
            if base + p.utility[rank] * p.discount[slot] <= best:
                return NONE
            if rank != above and _fits_beside(p, board, rank, bit, above, above_at):
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
def _fits_beside(p, board, rank, bit, above, above_at):  # type: ignore[no-untyped-def]
    """Tell whether a rank breaks nothing at a position, were another placed above."""
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group = p.group_of[entry]
        if (board.words[HARDLY, group] | board.words[SOFTLY, group]) & bit:
            return False
        if above >= 0 and has(p.member[group], above):
            taken = board.words[TAKEN, group] | ONE << np.uint64(above_at)
            for span in range(p.span_start[group], p.span_start[group + 1]):
                if p.most[span] < UNCAPPED and full_word(p, span, taken) & bit:
                    return False
    return True


@inline
def _short(p, board, k, f):  # type: ignore[no-untyped-def]
    """Return how many more a floor lacks than it may."""
    span = p.floors[f]
    have = popcount(board.words[TAKEN, p.floor_group[f]] & p.mask[span])
    return p.least[span] - have - k.lacking[f]


@inline
def _counts(p, k, f, j, rank):  # type: ignore[no-untyped-def]
    """Return 1 if a rank in freed slot j serves a floor, else 0."""
    inside = (p.mask[p.floors[f]] >> np.uint64(p.tail_count + k.freed[j])) & ONE != ZERO
    return np.int64(inside and has(p.member[p.floor_group[f]], rank))


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
def _may_serve(p, board, k, last, above):  # type: ignore[no-untyped-def]
    """Tell whether the last slot can leave no floor short."""
    for f in range(len(p.floors)):
        short = _short(p, board, k, f) - _counts(p, k, f, last - 1, above)
        inside = (p.mask[p.floors[f]] >> np.uint64(p.tail_count + k.freed[last])) & ONE != ZERO
        if short > np.int64(inside):
            return False
    return True


@inline
def _serves(p, board, k, last, rank, above):  # type: ignore[no-untyped-def]
    """Tell whether a rank in the last slot, and one not placed yet above, leave no floor short."""
    for f in range(len(p.floors)):
        short = _short(p, board, k, f)
        if short > 0:
            if above >= 0:
                short -= _counts(p, k, f, last - 1, above)
            if short > _counts(p, k, f, last, rank):
                return False
    return True


@inline
def blockers(p, board, bit):  # type: ignore[no-untyped-def]
    """List in `board.hard` the broad groups full at a position; return how many."""
    count, at_bit = np.int64(0), np.uint64(lowest(bit))
    for at in range(len(board.blocking)):
        left = board.blocking[at]
        while left:
            group = (at << 6) + lowest(left)
            left &= left - ONE
            board.hard[count] = group
            full = board.words[HARDLY, group] | board.words[SOFTLY, group]
            count += np.int64((full >> at_bit) & ONE)
    return count
