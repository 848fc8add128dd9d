"""What is offered for a page: rows of a catalogue, with what the recommender thinks of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from constraints.catalogue import Catalogue, compile_catalogue
from constraints.facts import Facts, FloatArray, IntArray
from constraints.rule import Day, Rule

_NO_ROWS = np.zeros(0, np.int32)


class Laid(NamedTuple):
    """An offer in the only kinds of arrays that kernels are compiled for; see `Offer`."""

    rows: IntArray
    utility: FloatArray
    standing_rows: IntArray
    standing_at: IntArray


@dataclass(frozen=True, slots=True)
class Offer:
    """n candidates, and what stands on the page or above it by others' doing, as rows.

    Attributes:
        catalogue: facts compiled ahead.
        rows: (n,) int32 row of each candidate; a row may be offered more than once.
        utility: (n,) float32, finite, >= 0: expected worth of showing each.
        standing_rows: (t,) int32 row of each that stands.
        standing_at: (t,) where: a reserved slot, or -1 for the position just above slot 0.
        laid: the same as kernels read it.
    """

    catalogue: Catalogue
    rows: IntArray
    utility: FloatArray
    standing_rows: IntArray = field(default_factory=lambda: _NO_ROWS)
    standing_at: Sequence[int] = ()
    laid: Laid = field(init=False, compare=False)

    def __post_init__(self) -> None:
        laid = Laid(
            np.array(self.rows, np.int32),
            np.array(self.utility, np.float32),
            np.array(self.standing_rows, np.int32),
            np.array(self.standing_at, np.int32),
        )
        object.__setattr__(self, "laid", laid)

    def __len__(self) -> int:
        return len(self.rows)

    def holds(self, rules: Sequence[Rule], day: Day) -> bool:
        """Tell whether what is compiled of these rows is what the rules say on a day."""
        catalogue = self.catalogue
        return catalogue.rules is rules and (
            catalogue.holds(self.rows, day) and catalogue.holds(self.standing_rows, day)
        )

    def compiled(self, rules: Sequence[Rule], day: Day) -> "Offer":
        """Return the same offer with its rows compiled anew: exact on any day, and slower."""
        facts, utility = self.catalogue.facts, self.utility
        standing = facts.take(self.standing_rows)
        return Candidates(utility, facts.take(self.rows), standing, self.standing_at).offer(
            rules, day
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """The same with facts in place of rows, for those who keep no catalogue.

    Attributes:
        utility: (n,) as in `Offer`.
        facts: n rows.
        standing, standing_at: t rows, and where they stand as in `Offer`.
    """

    utility: FloatArray
    facts: Facts
    standing: Facts = field(default_factory=lambda: Facts.unknown(0))
    standing_at: Sequence[int] = ()

    def offer(self, rules: Sequence[Rule], day: Day) -> Offer:
        """Compile just these rows."""
        facts = Facts.concatenate([self.facts, self.standing]) if self.standing_at else self.facts
        count, rows = len(self.facts), np.arange(len(facts), dtype=np.int32)
        catalogue = compile_catalogue(rules, facts, day)
        return Offer(catalogue, rows[:count], self.utility, rows[count:], self.standing_at)
