"""No clustering of like themes: caps on a page, on the first screen and in any window."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.demands import Demand, Most
from constraints.effects import Cap, GroupEffect
from constraints.facts import Facts, Kind
from constraints.page import POSITIONS_MAX, SLOTS_MAX, Page
from constraints.rule import Day, Level, Rule, Verdicts

Count = Annotated[int, Field(ge=1, le=SLOTS_MAX)]
COUNTED = 1


class ThemeCap(Rule):
    """Show at most so many of one theme in a window, on a page, on the first screen.

    Law: DIV-01, notice 345 (2022) three (two) 6, since 2022-11-14: avoid clustering of like
        themes. No text gives a number: every number here is platform policy.
    Reading: a title counts under each of its canonical themes; aliases are one theme; a window
        reaches back into what stood above the page; a slot filled by the caller counts.
    Unknown: all candidates without a theme share one group, capped as a theme is.
    Effect: Cap on every theme, at the rule's level (0 makes it hard).

    Attributes:
        most_in_window, window_slots: at most so many in any run of so many slots.
        most_on_page, most_on_first_screen: at most so many there.
        kinds: kinds that are counted and capped; empty means all.
        level: 0 hard, else how precious the cap is, 1 the most.
    """

    labels: ClassVar[Literal["", "themes"]] = "themes"
    counted: ClassVar[frozenset[int]] = frozenset({COUNTED})

    type: Literal["theme_cap"]
    most_in_window: Count | None = None
    window_slots: Annotated[int, Field(ge=2, le=POSITIONS_MAX)] | None = None
    most_on_page: Count | None = None
    most_on_first_screen: Count | None = None
    kinds: tuple[Literal["drama", "room", "video"], ...] = ()
    level: Level = 2

    @model_validator(mode="after")
    def _caps_something(self) -> "ThemeCap":
        if (self.most_in_window is None) != (self.window_slots is None):
            raise ValueError("most_in_window: needs window_slots, and window_slots needs it")
        if not (self.most_in_window or self.most_on_page or self.most_on_first_screen):
            raise ValueError(
                "caps nothing; give most_in_window, most_on_page or most_on_first_screen"
            )
        return self

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict COUNTED: of a kind that counts."""
        if not self.kinds:
            return np.full(len(facts), COUNTED, np.uint8)
        kind = np.where(facts.is_drama, np.uint8(Kind.DRAMA), facts.kind)
        return np.isin(kind, [Kind[name.upper()] for name in self.kinds]).astype(np.uint8)

    def group_effects(self, page: Page) -> tuple[GroupEffect, ...]:
        """Cap each theme in the places the rule names."""
        caps: list[GroupEffect] = []
        if self.most_in_window and self.window_slots:
            caps.append(Cap(self.most_in_window, window_slots=self.window_slots, level=self.level))
        if self.most_on_page:
            caps.append(Cap(self.most_on_page, slots=page.slots, level=self.level))
        if self.most_on_first_screen and page.first_screen:
            screen, above = page.first_screen, page.first_screen_above
            caps.append(Cap(self.most_on_first_screen, screen, above, level=self.level))
        return tuple(caps)

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find what is of a kind the rule names, or of any where it names none."""
        found = np.full(len(facts), not self.kinds)
        for name in self.kinds:
            found |= facts.kind == Kind[name.upper()]
        if "drama" in self.kinds:
            found |= facts.kind == Kind.UNKNOWN
        return found.astype(np.uint8)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Count each theme in each place the rule names."""
        places: list[tuple[int | None, list[tuple[int, int]]]] = []
        if self.window_slots:
            first, width = -page.tail_count, self.window_slots
            last = max(first, page.slot_count - width)
            runs = [(start, start + width) for start in range(first, last + 1)]
            places.append((self.most_in_window, runs))
        places.append((self.most_on_page, [(0, page.slot_count)]))
        below = min(page.first_screen_slots - page.first_slot, page.slot_count)
        if below > 0:
            places.append((self.most_on_first_screen, [(-page.first_slot, below)]))
        return tuple(
            Most({COUNTED}, most, tuple(page.run(*run) for run in runs), self.level)
            for most, runs in places
            if most
        )
