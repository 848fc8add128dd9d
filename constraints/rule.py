"""What every rule type has: parameters, scope, dates, and its law said twice.

Each half says *where* by each row's own facts, and apart from it *what* for a kind of page, so that
rows are done when facts change and not when a request comes. To steer: `rows`, then `effects` and
`group_effects`. To judge: `judged`, then `demands`. The judging half is written from the text of
the law, never from the steering half; both give the same verdicts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
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

from constraints.demands import Demand
from constraints.effects import HARD, LEVEL_MAX, GroupEffect, RowEffect
from constraints.facts import Facts, IntArray, day_of
from constraints.page import Page

Day: TypeAlias = int
Verdicts: TypeAlias = NDArray[np.uint8]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Level = Annotated[int, Field(ge=HARD, le=LEVEL_MAX)]
SoftLevel = Annotated[int, Field(ge=1, le=LEVEL_MAX)]
Labels = Literal[
    "",
    "themes",
    "primary_theme",
    "theme_set",
    "filed_theme",
    "series",
    "provider",
    "duplicate",
]
Share = Annotated[float, Field(gt=0, le=1)]
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


def as_written(share: float) -> Fraction:
    """Return a share as its author wrote it: 0.3 is three tenths, and not a bit less."""
    return Fraction(str(share))


@dataclass(frozen=True, slots=True)
class Violation:
    """What the judge found.

    Attributes:
        rule_id: the rule broken.
        level: 0 is an objection; a soft one is reported as relaxed.
        slots: placements at fault; emptying them cures a hard violation. May be empty if soft.
        count: how much over a cap, or short of a floor, summed over what it was counted in.
        group: label of the group at fault, 0 in a rule without labels; -1 for no group.
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
        order_ref: the order a directive carries out, by its number, as the regulator gave it.
        counted: verdicts that count in the groups.
    """

    counted: ClassVar[frozenset[int]] = frozenset()

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
    order_ref: Annotated[str, Field(min_length=1, max_length=128)] | None = None

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

    @property
    def labels(self) -> Labels:
        """Column of facts whose labels are the rule's groups, or none.

        A row without a label is in group 0, and without a column every row that counts is.
        """
        return ""

    @property
    def reach(self) -> int:
        """Slots of a surface that the rule tells from those below, besides the first screen.

        INVARIANT: it asks the same of all pages that begin below both.
        """
        return getattr(self, "first_slots", None) or 0

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
        """Give each row a verdict by its own facts and the day, to steer.

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

    def group_effects(self, page: Page) -> tuple[GroupEffect, ...]:
        """Say which caps and floors hold for every group, each on its own."""
        return ()

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name the days on which the verdicts of each row may change, k arrays (n,) int32.

        INVARIANT: between two of its flips the verdicts of a row are constant, in both halves.
        """
        return ()

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Give each row its verdict again, from the text of the law, to judge by.

        INVARIANT: elementwise, and equal to `rows`; a row on which they differ is shown nowhere.

        Returns:
            (n,) uint8, 0 where the rule demands nothing.
        """
        return np.zeros(len(facts), np.uint8)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Say what is demanded of a finished slate on this kind of page."""
        return ()
