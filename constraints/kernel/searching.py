"""Fills a page, then improves it by a number of rounds given beforehand."""

from typing import Any

import numpy as np

from constraints.jit import bare, kernel
from constraints.kernel.board import copy_board, new_board
from constraints.kernel.filling import BOLD, CAREFUL, PLAIN, fill_board
from constraints.kernel.knobs import PATIENCE, SLACK
from constraints.kernel.layout import lay_out
from constraints.kernel.moves import exchange, mend, rebuild
from constraints.kernel.polishing import polish
from constraints.kernel.scoring import (
    OBJECTIVE,
    SCORES,
    SUNK,
    UNKNOWN,
    compare,
    copy_score,
    free_bound,
    is_better,
    is_clean,
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
    p = lay_out(t)
    board, best, trial = new_board(p), new_board(p), new_board(p)
    top, now = np.zeros(SCORES, np.int64), np.zeros(SCORES, np.int64)
    score = np.zeros(SCORES, np.int64)
    _first_fill(p, board, best, trial, top, score)
    first, first_top = new_board(p), top.copy()
    copy_board(best, first)
    polish(p, first, trial, first_top, score)
    pool, picked = np.zeros_like(best.used), np.zeros_like(best.used)
    bound = free_bound(p, pool, picked, top[SUNK] > 0)
    done = np.int64(0)
    if len(p.candidate) > 0:
        done = _improve(p, board, best, trial, top, now, score, new_workspace(p), rounds, bound)
    if done > 0:
        polish(p, best, trial, top, score)
    if done == 0 or is_better(first_top, top):  # the rounds may leave less to polish
        copy_board(first, best)
        copy_score(first_top, top)
    slate = np.full(p.slot_count, -1, np.int32)
    for slot in range(p.slot_count):
        if best.slate[slot] >= 0:
            slate[slot] = p.candidate[best.slate[slot]]
    return slate, bound, done, is_clean(top) and -top[OBJECTIVE] == bound


@bare
def _first_fill(p, start, best, trial, top, score):  # type: ignore[no-untyped-def]
    """Fill plainly; heeding floors; and boldly where plainly gives a rule up. Keep the best."""
    fill_board(p, best, PLAIN, NONE, NONE)
    score_board(p, best, top, UNKNOWN)
    gives_up = False
    for entry in range(SUNK, OBJECTIVE):
        gives_up |= top[entry] > 0
    for how in (CAREFUL, BOLD):
        if (how == CAREFUL and len(p.floors) > 0) or (how == BOLD and gives_up):
            copy_board(start, trial)
            fill_board(p, trial, how, NONE, NONE)
            score_board(p, trial, score, UNKNOWN)
            if is_better(score, top):
                copy_board(trial, best)
                copy_score(score, top)


@bare
def _improve(p, board, best, trial, top, now, score, k, rounds, bound):  # type: ignore[no-untyped-def]
    """Try rounds, and keep the best page in `best` and `top`; return how many.

    The walk goes on from a page a little worse, less so with every round. A page that is not clean
    gets more rounds, and is now and then left for another.
    """
    copy_board(best, board)
    copy_score(top, now)
    step = np.int64(0)
    while step < rounds or (step < PATIENCE * rounds and not is_clean(top)):
        clean = is_clean(now)
        if is_clean(top) and -top[OBJECTIVE] == bound:
            break
        step += 1
        if not clean and draw(k, 2) == 0:
            if mend(p, board, now, k):
                score_board(p, board, now, UNKNOWN)
        elif draw(k, 100) < (50 if clean else 10):
            if exchange(p, board, now, k):
                score_board(p, board, now, clean)
        else:
            rebuild(p, board, trial, now, score, k, 40 if clean else 80, clean)
            order = compare(score, now)
            slack = -now[OBJECTIVE] // SLACK // rounds * max(rounds - step, np.int64(0))
            leaves = step > rounds and step % (rounds // 2 + 1) == 0
            if order < 0 or leaves or (order == 0 and score[OBJECTIVE] <= now[OBJECTIVE] + slack):
                copy_board(trial, board)
                copy_score(score, now)
        if is_better(now, top):
            copy_board(board, best)
            copy_score(now, top)
    return step
