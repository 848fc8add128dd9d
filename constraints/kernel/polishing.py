"""The last touch: nobody is left lower, or out, who could simply change places with one above."""

import numpy as np

from constraints.jit import bare, inline, lowest
from constraints.kernel.board import HARDLY, SOFTLY, TAKEN, copy_board, full_word, lift, place
from constraints.kernel.filling import NOT_BOLD, fits_narrow
from constraints.kernel.layout import LOW_SIX, ONE, ZERO, has
from constraints.kernel.refilling import blockers
from constraints.kernel.scores import OBJECTIVE
from constraints.kernel.scoring import (
    compare,
    copy_score,
    is_better,
    is_clean,
    score_board,
)
from constraints.program import UNCAPPED


@bare
def polish(p, board, trial, top, score):  # type: ignore[no-untyped-def]
    """Replace one by one worth more, or let two change places, as long as the page gets better.

    Args:
        p: `Layout`.
        board: the page, made better in place.
        trial: a board to try on.
        top: its score, kept up.
        score: scratch.
    """
    again = True
    while again:
        again = False
        for slot in range(p.slot_count):
            is_open = (p.open >> np.uint64(slot)) & ONE != ZERO
            if _is_settled(p, board, slot) and (board.slate[slot] >= 0 or not is_open):
                continue
            if board.slate[slot] >= 0 and _replaced(p, board, trial, slot, top, score):
                again = True
            for below in range(slot + 1, p.slot_count):
                stands = board.slate[slot]
                if _is_settled(p, board, below) or 0 <= stands < board.slate[below]:
                    continue
                if _swapped(p, board, trial, slot, below, top, score):
                    again = True


@inline
def _is_settled(p, board, slot):  # type: ignore[no-untyped-def]
    """Tell whether a slot is not ours to change: empty, reserved, pinned or of the sunk."""
    rank = board.slate[slot]
    return rank < 0 or p.pinned[slot] == rank or has(p.may[1, slot], rank)


@inline
def _replaced(p, board, trial, slot, top, score):  # type: ignore[no-untyped-def]
    """Put the first one from outside that makes the page better into a slot.

    Or no worse: of two worth as much, the one of lower rank is shown.
    """
    stands = board.slate[slot]
    copy_board(board, trial)
    lift(p, trial, slot)
    bit = ONE << np.uint64(p.tail_count + slot)
    count = blockers(p, trial, bit)
    for at in range((stands >> 6) + 1):
        free = p.may[0, slot, at] & ~board.used[at]
        if at == stands >> 6:
            free &= (ONE << (np.uint64(stands) & LOW_SIX)) - ONE
        for k in range(count):
            free &= ~p.member[trial.hard[k], at]
        while free:
            rank = np.int32((at << 6) + lowest(free))
            free &= free - ONE
            if fits_narrow(p, trial, rank, bit, NOT_BOLD):
                place(p, trial, slot, rank)
                if _is_kept(p, board, trial, top, score):
                    return True
                if compare(score, top) == 0 and score[OBJECTIVE] == top[OBJECTIVE]:
                    copy_board(trial, board)
                    return True
                lift(p, trial, slot)
                count = blockers(p, trial, bit)
    return False


@inline
def _swapped(p, board, trial, slot, below, top, score):  # type: ignore[no-untyped-def]
    """Let one stand higher, and who stands there lower, if the page is no worse for it.

    Of two worth as much, the one of lower rank stands higher.
    """
    stands, lower = board.slate[slot], board.slate[below]
    if not has(p.may[0, slot], lower) or (stands >= 0 and not has(p.may[0, below], stands)):
        return False
    clean = is_clean(p, top)
    if not _could_stand(p, board, lower, slot, below, clean):
        return False
    copy_board(board, trial)
    lift(p, trial, below)
    if stands >= 0:
        lift(p, trial, slot)
    place(p, trial, slot, lower)
    if stands >= 0:
        if not _may_stand(p, trial, stands, below, clean):
            return False
        place(p, trial, below, stands)
    if _is_kept(p, board, trial, top, score):
        return True
    if stands < 0 or compare(score, top) != 0 or score[OBJECTIVE] != top[OBJECTIVE]:
        return False
    copy_board(trial, board)
    return True


@inline
def _could_stand(p, board, rank, slot, below, clean):  # type: ignore[no-untyped-def]
    """Tell whether a rank, and nobody else in both slots, would break nothing at the upper one."""
    bit = ONE << np.uint64(p.tail_count + slot)
    others = ~(bit | ONE << np.uint64(p.tail_count + below))
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group = p.group_of[entry]
        taken = board.words[TAKEN, group] & others
        for span in range(p.span_start[group], p.span_start[group + 1]):
            counts = p.most[span] < UNCAPPED and (clean or p.level[span] == 0)
            if counts and full_word(p, span, taken) & bit:
                return False
    return True


@inline
def _may_stand(p, board, rank, slot, clean):  # type: ignore[no-untyped-def]
    """Tell whether a rank breaks nothing hard, and on a clean page nothing at all."""
    bit, full = ONE << np.uint64(p.tail_count + slot), ZERO
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        full |= board.words[HARDLY, p.group_of[entry]]
        if clean:
            full |= board.words[SOFTLY, p.group_of[entry]]
    return full & bit == ZERO


@inline
def _is_kept(p, board, trial, top, score):  # type: ignore[no-untyped-def]
    """Keep the trial if it is better."""
    score_board(p, trial, score, is_clean(p, top))
    if not is_better(score, top):
        return False
    copy_board(trial, board)
    copy_score(score, top)
    return True
