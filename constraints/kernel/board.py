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
        free: (1,) uint64 word of the open slots that are empty.
        used: (w,) uint64 set of ranks on the page.
        words: (3, g) uint64: positions where members of the group stand; where one more would
            break a hard cap; where one more would break a soft one.
        blocking: (ceil(broad / 64),) uint64 set of broad groups that block some open position.
        due: (f,) int8, see `filling.fall_due`.
        dear: (1,) int64 how many were chosen at a cost.
        hard, soft, cost: (g,) scratch of `filling.choose`; `cost` is 0 between its calls.
    """

    slate: IntArray
    free: WordArray
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
        np.full(1, p.open, np.uint64),
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
    _copy(source.slate, target.slate)
    target.free[0] = source.free[0]
    _copy(source.used, target.used)
    for kind in range(3):
        _copy(source.words[kind], target.words[kind])
    _copy(source.blocking, target.blocking)


@inline
def _copy(source, target):  # type: ignore[no-untyped-def]
    for k in range(len(source)):
        target[k] = source[k]


@inline
def around(word, width):  # type: ignore[no-untyped-def]
    """Return the positions less than `width` away from those of a word."""
    reach, left = np.int64(1), width - 1
    up, down = word, word
    while left > 0:
        step = np.uint64(min(reach, left))
        up |= up << step
        down |= down >> step
        left -= reach
        reach += reach
    return up | down


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
    if most == 1 and last_start > 0:
        return around(taken, width) & low_bits(last_start + width)
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
    words = board.words
    hard, soft = _full(p, group, words[TAKEN, group])
    if not (hard | soft | words[HARDLY, group] | words[SOFTLY, group]):
        return  # most often it was not full, and is not
    words[HARDLY, group] = hard
    words[SOFTLY, group] = soft
    if group < p.broad:
        bit = ONE << (np.uint64(group) & LOW_SIX)
        blocking, at = board.blocking, group >> 6
        blocks = bit if (hard | soft) & p.open_positions else ZERO
        blocking[at] = (blocking[at] & ~bit) | blocks


@inline
def _full(p, group, taken):  # type: ignore[no-untyped-def]
    """Return the positions where one more of a group would break something hard, and soft."""
    hard, soft = ZERO, ZERO
    if popcount(taken) < p.most_least[group]:
        return hard, soft
    for span in range(p.span_start[group], p.span_start[group + 1]):
        if p.most[span] < UNCAPPED:
            full = full_word(p, span, taken)
            if p.level[span] == 0:
                hard |= full
            else:
                soft |= full
    return hard, soft


@inline
def place(p, board, slot, rank):  # type: ignore[no-untyped-def]
    """Put a rank into an empty slot."""
    board.slate[slot] = rank
    board.free[0] &= ~(ONE << np.uint64(slot))
    board.used[rank >> 6] |= ONE << (np.uint64(rank) & LOW_SIX)
    bit, words, group_of = ONE << np.uint64(p.tail_count + slot), board.words, p.group_of
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        words[TAKEN, group_of[entry]] |= bit
        refresh(p, board, np.int64(group_of[entry]))


@inline
def lift(p, board, slot):  # type: ignore[no-untyped-def]
    """Empty a filled slot."""
    rank = board.slate[slot]
    board.slate[slot] = -1
    board.free[0] |= ONE << np.uint64(slot)
    board.used[rank >> 6] &= ~(ONE << (np.uint64(rank) & LOW_SIX))
    bit, words, group_of = ~(ONE << np.uint64(p.tail_count + slot)), board.words, p.group_of
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        words[TAKEN, group_of[entry]] &= bit
        refresh(p, board, np.int64(group_of[entry]))


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
