"""The law of the reference's page: who may stand where, and what is counted.

Candidates go by rank, their place in the order of worth; words of positions are Python integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Final

from constraints.effects import HARD
from constraints.kernel import Tables
from constraints.kernel.knobs import NARROW
from constraints.kernel.scores import EMPTY, SCORES, SOFT, SUNK
from constraints.program import UNCAPPED

WORD: Final = (1 << 64) - 1


@dataclass(frozen=True)
class Span:
    """A cap or a floor of a group.

    Attributes:
        width: of a window, 0 for a range.
        runs: the words of positions a cap is counted in.
    """

    level: int
    least: int
    most: int
    mask: int
    width: int
    runs: tuple[int, ...]

    def full_runs(self, taken: int) -> Iterator[int]:
        """List the runs in which one more would break the cap."""
        if self.most < UNCAPPED:
            for run in self.runs:
                if (taken & run).bit_count() >= self.most:
                    yield run

    def lacks(self, taken: int) -> int:
        """Count how many the floor lacks."""
        return max(self.least - (taken & self.mask).bit_count(), 0)

    def breaks(self, taken: int, before: int) -> int:
        """Count what a page adds over the cap, run by run, or lacks of the floor."""
        if self.least > 0 or self.most >= UNCAPPED:
            return self.lacks(taken)
        over = 0
        for run in self.runs:
            allowed = max(self.most, (before & run).bit_count())
            over += max((taken & run).bit_count() - allowed, 0)
        return over


@dataclass(frozen=True)
class Group:
    """A group: its ranks, the positions where one stands beforehand, what is counted of it."""

    members: frozenset[int]
    occupied: int
    spans: list[Span]


@dataclass(frozen=True)
class Floor:
    """A span of a group that asks for a least; `reach` are positions that some member may take."""

    group: int
    span: Span
    reach: int


@dataclass(frozen=True)
class Law:
    """What a page must heed; of groups and spans, only those that can bind.

    Attributes:
        open: word of positions.
        candidate, utility, groups_of: by rank.
        may: by tier and slot, the ranks that may stand there, rising.
        pinned: by slot, the rank that alone may take it and may take no other, else -1.
        must_give_up: score that no page can be better than, but for the objective.
    """

    slot_count: int
    tail_count: int
    open: int
    candidate: list[int]
    utility: list[int]
    discount: list[int]
    may: list[list[list[int]]]
    pinned: list[int]
    groups: list[Group]
    groups_of: list[list[int]]
    floors: list[Floor]
    must_give_up: list[int]

    def bit(self, slot: int) -> int:
        """Return the position of a slot."""
        return 1 << self.tail_count + slot

    def worth(self, rank: int, slot: int) -> int:
        """Return what a rank in a slot adds to the objective."""
        return self.utility[rank] * self.discount[slot]


def spans_of(t: Tables) -> list[list[Span]]:
    """Return the spans of each group."""
    found = []
    for k in range(len(t.level)):
        width, mask = int(t.window[k]), int(t.mask[k])
        starts = range(max(t.tail_count + t.slot_count - width, 0) + 1)
        runs = [((1 << width) - 1) << start & WORD for start in starts] if width else [mask]
        found.append(
            Span(int(t.level[k]), int(t.least[k]), int(t.most[k]), mask, width, tuple(runs))
        )
    return [found[start:stop] for start, stop in pairwise(t.span_start)]


def lay_out(t: Tables) -> Law:
    """Lay `Tables` out."""
    slots, open_positions = range(t.slot_count), int(t.open) << t.tail_count
    words = [int(word) & open_positions for word in t.eligible]
    candidate = [one for one in t.order.tolist() if words[one]]
    eligible = [words[one] for one in candidate]
    listed = [t.group_of[t.group_start[one] : t.group_start[one + 1]].tolist() for one in candidate]
    may: list[list[list[int]]] = [[[] for _ in slots] for _ in range(2)]
    for rank, one in enumerate(candidate):
        for slot in slots:
            if eligible[rank] >> t.tail_count + slot & 1:
                may[t.tier[one]][slot].append(rank)
    pinned = []
    for normal, sunk in zip(*may, strict=True):
        is_pin = len(normal) == 1 and not sunk and eligible[normal[0]].bit_count() == 1
        pinned.append(normal[0] if is_pin else -1)
    numbers, groups = _binding(t, listed)
    floors = []
    for number, group in enumerate(groups):
        reach = reduce(or_, (eligible[rank] for rank in group.members))
        floors += [Floor(number, span, reach & span.mask) for span in group.spans if span.least > 0]
    must_give_up = [0] * SCORES
    count, normal = len(candidate), sum(int(t.tier[one] == 0) for one in candidate)
    must_give_up[EMPTY] = max(int(t.open).bit_count() - count, 0)
    must_give_up[SUNK] = max(min(int(t.open).bit_count(), count) - normal, 0)
    for floor in floors:
        group = groups[floor.group]
        serve = min(len(group.members), floor.reach.bit_count())
        must_give_up[SOFT + floor.span.level] += max(floor.span.lacks(group.occupied) - serve, 0)
    return Law(
        slot_count=t.slot_count,
        tail_count=t.tail_count,
        open=open_positions,
        candidate=candidate,
        utility=t.utility[candidate].tolist(),
        discount=t.discount.tolist(),
        may=may,
        pinned=pinned,
        groups=groups,
        groups_of=[[numbers[group] for group in own if group in numbers] for own in listed],
        floors=floors,
        must_give_up=must_give_up,
    )


def _binding(t: Tables, listed: list[list[int]]) -> tuple[dict[int, int], list[Group]]:
    """Keep the groups that can bind: old number → new, and the groups.

    Those of more than NARROW ranks come first: the walk draws from what is broken in this order.
    """
    members: dict[int, set[int]] = {}
    for rank, own in enumerate(listed):
        for group in own:
            members.setdefault(group, set()).add(rank)
    every, numbers, groups = spans_of(t), dict[int, int](), list[Group]()
    for group in sorted(members, key=lambda group: (len(members[group]) <= NARROW, group)):
        occupied, kept = int(t.occupied[group]), []
        for span in every[group]:
            stands = (occupied & span.mask).bit_count()
            can_break = stands + len(members[group]) > span.most and span.most < UNCAPPED
            if (can_break and not _is_implied(span, every[group], occupied)) or span.least > stands:
                kept.append(span)
        if kept:
            numbers[group] = len(groups)
            groups.append(Group(frozenset(members[group]), occupied, kept))
    return numbers, groups


def _is_implied(cap: Span, spans: list[Span], occupied: int) -> bool:
    """Tell whether a hard window of a group alone keeps its cap of a range of free positions."""
    count = cap.mask.bit_count()
    in_a_row = cap.mask // (cap.mask & -cap.mask or 1) == (1 << count) - 1
    if cap.width or occupied & cap.mask or not in_a_row:
        return False
    windows = (span for span in spans if span.width and span.level == HARD)
    return any(-(-count // span.width) * span.most <= cap.most for span in windows)
