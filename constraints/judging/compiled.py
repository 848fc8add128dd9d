"""The judge, compiled. `reference.py` says the same in plain Python; a test holds them equal.

It counts by itself and takes nothing from the kernels that build slates. All words are uint64;
numba turns mixed signed arithmetic into floats, hence the casts.
"""

from typing import Any

import numpy as np

from constraints.catalogue import QUARANTINED
from constraints.jit import kernel
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
)

ONE = np.uint64(1)
ZERO = np.uint64(0)
NOBODY = -1


@kernel
def _noted(found, count, kind, rule, level, times, group, slots):  # type: ignore[no-untyped-def]
    """Write a finding down, and return all of them and how many."""
    if count == len(found):
        more = np.empty((2 * count, 6), np.int64)
        more[:count] = found
        found = more
    found[count, 0], found[count, 1], found[count, 2] = kind, rule, level
    found[count, 3], found[count, 4], found[count, 5] = times, group, slots
    return found, count + 1


@kernel
def _has(word, bit):  # type: ignore[no-untyped-def]
    return word >> np.uint64(bit) & ONE != ZERO


@kernel
def _how_many(word):  # type: ignore[no-untyped-def]
    count = 0
    while word:
        word &= word - ONE
        count += 1
    return count


@kernel
def judge(
    slate: Any,
    reserved: Any,
    rows: Any,
    standing_rows: Any,
    standing_at: Any,
    class_of: Any,
    verdicts: Any,
    labels: Any,
    factors: Any,
    duties: Any,
    watched: Any,
    t: Any,
) -> Any:
    """Find everything wrong with a slate; see `reference.judge`."""
    found, count = _malformed(slate, reserved, len(rows))
    if count:
        return found[:count]
    row = np.full(len(slate), NOBODY, np.int64)
    one = np.full(len(slate), NOBODY, np.int64)  # the class in each slot
    closer, sinks = False, 0
    for slot in range(len(slate)):
        if slate[slot] >= 0:
            row[slot] = rows[slate[slot]]
            one[slot] = class_of[row[slot]]
            closer |= _has(watched.barred[one[slot]], slot)
            sinks |= watched.sinks[one[slot]]
    if closer:
        found, count = _barred(found, count, one, verdicts, watched, t)
    found, count = _strayed(
        found, count, one, np.uint64(reserved), rows, class_of, verdicts, watched, t
    )  # fmt: skip
    for weigher in range(len(t.weigher)):
        column = t.column[t.weigher[weigher]]
        for slot in range(len(one)):
            if one[slot] != NOBODY:
                limit = t.limit[weigher, verdicts[one[slot], column]]
                if factors[weigher, slot] > limit:
                    rule = t.weigher[weigher]
                    found, count = _noted(found, count, RAISED, rule, 0, 1, -1, 1 << slot)
    for column in range(-1, len(labels)):
        if (t.labels == column).any():
            found, count = _crowded(
                found, count, row, one, standing_rows, standing_at, class_of, verdicts,
                labels, column, t,
            )  # fmt: skip
    found, count = _lacking(
        found, count, one, standing_rows, standing_at, class_of, verdicts, t
    )  # fmt: skip
    if sinks:
        found, count = _above(found, count, one, verdicts, watched, t)
    found, count = _unmarked(found, count, one, duties, watched, t)
    return found[:count]


@kernel
def _malformed(slate, reserved, offered):  # type: ignore[no-untyped-def]
    found, count = np.empty((8, 6), np.int64), 0
    for slot in range(len(slate)):
        if slate[slot] == -1:
            continue
        wrong = slate[slot] < 0 or slate[slot] >= offered or _has(np.uint64(reserved), slot)
        for above in range(slot):
            wrong = wrong or slate[above] == slate[slot]
        if wrong:
            found, count = _noted(found, count, MALFORMED, OF_NO_RULE, 0, 1, -1, 1 << slot)
    return found, count


@kernel
def _barred(found, count, one, verdicts, watched, t):  # type: ignore[no-untyped-def]
    for slot in range(len(one)):
        if one[slot] == QUARANTINED and _has(watched.barred[QUARANTINED], slot):
            found, count = _noted(found, count, BARRED, OF_NO_RULE, 0, 1, -1, 1 << slot)
    for rule in range(len(t.column)):
        for slot in range(len(one)):
            if one[slot] != NOBODY:
                verdict = verdicts[one[slot], t.column[rule]]
                if _has(t.barred[rule, verdict], slot):
                    found, count = _noted(found, count, BARRED, rule, 0, 1, -1, 1 << slot)
    return found, count


@kernel
def _strayed(found, count, one, reserved, rows, class_of, verdicts, watched, t):  # type: ignore[no-untyped-def]
    """Find who is not in the slot it is fixed to, and who stands in one kept for others."""
    if not len(t.fixer):  # most pages: it is not worth a look at all that is offered
        return found, count
    for side in range(2):  # rules in force, and those in shadow by themselves
        fixed = watched.fixed[side]
        keeper = np.full(len(one), -1, np.int64)  # the first rule that keeps each slot
        for each in range(len(rows)):
            of = class_of[rows[each]]
            slot = _home(fixed[of], reserved)
            if slot >= 0:
                rule = _fixer(of, slot, side, verdicts, t)
                if keeper[slot] < 0 or rule < keeper[slot]:
                    keeper[slot] = rule
        for slot in range(len(one)):
            if one[slot] == NOBODY:
                continue
            home = _home(fixed[one[slot]], reserved)
            rule = keeper[slot] if home < 0 else _fixer(one[slot], home, side, verdicts, t)
            if rule >= 0 and home != slot:
                found, count = _noted(found, count, STRAYED, rule, 0, 1, -1, 1 << slot)
    return found, count


@kernel
def _home(fixed, reserved):  # type: ignore[no-untyped-def]
    """Return the highest of some slots that is not the caller's, -1 for none."""
    word, slot = fixed & ~reserved, 0
    if word == ZERO:
        return -1
    while not _has(word, slot):
        slot += 1
    return slot


@kernel
def _fixer(of, slot, side, verdicts, t):  # type: ignore[no-untyped-def]
    """Return the first rule of a side that fixes a class to a slot."""
    for each in range(len(t.fixer)):
        rule = t.fixer[each]
        is_here = t.fixed_slot[each] == slot and (rule >= t.enforced) == (side == 1)
        if is_here and verdicts[of, t.column[rule]] == t.fixed[each]:
            return rule
    return np.int64(-1)


@kernel
def _label(labels, column, row, place):  # type: ignore[no-untyped-def]
    """Return one of the labels of a row, 0 for none."""
    return np.int64(labels[column][row, place]) if column >= 0 else np.int64(0)


@kernel
def _width(labels, column):  # type: ignore[no-untyped-def]
    return labels[column].shape[1] if column >= 0 else 1


@kernel
def _names(row, labels, column):  # type: ignore[no-untyped-def]
    """List the labels of all our placements, each once, sorted; 0 stands for none."""
    width = _width(labels, column)
    names = np.empty(len(row) * width + 1, np.int64)
    count = 0
    for slot in range(len(row)):
        if row[slot] == NOBODY:
            continue
        none = True
        for place in range(width):
            label = _label(labels, column, row[slot], place)
            none = none and label <= 0
            if label > 0 or (none and place == width - 1):
                count = _inserted(names, count, max(label, 0))
    return names[:count]


@kernel
def _inserted(names, count, label):  # type: ignore[no-untyped-def]
    at = count
    while at > 0 and names[at - 1] > label:
        at -= 1
    if at > 0 and names[at - 1] == label:
        return count
    for later in range(count, at, -1):
        names[later] = names[later - 1]
    names[at] = label
    return count + 1


@kernel
def _mark(words, names, bit, row, labels, column):  # type: ignore[no-untyped-def]
    """Mark a position under each label of a row that is among the names."""
    none = True
    width = _width(labels, column)
    for place in range(width):
        label = _label(labels, column, row, place)
        none = none and label <= 0
        if label > 0 or (none and place == width - 1):
            at = 0
            while at < len(names) and names[at] < label:  # 0 where there is none: it comes first
                at += 1
            if at < len(names) and names[at] == max(label, 0):
                words[at] |= ONE << np.uint64(bit)


@kernel
def _crowded(  # type: ignore[no-untyped-def]
    found, count, row, one, standing_rows, standing_at, class_of, verdicts, labels, column, t
):
    """Add up what our placements put over each cap; what others did is not our fault."""
    names = _names(row, labels, column)
    ours = np.zeros(len(names), np.uint64)
    others = np.zeros(len(names), np.uint64)
    for counter in range(len(t.counter)):
        if t.labels[counter] != column:
            continue
        rule = t.counter[counter]
        ours[:] = ZERO
        others[:] = ZERO
        for slot in range(len(one)):
            # What is in quarantine takes the strict side: it counts.
            if one[slot] != NOBODY and (
                one[slot] == QUARANTINED or t.counts[counter, verdicts[one[slot], t.column[rule]]]
            ):
                _mark(ours, names, t.tail_count + slot, row[slot], labels, column)
        for each in range(len(standing_rows)):
            of = class_of[standing_rows[each]]
            if of == QUARANTINED or t.counts[counter, verdicts[of, t.column[rule]]]:
                bit = t.tail_count + standing_at[each]
                _mark(others, names, bit, standing_rows[each], labels, column)
        for at in range(len(names)):
            for cap in range(t.cap_start[counter], t.cap_start[counter + 1]):
                if _how_many(ours[at]) + _how_many(others[at]) > t.most[cap]:
                    over, slots = _over(ours[at], others[at], cap, t)
                    if over:
                        level = t.cap_level[cap]
                        found, count = _noted(
                            found, count, CROWDED, rule, level, over, names[at], slots
                        )
    return found, count


@kernel
def _over(ours, others, cap, t):  # type: ignore[no-untyped-def]
    """Add up how much is over a cap in all its runs, and the word of our slots at fault."""
    total, at_fault = 0, ZERO
    for each in range(t.run_start[cap], t.run_start[cap + 1]):
        own, before = ours & t.run[each], _how_many(others & t.run[each])
        over = _how_many(own) + before - max(t.most[cap], before)
        if own and over > 0:
            total += over
            position = 63
            while over > 0:  # the lowest on the page
                if _has(own, position):
                    at_fault |= ONE << np.uint64(position)
                    over -= 1
                position -= 1
    return total, np.int64(at_fault >> np.uint64(t.tail_count))


@kernel
def _lacking(found, count, one, standing_rows, standing_at, class_of, verdicts, t):  # type: ignore[no-untyped-def]
    for floor in range(len(t.floor)):
        column, have = t.column[t.floor[floor]], 0
        for slot in range(len(one)):
            if one[slot] > QUARANTINED and _has(t.floor_slots[floor], slot):
                have += t.serves[floor, verdicts[one[slot], column]]
        for each in range(len(standing_rows)):
            at, of = standing_at[each], class_of[standing_rows[each]]
            if at >= 0 and of != QUARANTINED and _has(t.floor_slots[floor], at):
                have += t.serves[floor, verdicts[of, column]]
        if have < t.least[floor]:
            rule, short = t.floor[floor], t.least[floor] - have
            level = t.floor_level[floor]
            found, count = _noted(found, count, LACKING, rule, level, short, 0, 0)
    return found, count


@kernel
def _above(found, count, one, verdicts, watched, t):  # type: ignore[no-untyped-def]
    """Find sunk placements with an unsunk one below them, apart for rules in force and shadow."""
    for rule in range(len(t.column)):
        side = 1 if rule < t.enforced else 2
        last_normal = -1
        for slot in range(len(one)):
            if one[slot] != NOBODY and not watched.sinks[one[slot]] & side:
                last_normal = slot
        for slot in range(last_normal):
            if one[slot] != NOBODY and t.sunk[rule, verdicts[one[slot], t.column[rule]]]:
                found, count = _noted(found, count, ABOVE, rule, 0, 1, -1, 1 << slot)
    return found, count


@kernel
def _unmarked(found, count, one, duties, watched, t):  # type: ignore[no-untyped-def]
    """Find placements that are not shown with what they must be shown with."""
    for each in range(len(t.shower)):
        times, slots = 0, 0
        for slot in range(len(one)):
            if one[slot] != NOBODY and watched.owed[each, one[slot]] & ~duties[slot]:
                times += 1
                slots |= 1 << slot
        if times:
            found, count = _noted(found, count, UNMARKED, t.shower[each], 0, times, -1, slots)
    return found, count
