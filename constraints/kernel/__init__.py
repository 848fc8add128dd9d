"""The loops that fill slots: compiled by numba, or plain Python where it is absent.

Both give equal slates. Kernels take arrays and words and know nothing of rules. From below:
`jit` (how they are compiled), `layout` (the page as sets of bits), `board` (what stands on it),
`scores` and `scoring`, `filling` (the greedy fill), `refilling` (a few slots in the best way),
`moves`, `polishing`, `searching`; `knobs` holds the numbers that steer the search.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from constraints.facts import IntArray, WordArray
from constraints.program import DISCOUNT, Program

LEVEL_BITS: Final = 10  # LIMIT: the choice of a candidate tells apart up to 511 breaks of a level


class Tables(NamedTuple):
    """A program as the kernels read it; see `Program` and `Spans` for shapes and meanings."""

    slot_count: int
    tail_count: int
    open: np.uint64
    order: IntArray
    utility: IntArray
    eligible: WordArray
    tier: IntArray
    group_start: IntArray
    group_of: IntArray
    occupied: WordArray
    span_start: IntArray
    level: IntArray
    least: IntArray
    most: IntArray
    mask: WordArray
    window: IntArray
    discount: IntArray


def tables(program: Program) -> Tables:
    """Lay a program out for a kernel."""
    spans = program.spans
    return Tables(
        program.slot_count,
        program.tail_count,
        np.uint64(program.open),
        program.order,
        program.utility,
        program.eligible,
        program.tier,
        program.group_start,
        program.group_of,
        program.occupied,
        spans.start,
        spans.level,
        spans.least,
        spans.most,
        spans.mask,
        spans.window,
        DISCOUNT,
    )


def load() -> Any:
    """Return the module with `search` and `measure`: compiled when numba is installed."""
    try:
        from constraints.kernel import compiled
    except ImportError:
        from constraints.kernel import reference

        return reference
    return compiled


def warm() -> None:
    """Run the kernels once, so that they are compiled."""
    one = np.zeros(1, np.int32)
    word = np.ones(1, np.uint64)
    floor = Tables(
        1, 0, np.uint64(1), one, np.ones(1, np.int64), word, np.zeros(1, np.uint8),
        np.array([0, 1], np.int32), one, np.zeros(1, np.uint64), np.array([0, 1], np.int32),
        one + 1, one + 1, one + 127, word, one, DISCOUNT,
    )  # fmt: skip
    module = load()
    module.measure(floor, module.search(floor, 2)[0])
