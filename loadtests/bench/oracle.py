"""The best lawful slate there is, proved by a mixed-integer solver.

A page is judged lexicographically: nothing hard is broken, fewest empty slots, fewest sunk ones
shown, fewest breaks at level 1, 2, …, then the largest objective. First nothing may be given up and
only the objective is solved for; where that has no answer, part after part.
"""

import time
from typing import Final, NamedTuple

import numpy as np

from constraints.kernel import Tables
from loadtests.bench.judge import judge
from loadtests.bench.lay import IntArray
from loadtests.bench.model import PARTS, Model

PROVED: Final = 1e-6  # relative gap at which an optimum counts as proved
_FIRST_GAP: Final = 0.004  # guess of the distance between relaxation and optimum


class Optimum(NamedTuple):
    """What is known of the best slate.

    Attributes:
        slate: (K,) int, the best found; -1 none.
        bound: no slate that gives up as little has a larger objective; an exact integer.
        is_proved: nothing is better in any part, but for PROVED of the objective.
        seconds: what it took.
    """

    slate: IntArray
    bound: int
    is_proved: bool
    seconds: float


class _Best(NamedTuple):
    """A slate, a bound of its objective in the model's units, and whether its parts are proved."""

    slate: IntArray
    bound: float
    is_proved: bool


def optimum(t: Tables, seconds: float = 60.0) -> Optimum:
    """Find the best slate.

    Args:
        t: the page.
        seconds: give up after about so long, and say what is known.
    """
    begun = time.monotonic()
    model = Model(t, begun + seconds)
    best = _Best(np.full(t.slot_count, -1, np.int32), 0.0, is_proved=True)
    if len(model.slot):  # else nobody may stand anywhere
        clean = _objective(model, dict.fromkeys(range(PARTS), 0), best.slate)
        best = clean or _lexicographic(model, best.slate)
    verdict = judge(t, best.slate)
    assert not verdict.hard, "INVARIANT: what the model allows, the judge allows"
    found = verdict.objective
    top = int((t.utility.max(initial=0) * t.discount[: t.slot_count]).sum())
    bound = max(int(min(best.bound * model.unit, top)) + 1, found)
    is_proved = best.is_proved and bound - found <= max(PROVED * bound, 1)
    return Optimum(best.slate, bound, is_proved, time.monotonic() - begun)


def _lexicographic(model: Model, best: IntArray) -> _Best:
    limits: dict[int, int] = {}
    is_proved = True
    for part in range(PARTS):
        found = judge(model.t, best).relaxed[part]
        if found:
            answer = model.solve(limits, part, best)
            is_proved &= answer.is_optimal
            if answer.values is not None:
                chosen = np.flatnonzero(answer.values[: len(model.slot)] > 0.5)
                slates = best, model.slate(chosen)
                best = min(slates, key=lambda slate: judge(model.t, slate).score)
                found = judge(model.t, best).relaxed[part]
        limits[part] = found
    final = _objective(model, limits, best)
    if final is None:  # out of time
        return _Best(best, np.inf, is_proved=False)
    return final._replace(is_proved=is_proved and final.is_proved)


def _objective(model: Model, limits: dict[int, int], start: IntArray) -> _Best | None:
    """Find the largest objective that gives up so little; None if no such slate is found.

    A placement whose reduced cost in the relaxation exceeds the distance from the relaxed
    objective to a known one is in no better slate, so it is left out. The distance is guessed
    first; what is found tells whether the guess was right.
    """
    relaxed = model.solve(limits, None)
    if relaxed.values is None:
        return None
    count = len(model.slot)
    reduced = np.abs(relaxed.reduced[:count])
    is_used = relaxed.values[:count] > 0.5
    gap = relaxed.bound * _FIRST_GAP
    while True:
        columns = np.flatnonzero((reduced <= gap) | is_used)
        is_all = len(columns) == count
        answer = model.solve(limits, None, start, columns)
        if answer.values is not None:
            chosen = columns[answer.values[: len(columns)] > 0.5]
            floor = float(model.worth[chosen].sum())
            left_out = -np.inf if is_all else relaxed.bound - gap
            if not answer.is_optimal or left_out <= floor:
                bound = min(max(answer.bound, left_out), relaxed.bound)
                return _Best(model.slate(chosen), bound, answer.is_optimal)
            start = model.slate(chosen)
            gap = (relaxed.bound - floor) * 1.0001 + 1e-6
        elif is_all or not answer.is_infeasible:
            return None
        else:
            gap = max(5 * gap, float(reduced.min(where=reduced > gap, initial=np.inf)))
