"""Protobuf's wire format, as far as a decision needs it.

Most of a reply repeats: the same rules, sources and marks for page after page. Written here, its
parts are kept as bytes and joined, where a message would be built field by field.
Each function writes what protobuf's own deterministic serialisation writes, which a test holds.
"""

from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from typing import Any, Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
_double: Final = Struct("<d").pack
_float: Final = Struct("<f").pack


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


SMALL: Final = tuple(_varint(value) for value in range(1 << 14))
"""Whole numbers as they are written, up to 16,383."""
_MORE: Final = tuple(bytes((value & 0x7F | 0x80, value >> 7 | 0x80)) for value in range(1 << 14))
TRUE: Final = SMALL[1]


def varint(value: int) -> bytes:
    """Write a whole number of 0 or more."""
    found = b""
    while value >= 1 << 14:
        found += _MORE[value & 0x3FFF]
        value >>= 14
    return found + SMALL[value]


def tag(field: int, kind: int) -> bytes:
    """Write the head of a field."""
    return _varint(field << 3 | kind)


def tags(message: Any) -> dict[str, bytes]:
    """Return the head of each field of a message."""
    kinds = {1: FIXED64, 2: FIXED32, 9: BYTES, 11: BYTES, 12: BYTES}  # double, float, string, …
    return {
        field.name: tag(field.number, BYTES if field.is_packed else kinds.get(field.type, VARINT))
        for field in message.DESCRIPTOR.fields
    }


def sized(head: bytes, data: bytes) -> bytes:
    """Write a field of bytes, a text or a message; a message is written even if it is empty."""
    size = len(data)
    return head + (SMALL[size] if size < 1 << 14 else varint(size)) + data


def data(head: bytes, value: bytes) -> bytes:
    """Write bytes or the bytes of a text, nothing for none."""
    return sized(head, value) if value else b""


@lru_cache(16_384)
def text(head: bytes, value: str) -> bytes:
    """Write a text that comes again and again, nothing for an empty one."""
    return sized(head, value.encode()) if value else b""


def number(head: bytes, value: int) -> bytes:
    """Write a whole number or a truth, nothing for 0."""
    return head + (SMALL[value] if value < 1 << 14 else varint(value)) if value else b""


def double(head: bytes, value: float) -> bytes:
    """Write a float64, nothing for 0."""
    return head + _double(value) if value else b""


def single(head: bytes, value: float) -> bytes:
    """Write a float32, nothing for 0."""
    return head + _float(value) if value else b""


def packed(head: bytes, values: Iterable[int]) -> bytes:
    """Write whole numbers, nothing for none."""
    data = b"".join([varint(value) for value in values])
    return sized(head, data) if data else b""
