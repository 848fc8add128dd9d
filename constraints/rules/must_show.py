"""Marks and numbers that a client must show with a candidate."""

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from pydantic import model_validator

from constraints.conditions import Where
from constraints.demands import Demand, Shown
from constraints.effects import Duty, RowEffect, Show
from constraints.facts import Facts, IntArray
from constraints.page import Page
from constraints.rule import Day, Rule, Verdicts

OWED = 1
DutyName = Literal["record_number", "ai_generated", "ai_possible", "ai_suspected", "room_category"]
DUTIES: Final = {duty.name.lower(): duty for duty in Duty}


class MustShow(Rule):
    """Oblige the client to show a mark or number with those the rule speaks of.

    Law: the row of law.toml that `source` names.
    Reading: the duty binds wherever the candidate stands on the surfaces of the rule; it moves
        nobody. A reply without the duty is no lawful reply.
    Unknown: an unknown fact counts as one the rule speaks of: rather one mark too many.
    Effect: Show.

    Attributes:
        of: whom the rule speaks of.
        duty: what is shown.
    """

    type: Literal["must_show"]
    of: Where
    duty: DutyName

    @model_validator(mode="after")
    def _names_somebody(self) -> "MustShow":
        if not self.of.told:
            raise ValueError("of: speaks of everyone")
        return self

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict OWED: spoken of."""
        return self.of.where(facts, day, unknown=True).astype(np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Show the duty."""
        return {OWED: (Show(DUTIES[self.duty]),)}

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name the days of the condition."""
        flips: tuple[IntArray, ...] = self.of.flips(facts)
        return flips

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find whom the rule speaks of, or may."""
        return np.where(self.of.holds(facts, day, unknown=True), np.uint8(OWED), np.uint8(0))

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Ask for the duty wherever one of them stands."""
        return (Shown({OWED: Duty[self.duty.upper()]}),)
