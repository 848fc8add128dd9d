"""The loops of the id join, compiled. `id_index.py` says the same in Python; tests hold them equal.

`IdIndex` describes the tables. A probe reads the `1 + len(slots) - size` slots from its home on
at most, and compares offsets with their bounds: no content of a table leads it outside. In a
large table nearly every step waits for memory, so each pass fetches ahead what the next one
reads. All words are uint64; numba turns mixed signed arithmetic into floats, hence the casts.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

from constraints.jit import inline, kernel

WIDTH = np.uint64(3)  # words a slot
NEAR = 4  # slots compared without a branch: a processor guesses wrong where an id stands
END = np.uint8(0xFF)
ZERO = np.uint64(0)
ONE = np.uint64(1)
HALF = np.uint64(32)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TENTH = np.uint64(0xFFFFFFFFFFFFFFFF // 10)
P1 = np.uint64(0x9E3779B185EBCA87)
P2 = np.uint64(0xC2B2AE3D27D4EB4F)
P3 = np.uint64(0x165667B19E3779F9)
P4 = np.uint64(0x85EBCA77C2B2AE63)
P5 = np.uint64(0x27D4EB2F165667C5)


@inline
def mixed(number, salt):  # type: ignore[no-untyped-def]
    """Mix the bits of a number, one to one: the finaliser of splitmix64."""
    word = number + salt * GOLDEN
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@inline
def turned(word, bits):  # type: ignore[no-untyped-def]
    """Rotate a word to the left."""
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@inline
def loaded(text, at, count):  # type: ignore[no-untyped-def]
    """Load `count` bytes as a little-endian word."""
    word = ZERO
    for byte in range(count):
        word |= np.uint64(text[at + np.uint64(byte)]) << np.uint64(8 * byte)
    return word


@inline
def folded(word, lane):  # type: ignore[no-untyped-def]
    """Take eight bytes into a lane."""
    return turned(word + lane * P2, 31) * P1


@inline
def xxh64(text, start, end, seed):  # type: ignore[no-untyped-def]
    """Hash `text[start:end]` by XXH64."""
    at = start
    if end - start >= np.uint64(32):
        a, b, c, d = seed + P1 + P2, seed + P2, seed, seed - P1
        while end - at >= np.uint64(32):
            a = folded(a, loaded(text, at, 8))
            b = folded(b, loaded(text, at + np.uint64(8), 8))
            c = folded(c, loaded(text, at + np.uint64(16), 8))
            d = folded(d, loaded(text, at + np.uint64(24), 8))
            at += np.uint64(32)
        word = turned(a, 1) + turned(b, 7) + turned(c, 12) + turned(d, 18)
        for lane in (a, b, c, d):
            word = (word ^ folded(ZERO, lane)) * P1 + P4
    else:
        word = seed + P5
    word += end - start
    while end - at >= np.uint64(8):
        word = turned(word ^ folded(ZERO, loaded(text, at, 8)), 27) * P1 + P4
        at += np.uint64(8)
    if end - at >= np.uint64(4):
        word = turned(word ^ (loaded(text, at, 4) * P1), 23) * P2 + P3
        at += np.uint64(4)
    while at < end:
        word = turned(word ^ (np.uint64(text[at]) * P5), 11) * P1
        at += ONE
    word = (word ^ (word >> np.uint64(33))) * P2
    word = (word ^ (word >> np.uint64(29))) * P3
    return word ^ (word >> HALF)


@inline
def decimal(text, start, end):  # type: ignore[no-untyped-def]
    """Read `text[start:end]` as (is it the plain form of a uint64, that number)."""
    count = end - start
    if count == ZERO or count > np.uint64(20) or (text[start] == 48 and count > ONE):
        return False, ZERO
    number = ZERO
    for at in range(start, end):
        digit = np.uint64(text[at]) - np.uint64(48)  # below "0" it wraps to something large
        if digit > np.uint64(9) or number > TENTH:
            return False, ZERO
        number = number * np.uint64(10) + digit
        if number < digit:  # it wrapped
            return False, ZERO
    return True, number


def _fetch(_: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of an element of a contiguous array, counted flat; never faults."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        start = context.make_array(signature.args[0])(context, builder, values[0]).data
        line = builder.bitcast(builder.gep(start, [values[1]]), ir.IntType(8).as_pointer())
        to_read, keep, data = ir.IntType(32)(0), ir.IntType(32)(3), ir.IntType(32)(1)
        asked = [line, to_read, keep, data]
        kind = ir.FunctionType(ir.VoidType(), [each.type for each in asked])
        named: Any = cgutils.get_or_insert_function
        builder.call(named(builder.module, kind, "llvm.prefetch.p0"), asked)
        return context.get_dummy_value()

    return types.void(array, index), generate


fetch: Any = intrinsic(_fetch)


@inline
def home_of(word, size):  # type: ignore[no-untyped-def]
    """Return the slot where the search for a word begins."""
    return (word >> HALF) * size >> HALF


@inline
def fetch_home(slots, word, size):  # type: ignore[no-untyped-def]
    """Ask for the slots that a search nearly always reads."""
    slot = home_of(word, size) * WIDTH
    fetch(slots, slot)
    fetch(slots, slot + np.uint64(NEAR) * WIDTH + WIDTH - ONE)


@inline
def first_slot(slots, word, size):  # type: ignore[no-untyped-def]
    """Return the first slot whose upper half is not below that of a word, or the last allowed."""
    tag = word >> HALF
    home = home_of(word, size)
    slot = home
    for near in range(NEAR):
        slot += np.uint64(np.uint64(slots[home + np.uint64(near), 0]) < tag)
    last = home + np.uint64(len(slots)) - size
    while np.uint64(slots[slot, 0]) < tag and slot < last:
        slot += ONE
    return slot


@inline
def number_row(slots, word, size, missing):  # type: ignore[no-untyped-def]
    """Return the row of a mixed number."""
    slot = first_slot(slots, word, size)
    last = home_of(word, size) + np.uint64(len(slots)) - size
    key = (np.uint64(slots[slot, 0]) << HALF) | np.uint64(slots[slot, 1])
    while key < word and slot < last:
        slot += ONE
        key = (np.uint64(slots[slot, 0]) << HALF) | np.uint64(slots[slot, 1])
    row = np.int32(slots[slot, 2]) if key == word else np.int32(-1)
    return row if row >= 0 else np.int32(missing)


@inline
def text_row(slots, letters, slot, word, size, text, start, end, missing):  # type: ignore[no-untyped-def]
    """Return the row of an id, from the first slot of its hash on."""
    tag = word >> HALF
    last = home_of(word, size) + np.uint64(len(slots)) - size
    while slot <= last and np.uint64(slots[slot, 0]) == tag:
        if is_text(letters, np.uint64(slots[slot, 2]), text, start, end):
            return np.int32(slots[slot, 1])
        slot += ONE
    return np.int32(missing)


@inline
def is_text(letters, at, text, start, end):  # type: ignore[no-untyped-def]
    """Tell whether the whole id that begins at `at` is `text[start:end]`."""
    count = end - start
    if at + count >= np.uint64(len(letters)) or letters[at + count] != END:
        return False
    same = ZERO
    while same < count and letters[at + same] == text[start + same]:
        same += ONE
    return same == count


@kernel
def find_numbers(numbers: Any, slots: Any, hashing: Any, missing: Any) -> Any:
    """Return the row of each number, (n,) int32."""
    rows = np.empty(len(numbers), np.int32)
    size, salt = hashing[0]
    for index in range(len(numbers)):
        fetch_home(slots, mixed(numbers[index], salt), size)
    for index in range(len(numbers)):
        rows[index] = number_row(slots, mixed(numbers[index], salt), size, missing)
    return rows


@kernel
def find_texts(raw, ends, numbers, slots, letters, hashing, missing):  # type: ignore[no-untyped-def]
    """Return the row of each id, (n,) int32; an id starts one byte behind the end before."""
    rows = np.empty(len(ends), np.int32)
    number_size, number_salt = hashing[0]
    size, salt = hashing[1]
    is_number, words = read_texts(raw, ends, salt)
    for index in range(len(ends)):
        if is_number[index]:
            words[index] = mixed(words[index], number_salt)
            fetch_home(numbers, words[index], number_size)
        else:
            fetch_home(slots, words[index], size)
    first = np.empty(len(ends), np.uint64)
    for index in range(len(ends)):
        if not is_number[index]:
            first[index] = first_slot(slots, words[index], size)
            fetch(letters, np.uint64(slots[first[index], 2]))
    start = ZERO
    for index in range(len(ends)):
        end, word = np.uint64(ends[index]), words[index]
        if is_number[index]:
            rows[index] = number_row(numbers, word, number_size, missing)
        else:
            slot = first[index]
            rows[index] = text_row(slots, letters, slot, word, size, raw, start, end, missing)
        start = end + ONE
    return rows


@kernel
def read_texts(raw: Any, ends: Any, salt: Any) -> Any:
    """Return of each id: is it a plain number, (n,) bool; that number, else its hash, uint64."""
    is_number = np.empty(len(ends), np.bool_)
    words = np.empty(len(ends), np.uint64)
    start = ZERO
    for index in range(len(ends)):
        end = np.uint64(ends[index])
        is_number[index], words[index] = decimal(raw, start, end)
        if not is_number[index]:
            words[index] = xxh64(raw, start, end, salt)
        start = end + ONE
    return is_number, words
