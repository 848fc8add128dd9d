"""No clustering of like themes: caps on a page, on the first screen and in any window."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.effects import Cap, GroupEffect
from constraints.facts import BoolArray, Facts, IntArray, Kind
from constraints.page import POSITIONS_MAX, SLOTS_MAX, Page
from constraints.rule import Day, Level, Rule, Shown, Violation

Most = Annotated[int, Field(ge=1, le=SLOTS_MAX)]
UNKNOWN_THEME = 0


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

    groups_are_themes: ClassVar[bool] = True

    type: Literal["theme_cap"]
    most_in_window: Most | None = None
    window_slots: Annotated[int, Field(ge=2, le=POSITIONS_MAX)] | None = None
    most_on_page: Most | None = None
    most_on_first_screen: Most | None = None
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

    def groups(self, facts: Facts, day: Day) -> IntArray:
        """Give each row its themes; 0, the unknown theme, where it has none."""
        themes = np.where(facts.themes > 0, facts.themes, np.int16(-1))
        themes[:, 0] = np.maximum(facts.themes[:, 0], UNKNOWN_THEME)
        if self.kinds:
            themes[~self._counts(facts)] = -1
        return themes

    def _counts(self, facts: Facts) -> BoolArray:
        kind = np.where(facts.is_drama, np.uint8(Kind.DRAMA), facts.kind)
        return np.isin(kind, [Kind[name.upper()] for name in self.kinds])

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

    def check(self, shown: Shown, page: Page) -> Iterator[Violation]:
        """Count every theme in every place by hand, from raw themes."""
        ours: defaultdict[int, set[int]] = defaultdict(set)  # theme → positions, page slot 0 is 0
        others: defaultdict[int, set[int]] = defaultdict(set)
        for themes, slot, is_ours in zip(
            self._themes(shown.facts), range(page.slot_count), shown.is_filled.tolist(), strict=True
        ):
            for theme in themes if is_ours else ():
                ours[theme].add(slot)
        for themes, position in zip(self._themes(page.standing), page.standing_at, strict=True):
            for theme in themes:
                others[theme].add(position)
        for theme in sorted(ours):
            for most, places in self._places(page):
                if len(ours[theme]) + len(others[theme]) > most:
                    total, slots = self._excess(ours[theme], others[theme], most, places)
                    if total:
                        yield Violation(self.id, self.level, slots, total, theme)

    def _themes(self, facts: Facts) -> Iterator[set[int]]:
        """List the themes each row is counted under."""
        for kind, themes in zip(facts.kind.tolist(), facts.themes.tolist(), strict=True):
            name = "drama" if kind == 0 else Kind(kind).name.lower()
            counted = not self.kinds or name in self.kinds
            yield ({t for t in themes if t > 0} or {UNKNOWN_THEME}) if counted else set()

    def _places(self, page: Page) -> Iterator[tuple[int, list[range]]]:
        """List each cap with the runs of positions it is counted in."""
        if self.most_in_window and self.window_slots:
            first = -page.tail_count
            last = max(first, page.slot_count - self.window_slots)
            yield (
                self.most_in_window,
                [range(r, r + self.window_slots) for r in range(first, last + 1)],
            )
        if self.most_on_page:
            yield self.most_on_page, [range(page.slot_count)]
        if self.most_on_first_screen:
            below = min(page.first_screen_slots - page.first_slot, page.slot_count)
            if below > 0:
                yield self.most_on_first_screen, [range(-page.first_slot, below)]

    def _excess(
        self, ours: set[int], others: set[int], most: int, places: list[range]
    ) -> tuple[int, tuple[int, ...]]:
        """Add up what our placements put over the cap; what others did is not our fault."""
        total, at_fault = 0, set[int]()
        for place in places:
            own = sorted(ours.intersection(place))
            before = len(others.intersection(place))
            over = len(own) + before - max(most, before)
            if own and over > 0:
                total += over
                at_fault.update(own[-over:])
        return total, tuple(sorted(at_fault))
