"""The engine's one form of a page: eligibility words, tiers, groups with their spans.

A position is a bit: 0 to T-1 the tail, nearest last; T to T+K-1 the slots of this page.
"""

from typing import Final, NamedTuple

import numpy as np

from constraints.facts import IntArray, WordArray

UNCAPPED: Final = 127
UTILITY_BITS: Final = 38  # the largest utility of a page has this many bits
DISCOUNT: Final = np.rint(2**16 / np.log2(np.arange(64) + 2)).astype(np.int64)
"""(64,) int64: how much a slot is worth, about 1 / log2(slot + 2), in 65536ths."""


class Spans(NamedTuple):
    """Where members of a group are counted: ranges, and windows that slide.

    Sorted by group; the spans of group g are rows start[g] to start[g + 1] - 1.

    Attributes:
        start: (g + 1,) int32.
        level: (c,) int32, 0 hard.
        least, most: (c,) int32; least 0 for none, most UNCAPPED for none.
        mask: (c,) uint64, positions of a range; all positions for a window.
        window: (c,) int32, length of a window in positions, 0 for a range.
        rule: (c,) int32 index into the rules that steer the page.
    """

    start: IntArray
    level: IntArray
    least: IntArray
    most: IntArray
    mask: WordArray
    window: IntArray
    rule: IntArray


class Program(NamedTuple):
    """The page in the engine's form, for n candidates, T tail positions and K slots.

    Attributes:
        slot_count, tail_count: K and T.
        open: word of the page slots to fill.
        order: (n,) int32 candidates, best weighted utility first, ties by index.
        utility: (n,) int64 weighted utility, scaled by a power of two; 0 where it may not stand.
        eligible: (n,) uint64, positions the candidate may take.
        tier: (n,) uint8, 0 normal, 1 sunk.
        group_start, group_of: (n + 1,) and (m,) int32, the groups of each candidate; only groups
            that can bind: of which more are known than some span allows, or with a floor.
        occupied: (g,) uint64, positions where a member of the group already stands.
        spans: what is counted.
    """

    slot_count: int
    tail_count: int
    open: int
    order: IntArray
    utility: IntArray
    eligible: WordArray
    tier: IntArray
    group_start: IntArray
    group_of: IntArray
    occupied: WordArray
    spans: Spans
