"""Finds out why, compiled; for pages without pins. `reference.py` says the same, and says it first.

All words are uint64; numba turns mixed signed arithmetic into floats, hence the casts.
"""

from typing import Any

import numpy as np

from constraints.catalogue import QUARANTINED
from constraints.decision import BLOCKED_MAX, Cause
from constraints.jit import bare, kernel
from constraints.reasons.finding import best, floors, full_caps, kept_out, note
from constraints.reasons.reference import OVERTAKEN_MAX
from constraints.reasons.rows import ARTICLE, BY, CAUSE, GROUP, SLOT, WIDTH, Rows
from constraints.reasons.tables import BLOCK, SHOW, SINK, WEIGHT

ONE = np.uint64(1)
ZERO = np.uint64(0)
WEIGHTED, SUNK = int(Cause.WEIGHTED), int(Cause.SUNK)
BLOCKED, DISPLACED = int(Cause.BLOCKED), int(Cause.DISPLACED)
ROWS = 256  # of reasons, to begin with


@kernel
def tell(slate: Any, utility: Any, rows: Any, is_registered: Any, p: Any, a: Any, t: Any) -> Any:
    """Say why candidates stand where they stand.

    Args:
        slate: (K,) int64.
        utility: (n,) float32 as received.
        rows: (n,) int32, as in `Offer`.
        is_registered: of each row of the catalogue.
        p: the page; see `Asked` in `constraints.reasons`.
        a: spans of each family; see `constraints.shape.Tables`.
        t: effects; see `constraints.reasons.tables.Tables`.

    Returns:
        `Rows`.
    """
    slots, count = len(slate), len(utility)
    slot_of = np.full(count, -1, np.int64)
    standing = np.zeros(len(p.occupied), np.uint64)
    for slot in range(slots):
        if slate[slot] >= 0:
            slot_of[slate[slot]] = slot
            bit = ONE << np.uint64(p.tail_count + slot)
            for at in range(p.group_start[slate[slot]], p.group_start[slate[slot] + 1]):
                standing[p.group_of[at]] |= bit
    caps_max = _caps_max(p, a)
    caps = np.empty((caps_max + 1, 3), np.int64)
    room = 4 * (t.effects_max + caps_max + 1)
    reason, ratio = np.empty((ROWS + room, WIDTH), np.int32), np.empty(ROWS + room, np.float64)
    deciding = np.full((count, 2), -1, np.int32)

    wanted = best(utility, np.ones(count, np.bool_), slots)
    move, move_start = np.empty((slots, 3), np.int32), np.zeros(slots + 1, np.int32)
    decider, deciders = np.empty(slots, np.int32), 0
    moves = rank = found = 0
    for slot in range(slots):
        if rank == len(wanted) or not p.open >> np.uint64(slot) & ONE:
            continue
        one = wanted[rank]
        rank += 1
        now = slot_of[one]
        if 0 <= now <= slot:
            continue
        reason, ratio = _with_room(reason, ratio, found, room)
        begun = found
        found = _held_back(
            reason, ratio, found, one, slot, slate, slot_of, utility, standing, deciding, caps,
            p, a, t,
        )  # fmt: skip
        if found > begun:
            deciding[one, 0], deciding[one, 1] = reason[begun, ARTICLE], reason[begun, GROUP]
            decider[deciders] = reason[begun, ARTICLE]
            deciders += 1
        move[moves, 0], move[moves, 1], move[moves, 2] = one, slot, now
        moves += 1
        move_start[moves] = found

    own_start, duty_start = np.empty(slots + 1, np.int32), np.empty(slots + 1, np.int32)
    own_start[0], duty_start[0] = found, 0
    duty = np.empty((slots * (t.effects_max + 1), 2), np.int32)
    received, scored = np.zeros(slots, np.float32), np.zeros(slots, np.float64)
    registered = np.ones(slots, np.bool_)
    duties = 0
    for slot in range(slots):
        one = slate[slot]
        if one >= 0:
            registered[slot] = is_registered[rows[one]]
            received[slot] = utility[one]
            scored[slot] = np.float64(utility[one]) * p.weight[one]
            reason, ratio = _with_room(reason, ratio, found, room)
            found = _own(
                reason, ratio, found, one, slot, slot_of, standing, caps, p, a, t
            )  # fmt: skip
            of = p.class_of[one]
            for each in range(p.effect_start[of], p.effect_start[of + 1]):
                effect = p.effect[each]
                if t.kind[effect] == SHOW:
                    duty[duties, 0], duty[duties, 1] = t.duty[effect], t.article[effect]
                    duties += 1
        own_start[slot + 1], duty_start[slot + 1] = found, duties

    blocked, named_start, named, blocked_count = _blocked(utility, p, t)
    group, group_of = _groups(reason, found, t)
    return Rows(
        reason[:found], ratio[:found], group, group_of, move[:moves], move_start[: moves + 1],
        own_start, duty[:duties], duty_start, blocked, named_start, named, received, scored,
        blocked_count, registered, decider[:deciders],
    )  # fmt: skip


@kernel
def _groups(reason, found, t):  # type: ignore[no-untyped-def]
    """List the labels of groups that have names, each once, and find that of each reason."""
    label, groups, group_of = np.empty(found, np.int32), 0, np.full(found, -1, np.int32)
    for each in range(found):
        if reason[each, GROUP] >= 0 and t.labelled[reason[each, ARTICLE]]:
            at = 0
            while at < groups and label[at] != reason[each, GROUP]:
                at += 1
            label[at] = reason[each, GROUP]
            groups = max(groups, at + 1)
            group_of[each] = at
    return label[:groups], group_of


@kernel
def _with_room(reason, ratio, found, room):  # type: ignore[no-untyped-def]
    """Return the same with room for so many more."""
    if found + room <= len(ratio):
        return reason, ratio
    more = 2 * len(ratio) + room
    wide, long = np.empty((more, WIDTH), np.int32), np.empty(more, np.float64)
    wide[:found], long[:found] = reason[:found], ratio[:found]
    return wide, long


@bare
def _caps_max(p, a):  # type: ignore[no-untyped-def]
    """Return how many spans a candidate can be counted in at most."""
    groups = spans = 0
    for one in range(len(p.group_start) - 1):
        groups = max(groups, p.group_start[one + 1] - p.group_start[one])
    for family in range(len(a.span_start) - 1):
        spans = max(spans, a.span_start[family + 1] - a.span_start[family])
    return groups * spans


@bare
def _at(  # type: ignore[no-untyped-def]
    reason, ratio, at, one, slot, slate, slot_of, utility, standing, deciding, caps, p, a, t
):
    """Note why a candidate does not stand in a slot."""
    begun, of = at, p.class_of[one]
    at = kept_out(reason, ratio, at, of, slot, p, t)
    at = full_caps(reason, ratio, at, one, slot, ZERO, standing, caps, p, a, t)
    for each in range(p.effect_start[of], p.effect_start[of + 1]):
        effect = p.effect[each]
        if t.kind[effect] == WEIGHT and t.ratio[effect] < 1.0:
            factor = t.ratio[effect]
            at = note(reason, ratio, at, WEIGHTED, t.article[effect], -1, -1, slot, factor)
    if at == begun:
        at = _displaced(reason, ratio, at, one, slot, slate, utility, standing, deciding, p, a, t)
    if at == begun:
        at = _arranged(reason, ratio, at, one, slot, slate, slot_of, standing, caps, p, a, t)
    return at


@bare
def _held_back(  # type: ignore[no-untyped-def]
    reason, ratio, at, one, slot, slate, slot_of, utility, standing, deciding, caps, p, a, t
):
    """Note why a candidate stands lower than its utility would have it, or nowhere."""
    begun = at
    at = _at(
        reason, ratio, at, one, slot, slate, slot_of, utility, standing, deciding, caps,
        p, a, t,
    )  # fmt: skip
    if at == begun or reason[begun, CAUSE] != BLOCKED:
        return at
    word = p.eligible[one] >> np.uint64(p.tail_count)
    for below in range(slot, len(slate)):  # the first slot that its block leaves it
        if word >> np.uint64(below) & ONE:
            if slot_of[one] == below:
                return at
            return _at(
                reason, ratio, at, one, below, slate, slot_of, utility, standing, deciding, caps,
                p, a, t,
            )  # fmt: skip
    return at


@bare
def _displaced(  # type: ignore[no-untyped-def]
    reason, ratio, at, one, slot, slate, utility, standing, deciding, p, a, t
):
    """Note why the one who stands there does: its weight, a floor, or its own reason."""
    other = slate[slot]
    if other < 0:
        return at
    if np.float64(utility[other]) * p.weight[other] < np.float64(utility[one]) * p.weight[one]:
        return floors(reason, ratio, at, other, slot, other, slot, True, standing, p, a, t)
    begun, of = at, p.class_of[other]
    came_down = deciding[other, 0] >= 0
    # Worth more as received, it comes from a slot above: then its boost decided nothing here.
    if not (came_down and utility[other] > utility[one]):
        for each in range(p.effect_start[of], p.effect_start[of + 1]):
            effect = p.effect[each]
            if t.kind[effect] == WEIGHT and t.ratio[effect] > 1.0:
                factor = t.ratio[effect]
                at = note(reason, ratio, at, DISPLACED, t.article[effect], -1, other, slot, factor)
    if at == begun and came_down:
        article, group = deciding[other, 0], deciding[other, 1]
        at = note(reason, ratio, at, DISPLACED, article, group, other, slot, 1.0)
    return at


@bare
def _arranged(  # type: ignore[no-untyped-def]
    reason, ratio, at, one, slot, slate, slot_of, standing, caps, p, a, t
):
    """Note which cap the whole page would break if it stood there."""
    begun, other, now = at, slate[slot], slot_of[one]
    spared = ONE << np.uint64(slot)
    if now >= 0:
        spared |= ONE << np.uint64(now)
    at = full_caps(reason, ratio, at, one, slot, spared, standing, caps, p, a, t)
    if at > begun or other < 0 or now < 0:
        return at
    at = kept_out(reason, ratio, at, p.class_of[other], now, p, t)
    at = full_caps(reason, ratio, at, other, now, spared, standing, caps, p, a, t)
    for each in range(begun, at):
        reason[each, CAUSE], reason[each, BY] = DISPLACED, other
        reason[each, SLOT], ratio[each] = slot, 1.0
    return at


@bare
def _own(reason, ratio, at, one, slot, slot_of, standing, caps, p, a, t):  # type: ignore[no-untyped-def]
    """Note what weighed, sank or floored a candidate on the page."""
    of = p.class_of[one]
    for kind, cause in ((WEIGHT, WEIGHTED), (SINK, SUNK)):
        for each in range(p.effect_start[of], p.effect_start[of + 1]):
            effect = p.effect[each]
            if t.kind[effect] == kind:
                factor = t.ratio[effect]
                at = note(reason, ratio, at, cause, t.article[effect], -1, -1, -1, factor)
    begun = at
    at = floors(reason, ratio, at, one, slot, -1, -1, False, standing, p, a, t)
    if at > begun and not _overtakes(
        reason, ratio, at, one, slot, slot_of, standing, caps, p, a, t
    ):
        return begun
    return at


@bare
def _overtakes(reason, ratio, at, one, slot, slot_of, standing, caps, p, a, t):  # type: ignore[no-untyped-def]
    """Tell whether a more useful candidate that nothing kept out of the slot stands lower."""
    asked = 0
    for rank in range(len(p.order)):
        other = p.order[rank]
        if other == one or asked == OVERTAKEN_MAX:
            return False
        now = slot_of[other]
        if 0 <= now < slot or p.tier[other]:
            continue
        if not p.eligible[other] >> np.uint64(p.tail_count + slot) & ONE:
            continue
        asked += 1
        if full_caps(reason, ratio, at, other, slot, ZERO, standing, caps, p, a, t) == at:
            return True
    return False


@kernel
def _blocked(utility, p, t):  # type: ignore[no-untyped-def]
    """List those who may stand nowhere, the most useful first, and what keeps their classes out."""
    nowhere = p.eligible == ZERO
    blocked_count = np.int64(nowhere.sum()) if p.open else 0
    listed = best(utility, nowhere, BLOCKED_MAX) if p.open else np.empty(0, np.int64)
    blocked = np.empty((len(listed), 2), np.int32)
    known, lists = np.empty(len(listed), np.int64), 0
    named_start = np.zeros(len(listed) + 1, np.int32)
    named, names = np.empty(len(listed) * (t.effects_max + 1), np.int32), 0
    for rank in range(len(listed)):
        of, at = np.int64(p.class_of[listed[rank]]), 0
        while at < lists and known[at] != of:
            at += 1
        if at == lists:
            known[lists] = of
            lists += 1
            if of == QUARANTINED and t.slots & p.open:
                named[names] = t.quarantine
                names += 1
            for each in range(p.effect_start[of], p.effect_start[of + 1]):
                effect = p.effect[each]
                if t.kind[effect] == BLOCK and t.word[effect] & p.open:
                    named[names] = t.article[effect]
                    names += 1
            named_start[lists] = names
        blocked[rank, 0], blocked[rank, 1] = listed[rank], at
    return blocked, named_start[: lists + 1], named[:names], blocked_count
