"""The refill of the reference: a few slots in the best way there is, or the best within a limit."""

from constraints.kernel.knobs import POOL_MORE, TRIALS
from constraints.kernel.reference_law import Floor
from constraints.kernel.reference_page import Page


def refill(
    page: Page, freed: list[int], lacking: list[int], worth: int, target: int
) -> list[int] | None:
    """Fill slots at no cost so that the page is worth more than `target`.

    Depth first, slot by slot from the top, candidates in order of worth. A branch ends where even
    the most useful candidates that could stand in the slots left, each counted once, would not do.

    Args:
        page: a page on which the slots are empty.
        freed: the slots, rising.
        lacking: what each floor may lack.
        worth: of the page without them.
        target: what to beat.

    Returns:
        The ranks, None where nothing better was found.
    """
    search = _Refill(page, freed, lacking, target)
    if all(search.first):
        search.descend([], worth)
    return search.found


class _Refill:
    def __init__(self, page: Page, freed: list[int], lacking: list[int], target: int) -> None:
        self.page, self.freed, self.lacking, self.best = page, freed, lacking, target
        self.found: list[int] | None = None
        self.trials = 0
        self.per = len(freed) + POOL_MORE
        self.first = [self._first(slot) for slot in freed]

    def _first(self, slot: int) -> list[int]:
        """List the most useful ranks that fit a slot, at most `per`: the bounds look no further."""
        found = []
        for rank in self.page.law.may[0][slot]:
            if rank not in self.page.used and self.page.fits(rank, slot):
                found.append(rank)
                if len(found) == self.per:
                    break
        return found

    def descend(self, chosen: list[int], worth: int) -> None:
        """Fill the slots below those chosen for."""
        page, depth = self.page, len(chosen)
        slot, below = self.freed[depth], self.freed[depth + 1 :]
        own, must = self._own(depth), self._must(depth)
        if own is None or must is None:
            return
        rest = sorted(set[int]().union(*self.first[depth:]) - page.used)
        for rank in page.law.may[0][slot]:
            if self.trials == TRIALS:
                return
            if rank in page.used or not page.fits(rank, slot) or not self._serves(rank, must):
                continue
            now = worth + page.law.worth(rank, slot)
            others = [other for other in rest if other != rank][: len(below)]
            shared = sum(map(page.law.worth, others, below))
            if len(others) < len(below) or now + min(own, shared) <= self.best:
                return
            if below:
                page.place(slot, rank)
                self.trials += 1
                self.descend([*chosen, rank], now)
                page.lift(slot)
            else:
                self.best, self.found = now, [*chosen, rank]

    def _own(self, depth: int) -> int | None:
        """Return what the slots below are worth if each has the best it may take; None: dead end.

        A slot that may take none of its first is counted with the last of them, if there are more.
        """
        total = 0
        for slot, first in list(zip(self.freed, self.first, strict=True))[depth + 1 :]:
            fitting = (r for r in first if r not in self.page.used and self.page.fits(r, slot))
            best = next(fitting, first[-1] if len(first) == self.per else None)
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
