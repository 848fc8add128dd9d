"""The refill of the reference: a few slots in the best way there is, or the best within a limit."""

from collections.abc import Iterator

from constraints.kernel.knobs import LISTED
from constraints.kernel.reference_law import Floor
from constraints.kernel.reference_page import Page


def refill(
    page: Page, freed: list[int], lacking: list[int], worth: int, target: int, limit: int
) -> list[int] | None:
    """Fill slots at no cost so that the page is worth more than `target`.

    Depth first, slot by slot from the top, candidates in order of worth. A branch ends where even
    the most useful candidate for each of the slots left, one by one, would not do.

    Args:
        page: a page on which the slots are empty.
        freed: the slots, rising.
        lacking: what each floor may lack.
        worth: of the page without them.
        target: what to beat.
        limit: how many candidates to try at most above the last slot.

    Returns:
        The ranks, None where nothing better was found.
    """
    search = _Refill(page, freed, lacking, target, limit)
    if all(search.first):
        search.descend([], worth)
    return search.found


class _Refill:
    def __init__(
        self, page: Page, freed: list[int], lacking: list[int], target: int, limit: int
    ) -> None:
        self.page, self.freed, self.lacking, self.best = page, freed, lacking, target
        self.found: list[int] | None = None
        self.left = limit
        self.first = [self._first(slot) for slot in freed]

    def _first(self, slot: int) -> list[int]:
        """List the most useful ranks that fit a slot, at most LISTED: bounds look no further."""
        fitting = self._fitting(slot)
        return [rank for _, rank in zip(range(LISTED), fitting, strict=False)]

    def _fitting(self, slot: int) -> Iterator[int]:
        """Name the ranks that fit a slot, as the page is when each is asked for."""
        for rank in self.page.law.may[0][slot]:
            if rank not in self.page.used and self.page.fits(rank, slot):
                yield rank

    def descend(self, chosen: list[int], worth: int) -> None:
        """Fill the slots below those chosen for."""
        page, depth = self.page, len(chosen)
        slot, below = self.freed[depth], len(self.freed) - depth - 1
        own, must = self._own(depth), self._must(depth)
        if own is None or must is None:
            return
        for rank in self._fitting(slot):
            now = worth + page.law.worth(rank, slot)
            if self.left == 0 or now + own <= self.best:
                return
            if not self._serves(rank, must):
                continue
            self.left -= 1
            if below == 0:
                self.best, self.found = now, [*chosen, rank]
                continue
            page.place(slot, rank)
            if below == 1:
                self._end([*chosen, rank], now)
            else:
                self.descend([*chosen, rank], now)
            page.lift(slot)

    def _end(self, chosen: list[int], worth: int) -> None:
        """Fill the last slot with the first that fits."""
        must, last = self._must(len(chosen)), self.freed[-1]
        for rank in self._fitting(last) if must is not None else ():
            now = worth + self.page.law.worth(rank, last)
            if now <= self.best:
                return
            if self._serves(rank, must or []):
                self.best, self.found = now, [*chosen, rank]
                return

    def _own(self, depth: int) -> int | None:
        """Return what the slots below are worth if each has the best it may take; None: dead end.

        A slot that may take none of its first is counted with the last of them, if there are more.
        """
        total = 0
        for slot, first in list(zip(self.freed, self.first, strict=True))[depth + 1 :]:
            fitting = (r for r in first if r not in self.page.used and self.page.fits(r, slot))
            best = next(fitting, first[-1] if len(first) == LISTED else None)
            if best is None:
                return None
            total += self.page.law.worth(best, slot)
        return total

    def _must(self, depth: int) -> list[Floor] | None:
        """Return what a slot must serve, one floor but in the last slot; None: one is lost."""
        law, due = self.page.law, []
        for floor, lacking in zip(law.floors, self.lacking, strict=True):
            short = floor.span.lacks(self.page.taken[floor.group]) - lacking
            inside = [slot for slot in self.freed[depth:] if floor.span.mask & law.bit(slot)]
            if short > len(inside):
                return None
            if 0 < short == len(inside) and self.freed[depth] == inside[0]:
                due.append(floor)
        return due[-1:] if depth + 1 < len(self.freed) else due

    def _serves(self, rank: int, floors: list[Floor]) -> bool:
        return all(floor.group in self.page.law.groups_of[rank] for floor in floors)
