"""The closed set a rule's judging half may demand of a finished slate; it mirrors `effects`.

Verdicts are those of `Rule.judged`. Words of slots are `Page` words; words of positions begin with
the tail, see `Page.run`.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

from constraints.effects import HARD, Duty
from constraints.facts import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Barred:
    """Nothing with one of `verdicts` stands in `slots`."""

    verdicts: Set[int]
    slots: int


@dataclass(frozen=True, slots=True)
class Fixed:
    """Whoever is offered with a verdict of `slot_of` stands in its slot or nowhere on the page.

    And nobody else stands there. Not asked of one who may not stand there, being barred, sunk or
    kept out by the caller, nor of one for whom that holds of a slot further up.
    """

    slot_of: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Below:
    """Nothing without one of the page's sinking verdicts stands below one of `verdicts`."""

    verdicts: Set[int]


@dataclass(frozen=True, slots=True)
class WeightAtMost:
    """The factor claimed for the rule is at most that of the verdict, 1 for one not named."""

    largest: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Most:
    """At most `most` of a label stand in any of `runs`, words of positions.

    Counted are placements with one of `verdicts`, ours and others', under each of their labels.
    What others did is not our fault: only what we add to it counts.
    """

    verdicts: Set[int]
    most: int
    runs: tuple[int, ...]
    level: int = HARD


@dataclass(frozen=True, slots=True)
class Least:
    """At least `least` with one of `verdicts` stand in `slots`, ours and others'."""

    verdicts: Set[int]
    least: int
    slots: int
    level: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Whatever stands with a verdict of `duty_of` is shown with that duty."""

    duty_of: Mapping[int, Duty]


Demand = Barred | Fixed | Below | WeightAtMost | Most | Least | Shown


class Claims(NamedTuple):
    """What a decision says rules did to the placements of its slate.

    Attributes:
        rule_ids: w rules that weigh.
        factors: (w, K) float64 by slot, what each put on it; 1 where the slot is not filled.
        duties: (K,) int64 word of the duties each is shown with, 0 for none.
    """

    rule_ids: tuple[str, ...]
    factors: FloatArray
    duties: IntArray
