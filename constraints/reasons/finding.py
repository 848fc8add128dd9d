"""What keeps a candidate out of a slot, noted as rows, compiled; `compiled.py` asks for it."""

import numpy as np

from constraints.catalogue import QUARANTINED
from constraints.decision import Cause
from constraints.jit import bare, inline, kernel, popcount
from constraints.reasons.rows import ARTICLE, BY, CAUSE, GROUP, SLOT
from constraints.reasons.tables import BLOCK, SINK
from constraints.shape import VERDICTS

ONE = np.uint64(1)
ZERO = np.uint64(0)
FULL = ~ZERO
WORD_BITS = 64
# A number of its own for each cause: an enum's member is no constant to the compiler.
BLOCKED, CAPPED, SUNK, FLOOR = (int(Cause[c]) for c in ("BLOCKED", "CAPPED", "SUNK", "FLOOR"))


@inline
def note(reason, ratio, at, cause, article, group, by, slot, factor):  # type: ignore[no-untyped-def]
    """Write a reason down, and return the place behind it."""
    reason[at, CAUSE], reason[at, ARTICLE], reason[at, GROUP] = cause, article, group
    reason[at, BY], reason[at, SLOT], ratio[at] = by, slot, factor
    return at + 1


@kernel
def best(utility, among, count):  # type: ignore[no-untyped-def]
    """Return the `count` largest, the largest first, ties by index."""
    found = np.empty(count, np.int64)
    have = 0
    for one in range(len(utility)):
        if not among[one] or (have == count and not utility[one] > utility[found[have - 1]]):
            continue
        have = min(have + 1, count)
        at = have - 1
        while at > 0 and utility[one] > utility[found[at - 1]]:
            found[at] = found[at - 1]
            at -= 1
        found[at] = one
    return found[:have]


@kernel
def effects_by_class(verdicts, t):  # type: ignore[no-untyped-def]
    """List what is asked of each class, rule by rule: (c + 1,) int32 start, and (m,) int32."""
    start, count = np.zeros(len(verdicts) + 1, np.int32), 0
    effect = np.empty(len(verdicts) * t.effects_max, np.int32)  # of which little is ever touched
    for of in range(len(verdicts)):
        for rule in range(len(t.column)):
            key = rule * VERDICTS + np.int64(verdicts[of, t.column[rule]])
            for each in range(t.start[key], t.start[key + 1]):
                effect[count] = each
                count += 1
        start[of + 1] = count
    return start, effect[:count].copy()


@bare
def kept_out(reason, ratio, at, of, slot, p, t):  # type: ignore[no-untyped-def]
    """Note the blocks and sinks that keep a class out of a slot, each once."""
    bit = ONE << np.uint64(slot)
    last = -1
    if of == QUARANTINED and t.slots & bit:
        at = note(reason, ratio, at, BLOCKED, t.quarantine, -1, -1, slot, 1.0)
    for each in range(p.effect_start[of], p.effect_start[of + 1]):
        effect = p.effect[each]
        if t.kind[effect] == BLOCK and t.word[effect] & bit and t.article[effect] != last:
            last = t.article[effect]
            at = note(reason, ratio, at, BLOCKED, last, -1, -1, slot, 1.0)
    last = -1
    for each in range(p.effect_start[of], p.effect_start[of + 1]):
        effect = p.effect[each]
        if t.kind[effect] == SINK and t.article[effect] != last:
            last = t.article[effect]
            at = note(reason, ratio, at, SUNK, last, -1, -1, slot, 1.0)
    return at


@bare
def floors(reason, ratio, at, one, slot, by, told, once, standing, p, a, t):  # type: ignore[no-untyped-def]
    """Note the floors that would be unmet if a candidate did not stand in its slot.

    Each is noted with `by` and the slot `told`, and, if asked, once.
    """
    begun, bit = at, ONE << np.uint64(p.tail_count + slot)
    for place in range(p.group_start[one], p.group_start[one + 1]):
        group = p.group_of[place]
        taken = p.occupied[group] | standing[group]
        family = p.group_family[group]
        for span in range(a.span_start[family], a.span_start[family + 1]):
            if (
                a.least[span]
                and a.mask[span] & bit
                and popcount(taken & a.mask[span]) <= a.least[span]
            ):
                article = t.own[a.rule[span]]
                is_known = False
                for each in range(begun, at):
                    is_known |= reason[each, ARTICLE] == article
                if not (once and is_known):
                    at = note(reason, ratio, at, FLOOR, article, -1, by, told, 1.0)
    return at


@bare
def full_caps(reason, ratio, at, one, slot, spared, standing, caps, p, a, t):  # type: ignore[no-untyped-def]
    """Note the caps that are full at a slot, hard ones first, each once.

    They are counted with those who stand above it, or, where slots are spared, with all who stand
    in others.
    """
    position = p.tail_count + slot
    others = (ONE << np.uint64(position)) - ONE
    if spared:
        others = ~(spared << np.uint64(p.tail_count))
    count = 0
    for place in range(p.group_start[one], p.group_start[one + 1]):
        group = p.group_of[place]
        taken = p.occupied[group] | standing[group] & others
        have = popcount(taken)
        if not have:
            continue
        family = p.group_family[group]
        for span in range(a.span_start[family], a.span_start[family + 1]):
            if have >= a.most[span] and _is_full(
                a.most[span], a.mask[span], a.window[span], taken, position
            ):
                count = _insert(caps, count, a.level[span], a.rule[span], group)
    for each in range(count):
        rule, group = caps[each, 1], caps[each, 2]
        is_known = False
        for before in range(each):
            is_known |= caps[before, 1] == rule and caps[before, 2] == group
        if not is_known:
            label = p.group_label[group]
            at = note(reason, ratio, at, CAPPED, t.own[rule], label, -1, slot, 1.0)
    return at


@inline
def _insert(caps, count, level, rule, group):  # type: ignore[no-untyped-def]
    """Keep caps by level and rule; those alike stay in the order they came in."""
    at = count
    while at > 0 and (
        caps[at - 1, 0] > level or (caps[at - 1, 0] == level and caps[at - 1, 1] > rule)
    ):
        for place in range(3):
            caps[at, place] = caps[at - 1, place]
        at -= 1
    caps[at, 0], caps[at, 1], caps[at, 2] = level, rule, group
    return count + 1


@inline
def _is_full(most, mask, window, taken, position):  # type: ignore[no-untyped-def]
    """Tell whether one more at a position is more than a span takes."""
    if not window:
        return (mask >> np.uint64(position) & ONE) != ZERO and popcount(taken & mask) >= most
    length = FULL if window >= WORD_BITS else (ONE << np.uint64(window)) - ONE
    run = length << np.uint64(max(0, position - window + 1))
    for _ in range(min(window, position + 1)):
        if popcount(taken & run) >= most:
            return True
        run <<= ONE
    return False
