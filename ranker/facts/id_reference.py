"""The loops of the id join in NumPy and Python: the fallback without numba, and its yardstick."""

from typing import Final, TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray

from constraints.facts import BoolArray, IntArray, WordArray

ByteArray: TypeAlias = NDArray[np.uint8]
Slots: TypeAlias = NDArray[np.uint32]

END: Final = 0xFF  # behind every stored id; no text in UTF-8 holds this byte
_GOLDEN: Final = 0x9E3779B97F4A7C15
_WORD: Final = 2**64
_HALF: Final = np.uint64(32)
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB


def mixed(numbers: WordArray, salt: int) -> WordArray:
    """Mix the bits of numbers, one to one: the finaliser of splitmix64."""
    word = numbers + np.uint64(salt * _GOLDEN % _WORD)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(_FIRST)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(_SECOND)
    return word ^ (word >> np.uint64(31))


def numbers_of(slots: Slots, salt: int) -> WordArray:
    """Return the numbers that stand in some slots, (k,) uint64: `mixed` undone."""
    word = _keys(slots, np.arange(len(slots)))
    word ^= (word >> np.uint64(31)) ^ (word >> np.uint64(62))
    word *= np.uint64(pow(_SECOND, -1, _WORD))
    word ^= (word >> np.uint64(27)) ^ (word >> np.uint64(54))
    word *= np.uint64(pow(_FIRST, -1, _WORD))
    word ^= (word >> np.uint64(30)) ^ (word >> np.uint64(60))
    return word - np.uint64(salt * _GOLDEN % _WORD)


def find_numbers(numbers: WordArray, slots: Slots, hashing: WordArray, missing: int) -> IntArray:
    """Return the row of each number, (n,) int32."""
    size, salt = hashing[0].tolist()
    words = mixed(numbers, salt)
    at = ((words >> _HALF) * np.uint64(size) >> _HALF).astype(np.int64)
    for _ in range(len(slots) - size):
        behind = _keys(slots, at) < words
        if not behind.any():
            break
        at += behind
    rows = np.where(_keys(slots, at) == words, slots[at, 2].view(np.int32), -1)
    return np.where(rows >= 0, rows, missing).astype(np.int32)


def _keys(slots: Slots, at: IntArray) -> WordArray:
    keys: WordArray = (slots[at, 0].astype(np.uint64) << _HALF) | slots[at, 1]
    return keys


def find_texts(
    raw: ByteArray,
    ends: IntArray,
    numbers: Slots,
    slots: Slots,
    letters: ByteArray,
    hashing: WordArray,
    missing: int,
) -> IntArray:
    """Return the row of each id, (n,) int32; an id starts one byte behind the end before."""
    size, salt = hashing[1].tolist()
    is_number, words = read_texts(raw, ends, salt)
    rows = find_numbers(words, numbers, hashing, missing)
    keys = _split(raw, ends)
    for index in np.flatnonzero(~is_number).tolist():
        tag = int(words[index]) >> 32
        home = tag * size >> 32
        found = missing
        for near in slots[home : home + 1 + len(slots) - size]:
            if near[0] == tag:
                start, stop = int(near[2]), int(near[2]) + len(keys[index])
                if letters[start : stop + 1].tobytes() == keys[index] + bytes([END]):
                    found = int(near[1])
                    break
            elif near[0] > tag:
                break
        rows[index] = found
    return rows


def read_texts(raw: ByteArray, ends: IntArray, salt: int) -> tuple[BoolArray, WordArray]:
    """Return of each id: is it a plain number, (n,) bool; that number, else its hash, uint64."""
    keys = _split(raw, ends)
    is_number = np.array([_is_number(key) for key in keys], bool)
    words = [
        int(key) if plain else xxhash.xxh64_intdigest(key, salt)
        for key, plain in zip(keys, is_number, strict=True)
    ]
    return is_number, np.array(words, np.uint64)


def _is_number(key: bytes) -> bool:
    plain = len(key) <= 20 and key.isdigit() and (key == b"0" or key[0] != ord("0"))
    return plain and int(key) < _WORD


def _split(raw: ByteArray, ends: IntArray) -> list[bytes]:
    data, starts = raw.tobytes(), [0, *(ends + 1).tolist()]
    return [data[start:end] for start, end in zip(starts, ends.tolist(), strict=False)]
