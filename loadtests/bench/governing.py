"""Times what stands around the solver: gathering rows into a program, and judging the slate.

The pages of the bench are in the engine's form, without facts; so both are timed on a catalogue
under thirteen rules of the product's own, and the solver on the tight pages: their sum is what
governing a page of that size costs.
"""

import time
from typing import Final, NamedTuple

import numpy as np

from constraints.catalogue import compile_catalogue
from constraints.facts import FloatArray
from constraints.offer import Offer
from constraints.page import Page
from constraints.solve import solve as fill
from constraints.steering import compile_program
from constraints.verify import verify
from loadtests.bench.engine import solve
from loadtests.bench.pages import Cell, page
from loadtests.bench.rules import law
from loadtests.bench.titles import CANDIDATES, DAY, SLOTS, draw_facts

ROW_WISE, PAGE_WISE = 5, 8
TITLES: Final = 10_000
WARM_UPS: Final = 10
REPEATS: Final = 3


class Governing(NamedTuple):
    """Times by page, µs: (pages,) float64 each."""

    gather: FloatArray
    solve: FloatArray
    verify: FloatArray

    @property
    def whole(self) -> FloatArray:
        """All of it."""
        return self.gather + self.solve + self.verify


def govern(rounds: int, pages: int, first_seed: int) -> Governing:
    """Time pages one after the other on one thread, the median of REPEATS of each.

    Args:
        rounds: of the solver.
        pages: how many.
        first_seed: of the pages.
    """
    rng = np.random.default_rng(first_seed)
    policy = law(ROW_WISE, PAGE_WISE)
    facts = draw_facts(rng, TITLES)
    everything = compile_catalogue(policy.compiled, facts, DAY)
    shown = Page("home", "phone", DAY, SLOTS, policy.surface("home").first_screen("phone"))
    spent = np.zeros((3, REPEATS, pages))
    for number in range(-WARM_UPS, pages):
        rows = rng.choice(TITLES, CANDIDATES, replace=False).astype(np.int32)
        utility = rng.lognormal(1.0, 0.6, CANDIDATES).astype(np.float32)
        offer = Offer(everything, rows, utility)
        drawn = page("tight", Cell(CANDIDATES, SLOTS), first_seed + max(number, 0)).tables
        for repeat in range(REPEATS):
            marks = [time.perf_counter_ns()]
            steering = compile_program(offer, shown, policy)
            marks.append(time.perf_counter_ns())
            solve(drawn, rounds)
            marks.append(time.perf_counter_ns())
            slate = fill(steering.program).slate
            begun = time.perf_counter_ns()
            verify(slate, offer, steering.claims(slate), shown, policy)
            if number >= 0:
                judged = time.perf_counter_ns() - begun
                spent[:, repeat, number] = marks[1] - marks[0], marks[2] - marks[1], judged
    return Governing(*(np.median(spent, axis=1) / 1000))
