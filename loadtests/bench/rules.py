"""Policies of any number of rules for the bench of growth, all about one page: home on a phone."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from constraints.catalogue import Catalogue, compile_catalogue
from constraints.demands import Barred, Demand, WeightAtMost
from constraints.effects import LEVEL_MAX, Block, RowEffect, Weight
from constraints.facts import Facts
from constraints.page import Page
from constraints.policy import Policy, Surface
from constraints.rule import Day, Rule, Verdicts
from constraints.rules import rule_types
from loadtests.bench.titles import DAY
from ranker.facts.snapshot import Snapshot
from ranker.serving.state import InUse

RATIO = 0.9
TREATMENTS = 5  # so many rules make up a whole; the first three block, the others weigh


class Portion(Rule):
    """Takes its portion of the titles that all its kind share, by the day of their document.

    However many rules share them, a title meets one, and is treated alike: what is compared is
    the number of rules, not what they ask for.

    Attributes:
        at, of: which of how many portions.
    """

    type: Literal["portion"] = "portion"
    at: int
    of: int

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict 1: every third drama, if it is of this portion."""
        third, rest = np.divmod(facts.document_from, 3)
        portion = third % self.of == self.at
        return np.asarray(facts.is_drama & (rest == 0) & portion, np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Keep it off the first screen, or lower its utility."""
        return {1: (Block(page.first_screen) if self._blocks else Weight(RATIO),)}

    def factors(self) -> tuple[float, ...]:
        """Name the one it may put."""
        return () if self._blocks else (RATIO,)

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find the same by a remainder."""
        rest = facts.document_from % (3 * self.of)
        return np.where(facts.is_drama & (rest == 3 * self.at), np.uint8(1), np.uint8(0))

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Bar it from the first screen, or let it be lowered."""
        if self._blocks:
            return (Barred({1}, (1 << min(page.first_screen_slots, page.slot_count)) - 1),)
        return (WeightAtMost({1: RATIO}),)

    @property
    def _blocks(self) -> bool:
        return self.at % TREATMENTS < 3


def law(row_wise: int, page_wise: int) -> Policy:
    """Make a policy.

    Args:
        row_wise: rules about each row by itself, a multiple of TREATMENTS.
        page_wise: caps of themes in windows, on the page and the first screen, and floors.
    """
    rules: list[Rule] = [
        Portion(id=f"row-{at}", source="PLATFORM", at=at, of=row_wise) for at in range(row_wise)
    ]
    rules += [_page_wise(number) for number in range(page_wise)]
    surface = Surface(first_screen_slots={"phone": 6})
    digest = hashlib.sha256(f"{row_wise}-{page_wise}".encode()).hexdigest()
    return Policy({"home": surface}, tuple(rules), (0.25, 2.0), digest)


def _page_wise(number: int) -> Rule:
    turn, kind = divmod(number, 5)
    cap, floor = "theme_cap", "supported_boost"
    name, told = (
        (cap, {"most_in_window": 2, "window_slots": 6 + turn % 3}),
        (cap, {"most_on_page": 4 + turn}),
        (cap, {"most_on_first_screen": 2 + turn % 4}),
        (cap, {"most_in_window": 3, "window_slots": 8 + turn, "kinds": ("drama",)}),
        (floor, {"provincial_ratio": 1.0, "least": 1, "first_slots": 10 + turn}),
    )[kind]
    given = {"id": f"page-{number}", "type": name, "source": "PLATFORM"}
    return rule_types()[name].model_validate({**given, **told, "level": 1 + number % LEVEL_MAX})


@dataclass(frozen=True)
class Fixed:
    """A state that stays as it is: a policy, and a snapshot compiled for it."""

    policy: Policy
    snapshot: Snapshot
    catalogue: Catalogue

    @classmethod
    def compiled(cls, policy: Policy, snapshot: Snapshot) -> "Fixed":
        """Compile a snapshot for a policy."""
        return cls(policy, snapshot, compile_catalogue(policy.compiled, snapshot.facts, DAY))

    def in_use(self) -> InUse:
        """Return what a request decides by."""
        return InUse(self.policy, self.snapshot, 0.0, False, self.catalogue)
