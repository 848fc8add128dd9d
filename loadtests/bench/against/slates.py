"""Slates of the engine, of peers that know no rules, and of CP-SAT that knows all of them."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from loadtests.bench.judge import judge
from loadtests.bench.lay import IntArray
from loadtests.bench.measure import MODES, Outcome, run
from loadtests.bench.model import Model
from loadtests.bench.pages import REGIMES, Cell, page

CELL: Final = Cell(500, 20)
CPSAT: Final = "CP-SAT"
CPSAT_S: Final = 1.0  # LIMIT: of a page; a feed has thousandths of it
FAMILY: Final = "unseen"
_ORACLE_S: Final = 10.0  # of an optimum that is not known yet
_SCRIPT: Final = Path(__file__).with_name("cpsat.py")
_SLACK: Final = 1e-5  # of an objective: CP-SAT's worths are whole numbers
Key = tuple[str, int]  # regime and seed of a page


def outcomes(count: int, tick: Callable[[], None]) -> list[Outcome]:
    """Run the engine and the peers of `peers.py` on pages of each regime.

    Args:
        count: pages a regime.
        tick: called after each.
    """
    plan = [(regime, CELL, page) for regime in REGIMES]
    return list(run(plan, FAMILY, count, _ORACLE_S, tick))


def cpsat(
    python: Path, known: Sequence[Outcome], tick: Callable[[], None]
) -> Iterator[tuple[Outcome, int]]:
    """Have CP-SAT solve pages: the largest objective that gives up as little as the optimum.

    Writing the program down is not timed, and what must be given up it is told.

    Args:
        python: of the peers.
        known: an outcome of each page.
        tick: called after each page.

    Yields:
        What it did, a slate of nobody where it found none; and its bound of the objective.
    """
    command = [str(python), str(_SCRIPT), str(CPSAT_S)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as solver:
        assert solver.stdin is not None
        assert solver.stdout is not None
        for number, one in enumerate(known):
            tables = page(one.regime, CELL, one.seed).tables
            model = Model(tables, time.monotonic() + CPSAT_S)
            milp, _ = model.stage(dict(enumerate(one.ideal.relaxed)), None)
            for _ in range(1 if number else 2):  # the first one twice, to warm up
                solver.stdin.write(json.dumps(milp.as_json()) + "\n")
                solver.stdin.flush()
                line = solver.stdout.readline()
                if not line:
                    raise SystemExit("CP-SAT ended before it answered")
                told = json.loads(line)
            columns: IntArray = np.array(told["columns"] or [], np.int64)
            slate = model.slate(columns[columns < len(model.slot)])
            verdict, micros = judge(tables, slate), told["ms"] * 1e3
            tick()
            bound = int(told["bound"] * model.unit * (1 + _SLACK)) + 1
            yield one._replace(method=CPSAT, micros=micros, verdict=verdict), bound
        solver.stdin.close()


def utility(one: Outcome, bounds: Mapping[Key, int]) -> float:
    """Return the objective in parts of the proved optimum, or of the lowest bound known."""
    best = one.ideal.objective
    if not one.optimum.is_proved:
        best = min(one.optimum.bound, bounds.get((one.regime, one.seed), one.optimum.bound))
    return one.verdict.objective / max(best, 1)


def faults(found: Sequence[Outcome], bounds: Mapping[Key, int]) -> Iterator[str]:
    """Say what must not be: a hard rule broken by who knows it, or better than the best."""
    for one in found:
        where = f"{one.method} on {one.regime} {CELL} seed {one.seed}"
        if one.method in (*MODES, CPSAT) and one.verdict.hard:
            yield f"{where}: breaks a hard rule"
        if one.is_impossible:
            yield f"{where}: is better than what is proved to be best"
        if one.verdict.score[:-1] == one.ideal.score[:-1]:
            bound = bounds.get((one.regime, one.seed), one.verdict.objective)
            if one.verdict.objective > bound:
                yield f"{where}: is better than CP-SAT's bound"
