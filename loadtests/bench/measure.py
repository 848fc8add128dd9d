"""One interleaved run: every method on every page, timed and judged."""

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from loadtests.bench.engine import ROUNDS, solve
from loadtests.bench.judge import Verdict, judge
from loadtests.bench.lay import IntArray
from loadtests.bench.optima import Draw, optima
from loadtests.bench.oracle import Optimum
from loadtests.bench.pages import SMALL, BenchPage, Cell, page
from loadtests.bench.peers import PEERS

REPEATS: Final = 3  # the median of so many calls is the time of a method on a page
MODES: Final = tuple(ROUNDS)
METHODS: Final = (*MODES, *PEERS)
_WARM_UPS: Final = 3


class Outcome(NamedTuple):
    """What one method did on one page.

    Attributes:
        micros: time of the call, µs.
        verdict: of its slate.
        optimum: of the page.
        ideal: the verdict on the optimal slate.
    """

    regime: str
    cell: Cell
    seed: int
    method: str
    micros: float
    verdict: Verdict
    optimum: Optimum
    ideal: Verdict

    @property
    def is_needless(self) -> bool:
        """It gave up more than the optimum needs to."""
        return self.verdict.score[:-1] > self.ideal.score[:-1]

    @property
    def is_lost(self) -> bool:
        """A page without any breach exists, and this is none."""
        return not any(self.ideal.score[:-1]) and any(self.verdict.score[:-1])

    @property
    def ratio(self) -> float:
        """Objective in parts of the optimum; nan where more or less is given up, or unproved."""
        if not self.optimum.is_proved or self.verdict.score[:-1] != self.ideal.score[:-1]:
            return math.nan
        return self.worth

    @property
    def is_impossible(self) -> bool:
        """It is better than what is proved to be best: then the oracle or the judge is wrong."""
        if not self.optimum.is_proved:
            return False
        mine, best = self.verdict.score[:-1], self.ideal.score[:-1]
        return mine < best or (mine == best and self.verdict.objective > self.optimum.bound)

    @property
    def worth(self) -> float:
        """Objective in parts of the optimum, whatever was broken for it."""
        return self.verdict.objective / max(self.ideal.objective, 1)

    @property
    def of_bound(self) -> float:
        """Objective in parts of the bound: at least so good, also where nothing is proved."""
        return self.verdict.objective / max(self.optimum.bound, 1)


def run(
    plan: Sequence[tuple[str, Cell, Draw]],
    family: str,
    count: int,
    seconds: float,
    tick: Callable[[], None],
) -> Iterator[Outcome]:
    """Yield every outcome.

    Args:
        plan: regimes and cells, with what makes a page of regime, cell and seed.
        family: of seeds.
        count: pages a regime and cell.
        seconds: for an optimum that is not known yet.
        tick: called after each page.
    """
    calls = _methods()
    for regime, cell, draw in plan:
        for seed, drawn, best in optima(regime, cell, family, count, seconds, draw):
            ideal = judge(drawn.tables, best.slate)
            for method, (micros, slate) in _timed(drawn, calls).items():
                verdict = judge(drawn.tables, slate)
                yield Outcome(regime, cell, seed, method, micros, verdict, best, ideal)
            tick()


def _methods() -> dict[str, Callable[[BenchPage], IntArray]]:
    """Return every method by name, warmed up on pages that are not measured."""

    def mode(rounds: int) -> Callable[[BenchPage], IntArray]:
        return lambda drawn: solve(drawn.tables, rounds)

    calls = {**{name: mode(rounds) for name, rounds in ROUNDS.items()}, **PEERS}
    for seed in range(_WARM_UPS):
        for call in calls.values():
            call(page("tight", SMALL, seed))
    return calls


def _timed(
    drawn: BenchPage, calls: dict[str, Callable[[BenchPage], IntArray]]
) -> dict[str, tuple[float, IntArray]]:
    """Time methods in turn, the garbage collector off: name → (µs, slate)."""
    spent: dict[str, list[int]] = {name: [] for name in calls}
    slates = {}
    gc.collect()
    gc.disable()
    try:
        for _ in range(REPEATS):
            for name, call in calls.items():
                begun = time.perf_counter_ns()
                slates[name] = call(drawn)
                spent[name].append(time.perf_counter_ns() - begun)
    finally:
        gc.enable()
    return {name: (float(np.median(spent[name])) / 1000, slates[name]) for name in calls}
