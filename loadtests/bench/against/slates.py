"""Slates of the engine, of peers that know no rules, and of CP-SAT that knows all of them."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from loadtests.bench.judge import judge
from loadtests.bench.measure import Outcome, run
from loadtests.bench.model import PARTS, Model
from loadtests.bench.optima import FAMILIES, optima
from loadtests.bench.pages import REGIMES, Cell, page

CELL: Final = Cell(500, 20)
CPSAT: Final = "CP-SAT"
CPSAT_S: Final = 5.0  # LIMIT: of a page; a feed has thousandths of it
FAMILY: Final = "unseen"
_ORACLE_S: Final = 20.0  # of an optimum that is not known yet
_SCRIPT: Final = Path(__file__).with_name("cpsat.py")


def outcomes(count: int, tick: Callable[[], None]) -> list[Outcome]:
    """Run the engine and the peers of `peers.py` on pages of each regime.

    Args:
        count: pages a regime.
        tick: called after each.
    """
    plan = [(regime, CELL, page) for regime in REGIMES]
    return list(run(plan, FAMILY, count, _ORACLE_S, tick))


def cpsat(python: Path, count: int, tick: Callable[[], None]) -> Iterator[Outcome]:
    """Have CP-SAT solve the same pages: the largest objective that gives nothing up.

    A page of which something must be given up has no answer here, and is left out.

    Args:
        python: of the peers.
        count: pages a regime.
        tick: called after each.
    """
    command = [str(python), str(_SCRIPT), str(CPSAT_S)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as solver:
        assert solver.stdin is not None
        assert solver.stdout is not None
        for regime in REGIMES:
            for seed, drawn, best in optima(regime, CELL, FAMILY, count, _ORACLE_S):
                ideal = judge(drawn.tables, best.slate)
                tick()
                if any(ideal.score[:-1]):
                    continue
                begun = time.perf_counter()
                model = Model(drawn.tables, time.monotonic() + CPSAT_S)
                milp, _ = model.stage(dict.fromkeys(range(PARTS), 0), None)
                stating_ms = (time.perf_counter() - begun) * 1e3
                solver.stdin.write(json.dumps(milp.as_json()) + "\n")
                solver.stdin.flush()
                told = json.loads(solver.stdout.readline())
                columns = np.array(told["columns"] or [], np.int64)
                slate = model.slate(columns[columns < len(model.slot)])
                micros = (stating_ms + told["ms"]) * 1e3
                verdict = judge(drawn.tables, slate)
                yield Outcome(regime, CELL, seed, CPSAT, micros, verdict, best, ideal)
        solver.stdin.close()


def first_seed() -> int:
    """Return the seed of the first page."""
    return FAMILIES[FAMILY]


def share_broken(found: Sequence[Outcome]) -> float:
    """Return the share of pages with a hard rule broken."""
    return sum(one.verdict.hard > 0 for one in found) / len(found)
