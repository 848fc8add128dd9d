"""Fills the slots of a page by its program."""

import numpy as np

from constraints import kernel
from constraints.facts import IntArray
from constraints.program import Program

_kernel = kernel.load()


def solve(program: Program) -> IntArray:
    """Return the slate: (K,) int32 candidate of each slot, -1 for none.

    The page is filled keeping room for floors, and once more without; the better one counts. So a
    floor never costs a filled slot, and no page is worse than the plain fill.
    """
    return _best(program, _kernel)


def solve_by_reference(program: Program) -> IntArray:
    """Return the same slate without the compiled kernel."""
    from constraints.kernel import reference

    return _best(program, reference)


def _best(program: Program, module: object) -> IntArray:
    fill, measure = module.fill, module.measure  # type: ignore[attr-defined]
    t = kernel.tables(program)
    plain: IntArray = fill(t, False)
    if not (program.spans.least > 0).any():
        return plain
    careful: IntArray = fill(t, True)
    if np.array_equal(plain, careful):
        return plain
    better = measure(t, careful).tolist() <= measure(t, plain).tolist()
    return careful if better else plain
