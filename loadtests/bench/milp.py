"""A mixed-integer program, put together row by row and given to HiGHS."""

from typing import Any, Final, NamedTuple

import highspy
import numpy as np

from loadtests.bench.lay import FloatArray, IntArray

_GAP: Final = 1e-7  # relative; below what an optimum needs to count as proved


class Answer(NamedTuple):
    """What the solver found.

    Attributes:
        values: of all columns; None if there is no solution, or none was found in time.
        reduced: cost of each column in the relaxation; empty otherwise.
        bound: no solution is worth more.
        is_optimal, is_infeasible: both false when time ran out.
    """

    values: FloatArray | None
    reduced: FloatArray
    bound: float
    is_optimal: bool
    is_infeasible: bool


class Milp:
    """Columns are integer, 0 to 1 unless said; what they are worth is made as large as can be."""

    def __init__(self) -> None:
        self._worth: list[FloatArray] = []
        self._upper: list[FloatArray] = []
        self._count = 0
        self._rows: list[IntArray] = []
        self._weights: list[FloatArray] = []
        self._sides: list[tuple[float, float]] = []

    def add(self, count: int, upper: float = 1.0, *, worth: FloatArray | float = 0.0) -> IntArray:
        """Add columns, and return their numbers."""
        self._worth.append(np.broadcast_to(np.asarray(worth, np.float64), count))
        self._upper.append(np.full(count, upper))
        self._count += count
        return np.arange(self._count - count, self._count)

    def charge(self, columns: IntArray) -> None:
        """Make columns cost 1 each."""
        worth = np.concatenate(self._worth)
        worth[columns] = -1.0
        self._worth = [worth]

    def row(self, columns: IntArray, least: float, most: float, *, last: float = 1.0) -> None:
        """Keep the sum of some columns between two sides; the last one counts `last` times."""
        weights = np.ones(len(columns))
        weights[-1:] = last
        self._rows.append(columns)
        self._weights.append(weights)
        self._sides.append((least, most))

    def as_json(self) -> dict[str, Any]:
        """Return the program as plain lists, for a solver in another process."""
        return {
            "worth": np.concatenate(self._worth).tolist(),
            "upper": np.concatenate(self._upper).tolist(),
            "rows": [row.tolist() for row in self._rows],
            "last": [int(weights[-1]) if len(weights) else 1 for weights in self._weights],
            "sides": [[low, high] for low, high in self._sides],
        }

    def solve(self, hint: IntArray | None, seconds: float, *, is_relaxed: bool = False) -> Answer:
        """Solve it.

        Args:
            hint: columns that are 1 in a solution to begin with.
            seconds: give up after so long.
            is_relaxed: without integrality.
        """
        highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        highs.silent()
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("time_limit", max(seconds, 0.05))
        highs.setOptionValue("mip_rel_gap", _GAP)
        highs.passModel(self._model(is_relaxed=is_relaxed))
        if hint is not None and len(hint) and hint.min() >= 0:
            columns = hint.astype(np.int32)
            highs.setSolution(len(columns), columns, np.ones(len(columns)))
        highs.run()
        return _answer(highs, is_relaxed=is_relaxed)

    def _model(self, *, is_relaxed: bool) -> Any:
        model = highspy.HighsLp()
        model.num_col_ = self._count
        model.num_row_ = len(self._rows)
        model.sense_ = highspy.ObjSense.kMaximize
        model.col_cost_ = np.concatenate(self._worth)
        model.col_lower_ = np.zeros(self._count)
        model.col_upper_ = np.concatenate(self._upper)
        sides = np.array(self._sides, np.float64).reshape(-1, 2)
        model.row_lower_, model.row_upper_ = sides[:, 0].copy(), sides[:, 1].copy()
        matrix = model.a_matrix_
        matrix.format_ = highspy.MatrixFormat.kRowwise
        lengths = [len(row) for row in self._rows]
        matrix.start_ = np.cumsum([0, *lengths])
        matrix.index_ = np.concatenate([np.zeros(0, np.int64), *self._rows])
        matrix.value_ = np.concatenate([np.zeros(0), *self._weights])
        if not is_relaxed:
            model.integrality_ = [highspy.HighsVarType.kInteger] * self._count
        return model


def _answer(highs: Any, *, is_relaxed: bool) -> Answer:
    status = highs.getModelStatus()
    info = highs.getInfo()
    nothing = np.zeros(0)
    if status in (
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    ):
        return Answer(None, nothing, -np.inf, is_optimal=False, is_infeasible=True)
    is_optimal = status == highspy.HighsModelStatus.kOptimal
    feasible = highspy.SolutionStatus.kSolutionStatusFeasible
    if info.primal_solution_status != feasible or (is_relaxed and not is_optimal):
        return Answer(None, nothing, np.inf, is_optimal=False, is_infeasible=False)
    solution = highs.getSolution()
    bound = info.objective_function_value if is_relaxed else info.mip_dual_bound
    reduced = np.array(solution.col_dual) if is_relaxed else nothing
    return Answer(
        np.array(solution.col_value), reduced, bound, is_optimal=is_optimal, is_infeasible=False
    )
