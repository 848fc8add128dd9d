"""Dated aliases: which tag is another word for which theme, from when to when, and who says so.

INVARIANT: what is in force follows from the revision alone, never from the clock. An alias begins
and ends with the import that says so; hence no date of one lies ahead.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from constraints.errors import FactError, quoted
from constraints.fact_text import TEXT_CHARS_MAX, parse_day
from ranker.facts import confirming
from ranker.facts.store import Row

COLUMNS: Final = ("theme", "from", "until", confirming.BY, confirming.ON)
"""Columns of an alias beside its tag."""
DAYS: Final = ("from", "until", confirming.ON)


def begun(header: Sequence[str]) -> dict[str, str]:
    """Return what a confirmed proposal says beside its columns: one that had ended holds again."""
    return {"from": "", "until": ""} if confirming.CONFIRMED in header else {}


def in_force(rows: Mapping[str, Row]) -> dict[str, str]:
    """Return tag → canonical theme of the aliases that have not ended."""
    return {tag: row["theme"] for tag, row in rows.items() if not row.get("until")}


def check(rows: Mapping[str, Row], today: int) -> Callable[[str, Row], None]:
    """Return what refuses an alias that may not stand.

    Args:
        rows: aliases as the store holds them.
        today: day of the import.
    """
    held = in_force(rows)

    def alias(key: str, row: Row) -> None:  # nothing of it can contradict
        merged = {**rows.get(key, {}), **row}
        theme = merged.get("theme", "")
        if not theme:
            raise FactError("theme", "is missing")
        if theme == key:
            raise FactError("theme", f"`{quoted(key)}` is an alias of itself")
        if len(theme) > TEXT_CHARS_MAX:
            raise FactError("theme", f"is longer than {TEXT_CHARS_MAX} characters")
        confirming.check_name(merged.get(confirming.BY, ""))
        _check_days(merged, today)
        if merged.get("until"):
            held.pop(key, None)
            return
        if theme in held or key in held.values():
            raise FactError("theme", "an alias may not lead to another alias")
        held[key] = theme

    return alias


def _check_days(row: Row, today: int) -> None:
    days = {name: _day(name, row[name]) for name in DAYS if row.get(name)}
    for name, day in days.items():
        if day > today:
            raise FactError(name, f"`{row[name]}` has not come yet")
    if days.get("until", -1) == today:
        raise FactError("until", f"`{row['until']}` is not over; give the last day it held")
    if "until" in days and days["until"] < days.get("from", 0):
        raise FactError("until", "is before from")


def _day(name: str, text: str) -> int:
    try:
        return parse_day(text)
    except ValueError as error:
        raise FactError(name, str(error)) from None
