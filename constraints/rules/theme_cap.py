"""No clustering of like themes: caps on a page, on the first screen and in any window."""

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from pydantic import model_validator

from constraints.capping import CapEachGroup
from constraints.facts import Facts
from constraints.rule import Day, Labels, Verdicts

_LABELS: Final[Mapping[str, Labels]] = {
    "any": "themes",
    "primary": "primary_theme",
    "all": "theme_set",
}


class ThemeCap(CapEachGroup):
    """Show at most so many of one theme in a window, on a page, on the first screen.

    Law: DIV-01, notice 345 (2022) three (two) 6, since 2022-11-14: avoid clustering of like
        themes. No text gives a number: every number here is platform policy.
    Reading: a title counts under each of its canonical themes, or under its primary one alone, or
        only with those whose themes are all the same; aliases are one theme; a window
        reaches back into what stood above the page; a slot filled by the caller counts. A share is
        of all slots of the page, rounded down to slots, but to no fewer than one: it spreads
        themes and bans none.
    Unknown: all candidates without a theme share one group, capped as a theme is.
    Effect: Cap on every theme, at the rule's level (0 makes it hard).

    Attributes:
        axis: `tags`, the platform's own, or `filed`, the theme filed with the regulator.
        match: of tags, what makes two titles alike: `any` theme, the `primary` one, or `all`.
        most_in_window, window_slots: at most so many in any run of so many slots.
        most_on_page, most_on_first_screen: at most so many there.
        most_share_of_page: at most such a share of the page's slots; beside `most_on_page` the
            smaller of both holds.
        kinds: kinds that are counted and capped; empty means all.
        level: 0 hard, else how precious the cap is, 1 the most.
    """

    type: Literal["theme_cap"]
    axis: Literal["tags", "filed"] = "tags"
    match: Literal["any", "primary", "all"] = "any"

    @model_validator(mode="after")
    def _matches_tags(self) -> "ThemeCap":
        if self.axis == "filed" and self.match != "any":
            raise ValueError("match: is of tags; a title is filed under one theme")
        return self

    @property
    def labels(self) -> Labels:
        """Each theme is a group, or each set of themes."""
        if self.axis == "filed":
            return "filed_theme"
        return _LABELS[self.match]

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict COUNTED: of a kind that counts."""
        return self.of_kinds(facts).astype(np.uint8)

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find what is of a kind the rule names, or of any where it names none."""
        return self.are_of_kinds(facts).astype(np.uint8)
