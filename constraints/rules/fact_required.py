"""Whoever a rule speaks of stands in its slots only with the facts it needs."""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.conditions import Where
from constraints.demands import Barred, Below, Demand
from constraints.effects import Block, RowEffect, Sink
from constraints.facts import Facts, IntArray
from constraints.page import SLOTS_MAX, Page, slots_from
from constraints.rule import Day, Rule, Verdicts

LACKING = 1


class FactRequired(Rule):
    """Keep those who lack a fact that the law asks of them out of the slots it names.

    Law: the row of law.toml that `source` names; its reading says which facts meet it.
    Reading: whom the rule speaks of (`of`), and what each of them needs: one of `needs`, all that
        it names. Where `needs` names nothing, nothing suffices: whom the rule speaks of is out.
    Unknown: an unknown fact counts as one the rule speaks of, unless `in_doubt` spares it, and
        never as one that is needed. What stands on no list is on none.
    Effect: Block, level 0, or Sink.

    Attributes:
        of: whom the rule speaks of; everyone unless given.
        needs: what suffices, any of it.
        slots: `page` or `first_screen`.
        first_slots: or the first so many slots of the surface.
        measure: `block`, or `sink` below all others of the page.
        in_doubt: `burdened`, or `spared`: who is not known to be as said is let alone. For kinds
            that are registered only where something is known against them.
    """

    type: Literal["fact_required"]
    of: Where = Where()
    needs: tuple[Where, ...] = ()
    slots: Literal["page", "first_screen"] = "page"
    first_slots: Annotated[int, Field(ge=1, le=SLOTS_MAX)] | None = None
    measure: Literal["block", "sink"] = "block"
    in_doubt: Literal["burdened", "spared"] = "burdened"

    @model_validator(mode="after")
    def _is_whole(self) -> "FactRequired":
        if self.first_slots and self.slots != "page":
            raise ValueError("first_slots: stands beside another place; give one of them")
        if self.measure == "sink" and (self.slots != "page" or self.first_slots):
            raise ValueError("measure: what is sunk is sunk on the whole page")
        if self.in_doubt == "spared" and (ageing := self.of.ageing):
            raise ValueError(f"in_doubt: {ageing[0]} grows old, and would then spare whom it named")
        if not self.of.told and not self.needs:
            raise ValueError("of: speaks of everyone and needs nothing")
        if any(not need.told for need in self.needs):
            raise ValueError("needs: names nothing that is needed")
        return self

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict LACKING: spoken of, and without what is needed."""
        lacking = self.of.where(facts, day, unknown=self.in_doubt == "burdened")
        for need in self.needs:
            lacking &= ~need.where(facts, day, unknown=False)
        return lacking.astype(np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Block the slots, or sink."""
        if self.measure == "sink":
            return {LACKING: (Sink(),)}
        slots = page.slots if self.slots == "page" else page.first_screen
        if self.first_slots:
            slots &= slots_from(0, self.first_slots - page.first_slot)
        return {LACKING: (Block(slots),)}

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name the days of the conditions."""
        return sum((each.flips(facts) for each in (self.of, *self.needs)), ())

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find whom the rule speaks of, less those who have one of the things needed."""
        met = np.zeros(len(facts), np.bool_)
        for need in self.needs:
            met |= need.holds(facts, day, unknown=False)
        spoken_of = self.of.holds(facts, day, unknown=self.in_doubt != "spared")
        return np.where(spoken_of & ~met, np.uint8(LACKING), np.uint8(0))

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Bar them from the slots between the top and the end of the place, or sink them."""
        if self.measure == "sink":
            return (Below({LACKING}),)
        end = self.first_slots or page.first_slot + page.slot_count
        if self.slots == "first_screen":
            end = page.first_screen_slots
        count = max(min(end - page.first_slot, page.slot_count), 0)
        return (Barred({LACKING}, (1 << count) - 1),)
