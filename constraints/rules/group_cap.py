"""Spread what belongs together: series, providers, near-duplicates."""

from typing import Literal

import numpy as np

from constraints.capping import COUNTED, CapEachGroup
from constraints.facts import Facts
from constraints.rule import Day, Labels, Verdicts


class GroupCap(CapEachGroup):
    """Show at most so many of one series, of one provider, or of one work in many copies.

    Law: DIV-03, algorithm recommendation rules (2022) art. 12, since 2022-03-01: de-duplicate and
        scatter. No text gives a number: every number here is platform policy.
    Reading: a window reaches back into what stood above the page; a slot filled by the caller
        counts. What is nearly the same is for the platform's fingerprints to say. A share is
        rounded down to slots, but to no fewer than one.
    Unknown: all candidates of which it is not known share one group, capped as a series is, unless
        `unknown` lets each stand for itself: where a group is told only of those that have one.
    Effect: Cap on every group, at the rule's level (0 makes it hard).

    Attributes:
        by: `series`, `provider` or `duplicate`: what is one group.
        unknown: `together` or `alone`.
        most_in_window, window_slots: at most so many in any run of so many slots.
        most_on_page, most_on_first_screen: at most so many there.
        most_share_of_page: at most such a share of the page's slots; beside `most_on_page` the
            smaller of both holds.
        kinds: kinds that are counted and capped; empty means all.
        level: 0 hard, else how precious the cap is, 1 the most.
    """

    type: Literal["group_cap"]
    by: Literal["series", "provider", "duplicate"]
    unknown: Literal["together", "alone"] = "together"

    @property
    def labels(self) -> Labels:
        """Each series, provider or work is a group."""
        return self.by

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict COUNTED: of a kind that counts, and known where the unknown stand alone."""
        counted = self.of_kinds(facts)
        if self.unknown == "alone":
            counted &= getattr(facts, self.by)[:, 0] != 0
        return counted.astype(np.uint8)

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find whom the rule counts: all of its kinds, or those whose group is known."""
        counted = self.are_of_kinds(facts)
        is_known = getattr(facts, self.by).any(axis=1)
        if self.unknown != "together":
            counted = counted & is_known
        return np.where(counted, np.uint8(COUNTED), np.uint8(0))
