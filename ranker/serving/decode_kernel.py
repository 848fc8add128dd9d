"""Reads the candidates of a request from its bytes, compiled; `decode.py` asks it.

Most requests give their candidates as numbers with a utility each, and nothing else. Those are read
here, straight into arrays. Whatever is not plainly that, or has a fault, is left to protobuf and to
the checks behind it, which word it. The numbers of fields are those of rerank.proto: a test reads
with protobuf what is read here.
"""

from typing import Any

import numpy as np

from constraints.jit import bare, inline, kernel

COLUMNS, ROWS, IDS, UTILITIES = 13, 14, 1, 3
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
ONE = np.uint64(1)
SEVEN = np.uint64(7)
LOW = np.uint64(0x7F)
MORE = np.uint64(0x80)
SIGN = np.uint32(1 << 31)
INFINITE = np.uint32(0x7F800000)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
WRONG = -1


@kernel
def read(raw: Any, count_max: Any) -> Any:
    """Read the candidates of a request, if they are plain numbers with utilities.

    Args:
        raw: (b,) uint8, a `RerankRequest`.
        count_max: of candidates.

    Returns:
        Where the field of the candidates begins, and where it ends, 0 where they are not plain or
        something is wrong with them; (n,) uint64 ids, each once; (n,) float32, finite, >= 0.
    """
    nothing = np.empty(0, np.uint64), np.empty(0, np.float32)
    start, body, end = _found(raw)
    if end <= 0:
        return 0, 0, *nothing
    key, at, ids_end = _head(raw, body, end)
    if key != (IDS << 3 | BYTES) or ids_end < 0:
        return 0, 0, *nothing
    key, values, values_end = _head(raw, ids_end, end)
    if key != (UTILITIES << 3 | BYTES) or values_end != end:
        return 0, 0, *nothing
    count = (values_end - values) // 4
    if not 1 <= count <= count_max or 4 * count != values_end - values:
        return 0, 0, *nothing
    ids, bits = np.empty(count, np.uint64), np.empty(count, np.uint32)
    if not _numbers(ids, raw, at, ids_end) or _repeated(ids) or not _utilities(bits, raw, values):
        return 0, 0, *nothing
    return start, end, ids, bits.view(np.float32)


@bare
def _found(raw):  # type: ignore[no-untyped-def]
    """Find the one field of candidates: where it begins, its content, and where it ends."""
    start, body, end, at = 0, 0, 0, 0
    while at < len(raw):
        key, content, behind = _head(raw, at, len(raw))
        field = key >> 3
        if behind < 0 or field < 1 or field == ROWS:
            return 0, 0, 0
        if field == COLUMNS:
            if end or key != (COLUMNS << 3 | BYTES):
                return 0, 0, 0
            start, body, end = at, content, behind
        at = behind
    return start, body, end


@bare
def _head(raw, at, end):  # type: ignore[no-untyped-def]
    """Read the head of a field: its key, where its content begins, and what stands behind it.

    The last is WRONG where it does not lie within `end`, or is of no kind we know.
    """
    key, at = _varint(raw, at, end)
    kind, content = key & np.uint64(7), at
    if at == WRONG:
        return 0, 0, WRONG
    size = np.uint64(0)
    if kind == VARINT:
        size, at = _varint(raw, at, end)
        return np.int64(key), content, at
    if kind == BYTES:
        size, content = _varint(raw, at, end)
    elif kind == FIXED64:
        size = np.uint64(8)
    elif kind == FIXED32:
        size = np.uint64(4)
    else:
        return 0, 0, WRONG
    if content == WRONG or size > np.uint64(end - content):
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
