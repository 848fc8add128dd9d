"""Facts as text: how rows of an import file, a case or a request are read into columns."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from enum import IntEnum
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

from constraints.errors import FactError, quoted
from constraints.facts import (
    DAY_MAX,
    DAY_MIN,
    ISSUERS_MAX,
    LAST_DAY,
    LISTINGS_MAX,
    THEMES_MAX,
    Facts,
    day_of,
    listing,
    put,
    subject_keys,
)
from constraints.record_facts import issuers_of, number_form
from constraints.terms import Document, DocumentStatus, Listing, NumberForm, Trope
from constraints.vocabulary import Vocabulary, group_name

TEXT_CHARS_MAX: Final = 512  # LIMIT: characters a value
NUMBERS: Final = "document_number"
"""Column of text that `number` and `issuers` are read from."""

COLUMNS: Final = tuple(f.name for f in fields(Facts) if "internal" not in f.metadata)
"""Names of the columns a row of text may have, in order."""

_META: Final = {f.name: f.metadata for f in fields(Facts)}
_TERMS: Final = [
    (start, end)
    for start, end in pairwise(COLUMNS)
    if start.removesuffix("_from") == end.removesuffix("_until")
]


def read_facts(
    rows: Iterable[Mapping[str, str]], themes: Vocabulary, *, is_registered: bool = True
) -> Facts:
    """Read rows of text, as they stand in an import file; unnamed columns are unknown.

    Args:
        rows: column → text; see `COLUMNS`. Empty text means unknown, or an open bound.
        themes: gives every theme its number; grows with new ones.
        is_registered: False for facts a caller sent along with a request.

    Raises:
        FactError: a value cannot be read; it names the column.
    """
    parsed = [parse_row(row, themes) for row in rows]
    table = Facts.unknown(len(parsed))
    for i, row in enumerate(parsed):
        for name, value in row.items():
            put(getattr(table, name), i, value)
    table.is_registered[:] = is_registered
    return table


def parse_row(row: Mapping[str, str], themes: Vocabulary) -> dict[str, Any]:
    """Read one row of text into numbers; columns that are not facts are left out.

    Returns:
        Column → int, or a list of ints for a column of several. Unknown values are absent.

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
    for start, end in _TERMS:
        if values.get(start, DAY_MIN) >= values.get(end, DAY_MAX):
            raise FactError(end, f"is before {start}")
    if values.get("themes"):
        told = _parts(row["themes"])
        values["tropes"] = _tropes(told, themes)
        values["primary_theme"] = [themes.number(told[0])]
        names = "|".join(sorted(themes.names[number] for number in values["themes"]))
        values["theme_set"] = [themes.number(group_name("theme_set", names))]
    numbers = (row.get(NUMBERS) or "").strip()
    if numbers:
        values["number"] = number_form(numbers, values.get("document", 0))
        values["issuers"] = subject_keys(issuers_of(numbers)[:ISSUERS_MAX]).tolist()
        _trust_no_contradiction(values)
    return values


def _tropes(tags: Iterable[str], themes: Vocabulary) -> int:
    """Return the flags of the tropes among tags, under their own names or those of their themes."""
    names = {name for tag in tags for name in (tag, themes.aliases.get(tag, tag))}
    found = (trope for trope, known in _known_tropes().items() if not names.isdisjoint(known))
    return sum(1 << trope - 1 for trope in found) or 1 << Trope.NONE - 1


@cache
def _known_tropes() -> dict[Trope, frozenset[str]]:
    told = tomllib.loads(files("constraints").joinpath("tropes.toml").read_text(encoding="utf-8"))
    return {Trope[name.upper()]: frozenset(names) for name, names in told.items()}


def _trust_no_contradiction(values: dict[str, Any]) -> None:
    """Forget what a number contradicts: no register holds one that cannot be right.

    One that names another document, or an impossible issuer, leaves the document itself unknown.
    """
    if values["number"] == NumberForm.CONTRADICTORY:
        values["document"] = Document.UNKNOWN
    is_verified = values.get("document_status") == DocumentStatus.VERIFIED
    if values["number"] != NumberForm.RIGHT and is_verified:
        values["document_status"] = DocumentStatus.UNKNOWN


def _parse_value(name: str, text: str, themes: Vocabulary) -> Any:
    if len(text) > TEXT_CHARS_MAX:
        raise ValueError(f"is longer than {TEXT_CHARS_MAX} characters")
    meta = _META[name]
    if "listings" in meta:
        return parse_listings(text)
    if "labels" in meta and meta["width"] == 1:
        return [themes.number(group_name(name, text))]
    if "labels" in meta:
        numbers = sorted({themes.number(tag) for tag in _parts(text)})
        if len(numbers) > THEMES_MAX:
            raise ValueError(f"has more than {THEMES_MAX} themes")
        return numbers
    if "flags" in meta:
        return _parse_flags(meta["enum"], text)
    if meta["enum"] is not None:
        return _parse_word(meta["enum"], text)
    if "amount" in meta:
        return _parse_amount(text, meta["amount"])
    return parse_day(text) + ("inclusive" in meta)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


def _parse_word(enum: type[IntEnum], text: str) -> int:
    member = enum.__members__.get(text.upper())
    if member is None or member == 0:
        known = ", ".join(name.lower() for name, value in enum.__members__.items() if value)
        raise ValueError(f"`{quoted(text)}` is not one of {known}")
    return int(member)


def _parse_flags(enum: type[IntEnum], text: str) -> int:
    members = [_parse_word(enum, part) for part in _parts(text)]
    if 1 in members and len(set(members)) > 1:
        raise ValueError("`none` stands beside others")
    return sum(1 << member - 1 for member in set(members))


def _parse_amount(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
        raise ValueError(f"`{quoted(text)}` is not a whole number from 1 to {most}")
    return int(text)


def parse_day(text: str) -> int:
    """Read a date like 2026-09-01 as a day number.

    Raises:
        ValueError: it is not one, or not of this century.
    """
    try:
        when = date.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or not 2000 <= when.year < 2100 or text != when.isoformat():
        raise ValueError(f"`{quoted(text)}` is not a date like 2026-09-01, year 2000 to 2099")
    return day_of(when)


def parse_listings(text: str) -> list[int]:
    """Read entries like `black_title` or `embargo:2026-09-01..2026-09-30`; the last day is in."""
    entries = set()
    for part in _parts(text):
        name, _, term = part.partition(":")
        first, dots, last = term.partition("..")
        if term and not dots:
            raise ValueError(f"`{quoted(part)}` is not like embargo:2026-09-01..2026-09-30")
        start = parse_day(first) if first else DAY_MIN
        stop = parse_day(last) + 1 if last else LAST_DAY
        if stop <= start:
            raise ValueError(f"`{quoted(part)}` ends before it begins")
        entries.add(listing(Listing(_parse_word(Listing, name)), start, stop))
    if len(entries) > LISTINGS_MAX:
        raise ValueError(f"has more than {LISTINGS_MAX} entries of lists")
    return sorted(entries)
