"""The rounds of the reference: build a part of the page anew, exchange a few, mend what is broken.

The order of draws is part of the definition: it is the same walk on any machine.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from constraints.effects import HARD
from constraints.kernel.knobs import (
    CLEARED_ALL_IN,
    CLEARED_LEAST,
    CLEARED_PERCENT,
    CUT_IN,
    EXCHANGE_SPREAD,
    EXCHANGE_TRIALS,
    FORCE_BROKEN_PERCENT,
    FORCE_PERCENT,
    FREED_LEAST,
    FREED_MAX,
    KEPT_OUT_MAX,
    MEND_SPREAD,
    MEND_TRIALS,
    SEED,
)
from constraints.kernel.reference_filling import fill
from constraints.kernel.reference_law import WORD, Span
from constraints.kernel.reference_page import Page
from constraints.kernel.reference_refilling import refill
from constraints.kernel.scores import EMPTY, OBJECTIVE, SUNK

Drawn = TypeVar("Drawn")


class Freeing(NamedTuple):
    """How slots are freed and refilled: what to beat, how many more at most, and the trials."""

    target: int
    spread: int
    trials: int


MENDING: Final = Freeing(-1, MEND_SPREAD, MEND_TRIALS)


class Walk:
    """The draws of a search."""

    def __init__(self) -> None:
        self._state = SEED

    def draw(self, count: int) -> int:
        """Return a number of [0, count), by xorshift."""
        x = self._state
        x ^= x << 13 & WORD
        x ^= x >> 7
        x ^= x << 17 & WORD
        self._state = x
        return (x >> 32) * count >> 32

    def one_of(self, offered: Iterable[Drawn]) -> Drawn | None:
        """Draw one, each as likely; one draw for each that is offered."""
        drawn = None
        for seen, one in enumerate(offered, 1):
            if self.draw(seen) == 0:
                drawn = one
        return drawn


def rebuild(page: Page, score: tuple[int, ...], walk: Walk, *, is_clean: bool) -> Page:
    """Return the page with a part of it taken away and filled anew."""
    trial, ban, cut = page.copy(), (-1, -1), page.law.slot_count
    if score[SUNK] > 0:
        for slot, rank in enumerate(trial.slate):
            if rank >= 0 and trial.is_sunk(rank, slot):
                trial.lift(slot)
    if not is_clean and score[EMPTY] > 0 and any(page.law.may[1]) and walk.draw(CUT_IN) == 0:
        cut = _cut(trial, walk)
    percent = FORCE_PERCENT if is_clean else FORCE_BROKEN_PERCENT
    if walk.draw(100) >= percent or not _force(trial, walk, is_clean=is_clean):
        ban = _clear(trial, walk)
    fill(trial, heeds_floors=True, ban=ban, cut=cut)
    return trial


def _cut(page: Page, walk: Walk) -> int:
    """Empty all slots from one on, which is returned: from there on only the sunk shall stand."""
    cut = walk.draw(page.law.slot_count)
    for slot in range(cut, page.law.slot_count):
        if page.slate[slot] >= 0 and page.law.pinned[slot] != page.slate[slot]:
            page.lift(slot)
    return cut


def _clear(page: Page, walk: Walk) -> tuple[int, int]:
    """Empty a few slots, in a run or scattered, now and then all.

    Returns:
        One slot that was emptied, and its rank, which may not return there.
    """
    count, ban = page.law.slot_count, (-1, -1)
    size = CLEARED_LEAST + walk.draw(max(1, count * CLEARED_PERCENT // 100))
    kind = walk.draw(CLEARED_ALL_IN)
    first = walk.draw(count)
    for step in range(count if kind == 0 else min(size, count)):
        slot = (first + step) % count if kind < CLEARED_ALL_IN // 2 else walk.draw(count)
        rank = page.slate[slot]
        if rank >= 0 and page.law.pinned[slot] != rank:
            if ban[0] < 0 or walk.draw(2) == 0:
                ban = (slot, rank)
            page.lift(slot)
    return ban


def _force(page: Page, walk: Walk, *, is_clean: bool) -> bool:
    """Put somebody that some rule keeps out, or that a floor lacks, into a slot; eject who clashes.

    Returns:
        False, and the page as it was, where nobody is kept out of the slot drawn.
    """
    slot, rank = walk.draw(page.law.slot_count), None
    if not is_clean and walk.draw(2) == 0:
        slot, rank = _lacked(page, walk) or (slot, None)
    if page.slate[slot] >= 0 and page.law.pinned[slot] == page.slate[slot]:
        return False
    if rank is None:
        rank = _kept_out(page, slot, walk)
    if rank is None:
        return False
    if rank in page.used:
        page.lift(page.slate.index(rank))
    if page.slate[slot] >= 0:
        page.lift(slot)
    _make_room(page, slot, rank)
    if page.breaks_hard(rank, slot):
        return True
    page.place(slot, rank)
    for _ in range(walk.draw(3)):
        extra = walk.draw(page.law.slot_count)
        if extra != slot and page.slate[extra] >= 0 and not _is_pinned(page, extra):
            page.lift(extra)
    return True


def _lacked(page: Page, walk: Walk) -> tuple[int, int] | None:
    """Draw a floor that lacks somebody, a slot it counts, and somebody it lacks for there."""
    lacking = zip(page.law.floors, _lacking(page), strict=True)
    floor = walk.one_of([floor for floor, lacks in lacking if lacks])
    slot = walk.one_of(_slots(page, floor.reach)) if floor else None
    if floor is None or slot is None:
        return None
    members = page.law.groups[floor.group].members
    offered = [one for one in page.law.may[0][slot] if one in members and one not in page.used]
    rank = walk.one_of(offered)
    return None if rank is None else (slot, rank)


def _kept_out(page: Page, slot: int, walk: Walk) -> int | None:
    """Draw one of the first ranks that are worth more than who stands in a slot."""
    better = (rank for rank in page.law.may[0][slot] if rank < page.slate[slot])
    first = list(islice(better, KEPT_OUT_MAX))
    return first[walk.draw(len(first))] if first else None


def _make_room(page: Page, slot: int, rank: int) -> None:
    """Lift, for each group of a rank that is full at a slot, those worth least, but no pinned."""
    for group in page.law.groups_of[rank]:
        while page.is_full(group, slot):
            counted = _counted_with(page, group, slot)
            rivals = [s for s in counted if page.slate[s] >= 0 and not _is_pinned(page, s)]
            if not rivals:
                break
            page.lift(min(rivals, key=lambda other: page.law.worth(page.slate[other], other)))


def _is_pinned(page: Page, slot: int) -> bool:
    return page.law.pinned[slot] == page.slate[slot]


def _counted_with(page: Page, group: int, slot: int) -> list[int]:
    """Return the slots where members stand that a cap that is full counts together with a slot."""
    found = 0
    for span in page.law.groups[group].spans:
        for run in span.full_runs(page.taken[group]):
            if run & page.law.bit(slot):
                found |= run
    return _slots(page, found & page.taken[group])


def _slots(page: Page, positions: int) -> list[int]:
    """List the open slots of a word of positions."""
    word = positions & page.law.open
    return [slot for slot in range(page.law.slot_count) if word & page.law.bit(slot)]


def exchange(page: Page, score: tuple[int, ...], walk: Walk) -> bool:
    """Free a slot that someone better is kept out of, those who keep it out, and a few more.

    Returns:
        True when the page is worth more; it never breaks anything it did not break before.
    """
    slot = walk.draw(page.law.slot_count)
    freed = {slot}
    rank = _kept_out(page, slot, walk)
    if rank is not None:
        if rank in page.used:
            freed.add(page.slate.index(rank))
        freed |= _in_the_way(page, slot, rank, walk)
    how = Freeing(-score[OBJECTIVE], EXCHANGE_SPREAD, EXCHANGE_TRIALS)
    return _refilled(page, score, walk, freed, _lacking(page), how)


def mend(page: Page, score: tuple[int, ...], walk: Walk) -> bool:
    """Free slots around something broken or empty, drawn from all there is.

    Returns:
        True when less of it is broken, or empty, and nothing else more.
    """
    law, lacking = page.law, _lacking(page)
    if score[EMPTY] > 0 and walk.draw(2) == 0:
        slot = walk.draw(law.slot_count)
        while not page.is_free(slot):
            slot = (slot + 1) % law.slot_count
        if slot >= _first_sunk(page):
            return False
        freed = _room_for_one_of(page, slot, range(len(law.utility)), walk)
        return _refilled(page, score, walk, freed, lacking, MENDING)
    broken = walk.one_of(_broken(page))
    if broken is None:
        return False
    number, span = broken
    if span.least > 0:
        inside = _slots(page, span.mask)
        if not inside:
            return False
        slot = walk.draw(law.slot_count)
        while slot not in inside:
            slot = (slot + 1) % law.slot_count
        freed = _room_for_one_of(page, slot, law.groups[number].members, walk)
        for f, floor in enumerate(law.floors):
            if floor.span is span:
                lacking[f] -= 1
    else:
        drawn = walk.one_of(_slots(page, page.taken[number] & span.mask))
        if drawn is None:
            return False
        freed = {drawn}
    return _refilled(page, score, walk, freed, lacking, MENDING)


def _broken(page: Page) -> list[tuple[int, Span]]:
    """List the soft spans that are broken, each with its group."""
    return [
        (number, span)
        for number, group in enumerate(page.law.groups)
        for span in group.spans
        if span.level != HARD and span.breaks(page.taken[number], group.occupied) > 0
    ]


def _room_for_one_of(page: Page, slot: int, ranks: Iterable[int], walk: Walk) -> set[int]:
    """Return a slot and those in the way of one drawn from some ranks there."""
    offered = [rank for rank in page.law.may[0][slot] if rank in ranks and rank not in page.used]
    drawn = walk.one_of(offered)
    return {slot} if drawn is None else {slot} | _in_the_way(page, slot, drawn, walk)


def _in_the_way(page: Page, slot: int, rank: int, walk: Walk) -> set[int]:
    """Draw, for each group of a rank that is full at a slot, one slot counted with it."""
    freed = set()
    for group in page.law.groups_of[rank]:
        if page.is_full(group, slot):
            drawn = walk.one_of(s for s in _counted_with(page, group, slot) if s != slot)
            if drawn is not None:
                freed.add(drawn)
    return freed


def _lacking(page: Page) -> list[int]:
    return [floor.span.lacks(page.taken[floor.group]) for floor in page.law.floors]


def _first_sunk(page: Page) -> int:
    """Return the first slot with one of the sunk: nobody else may stand below it."""
    shown = (slot for slot, rank in enumerate(page.slate) if rank >= 0 and page.is_sunk(rank, slot))
    return next(shown, page.law.slot_count)


def _refilled(
    page: Page,
    score: tuple[int, ...],
    walk: Walk,
    freed: set[int],
    lacking: list[int],
    how: Freeing,
) -> bool:
    """Free slots, and more at random, and refill them so that the page is worth over a target."""
    want = FREED_LEAST + walk.draw(how.spread)
    for _ in range(2 * FREED_MAX):
        if len(freed) < want:
            freed.add(walk.draw(page.law.slot_count))
    stood, worth = dict[int, int](), -score[OBJECTIVE]
    for slot in sorted(freed & set(range(_first_sunk(page)))):
        rank = page.slate[slot]
        stays = rank >= 0 and (page.law.pinned[slot] == rank or page.is_sunk(rank, slot))
        if len(stood) == FREED_MAX or stays or not page.law.open & page.law.bit(slot):
            continue
        stood[slot] = rank
        if rank >= 0:
            worth -= page.law.worth(rank, slot)
            page.lift(slot)
    found = refill(page, list(stood), lacking, worth, how.target, how.trials) if stood else None
    for slot, rank in zip(stood, found or stood.values(), strict=True):
        if rank >= 0:
            page.place(slot, rank)
    return found is not None
