"""A page while it is filled: what stands where, and where one more would break something."""

from typing import NamedTuple

import numpy as np

from constraints.facts import IntArray, WordArray
from constraints.jit import inline, kernel, lowest, popcount
from constraints.kernel.layout import LOW_SIX, ONE, ZERO, low_bits
from constraints.program import UNCAPPED


class Board(NamedTuple):
    """What stands on a page of a `Layout`.

    Attributes:
        slate: (K,) int32 rank in each slot, -1 for none.
        used: (w,) uint64 set of ranks on the page.
        words: (3, g) uint64: positions where members of the group stand; where one more would
            break a hard cap; where one more would break a soft one.
        blocking: (ceil(broad / 64),) uint64 set of broad groups that block some open position.
        due: (f,) int8, see `filling.fall_due`.
        dear: (1,) int64 how many were chosen at a cost.
        hard, soft, cost: (g,) scratch of `filling.choose`; `cost` is 0 between its calls.
    """

    slate: IntArray
    used: WordArray
    words: WordArray
    blocking: WordArray
    due: IntArray
    hard: IntArray
    soft: IntArray
    cost: IntArray
    dear: IntArray


TAKEN, HARDLY, SOFTLY = 0, 1, 2


@kernel
def new_board(p):  # type: ignore[no-untyped-def]
    """Return a page on which only others' placements stand."""
    groups = len(p.occupied)
    board = Board(
        np.full(p.slot_count, -1, np.int32),
        np.zeros(p.may.shape[2], np.uint64),
        np.zeros((3, groups), np.uint64),
        np.zeros((p.broad + 63) >> 6, np.uint64),
        np.zeros(len(p.floors), np.int8),
        np.zeros(groups, np.int32),
        np.zeros(groups, np.int32),
        np.zeros(groups, np.int64),
        np.zeros(1, np.int64),
    )
    for group in range(groups):
        board.words[TAKEN, group] = p.occupied[group]
        refresh(p, board, group)
    return board


@inline
def copy_board(source, target):  # type: ignore[no-untyped-def]
    """Make `target` equal to `source`."""
    for k in range(len(source.slate)):
        target.slate[k] = source.slate[k]
    for k in range(len(source.used)):
        target.used[k] = source.used[k]
    for kind in range(3):
        for k in range(source.words.shape[1]):
            target.words[kind, k] = source.words[kind, k]
    for k in range(len(source.blocking)):
        target.blocking[k] = source.blocking[k]


@inline
def full_word(p, span, taken):  # type: ignore[no-untyped-def]
    """Return the positions where one more of the group would break the cap.

    A run of a window is full when it holds `most` neighbours in a row: so each member and the one
    `most` - 1 after it tell which runs are, without a look at every run.
    """
    most = p.most[span]
    if p.window[span] == 0:
        return p.mask[span] if popcount(taken & p.mask[span]) >= most else ZERO
    width = np.int64(p.window[span])
    last_start = max(p.tail_count + p.slot_count - width, np.int64(0))
    if most == 0:
        return low_bits(last_start + width)
    ahead = taken
    for _ in range(most - 1):
        ahead &= ahead - ONE  # drop the lowest bit; of zero it leaves zero
    full = ZERO
    while ahead:
        first = max(lowest(ahead) - width + 1, np.int64(0))
        last = min(lowest(taken), last_start)
        if first <= last:
            full |= low_bits(last + width) & ~low_bits(first)
        ahead &= ahead - ONE
        taken &= taken - ONE
    return full


@inline
def refresh(p, board, group):  # type: ignore[no-untyped-def]
    """Work out anew where one more of a group would break something."""
    taken = board.words[TAKEN, group]
    hard, soft = ZERO, ZERO
    for span in range(p.span_start[group], p.span_start[group + 1]):
        if p.most[span] < UNCAPPED:
            if p.level[span] == 0:
                hard |= full_word(p, span, taken)
            else:
                soft |= full_word(p, span, taken)
    board.words[HARDLY, group] = hard
    board.words[SOFTLY, group] = soft
    if group >= p.broad:
        return
    bit = ONE << (np.uint64(group) & LOW_SIX)
    if (hard | soft) & p.open_positions:
        board.blocking[group >> 6] |= bit
    else:
        board.blocking[group >> 6] &= ~bit


@inline
def place(p, board, slot, rank):  # type: ignore[no-untyped-def]
    """Put a rank into an empty slot."""
    board.slate[slot] = rank
    board.used[rank >> 6] |= ONE << (np.uint64(rank) & LOW_SIX)
    bit = ONE << np.uint64(p.tail_count + slot)
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        board.words[TAKEN, p.group_of[entry]] |= bit
        refresh(p, board, np.int64(p.group_of[entry]))


@inline
def lift(p, board, slot):  # type: ignore[no-untyped-def]
    """Empty a filled slot."""
    rank = board.slate[slot]
    board.slate[slot] = -1
    board.used[rank >> 6] &= ~(ONE << (np.uint64(rank) & LOW_SIX))
    bit = ONE << np.uint64(p.tail_count + slot)
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        board.words[TAKEN, p.group_of[entry]] &= ~bit
        refresh(p, board, np.int64(p.group_of[entry]))


@inline
def runs_broken(p, span, taken, position):  # type: ignore[no-untyped-def]
    """Count the runs of a cap that one more at `position` would break."""
    most = p.most[span]
    if p.window[span] == 0:
        inside = (p.mask[span] >> np.uint64(position)) & ONE
        return np.int64(inside != ZERO and popcount(taken & p.mask[span]) >= most)
    width = np.int64(p.window[span])
    run = low_bits(width)
    count = np.int64(0)
    last = min(np.int64(position), max(p.tail_count + p.slot_count - width, np.int64(0)))
    for start in range(max(position - width + 1, 0), last + 1):
        count += popcount(taken & (run << np.uint64(start))) >= most
    return count


@inline
def excess(p, span, taken, before):  # type: ignore[no-untyped-def]
    """Count what a page adds over a cap, run by run, or lacks of a floor."""
    if p.least[span] > 0:
        return max(p.least[span] - popcount(taken & p.mask[span]), np.int64(0))
    most = np.int64(p.most[span])
    if most >= UNCAPPED or popcount(taken) <= most:
        return np.int64(0)
    if p.window[span] == 0:
        already = popcount(before & p.mask[span])
        return max(popcount(taken & p.mask[span]) - max(most, already), np.int64(0))
    total = np.int64(0)
    width = np.int64(p.window[span])
    run = low_bits(width)
    for start in range(max(p.tail_count + p.slot_count - width, np.int64(0)) + 1):
        word = run << np.uint64(start)
        already = popcount(before & word)
        total += max(popcount(taken & word) - max(most, already), np.int64(0))
    return total
