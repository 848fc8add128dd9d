"""Draws what a round works at: a slot, somebody kept out of it, something broken."""

import numpy as np

from constraints.jit import inline, lowest, popcount
from constraints.kernel.board import TAKEN, excess
from constraints.kernel.knobs import KEPT_OUT_MAX
from constraints.kernel.layout import LOW_SIX, ONE
from constraints.kernel.state import NONE, draw


@inline
def draw_lacked(p, board, k):  # type: ignore[no-untyped-def]
    """Draw a floor that lacks somebody, a slot it counts, and somebody it lacks for there.

    Returns:
        The slot and the rank, NONE where there is nobody.
    """
    floor, seen = NONE, np.int64(0)
    for f in range(len(p.floors)):
        have = popcount(board.words[TAKEN, p.floor_group[f]] & p.mask[p.floors[f]])
        if have < p.least[p.floors[f]]:
            seen += 1
            if draw(k, seen) == 0:
                floor = np.int32(f)
    if floor < 0:
        return np.int64(0), NONE
    inside = (p.floor_reach[floor] & p.open_positions) >> np.uint64(p.tail_count)
    slot = draw_bit(inside, k)
    if slot < 0:
        return np.int64(0), NONE
    return slot, draw_one_of(p, board, slot, p.floor_group[floor], k)


@inline
def draw_kept_out(p, slot, stands, k):  # type: ignore[no-untyped-def]
    """Draw one of the first ranks that are worth more than who stands in a slot, else NONE."""
    count, last = np.int64(0), np.int64(stands >> 6)
    upto = (ONE << (np.uint64(stands) & LOW_SIX)) - ONE
    for at in range(last + 1):
        free = p.may[0, slot, at]
        count += popcount(free & upto if at == last else free)
        if count >= KEPT_OUT_MAX:
            break
    if count == 0:
        return NONE
    left = draw(k, min(count, np.int64(KEPT_OUT_MAX)))
    for at in range(last + 1):
        free = p.may[0, slot, at]
        if left < popcount(free):
            while left > 0:
                free &= free - ONE
                left -= 1
            return np.int32((at << 6) + lowest(free))
        left -= popcount(free)
    return NONE


@inline
def draw_bit(word, k):  # type: ignore[no-untyped-def]
    """Draw one of the bits of a word, -1 where it has none."""
    drawn, seen = np.int64(-1), np.int64(0)
    while word:
        seen += 1
        if draw(k, seen) == 0:
            drawn = lowest(word)
        word &= word - ONE
    return drawn


@inline
def draw_broken(p, board, k):  # type: ignore[no-untyped-def]
    """Draw one of the soft spans that are broken, and its group; -1 where none is."""
    broken, of, seen = np.int64(-1), np.int64(-1), np.int64(0)
    for group in range(len(p.occupied)):
        taken = board.words[TAKEN, group]
        for span in range(p.span_start[group], p.span_start[group + 1]):
            if p.level[span] > 0 and excess(p, span, taken, p.occupied[group]) > 0:
                seen += 1
                if draw(k, seen) == 0:
                    broken, of = np.int64(span), np.int64(group)
    return broken, of


@inline
def draw_one_of(p, board, slot, group, k):  # type: ignore[no-untyped-def]
    """Draw an unused rank of a group (-1: of all) that may stand in a slot, else NONE."""
    drawn, seen = NONE, np.int64(0)
    for at in range(p.may.shape[2]):
        free = p.may[0, slot, at] & ~board.used[at]
        if group >= 0:
            free &= p.member[group, at]
        while free:
            seen += 1
            if draw(k, seen) == 0:
                drawn = np.int32((at << 6) + lowest(free))
            free &= free - ONE
    return drawn
