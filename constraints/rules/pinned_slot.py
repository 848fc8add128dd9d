"""Titles and rooms that operators put into fixed slots of a surface."""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.demands import Demand, Fixed
from constraints.effects import Pin, RowEffect
from constraints.facts import Facts, subject_keys
from constraints.page import POSITIONS_MAX, Page
from constraints.rule import Day, Rule, Strict, Verdicts


class Place(Strict):
    """A slot of the surface, from 0, and the id of the title or room pinned to it."""

    slot: Annotated[int, Field(ge=0, le=POSITIONS_MAX - 1)]
    id: Annotated[str, Field(min_length=1, max_length=128)]


class PinnedSlot(Rule):
    """Show a title or room in the slot its operator gave it, and nothing else there.

    Law: platform policy; no article asks for a pin, and none is lifted by one: every Block, a
        caller's own slot and the order of what is sunk come first.
    Reading: the id is that of the fact store; any candidate that stands for it may take the slot,
        and then no other of them stands on the page. Slots are counted from the top of the
        surface; a page that does not hold the slot is asked nothing. Of two ids that two rules pin
        to one slot either may stand there, the other nowhere; one id in two slots takes the
        higher that is open to it.
    Unknown: what nobody registered is pinned nowhere, whatever its id.
    Effect: Pin; a void one is reported.

    Attributes:
        pins: slots and ids, each once.
    """

    type: Literal["pinned_slot"]
    pins: tuple[Place, ...]

    @model_validator(mode="after")
    def _each_once(self) -> "PinnedSlot":
        if not self.pins:
            raise ValueError("pins: names no slot")
        for at, place in enumerate(self.pins):
            for earlier in self.pins[:at]:
                if place.slot == earlier.slot:
                    raise ValueError(f"pins.{at}.slot: {place.slot} is given to another already")
                if place.id == earlier.id:
                    raise ValueError(f"pins.{at}.id: is pinned to slot {earlier.slot} already")
        return self

    @property
    def reach(self) -> int:
        """Down to the last slot it pins."""
        return max(place.slot for place in self.pins) + 1

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict: one more than the slot of the surface it is pinned to."""
        keys = subject_keys(place.id for place in self.pins)
        order = np.argsort(keys)
        nearest = order[np.searchsorted(keys[order], facts.subject).clip(max=len(keys) - 1)]
        slots = np.array([place.slot for place in self.pins], np.uint8)
        return np.where(keys[nearest] == facts.subject, slots[nearest] + 1, 0).astype(np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Pin those whose slot is on the page."""
        held = range(page.first_slot, page.first_slot + page.slot_count)
        return {
            place.slot + 1: (Pin(place.slot - page.first_slot, place.id),)
            for place in self.pins
            if place.slot in held
        }

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Look for each id by itself."""
        verdict = np.zeros(len(facts), np.uint8)
        for place in self.pins:
            [key] = subject_keys([place.id])
            verdict[facts.subject == key] = place.slot + 1
        return verdict

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Fix whoever is pinned to a slot between the top and the bottom of the page."""
        below = {place.slot + 1: place.slot - page.first_slot for place in self.pins}
        return (Fixed({v: slot for v, slot in below.items() if 0 <= slot < page.slot_count}),)
