"""A page as a mixed-integer program: one column for a candidate in a slot."""

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from constraints.effects import LEVEL_MAX
from constraints.kernel import Tables
from constraints.program import UNCAPPED
from loadtests.bench.dominance import kept
from loadtests.bench.lay import ONE, IntArray
from loadtests.bench.milp import Answer, Milp

EMPTY, SUNK, LEVELS = 0, 1, 1  # parts of what is given up: level l is part LEVELS + l
PARTS: Final = 2 + LEVEL_MAX
_SCALE: Final = 1000.0  # the objective is about so large for the solver


class Row(NamedTuple):
    """At least or at most so many of some placements; more or fewer is a break of a part."""

    columns: IntArray
    least: int
    most: int
    part: int


class Model:
    """The placements that an optimal slate may hold, and what counts them.

    Args:
        t: the page.
        deadline: on the monotonic clock, in seconds.

    Attributes:
        candidate, slot: (p,) int of each placement.
        worth: (p,) float64 utility times discount, in `unit`s.
    """

    def __init__(self, t: Tables, deadline: float) -> None:
        self.t = t
        self.deadline = deadline
        keep = kept(t)
        slots = np.arange(t.slot_count)
        is_open = (t.open >> slots.astype(np.uint64) & ONE) > 0
        may = (t.eligible[keep, None] >> (t.tail_count + slots).astype(np.uint64) & ONE) > 0
        who, self.slot = np.nonzero(may & is_open)
        self.candidate = keep[who]
        self._open = np.flatnonzero(is_open)
        self._is_sunk = t.tier[self.candidate] > 0
        self._rows = list(self._counted())
        exact = t.utility[self.candidate] * t.discount[self.slot]
        self.unit = max(int(exact.max(initial=0)) * max(len(self._open), 1) / 4 / _SCALE, 1e-9)
        self.worth = exact / self.unit

    def slate(self, placements: IntArray) -> IntArray:
        """Return the slate of some placements: (K,) int, -1 none."""
        slate = np.full(self.t.slot_count, -1, np.int32)
        slate[self.slot[placements]] = self.candidate[placements]
        return slate

    def placements(self, slate: IntArray) -> IntArray:
        """Return the placements of a slate, as far as they are known here."""
        return np.flatnonzero(slate[self.slot] == self.candidate)

    def solve(
        self,
        limits: dict[int, int],
        goal: int | None,
        start: IntArray | None = None,
        columns: IntArray | None = None,
    ) -> Answer:
        """Solve one stage.

        Args:
            limits: part → how much of it may be given up; another part does not matter.
            goal: the part to give up the least of; None for the largest objective.
            start: (K,) slate to begin with; None to solve without integrality.
            columns: the placements that may be used; None for all.

        Returns:
            The answer; its first values belong to `columns`.
        """
        milp, place = self.stage(limits, goal, columns)
        hint = None if start is None else place[self.placements(start)]
        return milp.solve(hint, self.deadline - time.monotonic(), is_relaxed=start is None)

    def stage(
        self, limits: dict[int, int], goal: int | None, columns: IntArray | None = None
    ) -> tuple[Milp, IntArray]:
        """State one stage; see `solve`.

        Returns:
            The program, and the column of each placement, -1 for none.
        """
        milp = Milp()
        used = np.arange(len(self.slot)) if columns is None else columns
        place = np.full(len(self.slot), -1)
        place[used] = milp.add(len(used), worth=self.worth[used] if goal is None else 0.0)
        self._once(milp, used)
        spent: dict[int, list[IntArray]] = {part: [] for part in {*limits, *_some(goal)}}
        self._fill(milp, place, used, limits, spent)
        self._count(milp, place, limits, spent)
        for part, extras in spent.items():
            together = np.concatenate([np.zeros(0, np.intp), *extras])
            if len(together):
                milp.row(together, 0.0, limits.get(part, np.inf))
            if part == goal:
                milp.charge(together)
        return milp, place

    def _once(self, milp: Milp, used: IntArray) -> None:
        """Show nobody twice."""
        who = self.candidate[used]
        edges = np.searchsorted(who, np.arange(len(self.t.order) + 1))
        for first, last in pairwise(edges.tolist()):
            if last - first > 1:
                milp.row(np.arange(first, last), 0.0, 1.0)

    def _fill(
        self,
        milp: Milp,
        place: IntArray,
        used: IntArray,
        limits: dict[int, int],
        spent: dict[int, list[IntArray]],
    ) -> None:
        """Fill each slot once or leave it empty; the sunk behind the last normal one."""
        may_be_empty = limits.get(EMPTY) != 0
        at, is_sunk = self.slot[used], self._is_sunk[used]
        behind = milp.add(len(self._open)) if is_sunk.any() else None
        for k, slot in enumerate(self._open):
            here = place[used[at == slot]]
            if may_be_empty:
                empty = milp.add(1)
                here = np.append(here, empty)
                spent.setdefault(EMPTY, []).append(empty)
            milp.row(here, 1.0, 1.0)
            if behind is not None:
                sunk = place[used[(at == slot) & is_sunk]]
                normal = place[used[(at == slot) & ~is_sunk]]
                milp.row(np.append(sunk, behind[k]), -np.inf, 0.0, last=-1.0)
                milp.row(np.append(normal, behind[k]), -np.inf, 1.0)
                if k:
                    milp.row(behind[k - 1 : k + 1], -np.inf, 0.0, last=-1.0)
        if SUNK in spent:
            spent[SUNK].append(place[used[is_sunk]])

    def _count(
        self, milp: Milp, place: IntArray, limits: dict[int, int], spent: dict[int, list[IntArray]]
    ) -> None:
        """Keep caps and floors, or count what is above and below them."""
        for row in self._rows:
            inside = place[row.columns]
            inside = inside[inside >= 0]
            most = np.inf if row.most == UNCAPPED else row.most
            if row.part == LEVELS or limits.get(row.part) == 0:
                milp.row(inside, row.least, most)
            elif row.part in spent:
                extra = milp.add(1, row.least or len(self._open))
                spent[row.part].append(extra)
                sign = 1.0 if row.least else -1.0
                milp.row(np.append(inside, extra), row.least, most, last=sign)

    def _counted(self) -> Iterator[Row]:
        """Yield what is counted; what cannot be broken is left out."""
        t = self.t
        bit = ONE << (t.tail_count + self.slot).astype(np.uint64)
        for group, columns in enumerate(self._by_group()):
            occupied = int(t.occupied[group])
            for span in range(t.span_start[group], t.span_start[group + 1]):
                part = LEVELS + int(t.level[span])
                for word in _words(t, span):
                    inside = columns[(np.uint64(word) & bit[columns]) > 0]
                    already = (occupied & word).bit_count()
                    if t.least[span] > 0:
                        if t.least[span] > already:
                            yield Row(inside, int(t.least[span]) - already, UNCAPPED, part)
                    elif t.most[span] < UNCAPPED:
                        most = max(int(t.most[span]) - already, 0)
                        if most < len(np.unique(self.slot[inside])):
                            yield Row(inside, 0, most, part)

    def _by_group(self) -> list[IntArray]:
        """List the placements of each group."""
        t = self.t
        start = np.searchsorted(self.candidate, np.arange(len(t.order) + 1))
        found: list[list[IntArray]] = [[np.zeros(0, np.intp)] for _ in t.occupied]
        for each in np.unique(self.candidate):
            for entry in range(t.group_start[each], t.group_start[each + 1]):
                found[t.group_of[entry]].append(np.arange(start[each], start[each + 1]))
        return [np.concatenate(held) for held in found]


def _some(goal: int | None) -> tuple[int, ...]:
    return () if goal is None else (goal,)


def _words(t: Tables, span: int) -> list[int]:
    """List the words a span is counted in."""
    width = int(t.window[span])
    if not width:
        return [int(t.mask[span])]
    last = max(t.tail_count + t.slot_count - width, 0)
    return [((1 << width) - 1) << start & (1 << 64) - 1 for start in range(last + 1)]
