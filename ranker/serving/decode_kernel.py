"""Reads a plain request from its bytes, compiled; `decode.py` asks it.

Most requests give their candidates as numbers with a utility each, and beside them a few texts and
numbers. Those are read here, the candidates straight into arrays. Whatever is not plainly that, or
has a fault, is left to protobuf and to the checks behind it, which word it. The numbers of fields
are those of rerank.proto: a test reads with protobuf what is read here.
"""

from typing import Any

import numpy as np

from constraints.jit import bare, inline, kernel

COLUMNS, IDS, UTILITIES = 13, 1, 3
FIELDS = 16
TEXTS = np.uint64(1 << 1 | 1 << 2 | 1 << 5 | 1 << 7 | 1 << 11 | 1 << 12 | 1 << 15)
NUMBERS = np.uint64(1 << 3 | 1 << 4 | 1 << 9 | 1 << 10)
KEY, CONTENT, END = 0, 1, 2
"""Where a field begins; where its content begins, or the number it is; what stands behind it."""
VARINT, BYTES = 0, 2
ONE = np.uint64(1)
SEVEN = np.uint64(7)
LOW = np.uint64(0x7F)
MORE = np.uint64(0x80)
SIGN = np.uint32(1 << 31)
INFINITE = np.uint32(0x7F800000)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
NUMBER_MAX = np.uint64(1 << 31)
WRONG = -1


@kernel
def read(raw: Any, count_max: Any) -> Any:
    """Read a request, if it is plain.

    Args:
        raw: (b,) uint8, a `RerankRequest`.
        count_max: of candidates.

    Returns:
        (FIELDS, 3) int64 KEY, CONTENT and END of each field, 0 where it is not there; (n,) uint64
        ids, each once; (n,) float32 utilities, finite, >= 0. There are none where the request is
        not plain, or something is wrong with them.
    """
    at, none = np.zeros((FIELDS, 3), np.int64), np.empty(0, np.uint64)
    nothing = at, none, none.view(np.float32)
    if not _found(at, raw):
        return nothing
    end = at[COLUMNS, END]
    key, ids_at, ids_end = _head(raw, at[COLUMNS, CONTENT], end)
    if key != (IDS << 3 | BYTES) or ids_end < 0:
        return nothing
    key, values, values_end = _head(raw, ids_end, end)
    if key != (UTILITIES << 3 | BYTES) or values_end != end:
        return nothing
    count = (values_end - values) // 4
    if not 1 <= count <= count_max or 4 * count != values_end - values:
        return nothing
    ids, bits = np.empty(count, np.uint64), np.empty(count, np.uint32)
    if not _numbers(ids, raw, ids_at, ids_end) or _repeated(ids):
        return nothing
    if not _utilities(bits, raw, values):
        return nothing
    return at, ids, bits.view(np.float32)


@bare
def _found(found, raw):  # type: ignore[no-untyped-def]
    """Find the fields of a request, each once at most, and tell whether they are the plain ones."""
    at = 0
    while at < len(raw):
        key, content, behind = _head(raw, at, len(raw))
        field, kind = key >> 3, key & 7
        if behind < 0 or not 1 <= field < FIELDS or found[field, END]:
            return False
        if kind == VARINT:
            number, _ = _varint(raw, content, len(raw))
            if not NUMBERS >> np.uint64(field) & ONE or number >= NUMBER_MAX:
                return False
            content = np.int64(number)
        elif kind != BYTES or not (field == COLUMNS or TEXTS >> np.uint64(field) & ONE):
            return False
        found[field, KEY], found[field, CONTENT], found[field, END] = at, content, behind
        at = behind
    return found[COLUMNS, END] > 0


@bare
def _head(raw, at, end):  # type: ignore[no-untyped-def]
    """Read the head of a field: its key, where its content begins, and what stands behind it.

    The last is WRONG where it does not lie within `end`, or is of no kind we know.
    """
    key, at = _varint(raw, at, end)
    kind, content = key & np.uint64(7), at
    if at == WRONG:
        return 0, 0, WRONG
    if kind == VARINT:
        _, at = _varint(raw, at, end)
        return np.int64(key), content, at
    size, content = _varint(raw, at, end)
    if kind != BYTES or content == WRONG or size > np.uint64(end - content):
        return 0, 0, WRONG
    return np.int64(key), content, content + np.int64(size)


@inline
def _varint(raw, at, end):  # type: ignore[no-untyped-def]
    """Read a number as it is written shortest, and where it ends: WRONG for anything else."""
    value, shift = np.uint64(0), np.uint64(0)
    while at < end:
        byte = np.uint64(raw[at])
        at += 1
        if shift == 63 and byte > ONE:
            return value, WRONG
        value |= (byte & LOW) << shift
        if byte < MORE:
            return value, (at if byte or not shift else WRONG)
        shift += SEVEN
    return value, WRONG


@bare
def _numbers(ids, raw, at, end):  # type: ignore[no-untyped-def]
    """Read just as many numbers as there is room for."""
    for one in range(len(ids)):
        ids[one], at = _varint(raw, at, end)
        if at == WRONG:
            return False
    return at == end


@kernel
def _repeated(ids):  # type: ignore[no-untyped-def]
    """Tell whether a number stands twice: each is put where its hash says, or behind."""
    bits = 1
    while 1 << bits < 2 * len(ids):
        bits += 1
    held, last = np.full(1 << bits, -1, np.int32), (1 << bits) - 1
    for one in range(len(ids)):
        at = np.int64(ids[one] * GOLDEN >> np.uint64(64 - bits))
        while held[at] >= 0:
            if ids[held[at]] == ids[one]:
                return True
            at = at + 1 & last
        held[at] = one
    return False


@bare
def _utilities(bits, raw, at):  # type: ignore[no-untyped-def]
    """Read float32 by their bits; tell whether all are finite and none is below 0."""
    fine = True
    for one in range(len(bits)):
        word = np.uint32(0)
        for byte in range(4):
            word |= np.uint32(raw[at + 4 * one + byte]) << np.uint32(8 * byte)
        bits[one] = word if word != SIGN else np.uint32(0)  # -0.0 becomes 0.0
        fine &= bits[one] < INFINITE
    return fine
