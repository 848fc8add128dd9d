"""What we hold true of candidates: equal-length columns, one row a title, series or room.

A value is known or UNKNOWN (0); a rule takes the strict side of an unknown one. Days are int32,
counted from 1970-01-01 in Asia/Shanghai; an interval is half-open, [from, until).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from enum import IntEnum
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from constraints.errors import FactError, quoted
from constraints.vocabulary import Vocabulary

BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.integer[Any]]
FloatArray: TypeAlias = NDArray[np.floating[Any]]
WordArray: TypeAlias = NDArray[np.uint64]

THEMES_MAX: Final = 12  # LIMIT: themes a row
TEXT_CHARS_MAX: Final = 512  # LIMIT: characters a value
UNKNOWN_DAY: Final = 0
DAY_MIN: Final = 1  # an interval without a stated beginning
DAY_MAX: Final = 2**31 - 1  # an interval without a stated end
_EPOCH = date(1970, 1, 1)


class Kind(IntEnum):
    """What is offered. UNKNOWN is judged as a drama without documents."""

    UNKNOWN = 0
    DRAMA = 1
    ROOM = 2
    VIDEO = 3


class Document(IntEnum):
    """The best document a drama holds: 审字 licence, 备字 of a bureau, 备字 of a platform."""

    UNKNOWN = 0
    NONE = 1
    PLATFORM_FILING = 2
    BUREAU_FILING = 3
    LICENCE = 4


class DocumentStatus(IntEnum):
    """CLAIMED: the number has the right form. VERIFIED: found in a register."""

    UNKNOWN = 0
    CLAIMED = 1
    VERIFIED = 2
    REVOKED = 3


class Recheck(IntEnum):
    """Outcome of NRTA's review of the finished film (notice 35, three, 1)."""

    UNKNOWN = 0
    NONE = 1
    PENDING = 2
    PASSED = 3
    REFUSED = 4


class Support(IntEnum):
    """Highest official quality list the title stands on."""

    UNKNOWN = 0
    NONE = 1
    PROVINCIAL = 2
    NATIONAL = 3


class Plan(IntEnum):
    """The six "Micro-short Drama+" plans (notice of 2025-01-04)."""

    UNKNOWN = 0
    NONE = 1
    TRAVEL = 2
    LAW = 3
    BRAND = 4
    CLASSICS = 5
    SCIENCE = 6
    HERITAGE = 7


class Grade(IntEnum):
    """Violation grade of a live room or an anchor, best first. The scale is platform policy."""

    UNKNOWN = 0
    A = 1
    B = 2
    C = 3
    D = 4
    E = 5


class Restriction(IntEnum):
    """Order in force against a room or its anchor (notice 78, five)."""

    UNKNOWN = 0
    NONE = 1
    RECTIFY = 2
    SINK = 3
    STOP = 4
    CLOSED = 5


def day_of(when: date) -> int:
    """Count the days from 1970-01-01 to `when`."""
    return (when - _EPOCH).days


def date_of(day: int) -> date:
    """Turn a day number back into a date."""
    return _EPOCH + timedelta(days=day)


def subject_keys(ids: Iterable[str]) -> WordArray:
    """Return the key of each id, (n,) uint64, 0 for an empty one: 8 bytes of its BLAKE2b.

    LIMIT: two ids share a key once in 2**64 pairs, and nobody can choose one to match another's.
    """
    return np.array([_key(text) if text else 0 for text in ids], np.uint64)


def _key(text: str) -> int:
    raw = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little") or 1


def _parse_enum(enum: type[IntEnum], text: str) -> int:
    member = enum.__members__.get(text.upper())
    if member is None or member == 0:
        known = ", ".join(name.lower() for name, value in enum.__members__.items() if value)
        raise ValueError(f"`{quoted(text)}` is not one of {known}")
    return int(member)


def _parse_day(text: str) -> int:
    try:
        when = date.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or not 2000 <= when.year < 2100 or text != when.isoformat():
        raise ValueError(f"`{quoted(text)}` is not a date like 2026-09-01, year 2000 to 2099")
    return day_of(when)


def _column(dtype: type, *, enum: type[IntEnum] | None = None, **meta: Any) -> Any:
    return field(metadata={"dtype": dtype, "enum": enum, **meta})


@dataclass(frozen=True, slots=True)
class Facts:
    """Columns of equal length n. Every rule reads these and nothing else about a candidate.

    Attributes:
        is_registered: (n,) bool; False: nobody registered it, its kind is the caller's word.
        subject: (n,) uint64 key of the id it is registered under, see `subject_keys`; 0: nobody
            registered it. Candidates that stand for one subject have its key.
        kind: (n,) uint8 `Kind`.
        document, document_status: (n,) uint8; `Document`, `DocumentStatus`.
        document_from, document_until: (n,) int32 days between which the document is valid.
        recheck: (n,) uint8 `Recheck`.
        support, support_from, support_until: (n,) list membership and its days.
        plan: (n,) uint8 `Plan`, as published; plan_listed_on: (n,) int32 day the list that names
            the title was published, 0 when no published list names it.
        room_grade, anchor_grade: (n,) uint8 `Grade`; rated_on: (n,) int32 day, 0 unknown.
        restriction, restriction_from, restriction_until: (n,) order in force and its days.
        themes: (n, THEMES_MAX) int16 numbers of canonical themes, then 0.
    """

    is_registered: BoolArray = _column(np.bool_, internal=True)
    subject: WordArray = _column(np.uint64, internal=True)
    kind: IntArray = _column(np.uint8, enum=Kind)
    document: IntArray = _column(np.uint8, enum=Document, ages=True)
    document_status: IntArray = _column(np.uint8, enum=DocumentStatus, ages=True)
    document_from: IntArray = _column(np.int32, empty=DAY_MIN)
    document_until: IntArray = _column(np.int32, empty=DAY_MAX, inclusive=True)
    recheck: IntArray = _column(np.uint8, enum=Recheck, ages=True)
    support: IntArray = _column(np.uint8, enum=Support, ages=True)
    support_from: IntArray = _column(np.int32, empty=DAY_MIN)
    support_until: IntArray = _column(np.int32, empty=DAY_MAX, inclusive=True)
    plan: IntArray = _column(np.uint8, enum=Plan, ages=True)
    plan_listed_on: IntArray = _column(np.int32, empty=UNKNOWN_DAY)
    room_grade: IntArray = _column(np.uint8, enum=Grade)
    anchor_grade: IntArray = _column(np.uint8, enum=Grade)
    rated_on: IntArray = _column(np.int32, empty=UNKNOWN_DAY, ages=True)
    restriction: IntArray = _column(np.uint8, enum=Restriction)
    restriction_from: IntArray = _column(np.int32, empty=DAY_MIN)
    restriction_until: IntArray = _column(np.int32, empty=DAY_MAX, inclusive=True)
    themes: IntArray = _column(np.int16, labels=True)

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def is_drama(self) -> BoolArray:
        """(n,) bool: a drama, or something nobody told us the kind of."""
        is_drama: BoolArray = (self.kind == Kind.DRAMA) | (self.kind == Kind.UNKNOWN)
        return is_drama

    @property
    def is_room(self) -> BoolArray:
        """(n,) bool: a live room."""
        is_room: BoolArray = self.kind == Kind.ROOM
        return is_room

    def take(self, index: IntArray) -> Self:
        """Return the rows at `index` (k,); a row may be taken more than once."""
        return type(self)(*(getattr(self, f.name)[index] for f in fields(self)))

    def with_columns(self, **columns: NDArray[Any]) -> Self:
        """Return the same rows with some columns replaced."""
        return type(self)(*(columns.get(f.name, getattr(self, f.name)) for f in fields(self)))

    def aged(self) -> Self:
        """Return the same rows with every fact that a stale source may have changed UNKNOWN.

        INVARIANT: this never opens a slot. So a grade is kept and only its day forgotten: the worst
        grade, once known, is not better for being old.
        """
        ageing = (f.name for f in fields(self) if "ages" in f.metadata)
        return self.with_columns(**{name: np.zeros_like(getattr(self, name)) for name in ageing})

    @classmethod
    def unknown(cls, count: int) -> Self:
        """Return `count` rows of which nothing is known."""
        columns = []
        for f in fields(cls):
            shape = (count, THEMES_MAX) if "labels" in f.metadata else (count,)
            columns.append(np.full(shape, f.metadata.get("empty", 0), f.metadata["dtype"]))
        return cls(*columns)

    @classmethod
    def concatenate(cls, parts: Iterable["Facts"]) -> Self:
        """Return the rows of all parts, in order."""
        tables = list(parts)
        return cls(*(np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(cls)))

    @classmethod
    def from_rows(
        cls, rows: Iterable[Mapping[str, str]], themes: Vocabulary, *, is_registered: bool = True
    ) -> Self:
        """Read rows of text, as they stand in an import file; unnamed columns are unknown.

        Args:
            rows: column → text; see `COLUMNS`. Empty text means unknown, or an open bound.
            themes: gives every theme its number; grows with new ones.
            is_registered: False for facts a caller sent along with a request.

        Raises:
            FactError: a value cannot be read; it names the column.
        """
        parsed = [parse_row(row, themes) for row in rows]
        table = cls.unknown(len(parsed))
        for i, row in enumerate(parsed):
            for name, value in row.items():
                column = getattr(table, name)
                if name == "themes":
                    column[i, : len(value)] = value
                else:
                    column[i] = value
        table.is_registered[:] = is_registered
        return table


COLUMNS: Final = tuple(f.name for f in fields(Facts) if "internal" not in f.metadata)
"""Names of the columns a row of text may have, in order."""

_META: Final = {f.name: f.metadata for f in fields(Facts)}


def parse_row(row: Mapping[str, str], themes: Vocabulary) -> dict[str, Any]:
    """Read one row of text into numbers; columns that are not facts are left out.

    Returns:
        Column → int, or a sorted list of theme numbers. Unknown values are absent.

    Raises:
        FactError: a value cannot be read.
    """
    values: dict[str, Any] = {}
    for name in COLUMNS:
        text = (row.get(name) or "").strip()
        if not text:
            continue
        try:
            values[name] = _parse_value(name, text, themes)
        except ValueError as error:
            raise FactError(name, str(error)) from None
    for start, end in (("document_from", "document_until"), ("support_from", "support_until"),
                       ("restriction_from", "restriction_until")):  # fmt: skip
        if values.get(start, DAY_MIN) >= values.get(end, DAY_MAX):
            raise FactError(end, f"is before {start}")
    return values


def _parse_value(name: str, text: str, themes: Vocabulary) -> Any:
    if len(text) > TEXT_CHARS_MAX:
        raise ValueError(f"is longer than {TEXT_CHARS_MAX} characters")
    meta = _META[name]
    if meta["enum"] is not None:
        return _parse_enum(meta["enum"], text)
    if "labels" not in meta:
        return _parse_day(text) + ("inclusive" in meta)
    numbers = sorted({themes.number(tag.strip()) for tag in text.split("|") if tag.strip()})
    if len(numbers) > THEMES_MAX:
        raise ValueError(f"has more than {THEMES_MAX} themes")
    return numbers
