"""The judge in plain Python: the fallback without numba, and the compiled judge's yardstick."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from constraints.catalogue import QUARANTINED
from constraints.facts import FloatArray, IntArray
from constraints.judging import (
    ABOVE,
    BARRED,
    CROWDED,
    LACKING,
    MALFORMED,
    OF_NO_RULE,
    RAISED,
    STRAYED,
    UNMARKED,
    Tables,
    Watched,
)

Finding: TypeAlias = tuple[int, int, int, int, int, int]


def judge(
    slate: IntArray,
    reserved: int,
    rows: IntArray,
    standing_rows: IntArray,
    standing_at: IntArray,
    class_of: IntArray,
    verdicts: IntArray,
    labels: tuple[IntArray, ...],
    factors: FloatArray,
    duties: IntArray,
    watched: Watched,
    t: Tables,
) -> IntArray:
    """Find everything wrong with a slate.

    Args:
        slate: (K,) int64 candidate of each slot, -1 for none; values may be anything.
        reserved: word of the slots that are not ours to fill.
        rows: (n,) int32 rows of the candidates.
        standing_rows: (t,) int32 rows of what stands by others' doing.
        standing_at: (t,) int32 where; see `Offer`.
        class_of: see `Column`; of the judging half.
        verdicts: see `Column`; of the judging half.
        labels: see `Catalogue`.
        factors: (w, K) float64 claimed for the rules of `t.weigher`.
        duties: (K,) int64 word of what each placement is claimed to be shown with.
        watched: what is demanded of each class.
        t: what is demanded by each rule.

    Returns:
        (m, 6) int64: what it is about, rule, level, count, group, word of slots. When the slate
        itself is malformed, only that.
    """
    found = list(_malformed(slate, reserved, len(rows)))
    if not found:
        shown = _Shown(slate, rows, standing_rows, standing_at, class_of, verdicts, labels, t)
        found += _barred(shown, watched)
        found += _strayed(shown, {int(class_of[row]) for row in rows.tolist()}, reserved, watched)
        found += _raised(shown, factors)
        for counter in range(len(t.counter)):
            found += _crowded(shown, counter)
        found += _lacking(shown)
        found += _above(shown, watched)
        found += _unmarked(shown, duties, watched)
    return np.array(found, np.int64).reshape(len(found), 6)


class _Shown:
    """What a slate shows, slot by slot: class and row of each placement, and of what stands."""

    def __init__(
        self,
        slate: IntArray,
        rows: IntArray,
        standing_rows: IntArray,
        standing_at: IntArray,
        class_of: IntArray,
        verdicts: IntArray,
        labels: tuple[IntArray, ...],
        t: Tables,
    ) -> None:
        self.t, self.verdicts, self.labels = t, verdicts, labels
        placed = [(slot, int(rows[c])) for slot, c in enumerate(slate.tolist()) if c >= 0]
        self.ours = [(slot, int(class_of[row]), row) for slot, row in placed]
        others = zip(standing_at.tolist(), standing_rows.tolist(), strict=True)
        self.others = [(at, int(class_of[row]), row) for at, row in others]

    def verdict(self, one: int, rule: int) -> int:
        """Return what a rule says of a class."""
        return int(self.verdicts[one, self.t.column[rule]])

    def groups(self, row: int, column: int) -> set[int]:
        """List the labels a row is counted under."""
        if column < 0:
            return {0}
        return {label for label in self.labels[column][row].tolist() if label > 0} or {0}


def _malformed(slate: IntArray, reserved: int, count: int) -> Iterator[Finding]:
    seen: set[int] = set()
    for slot, candidate in enumerate(slate.tolist()):
        if candidate == -1:
            continue
        closed = reserved >> slot & 1
        if candidate in seen or closed or not 0 <= candidate < count:
            yield MALFORMED, OF_NO_RULE, 0, 1, -1, 1 << slot
        seen.add(candidate)


def _barred(shown: _Shown, watched: Watched) -> Iterator[Finding]:
    for slot, one, _ in shown.ours:
        if one == QUARANTINED and int(watched.barred[one]) >> slot & 1:
            yield BARRED, OF_NO_RULE, 0, 1, -1, 1 << slot
    for rule in range(len(shown.t.column)):
        for slot, one, _ in shown.ours:
            if int(shown.t.barred[rule, shown.verdict(one, rule)]) >> slot & 1:
                yield BARRED, rule, 0, 1, -1, 1 << slot


def _strayed(
    shown: _Shown, offered: set[int], reserved: int, watched: Watched
) -> Iterator[Finding]:
    """Find who is not in the slot it is fixed to, and who stands in one kept for others."""
    t = shown.t
    fixes = [*zip(t.fixer.tolist(), t.fixed.tolist(), t.fixed_slot.tolist(), strict=True)]
    for side in (0, 1):  # rules in force, and those in shadow by themselves
        home: dict[int, tuple[int, int]] = {}  # class → its slot, and the rule that says so
        for one in offered:
            open_to = int(watched.fixed[side, one]) & ~reserved
            named = [
                (slot, rule)
                for rule, verdict, slot in fixes
                if (rule >= t.enforced) == bool(side) and shown.verdict(one, rule) == verdict
            ]
            lawful = [entry for entry in named if open_to >> entry[0] & 1]
            if lawful:
                home[one] = min(lawful)
        for slot, one, _ in shown.ours:
            if one in home:
                rules = [home[one][1]] if home[one][0] != slot else []
            else:
                rules = sorted(rule for kept, rule in home.values() if kept == slot)
            for rule in rules[:1]:
                yield STRAYED, rule, 0, 1, -1, 1 << slot


def _raised(shown: _Shown, factors: FloatArray) -> Iterator[Finding]:
    for weigher, rule in enumerate(shown.t.weigher.tolist()):
        for slot, one, _ in shown.ours:
            if factors[weigher, slot] > shown.t.limit[weigher, shown.verdict(one, rule)]:
                yield RAISED, rule, 0, 1, -1, 1 << slot


def _crowded(shown: _Shown, counter: int) -> Iterator[Finding]:
    """Add up what our placements put over each cap; what others did is not our fault."""
    t = shown.t
    rule, column = int(t.counter[counter]), int(t.labels[counter])
    ours: dict[int, set[int]] = {}  # label → positions
    others: dict[int, set[int]] = {}
    for placed, found in ((shown.ours, ours), (shown.others, others)):
        for at, one, row in placed:
            # What is in quarantine takes the strict side: it counts.
            if one == QUARANTINED or t.counts[counter, shown.verdict(one, rule)]:
                for label in shown.groups(row, column):
                    found.setdefault(label, set()).add(t.tail_count + at)
    for label in sorted(ours):
        for cap in range(t.cap_start[counter], t.cap_start[counter + 1]):
            total, at_fault = 0, set[int]()
            for word in t.run[t.run_start[cap] : t.run_start[cap + 1]].tolist():
                own = sorted(at for at in ours[label] if word >> at & 1)
                before = sum(word >> at & 1 for at in others.get(label, ()))
                over = len(own) + before - max(int(t.most[cap]), before)
                if own and over > 0:
                    total += over
                    at_fault.update(own[-over:])
            if total:
                slots = sum(1 << at - t.tail_count for at in at_fault)
                yield CROWDED, rule, int(t.cap_level[cap]), total, label, slots


def _lacking(shown: _Shown) -> Iterator[Finding]:
    t = shown.t
    for floor, rule in enumerate(t.floor.tolist()):
        word, have = int(t.floor_slots[floor]), 0
        for at, one, _ in (*shown.ours, *shown.others):
            here = at >= 0 and word >> at & 1
            have += bool(here and one and t.serves[floor, shown.verdict(one, rule)])
        if have < t.least[floor]:
            short = int(t.least[floor]) - have
            yield LACKING, rule, int(t.floor_level[floor]), short, 0, 0


def _above(shown: _Shown, watched: Watched) -> Iterator[Finding]:
    """Find sunk placements with an unsunk one below them, apart for rules in force and shadow."""
    t = shown.t
    for side, rules in ((1, range(t.enforced)), (2, range(t.enforced, len(t.column)))):
        normal = [slot for slot, one, _ in shown.ours if not watched.sinks[one] & side]
        for rule in rules:
            for slot, one, _ in shown.ours:
                sunk = t.sunk[rule, shown.verdict(one, rule)]
                if sunk and slot < max(normal, default=-1):
                    yield ABOVE, rule, 0, 1, -1, 1 << slot


def _unmarked(shown: _Shown, duties: IntArray, watched: Watched) -> Iterator[Finding]:
    """Find placements that are not shown with what they must be shown with."""
    for owed, rule in zip(watched.owed, shown.t.shower.tolist(), strict=True):
        slots = [slot for slot, one, _ in shown.ours if owed[one] & ~duties[slot]]
        if slots:
            yield UNMARKED, rule, 0, len(slots), -1, sum(1 << slot for slot in slots)
