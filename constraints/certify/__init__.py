"""Proves how far at most a slate is from the best one, off the path of requests.

Lagrangian relaxation: instead of keeping caps and floors, a page pays for breaking them, so much a
break; what is left is an assignment problem. Whatever the payments, the best page that pays is
worth no less than the best one that keeps them. A subgradient method looks for payments that show
most. They only measure: no payment is kept, returned, or ever used to choose or change a slate.
Worth is counted in integers, so the proof is exact, and the same on every machine.

It needs numba; where that is not installed, nothing is certified.
"""

from typing import Final

import numpy as np

from constraints.certify.descent import bound
from constraints.facts import IntArray
from constraints.kernel import Tables
from constraints.kernel.scoring import measure
from constraints.program import DISCOUNT

STEPS: Final = 200


def lagrangian_bound(t: Tables, slate: IntArray, steps: int = STEPS) -> int:
    """Return what no slate that gives up as little as this one can exceed.

    Of every slate whose candidates are different ones, each where it may stand, the sunk behind
    all others, and which has no more hard breaks, empty slots, sunk candidates, breaks of level 1,
    of level 2, … than this one has of each, the objective is at most the bound. Not spoken of are
    slates that give up less of one for more of another.

    Args:
        t: the page.
        slate: (K,) candidate of each slot, -1 for none, lawful; its objective is never above.
        steps: payments tried, at least 1; the bound holds for any number, and falls with more.

    Returns:
        In the objective's unit, utility times `DISCOUNT`.
    """
    assert steps > 0
    return int(bound(t, measure(t, np.asarray(slate, np.int32)), steps))


def warm() -> None:
    """Prove one page, so that the kernels are compiled."""
    one, none = np.zeros(1, np.int32), np.zeros(0, np.int32)
    word, start = np.ones(1, np.uint64), np.zeros(2, np.int32)
    page = Tables(
        1, 0, word[0], one, np.ones(1, np.int64), word, np.zeros(1, np.uint8), start, none,
        word[:0], one, none, none, none, word[:0], none, DISCOUNT,
    )  # fmt: skip
    lagrangian_bound(page, one)
