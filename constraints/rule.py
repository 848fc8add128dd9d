"""What every rule type has: parameters, scope, dates, and its law said twice.

To steer: `rows` says *where* by each row's own facts, `effects` says *what* on a kind of page.
To judge: `breaches` (elementwise) or `check` (the whole page) read raw facts of the finished
slate. The judging half is written from the text of the law, never from the steering half.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Generic, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from constraints.effects import HARD, LEVEL_MAX, GroupEffect, RowEffect
from constraints.facts import BoolArray, Facts, FloatArray, IntArray, day_of
from constraints.page import Page

Day: TypeAlias = int
Verdicts: TypeAlias = NDArray[np.uint8]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Level = Annotated[int, Field(ge=HARD, le=LEVEL_MAX)]
SoftLevel = Annotated[int, Field(ge=1, le=LEVEL_MAX)]
Value = TypeVar("Value")


class Strict(BaseModel):
    """Base of everything read from a policy file: unknown fields and odd types are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, str_strip_whitespace=False
    )


class Dated(Strict, Generic[Value]):
    """A value from a day on, until the next one of its table begins."""

    since: date
    value: Value


def in_force(table: tuple[Dated[Value], ...], day: Day) -> Value | None:
    """Return the value of a dated table on `day`, None before its first."""
    current = None
    for entry in table:
        if day_of(entry.since) <= day:
            current = entry.value
    return current


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished slate as judges see it: raw facts by slot.

    Attributes:
        facts: (s,) rows, UNKNOWN where nothing of ours stands.
        is_filled: (s,) bool, our placement stands in the slot.
        weights: rule id → (s,) float64, the factor the reply says the rule put on each placement.
    """

    facts: Facts
    is_filled: BoolArray
    weights: Mapping[str, FloatArray]

    def weight(self, rule_id: str) -> FloatArray:
        """Return the factors claimed for a rule: (s,) float64, 1 where it claims none."""
        claimed = self.weights.get(rule_id)
        return np.ones(len(self.facts)) if claimed is None else claimed


@dataclass(frozen=True, slots=True)
class Violation:
    """What `check` found.

    Attributes:
        rule_id: the rule broken.
        level: 0 is an objection; a soft one is reported as relaxed.
        slots: placements at fault; emptying them cures a hard violation. May be empty if soft.
        count: how much over a cap, or short of a floor, summed over what it was counted in.
        group: number of the group at fault among the rule's `groups`, -1 for none.
    """

    rule_id: str
    level: int
    slots: tuple[int, ...]
    count: int
    group: int = -1


class Rule(Strict):
    """One rule of a policy: a rule type with parameters.

    Attributes:
        id: kebab-case, stable for ever: the decision log refers to it.
        source: row of law.toml the rule rests on.
        mode: `enforce` decides, `shadow` is only judged and recorded, `off` does nothing.
        surfaces, terminals, viewer_classes: scope; empty means all.
        personalised: scope: only pages that are, or are not, personally recommended.
        since, until: first day in force, and the first day no longer in force.
    """

    groups_are_themes: ClassVar[bool] = False

    id: RuleId
    type: str
    source: Name
    mode: Literal["enforce", "shadow", "off"] = "enforce"
    surfaces: tuple[Name, ...] = ()
    terminals: tuple[Name, ...] = ()
    viewer_classes: tuple[Literal["unknown", "adult", "minor"], ...] = ()
    personalised: bool | None = None
    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _dates_in_order(self) -> "Rule":
        if self.since and self.until and self.until <= self.since:
            raise ValueError("until: must be after since")
        for name in type(self).model_fields:
            table = getattr(self, name)
            if isinstance(table, tuple) and any(isinstance(entry, Dated) for entry in table):
                days = [entry.since for entry in table]
                if days != sorted(set(days)):
                    raise ValueError(f"{name}: the dates of its entries must rise")
        return self

    def applies(self, page: Page) -> bool:
        """Tell whether the rule is in force on the page, by scope and day."""
        return (
            (not self.surfaces or page.surface in self.surfaces)
            and (not self.terminals or page.terminal in self.terminals)
            and (not self.viewer_classes or page.viewer_class in self.viewer_classes)
            and self.personalised in (None, page.is_personalised)
            and (self.since is None or day_of(self.since) <= page.day)
            and (self.until is None or page.day < day_of(self.until))
        )

    def source_of(self, verdict: int) -> str:
        """Return the row of the law a verdict rests on."""
        return self.source

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Give each row a verdict by its own facts and the day.

        INVARIANT: elementwise; the verdicts of some rows never depend on other rows.

        Returns:
            (n,) uint8, 0 where the rule asks for nothing.
        """
        return np.zeros(len(facts), np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Say what each verdict asks for on this kind of page; verdicts left out ask nothing."""
        return {}

    def factors(self) -> tuple[float, ...]:
        """List every factor the rule may put on a utility."""
        return ()

    def groups(self, facts: Facts, day: Day) -> IntArray | None:
        """Give each row the groups it is counted in, None when the rule counts none.

        INVARIANT: elementwise, like `rows`.

        Returns:
            (n, k) int16 group numbers from 0, -1 for none.
        """
        return None

    def group_effects(self, page: Page) -> tuple[GroupEffect, ...]:
        """Say which caps and floors hold for every group of `groups`, each on its own."""
        return ()

    def breaches(self, shown: Facts, page: Page) -> BoolArray:
        """Judge each placement by itself: (s,) bool, row j stands in slot j."""
        return np.zeros(len(shown), np.bool_)

    def sinks(self, shown: Facts, page: Page) -> BoolArray:
        """Judge which placements must stand below all others: (s,) bool."""
        return np.zeros(len(shown), np.bool_)

    def check(self, shown: Shown, page: Page) -> Iterator[Violation]:
        """Judge the finished slate. Rules that count override this and call it too."""
        for slot in np.flatnonzero(self.breaches(shown.facts, page) & shown.is_filled):
            yield Violation(self.id, HARD, (int(slot),), 1)
