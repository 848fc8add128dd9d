"""What one round may do to a page: build a part of it anew, exchange a few, mend what is broken."""

from typing import Final

import numpy as np

from constraints.jit import bare, inline, lowest, popcount
from constraints.kernel.board import HARDLY, SOFTLY, TAKEN, copy_board, excess, lift, place
from constraints.kernel.filling import CAREFUL, fill_board
from constraints.kernel.knobs import (
    FREED_LEAST,
    FREED_MAX,
    FREED_SPREAD,
    KEPT_OUT_MAX,
    TRIALS,
)
from constraints.kernel.layout import LOW_SIX, ONE, ZERO, has, low_bits
from constraints.kernel.refilling import refill
from constraints.kernel.scoring import EMPTY, OBJECTIVE, SUNK, score_board
from constraints.kernel.state import NONE, draw

NOTHING: Final = np.int64(-1)  # any page is worth more


@inline
def rebuild(p, board, trial, now, score, k, force_percent, caps_hold):  # type: ignore[no-untyped-def]
    """Copy the page to `trial`, take a part of it away, fill it anew, and score it."""
    copy_board(board, trial)
    ban_slot, banned = NONE, NONE
    if now[SUNK] > 0:
        _lift_sunk(p, trial)
    trial.dear[0] = 0
    if draw(k, 100) >= force_percent or not _force(p, trial, k):
        ban_slot, banned = _clear(p, trial, k)
    fill_board(p, trial, CAREFUL, ban_slot, banned)
    score_board(p, trial, score, caps_hold and trial.dear[0] == 0)


@inline
def _lift_sunk(p, board):  # type: ignore[no-untyped-def]
    for slot in range(p.slot_count):
        rank = board.slate[slot]
        if rank >= 0 and has(p.may[1, slot], rank):
            lift(p, board, slot)


@inline
def _clear(p, board, k):  # type: ignore[no-untyped-def]
    """Empty up to 55 % of the slots, in a run or scattered, 1 time in 32 all.

    Returns:
        One slot that was emptied, and its rank, which may not return there.
    """
    count = p.slot_count
    size = np.int64(2) + draw(k, max(np.int64(1), count * 11 // 20))
    kind = draw(k, 32)
    first = draw(k, count)
    if kind == 0:
        size = count
    ban_slot, banned = NONE, NONE
    for step in range(min(size, count)):
        slot = (first + step) % count if kind < 16 else draw(k, count)
        rank = board.slate[slot]
        if rank >= 0 and p.pinned[slot] != rank:
            if banned < 0 or draw(k, 2) == 0:
                ban_slot, banned = np.int32(slot), rank
            lift(p, board, slot)
    return ban_slot, banned


@inline
def _force(p, board, k):  # type: ignore[no-untyped-def]
    """Put someone worth more into a slot that some rule keeps it out of; eject who clashes.

    Returns:
        False, and the page as it was, where nobody is kept out of the slot drawn.
    """
    slot = draw(k, p.slot_count)
    stands = board.slate[slot]
    if stands < 0 or p.pinned[slot] == stands:
        return False
    rank = _kept_out(p, slot, stands, k)
    if rank < 0:
        return False
    above = np.int64(-1)  # where it stands now
    for other in range(p.slot_count):
        if board.slate[other] == rank:
            above = np.int64(other)
    if above >= 0:
        lift(p, board, above)
    lift(p, board, slot)
    _make_room(p, board, slot, rank)
    bit = ONE << np.uint64(p.tail_count + slot)
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        if board.words[HARDLY, p.group_of[entry]] & bit:
            return True
        if board.words[SOFTLY, p.group_of[entry]] & bit:
            board.dear[0] += 1
    place(p, board, slot, rank)
    for _ in range(draw(k, 3)):
        extra = draw(k, p.slot_count)
        if extra != slot and board.slate[extra] >= 0:
            lift(p, board, extra)
    return True


@inline
def _kept_out(p, slot, stands, k):  # type: ignore[no-untyped-def]
    """Draw one of the first ranks that are worth more than who stands in a slot, else NONE."""
    drawn, seen = NONE, np.int64(0)
    for at in range((stands >> 6) + 1):
        free = p.may[0, slot, at]
        if at == stands >> 6:
            free &= (ONE << (np.uint64(stands) & LOW_SIX)) - ONE
        while free and seen < KEPT_OUT_MAX:
            seen += 1
            if draw(k, seen) == 0:
                drawn = np.int32((at << 6) + lowest(free))
            free &= free - ONE
    return drawn


@inline
def _make_room(p, board, slot, rank):  # type: ignore[no-untyped-def]
    """Lift, for each group of a rank that is full at a slot, those worth least to the page."""
    bit = ONE << np.uint64(p.tail_count + slot)
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group = p.group_of[entry]
        while (board.words[HARDLY, group] | board.words[SOFTLY, group]) & bit:
            members = board.words[TAKEN, group] & _counted_with(p, group, bit)
            least, worth = np.int64(-1), np.int64(2**62)
            while members:
                other = lowest(members) - p.tail_count
                members &= members - ONE
                if board.slate[other] >= 0:
                    value = p.utility[board.slate[other]] * p.discount[other]
                    if value < worth:
                        least, worth = other, value
            if least < 0:
                break
            lift(p, board, least)


@inline
def _counted_with(p, group, bit):  # type: ignore[no-untyped-def]
    """Return the open positions that some cap of a group counts together with a position."""
    found = ZERO
    for span in range(p.span_start[group], p.span_start[group + 1]):
        if p.least[span] == 0:
            if p.window[span] == 0:
                if p.mask[span] & bit:
                    found |= p.mask[span]
            else:
                width, at = np.int64(p.window[span]), lowest(bit)
                found |= low_bits(at + width) & ~low_bits(max(at - width + 1, np.int64(0)))
    return found & p.open_positions


@bare
def exchange(p, board, now, k):  # type: ignore[no-untyped-def]
    """Free a slot that someone better is kept out of, those who keep it out, and a few more.

    Returns:
        True when the page is worth more; it never breaks anything it did not break before.
    """
    slot = draw(k, p.slot_count)
    stands = board.slate[slot]
    freed = ONE << np.uint64(slot)
    if stands >= 0:
        rank = _kept_out(p, slot, stands, k)
        if rank >= 0:
            for other in range(p.slot_count):
                if board.slate[other] == rank:
                    freed |= ONE << np.uint64(other)
            freed |= _in_the_way(p, board, slot, rank, k)
    _note_lacking(p, board, k)
    return _refilled(p, board, now, k, freed, -now[OBJECTIVE])


@bare
def mend(p, board, now, k):  # type: ignore[no-untyped-def]
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
            p, board, now, k, _room_for_one_of(p, board, slot, np.int64(-1), k), NOTHING
        )
    broken, group = _draw_broken(p, board, k)
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
        drawn = _draw_bit(members, k)
        if drawn < 0:
            return False
        freed = ONE << np.uint64(drawn - p.tail_count)
    return _refilled(p, board, now, k, freed, NOTHING)


@inline
def _draw_bit(word, k):  # type: ignore[no-untyped-def]
    """Draw one of the bits of a word, -1 where it has none."""
    drawn, seen = np.int64(-1), np.int64(0)
    while word:
        seen += 1
        if draw(k, seen) == 0:
            drawn = lowest(word)
        word &= word - ONE
    return drawn


@inline
def _draw_broken(p, board, k):  # type: ignore[no-untyped-def]
    """Draw one of the soft spans that are broken, and its group; -1 where none is."""
    broken, of, seen = np.int64(-1), np.int64(-1), np.int64(0)
    for group in range(len(p.occupied)):
        taken = board.words[TAKEN, group]
        for span in range(p.span_start[group], p.span_start[group + 1]):
            if p.level[span] > 0 and excess(p, span, taken, p.occupied[group]) > 0:
                seen += 1
                if draw(k, seen) == 0:
                    broken, of = np.int64(span), np.int64(group)
    return broken, of


@inline
def _room_for_one_of(p, board, slot, group, k):  # type: ignore[no-untyped-def]
    """Return a slot and those in the way of one drawn from a group (-1: from all) there."""
    drawn, seen = NONE, np.int64(0)
    for at in range(p.may.shape[2]):
        free = p.may[0, slot, at] & ~board.used[at]
        if group >= 0:
            free &= p.member[group, at]
        while free:
            seen += 1
            if draw(k, seen) == 0:
                drawn = np.int32((at << 6) + lowest(free))
            free &= free - ONE
    freed = ONE << np.uint64(slot)
    return freed | _in_the_way(p, board, slot, drawn, k) if drawn >= 0 else freed


@inline
def _in_the_way(p, board, slot, rank, k):  # type: ignore[no-untyped-def]
    """Draw, for each group of a rank that is full at a slot, one slot counted with it."""
    freed, bit = ZERO, ONE << np.uint64(p.tail_count + slot)
    for entry in range(p.group_start[rank], p.group_start[rank + 1]):
        group = p.group_of[entry]
        if (board.words[HARDLY, group] | board.words[SOFTLY, group]) & bit:
            members = board.words[TAKEN, group] & ~bit & _counted_with(p, group, bit)
            drawn = _draw_bit(members, k)
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
def _refilled(p, board, now, k, freed, target):  # type: ignore[no-untyped-def]
    """Free slots, and more at random, and refill them so that the page is worth over `target`."""
    want = FREED_LEAST + draw(k, FREED_SPREAD)
    for _ in range(8):
        if popcount(freed) < want:
            freed |= ONE << np.uint64(draw(k, p.slot_count))
    freed &= _above_sunk(p, board)
    size, worth = 0, -now[OBJECTIVE]
    while freed and size < FREED_MAX:
        slot = lowest(freed)
        freed &= freed - ONE
        rank = board.slate[slot]
        if rank >= 0 and (p.pinned[slot] == rank or has(p.may[1, slot], rank)):
            continue
        if (p.open >> np.uint64(slot)) & ONE:
            k.freed[size], k.found[size] = slot, rank
            size += 1
            if rank >= 0:
                worth -= p.utility[rank] * p.discount[slot]
                lift(p, board, slot)
    k.size[0], k.worth[0] = size, worth
    is_better = size > 0 and refill(p, board, k, target, TRIALS) > target
    for depth in range(size):
        if k.found[depth] >= 0:
            place(p, board, k.freed[depth], k.found[depth])
    return is_better
