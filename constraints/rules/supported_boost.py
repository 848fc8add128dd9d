"""More exposure for titles on official quality lists and Micro-short Drama+ lists."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.demands import Demand, Least, WeightAtMost
from constraints.effects import Floor, GroupEffect, RowEffect, Weight
from constraints.facts import Facts, IntArray
from constraints.page import SLOTS_MAX, Page, slots_from
from constraints.rule import Day, Rule, Share, SoftLevel, Verdicts, as_written
from constraints.terms import Kind, Plan, Support

PROVINCIAL, NATIONAL, PLAN = 1, 2, 3
RATIO_MAX = 2.0  # LIMIT: "over-recommending" is itself forbidden (algorithm rules art. 14)
Ratio = Annotated[float, Field(ge=1, le=RATIO_MAX)]


class SupportedBoost(Rule):
    """Raise the utility of supported titles, and keep a few of them high on the page.

    Law: BST-01, notice 345 (2022) three (two) 4, algorithmic support for quality dramas; BST-03,
        "Micro-short Drama+" action plan of 2025-01-04. Ratios and counts are platform policy.
    Reading: a title is supported while an official list that names it runs; of several causes the
        largest ratio of the rule counts, they do not multiply; whose production it is counts for
        nothing. A share is of those of the first slots that are on the page, rounded up to slots.
    Unknown: no list on record means no support; a plan tag without a published list earns none.
    Effect: Weight in [1, 2]; Floor, soft, when `least` or `least_share` is given.

    Attributes:
        national_ratio, provincial_ratio, plan_ratio: factor by cause; a cause without one is none
            of this rule's, and does not serve its floor.
        least, first_slots, level: at least so many in the first so many slots of the surface.
        least_share: or at least such a share of these slots; 0.1 of 15 are 2.
    """

    counted: ClassVar[frozenset[int]] = frozenset({PROVINCIAL, NATIONAL, PLAN})

    type: Literal["supported_boost"]
    national_ratio: Ratio | None = None
    provincial_ratio: Ratio | None = None
    plan_ratio: Ratio | None = None
    least: Annotated[int, Field(ge=1, le=SLOTS_MAX)] | None = None
    least_share: Share | None = None
    first_slots: Annotated[int, Field(ge=1, le=SLOTS_MAX)] | None = None
    level: SoftLevel = 4

    @model_validator(mode="after")
    def _floor_is_whole(self) -> "SupportedBoost":
        if self.least is not None and self.least_share is not None:
            raise ValueError("least_share: stands beside least; give one of them")
        field = "least" if self.least_share is None else "least_share"
        if (self.least is None and self.least_share is None) != (self.first_slots is None):
            raise ValueError(f"{field}: needs first_slots, and first_slots needs it")
        if self.first_slots is not None and not self._ratios():
            raise ValueError(f"{field}: needs a ratio for each cause it counts, 1.0 if no more")
        if self.least and self.first_slots and self.least > self.first_slots:
            raise ValueError("least: must be at most first_slots")
        return self

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict PROVINCIAL, NATIONAL or PLAN, whichever of the title's causes weighs most."""
        listed = facts.is_drama & (facts.support_from <= day) & (day < facts.support_until)
        planned = facts.is_drama & (facts.plan >= Plan.TRAVEL)
        planned &= (facts.plan_listed_on > 0) & (facts.plan_listed_on <= day)
        causes = {
            PROVINCIAL: listed & (facts.support == Support.PROVINCIAL),
            NATIONAL: listed & (facts.support == Support.NATIONAL),
            PLAN: planned,
        }
        ratio = self._ratios()
        verdict = np.zeros(len(facts), np.uint8)
        for cause in sorted(ratio, key=lambda c: ratio[c]):
            verdict[causes[cause]] = cause
        return verdict

    def _ratios(self) -> dict[int, float]:
        """Return the factor of every cause the rule names."""
        named = {
            PROVINCIAL: self.provincial_ratio,
            NATIONAL: self.national_ratio,
            PLAN: self.plan_ratio,
        }
        return {cause: ratio for cause, ratio in named.items() if ratio is not None}

    def factors(self) -> tuple[float, ...]:
        """List the ratios."""
        return tuple(self._ratios().values())

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Weigh each cause."""
        return {cause: (Weight(ratio),) for cause, ratio in self._ratios().items()}

    def group_effects(self, page: Page) -> tuple[GroupEffect, ...]:
        """Ask for the floor, on the page that holds the surface's first slots."""
        if self.first_slots is None or page.first_slot:
            return ()
        slots = slots_from(0, self.first_slots) & page.slots
        least = self.least or ceil(as_written(self.least_share or 0) * slots.bit_count())
        return (Floor(least, slots, self.level),)

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name when a list begins and ends, and when a plan is published."""
        return facts.support_from, facts.support_until, facts.plan_listed_on

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find the list that entitles each title to most; of equal ones the plan's."""
        no_drama = (facts.kind == Kind.ROOM) | (facts.kind == Kind.VIDEO)
        lapsed = (day < facts.support_from) | (day >= facts.support_until)
        national, provincial = (facts.support == s for s in (Support.NATIONAL, Support.PROVINCIAL))
        by_list = np.select(
            [no_drama | lapsed, national, provincial],
            [0.0, self.national_ratio or 0.0, self.provincial_ratio or 0.0],
            0.0,
        )
        tag_only = (facts.plan_listed_on == 0) | (day < facts.plan_listed_on)
        no_plan = (facts.plan == Plan.UNKNOWN) | (facts.plan == Plan.NONE)
        by_plan = np.where(no_drama | tag_only | no_plan, 0.0, self.plan_ratio or 0.0)
        cause = np.where(by_plan >= by_list, PLAN, np.where(national, NATIONAL, PROVINCIAL))
        return np.where(np.maximum(by_list, by_plan) > 0, cause, 0).astype(np.uint8)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Raise only listed titles, by no more than stated, and show enough of them at the top."""
        stated = {PLAN: self.plan_ratio, NATIONAL: self.national_ratio}
        stated[PROVINCIAL] = self.provincial_ratio
        most = WeightAtMost({cause: ratio for cause, ratio in stated.items() if ratio})
        if not self.first_slots or page.first_slot > 0:
            return (most,)
        count = min(self.first_slots, page.slot_count)
        part = as_written(self.least_share or 0)
        enough = (m for m in range(1, count + 1) if Fraction(m, count) >= part)
        least = next(enough) if self.least is None else self.least
        return most, Least({PLAN, NATIONAL, PROVINCIAL}, least, (1 << count) - 1, self.level)
