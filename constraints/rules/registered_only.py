"""What no registry knows stays off the first screen, or off the page."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from constraints.demands import Barred, Demand
from constraints.effects import Block, RowEffect
from constraints.facts import Facts
from constraints.page import Page
from constraints.rule import Day, Rule, Verdicts


class RegisteredOnly(Rule):
    """Keep candidates that nobody registered off the first screen, or off the page.

    Law: platform policy; it guards FS-01, for the kind of an unregistered candidate is only its
        caller's word.
    Reading: registered means the fact store holds a row under the candidate's id.
    Unknown: not registered is the unknown here, and it is blocked.
    Effect: Block, level 0.

    Attributes:
        slots: `first_screen` or `page`. Without this rule a declared kind is taken at its word.
    """

    type: Literal["registered_only"]
    slots: Literal["first_screen", "page"]

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict 1: not registered."""
        return (~facts.is_registered).astype(np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Block the slots the rule names."""
        return {1: (Block(page.first_screen if self.slots == "first_screen" else page.slots),)}

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find what nobody registered."""
        return np.where(facts.is_registered, np.uint8(0), np.uint8(1))

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Bar it from the slots of the surface that are guarded."""
        whole = self.slots == "page"
        stop = page.slot_count if whole else page.first_screen_slots - page.first_slot
        return (Barred({1}, page.slots & ((1 << max(stop, 0)) - 1)),)
