"""The last touch of the reference: nobody is left lower, or out, who could simply change places."""

from constraints.kernel.reference_page import Page


def polish(page: Page) -> Page:
    """Replace one by one worth more, or let two change places, as long as the page gets better."""
    again = True
    while again:
        again = False
        for slot in range(page.law.slot_count):
            better = _replaced(page, slot)
            page, again = better or page, again or better is not None
            for below in range(slot + 1, page.law.slot_count):
                better = _swapped(page, slot, below)
                page, again = better or page, again or better is not None
    return page


def _is_settled(page: Page, slot: int) -> bool:
    """Tell whether a slot is not ours to change: empty, reserved, pinned or of the sunk."""
    rank = page.slate[slot]
    return rank < 0 or page.law.pinned[slot] == rank or page.is_sunk(rank, slot)


def _replaced(page: Page, slot: int) -> Page | None:
    """Put the first one from outside that makes the page better into a slot.

    Or no worse: of two worth as much, the one of lower rank is shown.
    """
    if _is_settled(page, slot):
        return None
    for rank in page.law.may[0][slot]:
        if rank < page.slate[slot] and rank not in page.used:
            trial = page.copy()
            trial.lift(slot)
            if trial.fits(rank, slot):
                trial.place(slot, rank)
                if trial.score() <= page.score():
                    return trial
    return None


def _swapped(page: Page, slot: int, below: int) -> Page | None:
    """Let one stand higher, and who stands there lower, if the page is no worse for it.

    Of two worth as much, the one of lower rank stands higher.
    """
    stands, lower = page.slate[slot], page.slate[below]
    is_empty = page.is_free(slot)
    if (_is_settled(page, slot) and not is_empty) or _is_settled(page, below):
        return None
    if not is_empty and (lower > stands or stands not in page.law.may[0][below]):
        return None
    if lower not in page.law.may[0][slot]:
        return None
    trial, moved = page.copy(), [(slot, lower)]
    trial.lift(below)
    if not is_empty:
        trial.lift(slot)
        moved.append((below, stands))
    for to, rank in moved:
        if trial.breaks_hard(rank, to):
            return None
        trial.place(to, rank)
    is_tie = trial.score() == page.score() and not is_empty
    return trial if is_tie or trial.score() < page.score() else None
