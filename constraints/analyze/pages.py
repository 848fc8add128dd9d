"""The finite universe of pages, and what each rule asks on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final

import numpy as np

from constraints.analyze.universe import Universe
from constraints.effects import HARD, Block, Cap, Floor, Pin, Show, Sink, Weight
from constraints.facts import BoolArray, FloatArray, IntArray, WordArray, day_of
from constraints.page import POSITIONS_MAX, Page, ViewerClass
from constraints.policy import Policy
from constraints.rule import Rule

SHORT: Final = 10  # slots of the shorter pages tried
OTHER: Final = "other"
"""A terminal no surface names."""


def days_of(policy: Policy, day: int) -> list[int]:
    """Return a day and the later ones on which some rule begins or ceases to be in force."""
    told = {day_of(d) for rule in policy.compiled for d in (rule.since, rule.until) if d}
    return [day, *sorted(d for d in told if d > day)]


def pages_of(policy: Policy, day: int) -> Iterator[Page]:
    """Yield the pages on which different rules are in force, or the first screens differ."""
    seen = set()
    for name, surface in policy.surfaces.items():
        most = surface.slot_count_max
        for terminal, viewer, personal in product(
            (*surface.first_screen_slots, *sorted(policy.terminals), OTHER),
            ViewerClass,
            (True, False),
        ):
            page = Page(
                name,
                terminal,
                day,
                most,
                surface.first_screen(terminal),
                is_recommended=surface.is_recommended,
                viewer_class=viewer,
                is_personalised=personal,
            )
            mark = (name, page.first_screen_slots, *policy.rules_for(page))
            if mark in seen:
                continue
            seen.add(mark)
            yield page
            for count, first in ((min(SHORT, most), 0), (most, most)):
                tail = min(first, POSITIONS_MAX - count)
                yield page._replace(slot_count=count, first_slot=first, tail_count=tail)


@dataclass(frozen=True, eq=False)
class Asked:
    """What one rule asks of the rows of a universe on a page.

    Attributes:
        rule: the rule.
        verdicts: (n,) uint8.
        page: the page.
    """

    rule: Rule
    verdicts: IntArray
    page: Page

    @cached_property
    def effects(self) -> dict[int, tuple[object, ...]]:
        """Verdict → effects."""
        return dict(self.rule.effects(self.page))

    @cached_property
    def blocked(self) -> WordArray:
        """(n,) uint64 slots each row is kept out of."""
        table = np.zeros(256, np.uint64)
        for verdict, each in self.effects.items():
            for effect in each:
                if isinstance(effect, Block):
                    table[verdict] |= np.uint64(effect.slots)
        return table[self.verdicts]

    @cached_property
    def sunk(self) -> BoolArray:
        """(n,) bool."""
        at = [v for v, each in self.effects.items() if any(isinstance(e, Sink) for e in each)]
        return np.isin(self.verdicts, at)

    @cached_property
    def weight(self) -> FloatArray:
        """(n,) float64 factor."""
        table = np.ones(256)
        for verdict, each in self.effects.items():
            for effect in each:
                if isinstance(effect, Weight):
                    table[verdict] *= effect.ratio
        return table[self.verdicts]

    @cached_property
    def duties(self) -> IntArray:
        """(n,) int64 word of duties."""
        table = np.zeros(256, np.int64)
        for verdict, each in self.effects.items():
            for effect in each:
                if isinstance(effect, Show):
                    table[verdict] |= effect.duty.word
        return table[self.verdicts]

    @cached_property
    def pins(self) -> dict[int, str]:
        """Slot → whom it is pinned to."""
        return {
            e.slot: e.subject for each in self.effects.values() for e in each if isinstance(e, Pin)
        }

    @cached_property
    def counts(self) -> BoolArray:
        """(n,) bool: counts in the rule's groups."""
        return np.isin(self.verdicts, [*self.rule.counted])

    @cached_property
    def caps(self) -> tuple[Cap, ...]:
        """Caps."""
        return tuple(e for e in self.rule.group_effects(self.page) if isinstance(e, Cap))

    @cached_property
    def floors(self) -> tuple[Floor, ...]:
        """Floors."""
        return tuple(e for e in self.rule.group_effects(self.page) if isinstance(e, Floor))

    @cached_property
    def does_something(self) -> bool:
        """Tell whether the rule asks anything of any row, or any group, of the page."""
        rows = self.blocked.any() or self.sunk.any() or (self.weight != 1).any()
        alive = any(not is_void_cap(cap, self.page) for cap in self.caps) or self.floors
        grouped = bool(alive) and bool(self.counts.any())
        return bool(rows or self.duties.any() or self.pins or grouped)


def reach(cap: Cap, page: Page) -> int:
    """Return how many positions a cap counts in."""
    if cap.window_slots:
        return min(cap.window_slots, page.slot_count + page.tail_count)
    return cap.slots.bit_count() + cap.above


def is_void_cap(cap: Cap, page: Page) -> bool:
    """Tell whether a cap allows as many as there are positions."""
    return cap.most >= reach(cap, page)


def implied(loose: Cap, tight: Cap) -> bool:
    """Tell whether whatever keeps `tight` keeps `loose`, the groups being the same."""
    if tight.most > loose.most or (loose.level == HARD and tight.level != HARD):
        return False
    if tight.level > loose.level:
        return False
    if loose.window_slots:
        return tight.window_slots >= loose.window_slots
    return not tight.window_slots and not loose.slots & ~tight.slots and loose.above <= tight.above


def asked_on(
    page: Page, policy: Policy, universe: Universe, cache: dict[tuple[str, int], IntArray]
) -> list[Asked]:
    """Return what every rule in force asks on a page; verdicts are kept in `cache`."""
    found = []
    for rule in policy.rules_for(page).values():
        key = (rule.id, page.day)
        if key not in cache:
            cache[key] = rule.rows(universe.facts, page.day)
        found.append(Asked(rule, cache[key], page))
    return found
