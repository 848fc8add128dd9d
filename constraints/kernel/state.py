"""What the search works with beside the page: its draws, and the slots it has freed."""

from typing import Any, Final, NamedTuple

import numpy as np

from constraints.facts import IntArray, WordArray
from constraints.jit import inline, kernel
from constraints.kernel.knobs import FREED_MAX, POOL_MORE, SEED

NONE: Final = np.int32(-1)
POOL_MAX: Final = FREED_MAX * (FREED_MAX + POOL_MORE)


class Workspace(NamedTuple):
    """Scratch of the rounds; depth j is the j-th freed slot from the top.

    Attributes:
        random: (1,) uint64, state of the generator.
        size: (1,) int64, slots freed; `freed` names them, rising.
        chosen, found: (FREED_MAX,) int32 ranks on trial, and the best found so far.
        worth: (FREED_MAX + 1,) int64, of the page with the slots above a depth filled.
        pool, reach: (POOL_MAX,) the most useful ranks, rising, and bit j for freed slot j.
        at: (FREED_MAX,) int64, the pool entry on trial.
        beyond: (FREED_MAX,) int32, last rank of the pool that may take the slot.
        rest, rests: by depth, the most useful ranks left, and how many; -1 for a dead end.
        own: (FREED_MAX,) int64, worth of the slots below if each had the best it may take.
        lacking: (f,) int64, what each floor may lack.
    """

    random: WordArray
    size: IntArray
    freed: IntArray
    chosen: IntArray
    found: IntArray
    worth: IntArray
    pool: IntArray
    reach: WordArray
    at: IntArray
    beyond: IntArray
    rest: IntArray
    rests: IntArray
    own: IntArray
    lacking: IntArray


@kernel
def new_workspace(p: Any) -> Any:
    """Return the scratch for a `Layout`; the walk always begins at the same seed."""
    return Workspace(
        random=np.full(1, np.uint64(SEED), np.uint64),
        size=np.zeros(1, np.int64),
        freed=np.zeros(FREED_MAX, np.int64),
        chosen=np.zeros(FREED_MAX, np.int32),
        found=np.zeros(FREED_MAX, np.int32),
        worth=np.zeros(FREED_MAX + 1, np.int64),
        pool=np.zeros(POOL_MAX, np.int32),
        reach=np.zeros(POOL_MAX, np.uint64),
        at=np.zeros(FREED_MAX, np.int64),
        beyond=np.zeros(FREED_MAX, np.int32),
        rest=np.zeros(FREED_MAX * (FREED_MAX + 1), np.int32),
        rests=np.zeros(FREED_MAX, np.int64),
        own=np.zeros(FREED_MAX, np.int64),
        lacking=np.zeros(len(p.floors), np.int64),
    )


@inline
def draw(k, count):  # type: ignore[no-untyped-def]
    """Return a number of [0, count), by xorshift; the next one of the walk."""
    x = k.random[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    k.random[0] = x
    return np.int64(((x >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))
