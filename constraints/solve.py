"""Fills the slots of a page by its program."""

from constraints import kernel
from constraints.facts import IntArray
from constraints.program import Program

_kernel = kernel.load()


def solve(program: Program) -> IntArray:
    """Return the slate: (K,) int32 candidate of each slot, -1 for none.

    The page is filled keeping room for floors, once more without, and, where that gives a rule up,
    once more taking the most useful instead of the least costly; the best one counts. So a floor
    never costs a filled slot, and no page is worse than a plain fill.
    """
    return _best(program, _kernel)


def solve_by_reference(program: Program) -> IntArray:
    """Return the same slate without the compiled kernel."""
    from constraints.kernel import reference

    return _best(program, reference)


def _best(program: Program, module: object) -> IntArray:
    fill, measure = module.fill, module.measure  # type: ignore[attr-defined]
    t = kernel.tables(program)
    plain: IntArray = fill(t, False, False)
    slates = [plain]
    if (program.spans.least > 0).any():
        slates.insert(0, fill(t, True, False))
    if measure(t, plain)[2:-1].any():
        slates.append(fill(t, False, True))
    return min(slates, key=lambda slate: measure(t, slate).tolist())
