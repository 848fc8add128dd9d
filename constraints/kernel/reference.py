"""The fill in plain Python and NumPy: the fallback without numba, and the kernel's yardstick.

Written from the definition, candidates side by side; words are Python integers.
"""

from collections.abc import Iterator

import numpy as np

from constraints.effects import HARD, LEVEL_MAX
from constraints.facts import BoolArray, IntArray
from constraints.kernel import LEVEL_BITS, Tables
from constraints.program import UNCAPPED

FIELD = (1 << LEVEL_BITS) - 1
NEVER = 2**62


class _Page:
    """What stands where while a page is filled."""

    def __init__(self, t: Tables) -> None:
        self.t = t
        self.groups = len(t.occupied)
        self.taken = [int(word) for word in t.occupied]
        self.slate = np.full(t.slot_count, -1, np.int32)
        self.used = np.zeros(len(t.order), np.bool_)
        owner = np.repeat(np.arange(len(t.order)), np.diff(t.group_start))
        self.member = np.zeros((len(t.order), self.groups), np.bool_)
        self.member[owner, t.group_of] = True
        self.span_group = np.repeat(np.arange(self.groups), np.diff(t.span_start))
        self.floors = [int(span) for span in np.flatnonzero(t.least > 0)]

    def runs(self, span: int) -> Iterator[int]:
        """List the words a span is counted in."""
        width = int(self.t.window[span])
        if width == 0:
            yield int(self.t.mask[span])
            return
        last = max(self.t.tail_count + self.t.slot_count - width, 0)
        for start in range(last + 1):
            yield ((1 << width) - 1) << start & (1 << 64) - 1

    def breaks(self, group: int, bit: int, taken: int) -> dict[int, int]:
        """Count the runs one more of a group at `bit` would break: level → runs."""
        found: dict[int, int] = {}
        for span in range(self.t.span_start[group], self.t.span_start[group + 1]):
            most = int(self.t.most[span])
            if most < UNCAPPED:
                full = sum(
                    1 for run in self.runs(span) if run & bit and (taken & run).bit_count() >= most
                )
                if full:
                    level = int(self.t.level[span])
                    found[level] = found.get(level, 0) + full
        return found

    def costs(self, bit: int) -> tuple[BoolArray, IntArray]:
        """Return the breaks of every candidate at a position.

        Returns:
            (n,) bool where a hard span forbids it, (n, LEVEL_MAX) int64 breaks by soft level.
        """
        by_group = np.zeros((self.groups, LEVEL_MAX + 1), np.int64)
        for group in range(self.groups):
            for level, count in self.breaks(group, bit, self.taken[group]).items():
                by_group[group, level] = count
        total = self.member.astype(np.int64) @ by_group
        return total[:, HARD] > 0, total[:, 1:]

    def room(self, span: int, free: int) -> int:
        """Count how many of a floor's group still fit into its free positions, packed."""
        group, count = int(self.span_group[span]), 0
        taken = self.taken[group]
        for position in range(64):
            bit = 1 << position
            if free & int(self.t.mask[span]) & bit and HARD not in self.breaks(group, bit, taken):
                taken |= bit
                count += 1
        return count

    def due(self, slot: int) -> tuple[list[int], list[int]]:
        """Return the floors this slot must serve, and those of which it must serve one."""
        t, here = self.t, 1 << self.t.tail_count + slot
        free = sum(
            1 << t.tail_count + later
            for later in range(slot + 1, t.slot_count)
            if self.slate[later] < 0 and int(t.open) >> later & 1
        )
        needs = {}
        for span in self.floors:
            have = (self.taken[self.span_group[span]] & int(t.mask[span])).bit_count()
            if int(t.least[span]) > have and int(t.mask[span]) & here:
                needs[span] = int(t.least[span]) - have
        alone = [span for span in needs if needs[span] > self.room(span, free)]
        together: list[int] = []
        for span in needs:
            mine = self.member[:, self.span_group[span]]
            if not any((mine & self.member[:, self.span_group[o]]).any() for o in together):
                together.append(span)
        mask = 0
        for span in together:
            mask |= int(t.mask[span])
        if sum(needs[span] for span in together) <= (free & mask).bit_count():
            together = []
        return alone, [span for span in together if span not in alone]

    def place(self, slot: int, candidate: int) -> None:
        """Put a candidate into a slot."""
        self.slate[slot] = candidate
        self.used[candidate] = True
        for group in np.flatnonzero(self.member[candidate]):
            self.taken[group] |= 1 << self.t.tail_count + slot


def fill(t: Tables, heed_floors: bool, bold: bool) -> IntArray:
    """Fill slots from the top; see `compiled.fill`."""
    page = _Page(t)
    below = 0
    for tier in range(2):
        for slot in range(below, t.slot_count):
            if page.slate[slot] < 0 and int(t.open) >> slot & 1:
                chosen = _choose(page, slot, tier, heed_floors, bold)
                if chosen >= 0:
                    page.place(slot, chosen)
        below = int(np.flatnonzero(page.slate >= 0).max(initial=-1)) + 1
    return page.slate


def _choose(page: _Page, slot: int, tier: int, heed_floors: bool, bold: bool) -> int:
    t, bit = page.t, 1 << page.t.tail_count + slot
    forbidden, breaks = page.costs(bit)
    may = ~page.used & ~forbidden & (t.tier == tier) & ((t.eligible & np.uint64(bit)) != 0)
    if heed_floors:
        alone, together = page.due(slot)
        for span in alone:
            breaks[:, t.level[span] - 1] += ~page.member[:, page.span_group[span]]
        if together:
            serves = page.member[:, page.span_group[together]].any(axis=1)
            breaks[:, max(int(t.level[span]) for span in together) - 1] += ~serves
    shift = LEVEL_BITS * np.arange(LEVEL_MAX - 1, -1, -1)
    packed = (np.minimum(breaks, FIELD) << shift).sum(axis=1)
    packed = np.minimum(packed, 1) if bold else packed
    cost = np.where(may, packed, NEVER)[t.order]
    best = int(np.argmin(cost)) if len(cost) else 0
    return int(t.order[best]) if len(cost) and cost[best] < NEVER else -1


def measure(t: Tables, slate: IntArray) -> IntArray:
    """Measure a slate; see `compiled.measure`."""
    page = _Page(t)
    score = np.zeros(LEVEL_MAX + 3, np.int64)
    for slot, candidate in enumerate(slate.tolist()):
        if candidate >= 0:
            page.place(slot, candidate)
            score[-1] -= int(t.utility[candidate]) * int(t.discount[slot])
        elif int(t.open) >> slot & 1:
            score[1] += 1
    for span, group in enumerate(page.span_group):
        level = int(t.level[span])
        place = 0 if level == HARD else level + 1
        taken, before = page.taken[group], int(t.occupied[group])
        if t.least[span]:
            have = (taken & int(t.mask[span])).bit_count()
            score[place] += max(int(t.least[span]) - have, 0)
        elif t.most[span] < UNCAPPED:
            for run in page.runs(span):
                limit = max(int(t.most[span]), (before & run).bit_count())
                score[place] += max((taken & run).bit_count() - limit, 0)
    return score
