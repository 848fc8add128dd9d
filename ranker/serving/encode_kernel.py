"""Writes placements, moves and blocked candidates as protobuf does, compiled; `encode.py` asks it.

Written from the end on: so the size of a message is known when its head is written. Fields stand in
the order of their numbers; those that are zero or empty are left out, as proto3 has it. The numbers
are those of decision.proto: a test reads with protobuf what is written here.
"""

from typing import Any, NamedTuple

import numpy as np

from constraints.decision import SlotState
from constraints.facts import IntArray, WordArray
from constraints.jit import bare, inline, kernel
from constraints.reasons.rows import ARTICLE, BY, CAUSE, SLOT

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
ONE = np.uint64(1)
SEVEN = np.uint64(7)
MORE = np.uint64(0x80)
TEN = np.uint64(10)
DIGITS = 20  # of a uint64
FILLED, EMPTY, RESERVED = int(SlotState.FILLED), int(SlotState.EMPTY), int(SlotState.RESERVED)


class Texts(NamedTuple):
    """Texts side by side: text i is bytes start[i] to start[i + 1] - 1 of `text`.

    Attributes:
        text: (b,) uint8; start: (c + 1,) int32.
    """

    text: IntArray
    start: IntArray


class Asked(NamedTuple):
    """What is to be written beside the rows.

    Attributes:
        slate: (K,) int64.
        first_screen, reserved: words of slots.
        offered: candidates from here on joined.
        numbers: (n,) uint64 ids, or none where they are texts.
        ids: texts of those candidates that are named, empty where ids are numbers.
        articles: texts of rules and rows of the law; see `Named`.
        groups: names of the groups of rows.
    """

    slate: IntArray
    first_screen: np.uint64
    reserved: np.uint64
    offered: int
    numbers: WordArray
    ids: Texts
    articles: Texts
    groups: Texts


@kernel
def write(r: Any, a: Any) -> Any:
    """Write fields 1 to 4 of a `Decision`.

    Args:
        r: `Rows`.
        a: `Asked`.

    Returns:
        (b,) uint8, and of each article whether it is named.
    """
    out = np.empty(_size_max(r, a), np.uint8)
    at = _number(out, len(out), 4, np.uint64(r.blocked_count))
    for rank in range(len(r.blocked) - 1, -1, -1):
        at = _blocked(out, at, rank, r, a)
    for move in range(len(r.move) - 1, -1, -1):
        at = _move(out, at, move, r, a)
    for slot in range(len(a.slate) - 1, -1, -1):
        at = _placement(out, at, slot, r, a)
    named = np.zeros(len(a.articles.start) // 2, np.bool_)
    for each in range(len(r.reason)):
        named[r.reason[each, ARTICLE]] = True
    for each in range(len(r.duty)):
        named[r.duty[each, 1]] = True
    for each in range(len(r.named)):
        named[r.named[each]] = True
    return out[at:], named


@bare
def _size_max(r, a):  # type: ignore[no-untyped-def]
    """Return at least the size of what is written; heads, sizes and numbers take 64 at most."""
    one, article, group = max(_longest(a.ids), DIGITS), _longest(a.articles), _longest(a.groups)
    size = 64 + (len(a.slate) + len(r.move) + len(r.blocked)) * (one + 64)
    size += len(r.reason) * (2 * article + group + one + 64) + len(r.duty) * (2 * article + 64)
    for rank in range(len(r.blocked)):
        of = r.blocked[rank, 1]
        size += (r.named_start[of + 1] - r.named_start[of]) * (2 * article + 64)
    return size


@inline
def _longest(texts):  # type: ignore[no-untyped-def]
    longest = 0
    for one in range(len(texts.start) - 1):
        longest = max(longest, texts.start[one + 1] - texts.start[one])
    return longest


@inline
def _varint(out, at, value):  # type: ignore[no-untyped-def]
    size, rest = 1, value >> SEVEN
    while rest:
        rest >>= SEVEN
        size += 1
    at -= size
    for byte in range(size - 1):
        out[at + byte] = np.uint8(value | MORE)
        value >>= SEVEN
    out[at + size - 1] = np.uint8(value)
    return at


@inline
def _head(out, at, field, kind):  # type: ignore[no-untyped-def]
    out[at - 1] = field << 3 | kind
    return at - 1


@bare
def _number(out, at, field, value):  # type: ignore[no-untyped-def]
    if not value:
        return at
    return _head(out, _varint(out, at, np.uint64(value)), field, VARINT)


@bare
def _raw(out, at, field, kind, value, size):  # type: ignore[no-untyped-def]
    """Write `size` bytes of a word, the lowest first."""
    at -= size
    for byte in range(size):
        out[at + byte] = np.uint8(value >> np.uint64(8 * byte))
    return _head(out, at, field, kind)


@inline
def _double(out, at, field, value, bits):  # type: ignore[no-untyped-def]
    """Write a float64, given with its bits."""
    return _raw(out, at, field, FIXED64, bits, 8) if value else at


@bare
def _sized(out, at, field, end):  # type: ignore[no-untyped-def]
    """Write the head of what stands from `at` to `end`."""
    return _head(out, _varint(out, at, np.uint64(end - at)), field, BYTES)


@bare
def _text(out, at, field, texts, one):  # type: ignore[no-untyped-def]
    """Write a text, an empty one too."""
    end, start = at, texts.start[one]
    size = texts.start[one + 1] - start
    at -= size
    for byte in range(size):
        out[at + byte] = texts.text[start + byte]
    return _sized(out, at, field, end)


@inline
def _told(out, at, field, texts, one):  # type: ignore[no-untyped-def]
    """Write a text, nothing for an empty one."""
    return _text(out, at, field, texts, one) if texts.start[one + 1] > texts.start[one] else at


@bare
def _id(out, at, field, one, a):  # type: ignore[no-untyped-def]
    """Write a candidate's id."""
    if not len(a.numbers):
        return _text(out, at, field, a.ids, one)
    end, value = at, a.numbers[one]
    while True:
        at -= 1
        rest = value // TEN
        out[at] = np.uint8(np.uint64(48) + value - rest * TEN)
        value = rest
        if not value:
            return _sized(out, at, field, end)


@bare
def _reason(out, at, field, each, ratios, r, a):  # type: ignore[no-untyped-def]
    end, article = at, r.reason[each, ARTICLE]
    at = _number(out, at, 7, np.uint64(max(r.reason[each, SLOT], 0)))
    at = _told(out, at, 6, a.articles, 2 * article + 1)
    if r.reason[each, BY] >= 0:
        at = _id(out, at, 5, r.reason[each, BY], a)
    if r.group_of[each] >= 0:
        at = _told(out, at, 4, a.groups, r.group_of[each])
    at = _double(out, at, 3, r.ratio[each], ratios[each])
    at = _number(out, at, 2, np.uint64(r.reason[each, CAUSE]))
    at = _told(out, at, 1, a.articles, 2 * article)
    return _sized(out, at, field, end)


@kernel
def _placement(out, at, slot, r, a):  # type: ignore[no-untyped-def]
    end, one, bit = at, a.slate[slot], ONE << np.uint64(slot)
    on_screen = np.uint64((a.first_screen & bit) != 0)
    if one < 0:
        at = _number(out, at, 9, on_screen)
        state = RESERVED if a.reserved & bit else EMPTY
        at = _number(out, at, 2, np.uint64(state))
        return _sized(out, _number(out, at, 1, np.uint64(slot)), 1, end)
    ratios = r.ratio.view(np.uint64)
    at = _number(out, at, 11, np.uint64(one >= a.offered))
    for each in range(r.duty_start[slot + 1] - 1, r.duty_start[slot] - 1, -1):
        at = _duty(out, at, each, r, a)
    at = _number(out, at, 9, on_screen)
    for each in range(r.own_start[slot + 1] - 1, r.own_start[slot] - 1, -1):
        at = _reason(out, at, 8, each, ratios, r, a)
    at = _number(out, at, 7, np.uint64(not r.registered[slot]))
    at = _double(out, at, 6, r.scored[slot], r.scored.view(np.uint64)[slot])
    if r.received[slot]:
        at = _raw(out, at, 5, FIXED32, np.uint64(r.received.view(np.uint32)[slot]), 4)
    at = _id(out, at, 4, one, a)
    at = _number(out, at, 3, np.uint64(one))
    at = _number(out, at, 2, np.uint64(FILLED))
    return _sized(out, _number(out, at, 1, np.uint64(slot)), 1, end)


@bare
def _duty(out, at, each, r, a):  # type: ignore[no-untyped-def]
    end, article = at, r.duty[each, 1]
    at = _told(out, at, 3, a.articles, 2 * article + 1)
    at = _told(out, at, 2, a.articles, 2 * article)
    return _sized(out, _number(out, at, 1, np.uint64(r.duty[each, 0])), 10, end)


@kernel
def _move(out, at, move, r, a):  # type: ignore[no-untyped-def]
    end, one, now = at, r.move[move, 0], r.move[move, 2]
    ratios = r.ratio.view(np.uint64)
    for each in range(r.move_start[move + 1] - 1, r.move_start[move] - 1, -1):
        at = _reason(out, at, 6, each, ratios, r, a)
    if now >= 0:
        at = _number(out, at, 5, np.uint64(now))
        at = _number(out, at, 4, ONE)
    at = _number(out, at, 3, np.uint64(r.move[move, 1]))
    at = _id(out, at, 2, one, a)
    return _sized(out, _number(out, at, 1, np.uint64(one)), 2, end)


@bare
def _blocked(out, at, rank, r, a):  # type: ignore[no-untyped-def]
    end, one, of = at, r.blocked[rank, 0], r.blocked[rank, 1]
    for field in (4, 3):  # rows of the law, then rules
        for each in range(r.named_start[of + 1] - 1, r.named_start[of] - 1, -1):
            at = _text(out, at, field, a.articles, 2 * r.named[each] + (field == 4))
    at = _id(out, at, 2, one, a)
    return _sized(out, _number(out, at, 1, np.uint64(one)), 3, end)
