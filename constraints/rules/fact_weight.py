"""The utility of candidates is raised or lowered by what is known of them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.conditions import Where
from constraints.demands import Demand, WeightAtMost
from constraints.effects import RowEffect, Weight
from constraints.facts import Facts, IntArray
from constraints.page import Page
from constraints.rule import Day, Rule, Strict, Verdicts

STEPS_MAX = 16  # LIMIT: steps of one rule
RATIO_MAX = 2.0  # LIMIT: "over-recommending" is itself forbidden (algorithm rules art. 14)


class Step(Strict):
    """Whom a factor is for."""

    of: Where
    ratio: Annotated[float, Field(gt=0, le=RATIO_MAX)]


class FactWeight(Rule):
    """Multiply the utility of those the rule speaks of by the factor of their step.

    Law: the row of law.toml that `source` names. That the law favours or disfavours is law; every
        ratio is platform policy.
    Reading: of several steps that speak of a candidate the smallest factor below 1 counts, else the
        largest; they do not multiply. Whose production it is counts for nothing.
    Unknown: an unknown fact counts as one that lowers, and never as one that raises.
    Effect: Weight.

    Attributes:
        steps: whom a factor is for, and the factor.
    """

    type: Literal["fact_weight"]
    steps: Annotated[tuple[Step, ...], Field(max_length=STEPS_MAX)]

    @model_validator(mode="after")
    def _weighs(self) -> "FactWeight":
        if not self.steps:
            raise ValueError("steps: names no factor")
        for at, step in enumerate(self.steps):
            if not step.of.told:
                raise ValueError(f"steps.{at}.of: speaks of everyone")
            if step.ratio == 1:
                raise ValueError(f"steps.{at}.ratio: changes nothing")
        return self

    def _by_strength(self) -> Iterator[tuple[int, Step]]:
        """Yield verdict and step, the one that counts last: raises grow, then lowerings sharpen."""
        told = [(place + 1, step) for place, step in enumerate(self.steps)]
        raising = sorted((t for t in told if t[1].ratio > 1), key=lambda t: t[1].ratio)
        lowering = sorted((t for t in told if t[1].ratio < 1), key=lambda t: -t[1].ratio)
        yield from raising
        yield from lowering

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict: one more than the place of the step that counts."""
        verdict = np.zeros(len(facts), np.uint8)
        for number, step in self._by_strength():
            verdict[step.of.where(facts, day, unknown=step.ratio < 1)] = number
        return verdict

    def factors(self) -> tuple[float, ...]:
        """List the ratios."""
        return tuple(step.ratio for step in self.steps)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Weigh each step."""
        return {at: (Weight(step.ratio),) for at, step in enumerate(self.steps, start=1)}

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name the days of the conditions."""
        return sum((step.of.flips(facts) for step in self.steps), ())

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find for each row the factor it is due, and the last step of that factor."""
        due, verdict = np.ones(len(facts)), np.zeros(len(facts), np.uint8)
        for lowers in (False, True):
            for number, step in enumerate(self.steps, start=1):
                if (step.ratio < 1) != lowers:
                    continue
                named = step.of.holds(facts, day, unknown=lowers)
                better = (due >= 1) | (step.ratio <= due) if lowers else step.ratio >= due
                due = np.where(named & better, step.ratio, due)
                verdict[named & better] = number
        return verdict

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Raise nobody further than stated, and lower everybody at least as far."""
        return (WeightAtMost({n: step.ratio for n, step in enumerate(self.steps, start=1)}),)
