"""Values of facts in the words of an import file."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final

from constraints.facts import DAY_MAX, DAY_MIN, LAST_DAY, Facts, date_of, subject_keys
from constraints.rule import Rule
from constraints.terms import Listing

_META: Final = {f.name: f.metadata for f in fields(Facts)}


def issuers_named(rules: Iterable[Rule]) -> dict[int, str]:
    """Return key → name of the platforms that rules name."""
    names = dict.fromkeys(name for rule in rules for name in getattr(rule, "platforms", ()))
    return dict(zip(subject_keys(names).tolist(), names, strict=True))


def value_text(column: str, value: int | tuple[int, ...], issuers: Mapping[int, str]) -> str:
    """Write a value as an import file does; empty for unknown, and for an open bound.

    Args:
        column: of `Facts`.
        value: as it stands there.
        issuers: key → name of platforms; one that is not there is written as its key.
    """
    meta = _META[column]
    if isinstance(value, tuple):
        if "listings" in meta:
            return "|".join(map(_listing, value))
        return "|".join(issuers.get(each, f"{each:016x}") for each in value)
    if column == "is_registered":
        return "yes" if value else "no"
    if column == "issuers":
        return issuers.get(value, f"{value:016x}")
    if value == 0 and "empty" not in meta:
        return ""
    if "flags" in meta:
        members = (member for member in meta["enum"] if member and value >> member - 1 & 1)
        return "|".join(member.name.lower() for member in members)
    if meta["enum"] is not None:
        return str(meta["enum"](value).name.lower())
    if "amount" in meta:
        return str(value)
    if value in (0, DAY_MIN, DAY_MAX):
        return ""
    return date_of(value - ("inclusive" in meta)).isoformat()


def _listing(entry: int) -> str:
    name = Listing(entry >> 40).name.lower()
    first, after = entry >> 20 & LAST_DAY, entry & LAST_DAY
    start = "" if first == DAY_MIN else date_of(first).isoformat()
    end = "" if after == LAST_DAY else date_of(after - 1).isoformat()
    return f"{name}:{start}..{end}" if start or end else name
