"""Live rooms are demoted, sunk, stopped or removed by their violation rating and by orders."""

from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.effects import HARD, Block, RowEffect, Sink, Weight
from constraints.facts import BoolArray, Facts, Grade, IntArray, Restriction
from constraints.page import Page
from constraints.rule import Day, Name, Rule, Shown, Verdicts, Violation

# Verdicts 1 to 5 demote a room of that grade; then, each stricter than the last:
SINK, STOP, REMOVE = 6, 8, 10
BY_ORDER = 1  # added to a measure that an order asks for
GradeName = Literal["a", "b", "c", "d", "e"]
SCALE: Final[tuple[GradeName, ...]] = ("a", "b", "c", "d", "e")
_BY_ORDER = {
    Restriction.RECTIFY: SINK,
    Restriction.SINK: SINK,
    Restriction.STOP: STOP,
    Restriction.CLOSED: REMOVE,
}


class RoomRating(Rule):
    """Link a live room's violation rating, and the orders against it, to its exposure.

    Law: LIV-01 and LIV-02, notice 78 (2020) five: ratings of room and anchor are linked to
        recommendation; stop recommending, sink to the bottom, rectify, close. The notice sets no
        scale: which grade gets which measure is platform policy.
    Reading: the worse of room and anchor counts; an order in force outweighs a better grade; what
        is stopped leaves every recommended surface, what is removed leaves every surface. The
        measure 限制时长 (a limit on duration) binds the room, not a slot, and is not read here.
    Unknown: a rating that is unknown, undated or too old is the worst recommendable grade, or the
        grade itself where that is worse. No order on record is no order.
    Effect: Weight, Sink, or Block at level 0.

    Attributes:
        demote: grade → factor, above 0 and below 1.
        sink, stop, remove: grades that get the measure. A grade in none of these is kept. A worse
            grade may not be treated better than a better one.
        order_source: row of the law orders rest on; `source` unless given.
        rating_days_max: a rating older than this many days is stale.
    """

    type: Literal["room_rating"]
    demote: dict[GradeName, Annotated[float, Field(gt=0, lt=1)]] = {}
    sink: tuple[GradeName, ...] = ()
    stop: tuple[GradeName, ...] = ()
    remove: tuple[GradeName, ...] = ()
    order_source: Name | None = None
    rating_days_max: Annotated[int, Field(ge=1, le=3660)] = 90

    @model_validator(mode="after")
    def _one_measure_a_grade(self) -> "RoomRating":
        named = list(chain(self.demote, self.sink, self.stop, self.remove))
        for name in sorted(set(named)):
            if named.count(name) > 1:
                raise ValueError(f"grade `{name}` has more than one measure")
        if len(set(self.stop + self.remove)) == len(Grade) - 1:
            raise ValueError("stop: some grade must stay recommendable")
        measures, factor = self._measures(), self.demote.get
        # A kept or demoted grade has a verdict below SINK; among those the factor decides.
        severity = [
            (max(int(m), SINK - 1), -factor(g, 1.0))
            for g, m in zip(SCALE, measures[1:], strict=True)
        ]
        for better, worse in pairwise(range(len(SCALE))):
            if severity[worse] < severity[better]:
                raise ValueError(f"grade `{SCALE[worse]}` is treated better than `{SCALE[better]}`")
        return self

    def _measures(self) -> IntArray:
        """Return the verdict of every grade: (6,) uint8, index 0 (UNKNOWN) unused."""
        verdict = np.zeros(len(Grade), np.uint8)
        for name in self.demote:
            verdict[Grade[name.upper()]] = Grade[name.upper()]
        for names, measure in ((self.sink, SINK), (self.stop, STOP), (self.remove, REMOVE)):
            for name in names:
                verdict[Grade[name.upper()]] = measure
        return verdict

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict: the stricter of what the rating and what an order in force asks."""
        measures = self._measures()
        worst = max(g for g in Grade if g and measures[g] < STOP)
        rating = np.maximum(facts.room_grade, facts.anchor_grade)
        unknown = (facts.room_grade == Grade.UNKNOWN) | (facts.anchor_grade == Grade.UNKNOWN)
        age = day - facts.rated_on  # an unknown day (0) makes it ancient
        stale = unknown | (age > self.rating_days_max)
        rating = np.where(stale, np.maximum(rating, worst), rating)
        order = np.zeros(len(facts), np.uint8)
        active = (facts.restriction_from <= day) & (day < facts.restriction_until)
        for restriction, measure in _BY_ORDER.items():
            order[active & (facts.restriction == restriction)] = measure + BY_ORDER
        verdict = np.maximum(measures[rating], order)
        return (verdict * facts.is_room).astype(np.uint8)

    def source_of(self, verdict: int) -> str:
        """Tell an order from a rating."""
        by_order = verdict > SINK and (verdict - SINK) % 2 == BY_ORDER
        return (by_order and self.order_source) or self.source

    def factors(self) -> tuple[float, ...]:
        """List the demotions."""
        return tuple(self.demote.values())

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Remove everywhere; the milder measures bind surfaces that recommend."""
        block: tuple[RowEffect, ...] = (Block(page.slots),)
        everywhere = {REMOVE: block, REMOVE + BY_ORDER: block}
        if not page.is_recommended:
            return everywhere
        sink: tuple[RowEffect, ...] = (Sink(),)
        milder = {SINK: sink, SINK + BY_ORDER: sink, STOP: block, STOP + BY_ORDER: block}
        demoted: dict[int, tuple[RowEffect, ...]] = {
            int(Grade[name.upper()]): (Weight(ratio),) for name, ratio in self.demote.items()
        }
        return everywhere | milder | demoted

    def breaches(self, shown: Facts, page: Page) -> BoolArray:
        """Find rooms shown that had to be removed or stopped."""
        found = np.zeros(len(shown), np.bool_)
        for slot in np.flatnonzero(shown.is_room):
            grade, order = self._standing(shown, int(slot), page.day)
            closed = order == Restriction.CLOSED or grade in self.remove
            stopped = order == Restriction.STOP or grade in self.stop
            found[slot] = closed or (stopped and page.is_recommended)
        return found

    def sinks(self, shown: Facts, page: Page) -> BoolArray:
        """Find rooms that must stand below everything else."""
        found = np.zeros(len(shown), np.bool_)
        if page.is_recommended:
            for slot in np.flatnonzero(shown.is_room):
                grade, order = self._standing(shown, int(slot), page.day)
                found[slot] = grade in self.sink or order in (Restriction.SINK, Restriction.RECTIFY)
        return found

    def check(self, shown: Shown, page: Page) -> Iterator[Violation]:
        """Judge removal, and that a demoted room was not left at full weight."""
        yield from super().check(shown, page)
        if not page.is_recommended:
            return
        sunk, claimed = self.sinks(shown.facts, page), shown.weight(self.id)
        for slot in np.flatnonzero(shown.facts.is_room & shown.is_filled & ~sunk):
            grade, _ = self._standing(shown.facts, int(slot), page.day)
            if claimed[slot] > self.demote.get(grade, 1.0):
                yield Violation(self.id, HARD, (int(slot),), 1)

    def _standing(self, shown: Facts, slot: int, day: Day) -> tuple[GradeName, Restriction]:
        """Return the grade a room is treated as, and the order in force against it."""
        recommendable = [g for g in SCALE if g not in self.stop and g not in self.remove]
        known = [int(g) for g in (shown.room_grade[slot], shown.anchor_grade[slot]) if g]
        fresh = shown.rated_on[slot] > 0 and day - shown.rated_on[slot] <= self.rating_days_max
        grade = SCALE[max(known) - 1] if known else "a"
        if len(known) < 2 or not fresh:
            grade = max(grade, recommendable[-1])
        running = shown.restriction_from[slot] <= day < shown.restriction_until[slot]
        return grade, Restriction(int(shown.restriction[slot])) if running else Restriction.NONE
