"""What one round may do to a page: build a part of it anew, exchange a few, mend what is broken."""

from typing import Final

import numpy as np

from constraints.jit import bare, inline, lowest, popcount
from constraints.kernel.board import HARDLY, SOFTLY, TAKEN, copy_board, lift, place
from constraints.kernel.drawing import (
    draw_bit,
    draw_broken,
    draw_kept_out,
    draw_lacked,
    draw_one_of,
)
from constraints.kernel.filling import CAREFUL, fill_board
from constraints.kernel.knobs import (
    CLEARED_ALL_IN,
    CLEARED_LEAST,
    CLEARED_PERCENT,
    CUT_IN,
    EXCHANGE_SPREAD,
    EXCHANGE_TRIALS,
    FORCE_BROKEN_PERCENT,
    FORCE_PERCENT,
    FREED_LEAST,
    FREED_MAX,
    MEND_SPREAD,
    MEND_TRIALS,
)
from constraints.kernel.layout import ONE, ZERO, has, low_bits
from constraints.kernel.refilling import refill
from constraints.kernel.scores import EMPTY, OBJECTIVE, SUNK
from constraints.kernel.scoring import score_board
from constraints.kernel.state import NONE, draw
from constraints.program import UNCAPPED

NOTHING: Final = np.int64(-1)  # any page is worth more


@inline
def rebuild(p, board, trial, now, score, k, clean, caps_hold):  # type: ignore[no-untyped-def]
    """Copy the page to `trial`, take a part of it away, fill it anew, and score it."""
    copy_board(board, trial)
    ban_slot, banned, cut = NONE, NONE, np.int64(p.slot_count)
    if now[SUNK] > 0:
        _lift_sunk(p, trial)
    if not clean and now[EMPTY] > 0 and p.sunk_slots and draw(k, CUT_IN) == 0:
        cut = _cut(p, trial, k)
    trial.dear[0] = 0
    percent = FORCE_PERCENT if clean else FORCE_BROKEN_PERCENT
    if draw(k, 100) >= percent or not _force(p, trial, k, clean):
        ban_slot, banned = _clear(p, trial, k)
    fill_board(p, trial, CAREFUL, ban_slot, banned, cut)
    score_board(p, trial, score, caps_hold and trial.dear[0] == 0)


@inline
def _cut(p, board, k):  # type: ignore[no-untyped-def]
    """Empty all slots from one on, which is returned: from there on only the sunk shall stand."""
    cut = draw(k, p.slot_count)
    for slot in range(cut, p.slot_count):
        if board.slate[slot] >= 0 and p.pinned[slot] != board.slate[slot]:
            lift(p, board, slot)
    return cut


@inline
def _lift_sunk(p, board):  # type: ignore[no-untyped-def]
    for slot in range(p.slot_count):
        rank = board.slate[slot]
        if rank >= 0 and has(p.may[1, slot], rank):
            lift(p, board, slot)


@inline
def _clear(p, board, k):  # type: ignore[no-untyped-def]
    """Empty a few slots, in a run or scattered, now and then all.

    Returns:
        One slot that was emptied, and its rank, which may not return there.
    """
    count = p.slot_count
    size = CLEARED_LEAST + draw(k, max(np.int64(1), count * CLEARED_PERCENT // 100))
    kind = draw(k, CLEARED_ALL_IN)
    first = draw(k, count)
    if kind == 0:
        size = count
    ban_slot, banned = NONE, NONE
    for step in range(min(size, count)):
        slot = (first + step) % count if kind < CLEARED_ALL_IN // 2 else draw(k, count)
        rank = board.slate[slot]
        if rank >= 0 and p.pinned[slot] != rank:
            if banned < 0 or draw(k, 2) == 0:
                ban_slot, banned = np.int32(slot), rank
            lift(p, board, slot)
    return ban_slot, banned


@inline
def _force(p, board, k, clean):  # type: ignore[no-untyped-def]
    """Put somebody that some rule keeps out, or that a floor lacks, into a slot; eject who clashes.

    Returns:
        False, and the page as it was, where nobody is kept out of the slot drawn.
    """
    slot, rank = np.int64(draw(k, p.slot_count)), NONE
    if not clean and draw(k, 2) == 0:
        at, one = draw_lacked(p, board, k)
        if one >= 0:
            slot, rank = at, one
    stands = board.slate[slot]
    if stands >= 0 and p.pinned[slot] == stands:
        return False
    if rank < 0 and stands >= 0:
        rank = draw_kept_out(p, slot, stands, k)
    if rank < 0:
        return False
    for other in range(p.slot_count):
        if board.slate[other] == rank or (other == slot and stands >= 0):
            lift(p, board, other)
    _make_room(p, board, slot, rank)
    full = np.int64(0)
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group, position = p.group_of[entry], np.uint64(p.tail_count + slot)
        if (board.words[HARDLY, group] >> position) & ONE:
            return True
        full += np.int64((board.words[SOFTLY, group] >> position) & ONE)
    board.dear[0] += full
    place(p, board, slot, rank)
    for _ in range(draw(k, 3)):
        extra = draw(k, p.slot_count)
        stands = board.slate[extra]
        if extra != slot and stands >= 0 and p.pinned[extra] != stands:
            lift(p, board, extra)
    return True


@inline
def _make_room(p, board, slot, rank):  # type: ignore[no-untyped-def]
    """Lift, for each group of a rank that is full at a slot, those worth least, but no pinned."""
    bit = ONE << np.uint64(p.tail_count + slot)
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group = p.group_of[entry]
        while (board.words[HARDLY, group] | board.words[SOFTLY, group]) & bit:
            taken = board.words[TAKEN, group]
            members = taken & _counted_with(p, group, taken, bit)
            least, worth = np.int64(-1), np.int64(2**62)
            while members:
                other = lowest(members) - p.tail_count
                members &= members - ONE
                if board.slate[other] >= 0 and board.slate[other] != p.pinned[other]:
                    value = p.utility[board.slate[other]] * p.discount[other]
                    if value < worth:
                        least, worth = other, value
            if least < 0:
                break
            lift(p, board, least)


@inline
def _counted_with(p, group, taken, bit):  # type: ignore[no-untyped-def]
    """Return the open positions counted together with one by a cap of a group that is full."""
    found, at = ZERO, lowest(bit)
    for span in range(p.span_start[group], p.span_start[group + 1]):
        most, width = np.int64(p.most[span]), np.int64(p.window[span])
        if most == UNCAPPED:
            continue
        if width == 0:
            if p.mask[span] & bit and popcount(taken & p.mask[span]) >= most:
                found |= p.mask[span]
            continue
        last = min(at, max(p.tail_count + p.slot_count - width, np.int64(0)))
        for start in range(max(at - width + 1, np.int64(0)), last + 1):
            run = low_bits(width) << np.uint64(start)
            if popcount(taken & run) >= most:
                found |= run
    return found & p.open_positions


@bare
def exchange(p, board, trial, now, k):  # type: ignore[no-untyped-def]
    """Free a slot that someone better is kept out of, those who keep it out, and a few more.

    Returns:
        True when the page is worth more; it never breaks anything it did not break before.
    """
    slot = draw(k, p.slot_count)
    stands = board.slate[slot]
    freed = ONE << np.uint64(slot)
    if stands >= 0:
        rank = draw_kept_out(p, slot, stands, k)
        if rank >= 0:
            for other in range(p.slot_count):
                if board.slate[other] == rank:
                    freed |= ONE << np.uint64(other)
            freed |= _in_the_way(p, board, slot, rank, k)
    _note_lacking(p, board, k)
    return _refilled(
        p, board, trial, now, k, freed, -now[OBJECTIVE], EXCHANGE_SPREAD, EXCHANGE_TRIALS
    )


@bare
def mend(p, board, trial, now, k):  # type: ignore[no-untyped-def]
    """Free slots around something broken or empty, drawn from all there is.

    Returns:
        True when less of it is broken, or empty, and nothing else more.
    """
    _note_lacking(p, board, k)
    if now[EMPTY] > 0 and draw(k, 2) == 0:
        slot = draw(k, p.slot_count)
        while board.slate[slot] >= 0 or not (p.open >> np.uint64(slot)) & ONE:
            slot = (slot + 1) % p.slot_count
        if not (_above_sunk(p, board) >> np.uint64(slot)) & ONE:
            return False
        return _refilled(
            p,
            board,
            trial,
            now,
            k,
            _room_for_one_of(p, board, slot, np.int64(-1), k),
            NOTHING,
            MEND_SPREAD,
            MEND_TRIALS,
        )
    broken, group = draw_broken(p, board, k)
    if broken < 0:
        return False
    if p.least[broken] > 0:
        inside = (p.mask[broken] & p.open_positions) >> np.uint64(p.tail_count)
        if not inside:
            return False
        slot = draw(k, p.slot_count)
        while not (inside >> np.uint64(slot)) & ONE:
            slot = (slot + 1) % p.slot_count
        freed = _room_for_one_of(p, board, slot, group, k)
        for f in range(len(p.floors)):
            if p.floors[f] == broken:
                k.lacking[f] -= 1
    else:
        members = board.words[TAKEN, group] & p.mask[broken] & p.open_positions
        drawn = draw_bit(members, k)
        if drawn < 0:
            return False
        freed = ONE << np.uint64(drawn - p.tail_count)
    return _refilled(p, board, trial, now, k, freed, NOTHING, MEND_SPREAD, MEND_TRIALS)


@inline
def _room_for_one_of(p, board, slot, group, k):  # type: ignore[no-untyped-def]
    """Return a slot and those in the way of one drawn from a group (-1: from all) there."""
    drawn = draw_one_of(p, board, slot, group, k)
    freed = ONE << np.uint64(slot)
    return freed | _in_the_way(p, board, slot, drawn, k) if drawn >= 0 else freed


@inline
def _in_the_way(p, board, slot, rank, k):  # type: ignore[no-untyped-def]
    """Draw, for each group of a rank that is full at a slot, one slot counted with it."""
    freed, bit = ZERO, ONE << np.uint64(p.tail_count + slot)
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group = p.group_of[entry]
        if (board.words[HARDLY, group] | board.words[SOFTLY, group]) & bit:
            taken = board.words[TAKEN, group]
            members = taken & ~bit & _counted_with(p, group, taken, bit)
            drawn = draw_bit(members, k)
            if drawn >= 0:
                freed |= ONE << np.uint64(drawn - p.tail_count)
    return freed


@inline
def _note_lacking(p, board, k):  # type: ignore[no-untyped-def]
    """Note what each floor lacks now."""
    for f in range(len(p.floors)):
        have = popcount(board.words[TAKEN, p.floor_group[f]] & p.mask[p.floors[f]])
        k.lacking[f] = max(p.least[p.floors[f]] - have, 0)


@inline
def _above_sunk(p, board):  # type: ignore[no-untyped-def]
    """Return the word of slots above the first of the sunk: nobody else may stand below it."""
    for slot in range(p.slot_count):
        rank = board.slate[slot]
        if rank >= 0 and has(p.may[1, slot], rank):
            return low_bits(slot)
    return low_bits(p.slot_count)


@inline
def _refilled(p, board, trial, now, k, freed, target, spread, trials):  # type: ignore[no-untyped-def]
    """Free slots, and more at random, and refill them so that the page is worth over `target`."""
    want = FREED_LEAST + draw(k, spread)
    for _ in range(2 * FREED_MAX):
        if popcount(freed) < want:
            freed |= ONE << np.uint64(draw(k, p.slot_count))
    freed &= _above_sunk(p, board)
    copy_board(board, trial)
    size, worth = 0, -now[OBJECTIVE]
    while freed and size < FREED_MAX:
        slot = lowest(freed)
        freed &= freed - ONE
        rank = board.slate[slot]
        if rank >= 0 and (p.pinned[slot] == rank or has(p.may[1, slot], rank)):
            continue
        if (p.open >> np.uint64(slot)) & ONE:
            k.freed[size] = slot
            size += 1
            if rank >= 0:
                worth -= p.utility[rank] * p.discount[slot]
                lift(p, trial, slot)
    k.size[0], k.worth[0] = size, worth
    if size == 0 or refill(p, trial, k, target, trials) <= target:
        return False
    for depth in range(size):
        place(p, trial, k.freed[depth], k.found[depth])
    copy_board(trial, board)
    return True
