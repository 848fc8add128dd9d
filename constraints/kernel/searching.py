"""Fills a page, then improves it by a number of rounds given beforehand."""

from typing import Any

import numpy as np

from constraints.jit import bare, keep, kernel, view
from constraints.kernel.board import copy_board, lift, new_board
from constraints.kernel.filling import BOLD, CAREFUL, PLAIN, fill_board
from constraints.kernel.knobs import (
    BACK_AFTER,
    EXCHANGE_BROKEN_PERCENT,
    EXCHANGE_PERCENT,
    FAR_PERCENT,
    HOME_PART,
    PATIENCE,
    SLACK,
    WANDER_IN,
)
from constraints.kernel.layout import lay_out
from constraints.kernel.moves import exchange, mend, rebuild
from constraints.kernel.polishing import polish
from constraints.kernel.scores import OBJECTIVE, SCORES, SUNK
from constraints.kernel.scoring import (
    UNKNOWN,
    compare,
    copy_score,
    free_bound,
    is_better,
    is_clean,
    is_within,
    score_board,
)
from constraints.kernel.state import NONE, draw, new_workspace


@kernel
def search(t: Any, rounds: Any) -> Any:
    """Return the best slate found.

    Args:
        t: `Tables` of a program.
        rounds: how many improvements are tried; 0 only fills.

    Returns:
        (K,) int32 candidate of each slot, -1 for none; what a page is worth at most, by who may
        stand where; the rounds tried; whether the slate is proved the best there is.
    """
    laid, scratch = lay_out(t), new_workspace(t)
    boards = new_board(laid), new_board(laid), new_board(laid), new_board(laid)
    p, k = view(laid), view(scratch)
    board, best, trial, first = view(boards[0]), view(boards[1]), view(boards[2]), view(boards[3])
    top, now = np.zeros(SCORES, np.int64), np.zeros(SCORES, np.int64)
    score = np.zeros(SCORES, np.int64)
    _first_fill(p, board, best, trial, top, score)
    first_top = top.copy()
    copy_board(best, first)
    polish(p, first, trial, first_top, score)
    pool, picked = np.zeros_like(best.used), np.zeros_like(best.used)
    bound = free_bound(p, pool, picked, top[SUNK] + p.must_give_up[SUNK] > 0)
    done = np.int64(0)
    if len(p.candidate) > 0:
        is_far = -top[OBJECTIVE] < bound // 100 * (100 - FAR_PERCENT)
        copy_board(best, board)
        copy_score(top, now)
        copy_score(p.must_give_up, k.given)
        done = _walk(p, board, best, trial, top, now, score, k, rounds, bound)
        if not is_clean(p, top):
            copy_score(top, k.given)
            copy_board(best, board)
            copy_score(top, now)
        elif is_far:
            _begin_anew(p, board, best, now, k)
        if is_far or not is_clean(p, top):
            done += _walk(p, board, best, trial, top, now, score, k, rounds, bound)
    if done > 0:
        polish(p, best, trial, top, score)
    if done == 0 or is_better(first_top, top):  # the rounds may leave less to polish
        copy_board(first, best)
        copy_score(first_top, top)
    slate = np.full(p.slot_count, -1, np.int32)
    for slot in range(p.slot_count):
        if best.slate[slot] >= 0:
            slate[slot] = p.candidate[best.slate[slot]]
    is_proved = is_clean(p, top) and -top[OBJECTIVE] == bound
    keep(laid)
    keep(scratch)
    keep(boards)
    return slate, bound, done, is_proved


@bare
def _first_fill(p, start, best, trial, top, score):  # type: ignore[no-untyped-def]
    """Fill plainly; heeding floors; and boldly where plainly gives a rule up. Keep the best."""
    fill_board(p, best, PLAIN, NONE, NONE, p.slot_count)
    score_board(p, best, top, UNKNOWN)
    gives_up = False
    for entry in range(SUNK, OBJECTIVE):
        gives_up |= top[entry] > 0
    for how in (CAREFUL, BOLD):
        if (how == CAREFUL and len(p.floors) > 0) or (how == BOLD and gives_up):
            copy_board(start, trial)
            fill_board(p, trial, how, NONE, NONE, p.slot_count)
            score_board(p, trial, score, UNKNOWN)
            if is_better(score, top):
                copy_board(trial, best)
                copy_score(score, top)


@bare
def _begin_anew(p, board, best, now, k):  # type: ignore[no-untyped-def]
    """Fill the page anew, but for one slot that shall not hold who stands there at best."""
    copy_board(best, board)
    for slot in range(p.slot_count):
        if board.slate[slot] >= 0 and p.pinned[slot] != board.slate[slot]:
            lift(p, board, slot)
    slot = draw(k, p.slot_count)
    fill_board(p, board, CAREFUL, slot, best.slate[slot], p.slot_count)
    score_board(p, board, now, UNKNOWN)


@bare
def _walk(p, board, best, trial, top, now, score, k, rounds, bound):  # type: ignore[no-untyped-def]
    """Try rounds on a page and keep the best in `best` and `top`; return how many.

    The walk goes on from a page a little worse, less so with every round; the last ones begin at
    the best page and only go up. Pages that give up more than is given get more rounds: they walk
    on from a page that gives up yet more now and then, and return if nothing comes of it.
    """
    step, since = np.int64(0), np.int64(0)
    home = rounds - rounds // HOME_PART
    while step < rounds or (step < PATIENCE * rounds and not is_within(k.given, top)):
        if is_within(k.given, top) and -top[OBJECTIVE] == bound:
            break
        step += 1
        if step == home and is_within(k.given, top):
            copy_board(best, board)
            copy_score(top, now)
        clean, caps_hold = is_within(k.given, now), is_clean(p, now)
        if not clean and draw(k, 2) == 0:
            if mend(p, board, trial, now, k):
                score_board(p, board, now, UNKNOWN)
        elif draw(k, 100) < (EXCHANGE_PERCENT if clean else EXCHANGE_BROKEN_PERCENT):
            if exchange(p, board, trial, now, k):
                score_board(p, board, now, caps_hold)
        else:
            rebuild(p, board, trial, now, score, k, clean, caps_hold)
            order = compare(score, now)
            slack = -now[OBJECTIVE] // SLACK // rounds * max(home - step, np.int64(0))
            leaves = not clean and draw(k, WANDER_IN) == 0
            if order < 0 or leaves or (order == 0 and score[OBJECTIVE] <= now[OBJECTIVE] + slack):
                copy_board(trial, board)
                copy_score(score, now)
        if is_better(now, top):
            copy_board(board, best)
            copy_score(now, top)
            since = step
        elif not clean and step - since >= BACK_AFTER:
            copy_board(best, board)
            copy_score(top, now)
            since = step
    return step
