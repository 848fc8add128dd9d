"""Fills the slots of a page by its program."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from constraints import kernel
from constraints.facts import IntArray
from constraints.kernel import Tables
from constraints.program import Program

ROUNDS: Final[Mapping[str, int]] = {"greedy": 0, "fast": 50, "default": 220, "best": 1000}
"""Quality mode → rounds of improvement. Without numba a round costs milliseconds: use `greedy`."""
ROUNDS_MAX: Final = 100_000  # LIMIT: rounds of one page

_kernel = kernel.load()


class Solution(NamedTuple):
    """A filled page.

    Attributes:
        slate: (K,) int32 candidate of each slot, -1 for none.
        rounds: rounds tried; fewer than asked for where the best page was found and proved, more
            where something stayed broken.
        free_bound: the most a page could be worth, given only who may stand where: the objective's
            unit, utility of the program times `DISCOUNT`.
        is_proved: no page is better.
    """

    slate: IntArray
    rounds: int
    free_bound: int
    is_proved: bool


def solve(program: Program, rounds: int = 0) -> Solution:
    """Fill a page, and improve it by a number of rounds.

    The number is given beforehand, never cut short by a clock: the same program and rounds give the
    same slate on any machine.

    Args:
        program: the page.
        rounds: 0 to ROUNDS_MAX; see ROUNDS.
    """
    return solve_tables(kernel.tables(program), rounds)


def solve_by_reference(program: Program, rounds: int = 0) -> Solution:
    """Return the same without the compiled kernels."""
    from constraints.kernel import reference

    return solve_tables(kernel.tables(program), rounds, reference)


def solve_tables(t: Tables, rounds: int = 0, module: Any = _kernel) -> Solution:
    """Fill a page that is laid out for the kernels already; see `solve`."""
    assert 0 <= rounds <= ROUNDS_MAX
    slate, bound, done, is_proved = module.search(t, rounds)
    return Solution(slate, int(done), int(bound), bool(is_proved))
