"""Judges a finished slate from the definition of the engine's form, by code of its own.

Nothing here is shared with what fills slots: spans are counted position by position.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

LEVELS: Final = 7  # 0 is hard, 1 to 6 soft
NO_CAP: Final = 127
_compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)


class Verdict(NamedTuple):
    """What is wrong with a slate, and what it is worth.

    Attributes:
        faults: placements that are no candidate, not allowed there, in a reserved slot, repeated,
            or sunk above a normal one.
        excess: (LEVELS,) int64 breaks by level.
        empty_count: open slots left empty.
        sunk_count: sunk candidates shown.
        objective: sum of utility times discount; of no meaning where there are faults.
    """

    faults: int
    excess: NDArray[np.int64]
    empty_count: int
    sunk_count: int
    objective: int

    @property
    def hard(self) -> int:
        """What must never be."""
        return self.faults + int(self.excess[0])

    @property
    def relaxed(self) -> tuple[int, ...]:
        """What was given up, the most precious first: slots, sunk ones shown, levels 1, 2, …."""
        return self.empty_count, self.sunk_count, *self.excess[1:].tolist()

    @property
    def score(self) -> tuple[int, ...]:
        """Compares slates: the lower is the better."""
        return self.hard, *self.relaxed, -self.objective


def judge(t: Any, slate: NDArray[Any]) -> Verdict:
    """Judge a slate.

    Args:
        t: the page: a named tuple with the fields of the engine's form.
        slate: (K,) int candidate of each slot, -1 none.
    """
    if len(slate) != t.slot_count:
        return Verdict(1 + abs(len(slate) - t.slot_count), np.zeros(LEVELS, np.int64), 0, 0, 0)
    counts, excess = _judge(t, slate.astype(np.int64))
    faults, empty_count, sunk_count, objective = counts
    return Verdict(int(faults), excess, int(empty_count), int(sunk_count), int(objective))


@_compiled
def _judge(t, slate):  # type: ignore[no-untyped-def]
    width = t.tail_count + t.slot_count
    count = len(t.utility)
    faults, empty, sunk, objective = 0, 0, 0, 0
    before = np.zeros((len(t.occupied), width), np.bool_)
    for group in range(len(t.occupied)):
        for position in range(width):
            before[group, position] = _has(t.occupied[group], position)
    shown = before.copy()
    seen = np.zeros(count, np.bool_)
    for slot in range(t.slot_count):
        candidate = slate[slot]
        is_open = _has(t.open, slot)
        if candidate == -1:
            empty += is_open
            continue
        if candidate < 0 or candidate >= count:
            faults += 1
            continue
        position = t.tail_count + slot
        faults += not is_open
        faults += not _has(t.eligible[candidate], position)
        faults += seen[candidate]
        faults += t.tier[candidate] == 0 and sunk > 0
        sunk += t.tier[candidate] != 0
        seen[candidate] = True
        objective += t.utility[candidate] * t.discount[slot]
        for entry in range(t.group_start[candidate], t.group_start[candidate + 1]):
            shown[t.group_of[entry], position] = True
    return (faults, empty, sunk, objective), _excess(t, before, shown)


@_compiled
def _excess(t, before, shown):  # type: ignore[no-untyped-def]
    """Count by level what the page adds above caps, run by run, and lacks of floors."""
    excess = np.zeros(LEVELS, np.int64)
    width = before.shape[1]
    for group in range(len(before)):
        for span in range(t.span_start[group], t.span_start[group + 1]):
            level, length = t.level[span], t.window[span]
            if t.least[span] > 0 or length == 0:
                old, new = 0, 0
                for position in range(width):
                    if _has(t.mask[span], position):
                        old += before[group, position]
                        new += shown[group, position]
                if t.least[span] > 0:
                    excess[level] += max(t.least[span] - new, 0)
                elif t.most[span] < NO_CAP:
                    excess[level] += max(new - max(t.most[span], old), 0)
            elif t.most[span] < NO_CAP:
                for first in range(max(width - length, 0) + 1):
                    old, new = 0, 0
                    for position in range(first, min(first + length, width)):
                        old += before[group, position]
                        new += shown[group, position]
                    excess[level] += max(new - max(t.most[span], old), 0)
    return excess


@_compiled
def _has(word, bit):  # type: ignore[no-untyped-def]
    return (word >> np.uint64(bit)) & np.uint64(1) != np.uint64(0)
