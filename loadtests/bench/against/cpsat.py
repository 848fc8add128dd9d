"""Solves programs with CP-SAT of OR-tools: JSON lines in, JSON lines out.

Run by the peers' own Python, so it imports nothing of this project. A program: worth and upper of
each column, rows as lists of columns whose weights are 1 but the last one's, and their sides.
Settings are the best found for a second a page: with presolve, probing or one worker alone, most
pages of tight rules have no slate by then.
"""

import json
import sys
import time
from math import inf
from typing import Any, Final

from ortools.sat.python import cp_model

WORKERS: Final = 2
SCALE: Final = 1_000  # the objective is about 1,000, and CP-SAT takes whole numbers
_MUCH = 10**6


def solve(told: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return the columns that are 1, None where none was found, with its bound and time."""
    begun = time.perf_counter()
    model = cp_model.CpModel()
    columns = [
        model.new_bool_var("") if upper == 1 else model.new_int_var(0, int(upper), "")
        for upper in told["upper"]
    ]
    for row, last, (low, high) in zip(told["rows"], told["last"], told["sides"], strict=True):
        is_bool = bool(row) and last == 1 and all(told["upper"][one] == 1 for one in row)
        _add(model, [columns[one] for one in row], last, low, high, is_bool=is_bool)
    worth = [round(one * SCALE) for one in told["worth"]]
    model.maximize(cp_model.LinearExpr.weighted_sum(columns, worth))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = WORKERS
    solver.parameters.cp_model_presolve = False
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.symmetry_level = 0
    solver.parameters.max_time_in_seconds = seconds
    status = solver.solve(model)
    found = None
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        found = [one for one, column in enumerate(columns) if solver.value(column)]
    ms = (time.perf_counter() - begun) * 1e3
    return {"columns": found, "bound": solver.best_objective_bound / SCALE, "ms": ms}


def _add(
    model: Any, terms: list[Any], last: int, low: float, high: float, *, is_bool: bool
) -> None:
    """Add a row, by the name CP-SAT has for it if there is one."""
    if is_bool and high == 1 and low <= 0:
        model.add_at_most_one(terms)
    elif is_bool and low == high == 1:
        model.add_exactly_one(terms)
    else:
        weights = [1] * (len(terms) - 1) + [last] if terms else []
        total = cp_model.LinearExpr.weighted_sum(terms, weights)
        least = -_MUCH if low == -inf else int(low)
        most = _MUCH if high == inf else int(high)
        model.add_linear_constraint(total, least, most)


for line in sys.stdin:
    print(json.dumps(solve(json.loads(line), float(sys.argv[1]))), flush=True)
