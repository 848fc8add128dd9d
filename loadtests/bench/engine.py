"""The engine under test, by the name of its mode."""

from constraints.kernel import Tables, reference
from constraints.solve import ROUNDS, solve_tables
from loadtests.bench.lay import IntArray

__all__ = ["ROUNDS", "by_reference", "solve"]


def solve(t: Tables, rounds: int) -> IntArray:
    """Return the slate of the engine: (K,) int candidate of each slot, -1 none."""
    return solve_tables(t, rounds).slate


def by_reference(t: Tables, rounds: int) -> IntArray:
    """Return the slate by the plain reference of the kernels."""
    return solve_tables(t, rounds, reference).slate
