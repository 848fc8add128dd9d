"""The kernels in plain Python: the fallback without numba, and what the compiled are held equal to.

Written from the definitions, to be read. From below: `reference_law` (who may stand where, what is
counted), `reference_page` (what stands), `reference_filling`, `reference_refilling`,
`reference_moves`, `reference_polishing`, and the search here.
"""

import numpy as np

from constraints.effects import HARD
from constraints.facts import IntArray
from constraints.kernel import Tables
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
from constraints.kernel.reference_filling import fill
from constraints.kernel.reference_law import Law, lay_out, spans_of
from constraints.kernel.reference_moves import Walk, exchange, mend, rebuild
from constraints.kernel.reference_page import Page
from constraints.kernel.reference_polishing import polish
from constraints.kernel.scores import EMPTY, OBJECTIVE, SCORES, SOFT, SUNK


def search(t: Tables, rounds: int) -> tuple[IntArray, int, int, bool]:
    """Return the best slate found.

    Args:
        t: `Tables` of a program.
        rounds: how many improvements are tried; 0 only fills.

    Returns:
        (K,) int32 candidate of each slot, -1 for none; what a page is worth at most, by who may
        stand where; the rounds tried; whether the slate is proved the best there is.
    """
    law = lay_out(t)
    page = _first_fill(law)
    first = polish(page)
    with_sunk = page.score()[SUNK] + law.must_give_up[SUNK] > 0
    bound = _free_bound(law, with_sunk=with_sunk)
    done = 0
    if law.candidate:
        page, done = _improve(page, rounds, bound)
    page = min(polish(page), first, key=Page.score)  # the rounds may leave less to polish
    slate = [law.candidate[rank] if rank >= 0 else -1 for rank in page.slate]
    return np.array(slate, np.int32), bound, done, _is_best(page, bound)


def measure(t: Tables, slate: IntArray) -> IntArray:
    """Measure a slate by all that `Tables` say.

    Returns:
        (LEVEL_MAX + 4,) int64: hard breaks, empty slots, sunk candidates shown, breaks at levels 1
        to LEVEL_MAX, and the objective negated.
    """
    score = np.zeros(SCORES, np.int64)
    taken = [int(word) for word in t.occupied]
    for slot, candidate in enumerate(slate.tolist()):
        if candidate < 0:
            score[EMPTY] += int(t.open) >> slot & 1
            continue
        score[SUNK] += t.tier[candidate]
        score[OBJECTIVE] -= int(t.utility[candidate]) * int(t.discount[slot])
        for group in t.group_of[t.group_start[candidate] : t.group_start[candidate + 1]]:
            taken[group] |= 1 << t.tail_count + slot
    for group, spans in enumerate(spans_of(t)):
        for span in spans:
            place = SOFT + span.level if span.level != HARD else HARD
            score[place] += span.breaks(taken[group], int(t.occupied[group]))
    return score


def _first_fill(law: Law) -> Page:
    """Fill plainly; heeding floors; and boldly where plainly gives a rule up. Return the best."""
    best = Page(law)
    fill(best)
    gives_up = any(best.score()[SUNK:OBJECTIVE])
    for heeds_floors, tried in ((True, bool(law.floors)), (False, gives_up)):
        if tried:
            page = Page(law)
            fill(page, heeds_floors=heeds_floors, is_bold=not heeds_floors)
            best = min(best, page, key=Page.score)
    return best


def _free_bound(law: Law, *, with_sunk: bool) -> int:
    """Return the most a page can be worth, given only who may stand where.

    Slot by slot the most useful of those who may stand there or further up. Without the sunk it
    holds for pages that show none.
    """
    pinned = {slot: rank for slot, rank in enumerate(law.pinned) if rank >= 0}
    total = sum(law.worth(rank, slot) for slot, rank in pinned.items())
    pool, picked = set[int](), set(pinned.values())
    for slot in range(law.slot_count):
        if slot not in pinned:
            pool.update(law.may[0][slot], law.may[1][slot] if with_sunk else ())
            best = min(pool - picked, default=-1)
            if best >= 0 and law.open & law.bit(slot):
                picked.add(best)
                total += law.worth(best, slot)
    return total


def _improve(best: Page, rounds: int, bound: int) -> tuple[Page, int]:
    """Try rounds; return the best page, and how many were tried.

    A page that is far from the bound is begun anew once. What a page gives up after all rounds
    counts as given, and only the objective is improved further.
    """
    walk, is_far = Walk(), best.worth < bound // 100 * (100 - FAR_PERCENT)
    given = best.law.must_give_up
    best, done = _walk(best.copy(), best, given, rounds, bound, walk)
    page, is_clean = best.copy(), _is_within(given, best)
    if not is_clean:
        given = list(best.score())
    elif is_far:
        for slot, rank in enumerate(best.slate):
            if rank >= 0 and page.law.pinned[slot] != rank:
                page.lift(slot)
        slot = walk.draw(page.law.slot_count)
        fill(page, heeds_floors=True, ban=(slot, best.slate[slot]))
    more = 0
    if is_far or not is_clean:
        best, more = _walk(page, best, given, rounds, bound, walk)
    return best, done + more


def _walk(
    page: Page, best: Page, given: list[int], rounds: int, bound: int, walk: Walk
) -> tuple[Page, int]:
    """Try rounds on a page; return the best page, and how many were tried.

    The walk goes on from a page a little worse, less so with every round; the last ones begin at
    the best page and only go up. Pages that give up more than is given get more rounds: they walk
    on from a page that gives up yet more now and then, and return if nothing comes of it.
    """
    step, since = 0, 0
    top, now = best.score(), page.score()
    home = rounds - rounds // HOME_PART
    while step < rounds or (step < PATIENCE * rounds and not _is_within(given, best)):
        if _is_within(given, best) and best.worth == bound:
            break
        step += 1
        if step == home and _is_within(given, best):
            page, now = best.copy(), top
        is_clean = _is_within(given, page)
        exchange_percent = EXCHANGE_PERCENT if is_clean else EXCHANGE_BROKEN_PERCENT
        if not is_clean and walk.draw(2) == 0:
            mend(page, now, walk)
        elif walk.draw(100) < exchange_percent:
            exchange(page, now, walk)
        else:
            trial = rebuild(page, now, walk, is_clean=is_clean)
            score = trial.score()
            slack = -now[OBJECTIVE] // SLACK // rounds * max(home - step, 0)
            leaves = not is_clean and walk.draw(WANDER_IN) == 0
            is_near = score[OBJECTIVE] <= now[OBJECTIVE] + slack
            if leaves or score[:-1] < now[:-1] or (score[:-1] == now[:-1] and is_near):
                page = trial
        now = page.score()
        if now < top:
            best, top, since = page.copy(), now, step
        elif not is_clean and step - since >= BACK_AFTER:
            page, now, since = best.copy(), top, step
    return best, step


def _is_within(given: list[int], page: Page) -> bool:
    """Tell whether no more is given up than that."""
    return all(one <= least for one, least in zip(page.score()[:OBJECTIVE], given, strict=False))


def _is_best(page: Page, bound: int) -> bool:
    return _is_within(page.law.must_give_up, page) and page.worth == bound
