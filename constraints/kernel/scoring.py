"""How good a page is: a row of numbers, lower is better, compared from the first one on."""

from typing import Any, Final

import numpy as np

from constraints.jit import bare, inline, kernel
from constraints.kernel.board import TAKEN, excess
from constraints.kernel.layout import LOW_SIX, ONE, ZERO, has
from constraints.kernel.scores import EMPTY, HARD_BREAKS, OBJECTIVE, SCORES, SOFT, SUNK

UNKNOWN: Final = np.bool_(False)  # whether caps hold


@bare
def score_board(p: Any, board: Any, score: Any, caps_hold: Any) -> None:
    """Measure a page into `score`, see `measure`; `caps_hold` says that no soft cap is broken."""
    for entry in range(SCORES):
        score[entry] = 0
    for slot in range(p.slot_count):
        rank = board.slate[slot]
        if rank >= 0:
            score[SUNK] += np.int64(has(p.may[1, slot], rank))
            score[OBJECTIVE] -= p.utility[rank] * p.discount[slot]
        else:
            score[EMPTY] += np.int64((p.open >> np.uint64(slot)) & ONE)
    if caps_hold:
        for f in range(len(p.floors)):
            taken = board.words[TAKEN, p.floor_group[f]]
            score[SOFT + p.level[p.floors[f]]] += excess(p, p.floors[f], taken, ZERO)
        return
    for group in range(len(p.occupied)):
        taken = board.words[TAKEN, group]
        for span in range(p.span_start[group], p.span_start[group + 1]):
            if p.level[span] > 0:
                score[SOFT + p.level[span]] += excess(p, span, taken, p.occupied[group])


@inline
def compare(a, b):  # type: ignore[no-untyped-def]
    """Return -1 when score `a` is better than `b` apart from the objective, 0 alike, else 1."""
    for entry in range(OBJECTIVE):
        if a[entry] != b[entry]:
            return -1 if a[entry] < b[entry] else 1
    return 0


@inline
def is_better(a, b):  # type: ignore[no-untyped-def]
    """Tell whether score `a` is better than `b`."""
    order = compare(a, b)
    return order < 0 or (order == 0 and a[OBJECTIVE] < b[OBJECTIVE])


@inline
def is_within(least, score):  # type: ignore[no-untyped-def]
    """Tell whether no more is given up than another score says; the objective does not count."""
    more = False
    for entry in range(OBJECTIVE):
        more |= score[entry] > least[entry]
    return not more


@inline
def is_clean(p, score):  # type: ignore[no-untyped-def]
    """Tell whether nothing is given up but what every page must; then no cap is broken."""
    return is_within(p.must_give_up, score)


@inline
def copy_score(source, target):  # type: ignore[no-untyped-def]
    """Make `target` equal to `source`."""
    for entry in range(SCORES):
        target[entry] = source[entry]


@kernel
def measure(t: Any, slate: Any) -> Any:
    """Measure a slate by all that `Tables` say.

    Returns:
        (SCORES,) int64: hard breaks, empty slots, sunk candidates shown, breaks at levels 1 to
        LEVEL_MAX, and the objective negated.
    """
    score = np.zeros(SCORES, np.int64)
    taken = t.occupied.copy()
    for slot in range(t.slot_count):
        candidate = slate[slot]
        if candidate < 0:
            score[EMPTY] += np.int64((np.uint64(t.open) >> np.uint64(slot)) & ONE)
            continue
        score[SUNK] += t.tier[candidate]
        score[OBJECTIVE] -= t.utility[candidate] * t.discount[slot]
        for entry in range(t.group_start[candidate], t.group_start[candidate + 1]):
            taken[t.group_of[entry]] |= ONE << np.uint64(t.tail_count + slot)
    for group in range(len(taken)):
        for span in range(t.span_start[group], t.span_start[group + 1]):
            place = HARD_BREAKS if t.level[span] == 0 else SOFT + t.level[span]
            score[place] += excess(t, span, taken[group], t.occupied[group])
    return score


@bare
def free_bound(p: Any, pool: Any, picked: Any, with_sunk: Any) -> Any:
    """Return the most a page can be worth, given only who may stand where.

    Exact where candidates may stand from some slot on, and pinned ones in theirs.

    Args:
        p: `Layout`.
        pool: (w,) uint64 zeros, scratch.
        picked: the same.
        with_sunk: the sunk count too; without them it holds for pages that show none.
    """
    total = np.int64(0)
    for slot in range(p.slot_count):
        if p.pinned[slot] >= 0:
            rank = p.pinned[slot]
            picked[rank >> 6] |= ONE << (np.uint64(rank) & LOW_SIX)
            total += p.utility[rank] * p.discount[slot]
    for slot in range(p.slot_count):
        if p.pinned[slot] >= 0 or not (p.open >> np.uint64(slot)) & ONE:
            continue
        for at in range(len(pool)):
            pool[at] |= p.may[0, slot, at]
            if with_sunk:
                pool[at] |= p.may[1, slot, at]
        for rank in range(len(p.utility)):
            if has(pool, rank) and not has(picked, rank):
                picked[rank >> 6] |= ONE << (np.uint64(rank) & LOW_SIX)
                total += p.utility[rank] * p.discount[slot]
                break
    return total
