"""Reasons as rows of numbers, as the loops that find them leave them; words are made when asked."""

from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from constraints.decision import (
    Blocked,
    Cause,
    Move,
    Owed,
    Parts,
    Placement,
    Reason,
    SlotState,
    Words,
)
from constraints.effects import Duty
from constraints.facts import BoolArray, FloatArray, IntArray
from constraints.page import Page
from constraints.reasons.tables import Named

CAUSE: Final = 0
ARTICLE: Final = 1
GROUP: Final = 2
BY: Final = 3
SLOT: Final = 4
WIDTH: Final = 5


class Rows(NamedTuple):
    """What was found out about one page of K slots.

    Attributes:
        reason: (m, WIDTH) int32, the fields of `Reason` at CAUSE to SLOT; an article for its rule
            and source.
        ratio: (m,) float64.
        group: (g,) int32, each label of groups with names once; group_of: (m,) int32 index of that
            of each reason, -1 for none.
        move: (k, 3) int32 candidate, slot wanted, slot now or -1.
        move_start: (k + 1,) int32 the reasons of each move.
        own_start: (K + 1,) int32 the reasons of each placement.
        duty: (d, 2) int32 duty and article; duty_start: (K + 1,) int32 those of each placement.
        blocked: (b, 2) int32 candidate, and which list of articles keeps it out.
        named_start, named: int32, the articles of each list.
        received: (K,) float32 utility of each placement, 0 unless filled.
        scored: (K,) float64, the same after weights.
        blocked_count: how many may stand nowhere.
        registered: (K,) bool, as `is_registered` of a placement.
        decider: int32, the first article of each move that has reasons.
    """

    reason: IntArray
    ratio: FloatArray
    group: IntArray
    group_of: IntArray
    move: IntArray
    move_start: IntArray
    own_start: IntArray
    duty: IntArray
    duty_start: IntArray
    blocked: IntArray
    named_start: IntArray
    named: IntArray
    received: FloatArray
    scored: FloatArray
    blocked_count: int
    registered: BoolArray
    decider: IntArray


class Told(Parts):
    """Rows, and what their numbers mean.

    Args:
        rows: what was found out.
        names: the articles.
        page: what was filled.
        slots: (K,) int64 candidate of each slot, -1 for none.
    """

    def __init__(self, rows: Rows, names: Named, page: Page, slots: IntArray) -> None:
        self.rows, self.names, self.page, self.slots = rows, names, page, slots
        slate: list[int] = slots.tolist()
        super().__init__(
            slate,
            _empty(slate, page) if -1 in slate else [],
            rows.blocked_count,
            len(rows.move),
            len(slate) - int(np.count_nonzero(rows.registered)),
            [*map(names.rules.__getitem__, rows.decider.tolist())],
        )

    @cached_property
    def words(self) -> Words:
        """What the numbers mean."""
        start, reasons, rows = self.rows.move_start.tolist(), self._reasons(), self.rows
        places = enumerate(self.slate)
        return Words(
            tuple([self._placement(slot, one, reasons) for slot, one in places]),
            tuple(
                Move(one, wanted, now, tuple(reasons[start[at] : start[at + 1]]))
                for at, (one, wanted, now) in enumerate(rows.move.tolist())
            ),
            self._blocked(),
        )

    def _blocked(self) -> tuple[Blocked, ...]:
        start, named = self.rows.named_start.tolist(), self.rows.named.tolist()
        lists = []
        for first, last in pairwise(start):
            told = [self.names.articles[one] for one in named[first:last]]
            lists.append((tuple(rule for rule, _ in told), tuple(source for _, source in told)))
        return tuple([Blocked(one, *lists[of]) for one, of in self.rows.blocked.tolist()])

    def _reasons(self) -> list[Reason]:
        found = []
        for row, ratio in zip(self.rows.reason.tolist(), self.rows.ratio.tolist(), strict=True):
            cause, article, group, by, slot = row
            rule, source = self.names.articles[article]
            found.append(Reason(rule, Cause(cause), ratio, group, by, source, slot))
        return found

    def _placement(self, slot: int, candidate: int, reasons: list[Reason]) -> Placement:
        on_screen = bool(self.page.first_screen >> slot & 1)
        if candidate < 0:
            state = SlotState.RESERVED if self.page.reserved >> slot & 1 else SlotState.EMPTY
            return Placement(slot, state, on_screen)
        rows = self.rows
        duties: list[Any] = rows.duty[rows.duty_start[slot] : rows.duty_start[slot + 1]].tolist()
        return Placement(
            slot,
            SlotState.FILLED,
            on_screen,
            candidate,
            float(rows.received[slot]),
            float(rows.scored[slot]),
            bool(rows.registered[slot]),
            tuple(reasons[rows.own_start[slot] : rows.own_start[slot + 1]]),
            tuple(Owed(Duty(duty), *self.names.articles[article]) for duty, article in duties),
        )


def _empty(slate: list[int], page: Page) -> list[int]:
    """Return the slots that are ours to fill, and are not."""
    return [at for at, one in enumerate(slate) if one < 0 and not page.reserved >> at & 1]
