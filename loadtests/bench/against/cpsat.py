"""Solves programs with CP-SAT of OR-tools: JSON lines in, JSON lines out.

Run by the peers' own Python, so it imports nothing of this project. A program: worth and upper of
each column, rows as lists of columns whose weights are 1 but the last one's, and their sides.
"""

import json
import sys
import time
from math import inf
from typing import Any

from ortools.sat.python import cp_model

_MUCH = 10**6
_SCALE = 1_000  # the objective is about 1,000, and CP-SAT takes whole numbers


def solve(told: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return the columns that are 1, None for no solution, with its bound and the time it took."""
    begun = time.perf_counter()
    model = cp_model.CpModel()
    columns = [model.new_int_var(0, int(upper), "") for upper in told["upper"]]
    for row, last, (low, high) in zip(told["rows"], told["last"], told["sides"], strict=True):
        weights = [1] * len(row)
        weights[-1:] = [last] if row else []
        total = cp_model.LinearExpr.weighted_sum([columns[one] for one in row], weights)
        least = -_MUCH if low == -inf else int(low)
        most = _MUCH if high == inf else int(high)
        model.add_linear_constraint(total, least, most)
    worth = [round(one * _SCALE) for one in told["worth"]]
    model.maximize(cp_model.LinearExpr.weighted_sum(columns, worth))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = seconds
    status = solver.solve(model)
    found = None
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        found = [one for one, column in enumerate(columns) if solver.value(column)]
    return {"columns": found, "ms": (time.perf_counter() - begun) * 1e3}


for line in sys.stdin:
    print(json.dumps(solve(json.loads(line), float(sys.argv[1]))), flush=True)
