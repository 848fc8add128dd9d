"""Live rooms are demoted, sunk, stopped or removed by their violation rating and by orders."""

from collections.abc import Iterable, Mapping
from itertools import chain, pairwise
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.demands import Barred, Below, Demand, WeightAtMost
from constraints.effects import Block, RowEffect, Sink, Weight
from constraints.facts import BoolArray, Facts, IntArray
from constraints.page import Page
from constraints.rule import Day, Name, Rule, Verdicts
from constraints.terms import Grade, Kind, Restriction

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

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name when an order begins and ends, and when a rating is stale."""
        stale_on = facts.rated_on + np.int32(self.rating_days_max + 1)
        return facts.restriction_from, facts.restriction_until, stale_on

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find the strictest measure, of the grade a room is treated as or of an order in force."""
        recommendable = [g for g in SCALE if g not in self.stop and g not in self.remove]
        fresh = (facts.rated_on > 0) & (day - facts.rated_on <= self.rating_days_max)
        sure = fresh & (facts.room_grade > 0) & (facts.anchor_grade > 0)
        at_least = np.where(sure, 1, 1 + SCALE.index(recommendable[-1]))
        grade = np.maximum(np.maximum(facts.room_grade, facts.anchor_grade), at_least)
        running = (facts.restriction_from <= day) & (day < facts.restriction_until)
        order = np.where(running, facts.restriction, Restriction.NONE)

        def graded(names: Iterable[GradeName]) -> BoolArray:
            return np.isin(grade, [1 + SCALE.index(name) for name in names])

        measure = np.select(
            [
                order == Restriction.CLOSED,
                graded(self.remove),
                order == Restriction.STOP,
                graded(self.stop),
                (order == Restriction.SINK) | (order == Restriction.RECTIFY),
                graded(self.sink),
                graded(self.demote),
            ],
            [REMOVE + BY_ORDER, REMOVE, STOP + BY_ORDER, STOP, SINK + BY_ORDER, SINK, grade],
            0,
        )
        return np.where(facts.kind == Kind.ROOM, measure, 0).astype(np.uint8)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Show nothing removed; on surfaces that recommend the milder measures bind too."""
        removed = Barred({REMOVE, REMOVE + BY_ORDER}, page.slots)
        if not page.is_recommended:
            return (removed,)
        factors = {1 + SCALE.index(name): ratio for name, ratio in self.demote.items()}
        return (
            removed,
            Barred({STOP, STOP + BY_ORDER}, page.slots),
            WeightAtMost(factors),
            Below({SINK, SINK + BY_ORDER}),
        )
