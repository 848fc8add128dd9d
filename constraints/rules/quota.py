"""At most, or at least, so many of those a rule speaks of, or such a share of the slots."""

from fractions import Fraction
from math import ceil, floor
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.conditions import Where
from constraints.demands import Demand, Least, Most
from constraints.effects import HARD, Cap, Floor, GroupEffect
from constraints.facts import Facts, IntArray
from constraints.page import POSITIONS_MAX, SLOTS_MAX, Page, slots_from
from constraints.rule import Day, Level, Rule, Share, Verdicts, as_written

COUNTED = 1


class Quota(Rule):
    """Bound how many slots those the rule speaks of take together.

    Law: the row of law.toml that `source` names, or a directive under it. Where the law or a
        directive gives no number, the number is platform policy.
    Reading: all whom the rule speaks of are one group. A largest share is rounded down to slots,
        but not below one; a smallest share is rounded up. Slots are those of the place down to the
        end of the page. A window looks back at what stood above, and so does a place that began
        above the page; a floor is asked of the page that holds its top.
    Unknown: an unknown fact counts towards a cap, and serves no floor.
    Effect: Cap, level 0 or soft; or Floor, soft.

    Attributes:
        of: whom the rule speaks of.
        slots: `page` or `first_screen`.
        first_slots: or the first so many slots of the surface; window_slots: or any so many in a
            row.
        most, most_share: at most so many, or such a share.
        least, least_share: at least so many, or such a share.
        carry: whom a floor speaks of is offered for the page even where nobody offers it, at
            utility 0: for a directive that names titles. Every Block holds all the same.
        level: how precious; 0 is hard, and a floor is never hard.
    """

    counted: ClassVar[frozenset[int]] = frozenset({COUNTED})

    type: Literal["quota"]
    of: Where
    slots: Literal["page", "first_screen"] = "page"
    first_slots: Annotated[int, Field(ge=1, le=SLOTS_MAX)] | None = None
    window_slots: Annotated[int, Field(ge=2, le=POSITIONS_MAX)] | None = None
    most: Annotated[int, Field(ge=1, le=SLOTS_MAX)] | None = None
    most_share: Share | None = None
    least: Annotated[int, Field(ge=1, le=SLOTS_MAX)] | None = None
    least_share: Share | None = None
    carry: bool = False
    level: Level = 3

    @model_validator(mode="after")
    def _is_one_bound(self) -> "Quota":
        bounds = ("most", "most_share", "least", "least_share")
        if sum(getattr(self, name) is not None for name in bounds) != 1:
            raise ValueError(f"most: give one of {', '.join(bounds)}")
        if self.first_slots and (self.window_slots or self.slots != "page"):
            raise ValueError("first_slots: stands beside another place; give one of them")
        if self.window_slots and self.slots != "page":
            raise ValueError("window_slots: stands beside another place; give one of them")
        if not self.of.told:
            raise ValueError("of: speaks of everyone")
        if not self._is_cap and self.level == HARD:
            raise ValueError("level: a floor is never hard")
        if self.carry and self._is_cap:
            raise ValueError("carry: is for a floor; give least or least_share")
        if self.window_slots and not self.most:
            raise ValueError("most: a window is bounded by a number, from above")
        if self.first_slots and max(self.least or 0, self.most or 0) > self.first_slots:
            raise ValueError("first_slots: are fewer than the number that bounds them")
        return self

    @property
    def _is_cap(self) -> bool:
        return self.most is not None or self.most_share is not None

    @property
    def _is_at_top(self) -> bool:
        return self.slots == "first_screen" or self.first_slots is not None

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict COUNTED: spoken of."""
        return self.of.where(facts, day, unknown=self._is_cap).astype(np.uint8)

    def group_effects(self, page: Page) -> tuple[GroupEffect, ...]:
        """Bound the group in its place."""
        if self.window_slots:
            return (Cap(self.most or 1, window_slots=self.window_slots, level=self.level),)
        slots, above, size = page.slots, 0, page.slot_count
        if self._is_at_top:
            end = page.first_screen_slots if self.first_slots is None else self.first_slots
            slots &= slots_from(0, end - page.first_slot)
            above = min(page.first_slot, page.tail_count)
            size = min(end, page.first_slot + page.slot_count)
        if not slots:
            return ()
        if self._is_cap:
            share = floor(as_written(self.most_share or 0) * size)
            return (Cap(self.most or max(share, 1), slots, above, level=self.level),)
        if page.first_slot and self._is_at_top:  # asked of the page that holds the top
            return ()
        least = self.least or ceil(as_written(self.least_share or 0) * size)
        return (Floor(least, slots, self.level),)

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name the days of the condition."""
        flips: tuple[IntArray, ...] = self.of.flips(facts)
        return flips

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find whom the rule speaks of; in doubt who is counted against it."""
        doubtful_count = self.least is None and self.least_share is None
        found = self.of.holds(facts, day, unknown=doubtful_count)
        return np.where(found, np.uint8(COUNTED), np.uint8(0))

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Count them in each run of the place, or ask for enough of them."""
        if self.window_slots:
            width = self.window_slots
            first = -page.tail_count
            starts = range(first, max(first, page.slot_count - width) + 1)
            runs = tuple(page.run(start, start + width) for start in starts)
            return (Most({COUNTED}, self.most or 1, runs, self.level),)
        top, end = page.first_slot, page.first_slot + page.slot_count
        if self.slots == "first_screen":
            top, end = 0, min(page.first_screen_slots, end)
        elif self.first_slots:
            top, end = 0, min(self.first_slots, end)
        if end <= page.first_slot:
            return ()
        parts = range(1, end - top + 1)
        if self.least is None and self.least_share is None:
            part = as_written(self.most_share or 1)
            lawful = [m for m in parts if m == 1 or Fraction(m, len(parts)) <= part]
            run = page.run(top - page.first_slot, end - page.first_slot)
            return (Most({COUNTED}, self.most or lawful[-1], (run,), self.level),)
        if top < page.first_slot:
            return ()
        part = as_written(self.least_share or 0)
        enough = [m for m in parts if Fraction(m, len(parts)) >= part]
        slots = (1 << end - page.first_slot) - 1
        return (Least({COUNTED}, self.least or enough[0], slots, self.level),)
