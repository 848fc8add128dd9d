"""What the search works with beside the page: its draws, and the slots it has freed."""

from typing import Any, Final, NamedTuple

import numpy as np

from constraints.facts import IntArray, WordArray
from constraints.jit import inline, kernel
from constraints.kernel.knobs import FREED_MAX, LISTED, SEED
from constraints.kernel.scores import SCORES

NONE: Final = np.int32(-1)


class Workspace(NamedTuple):
    """Scratch of the rounds; depth j is the j-th freed slot from the top.

    Attributes:
        random: (1,) uint64, state of the generator.
        size: (1,) int64, slots freed; `freed` names them, rising.
        chosen, found: (FREED_MAX,) int32 ranks on trial, and the best found so far.
        worth: (FREED_MAX + 1,) int64, of the page with the slots above a depth filled.
        listed: (FREED_MAX * LISTED,) int32 ranks that fit each freed slot, the most useful first;
            listed_count: (FREED_MAX,) int64, how many.
        first: (FREED_MAX * FREED_MAX,) int64, by depth and slot the first entry that still fits.
        at: (FREED_MAX,) int64, the entry on trial.
        must: (FREED_MAX,) int32, a group that the slot must serve, or NONE.
        own: (FREED_MAX,) int64, worth of the slots below if each had the best it may take.
        lacking: (f,) int64, what each floor may lack.
        given: (SCORES,) int64, what a page may give up and still count as clean.
    """

    random: WordArray
    size: IntArray
    freed: IntArray
    chosen: IntArray
    found: IntArray
    worth: IntArray
    listed: IntArray
    listed_count: IntArray
    first: IntArray
    at: IntArray
    must: IntArray
    own: IntArray
    lacking: IntArray
    given: IntArray


@kernel
def new_workspace(t: Any) -> Any:
    """Return the scratch for `Tables`; the walk always begins at the same seed."""
    return Workspace(
        random=np.full(1, np.uint64(SEED), np.uint64),
        size=np.zeros(1, np.int64),
        freed=np.zeros(FREED_MAX, np.int64),
        chosen=np.zeros(FREED_MAX, np.int32),
        found=np.zeros(FREED_MAX, np.int32),
        worth=np.zeros(FREED_MAX + 1, np.int64),
        listed=np.zeros(FREED_MAX * LISTED, np.int32),
        listed_count=np.zeros(FREED_MAX, np.int64),
        first=np.zeros(FREED_MAX * FREED_MAX, np.int64),
        at=np.zeros(FREED_MAX, np.int64),
        must=np.zeros(FREED_MAX, np.int32),
        own=np.zeros(FREED_MAX, np.int64),
        lacking=np.zeros(len(t.least), np.int64),
        given=np.zeros(SCORES, np.int64),
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
