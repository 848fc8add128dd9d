"""Caps on every group of a column of labels: on a page, on the first screen and in any window."""

from fractions import Fraction
from math import floor
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.demands import Demand, Most
from constraints.effects import Cap, GroupEffect
from constraints.facts import BoolArray, Facts
from constraints.page import POSITIONS_MAX, SLOTS_MAX, Page
from constraints.rule import Level, Rule, Share, as_written
from constraints.terms import Kind

Count = Annotated[int, Field(ge=1, le=SLOTS_MAX)]
COUNTED = 1


class CapEachGroup(Rule):
    """Base of the rule types that show at most so many of each group.

    A share is of all slots of the page, rounded down to slots, but to no fewer than one: it spreads
    groups and bans none.

    Attributes:
        most_in_window, window_slots: at most so many in any run of so many slots.
        most_on_page, most_on_first_screen: at most so many there.
        most_share_of_page: at most such a share of the page's slots; beside `most_on_page` the
            smaller of both holds.
        kinds: kinds that are counted and capped; empty means all.
        level: 0 hard, else how precious the cap is, 1 the most.
    """

    counted: ClassVar[frozenset[int]] = frozenset({COUNTED})

    most_in_window: Count | None = None
    window_slots: Annotated[int, Field(ge=2, le=POSITIONS_MAX)] | None = None
    most_on_page: Count | None = None
    most_on_first_screen: Count | None = None
    most_share_of_page: Share | None = None
    kinds: tuple[Literal["drama", "room", "video"], ...] = ()
    level: Level = 2

    @model_validator(mode="after")
    def _caps_something(self) -> "CapEachGroup":
        if (self.most_in_window is None) != (self.window_slots is None):
            raise ValueError("most_in_window: needs window_slots, and window_slots needs it")
        on_page = self.most_on_page or self.most_share_of_page
        if not (self.most_in_window or on_page or self.most_on_first_screen):
            raise ValueError(
                "caps nothing; give most_in_window, most_on_page, most_share_of_page"
                " or most_on_first_screen"
            )
        return self

    def of_kinds(self, facts: Facts) -> BoolArray:
        """Tell which rows are of a kind that counts, to steer: (n,) bool."""
        if not self.kinds:
            return np.ones(len(facts), np.bool_)
        kind = np.where(facts.is_drama, np.uint8(Kind.DRAMA), facts.kind)
        return np.isin(kind, [Kind[name.upper()] for name in self.kinds])

    def group_effects(self, page: Page) -> tuple[GroupEffect, ...]:
        """Cap each group in the places the rule names."""
        caps: list[GroupEffect] = []
        if self.most_in_window and self.window_slots:
            caps.append(Cap(self.most_in_window, window_slots=self.window_slots, level=self.level))
        on_page = self._most_on(page)
        if on_page:
            caps.append(Cap(on_page, slots=page.slots, level=self.level))
        if self.most_on_first_screen and page.first_screen:
            screen, above = page.first_screen, page.first_screen_above
            caps.append(Cap(self.most_on_first_screen, screen, above, level=self.level))
        return tuple(caps)

    def _most_on(self, page: Page) -> int | None:
        """Return the smaller of what number and share allow on a page, None without both."""
        share, most = self.most_share_of_page, self.most_on_page
        if share is None:
            return most
        return min(max(floor(as_written(share) * page.slot_count), 1), most or SLOTS_MAX)

    def are_of_kinds(self, facts: Facts) -> BoolArray:
        """Tell the same to judge, kind by kind; shares nothing with `of_kinds`."""
        found = np.full(len(facts), not self.kinds)
        for name in self.kinds:
            found |= facts.kind == Kind[name.upper()]
        if "drama" in self.kinds:
            found |= facts.kind == Kind.UNKNOWN
        return found

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Count each group in each place the rule names."""
        places: list[tuple[int | None, list[tuple[int, int]]]] = []
        if self.window_slots:
            first, width = -page.tail_count, self.window_slots
            last = max(first, page.slot_count - width)
            runs = [(start, start + width) for start in range(first, last + 1)]
            places.append((self.most_in_window, runs))
        count, part = page.slot_count, as_written(self.most_share_of_page or 1)
        lawful = [m for m in range(1, count + 1) if m == 1 or Fraction(m, count) <= part]
        if self.most_share_of_page or self.most_on_page:
            places.append((min(lawful[-1], self.most_on_page or count), [(0, count)]))
        below = min(page.first_screen_slots - page.first_slot, page.slot_count)
        if below > 0:
            places.append((self.most_on_first_screen, [(-page.first_slot, below)]))
        return tuple(
            Most({COUNTED}, most, tuple(page.run(*run) for run in runs), self.level)
            for most, runs in places
            if most
        )
