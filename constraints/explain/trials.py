"""Facts as they might be: which columns a rule reads, and values worth trying in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

import numpy as np

from constraints.catalogue import LABELS
from constraints.facts import DAY_MAX, DAY_MIN, Facts, IntArray, day_of, put, subject_keys
from constraints.page import Page
from constraints.rule import Rule

VALUES_MAX: Final = 24  # LIMIT: values tried in one column
NEVER: Final = frozenset(("kind", "subject", *LABELS))
"""Columns of which no change is proposed: which title it is, and of what kind and themes."""

GRAVE: Final = frozenset(
    (
        *("special_subjects", "investment_cny", "episode_s_min", "form", "ai_generated", "watch"),
        *("minor_impact", "uploader", "rerun", "access", "main_push", "category", "listings"),
        *("out_of_scope", "metric_fraud", "score_basis", "filed_on", "room_grade"),
        *(
            "anchor_grade",
            "restriction_from",
            "restriction_until",
            "account_grade",
            "quality_grade",
        ),
    )
)
"""Columns that describe the title itself: a change there is proposed only where no paper helps."""

_META: Final = {f.name: f.metadata for f in fields(Facts)}


@dataclass(frozen=True, slots=True)
class Edit:
    """One fact told otherwise.

    Attributes:
        column: of `Facts`.
        value: as it stands in the column: a number, or the numbers of a column of several.
    """

    column: str
    value: int | tuple[int, ...]


def with_edits(facts: Facts, row: int, edits: Sequence[Edit]) -> Facts:
    """Return the same rows, one of them told otherwise."""
    changed = {}
    for edit in edits:
        changed[edit.column] = getattr(facts, edit.column).copy()
        put(changed[edit.column], row, edit.value)
    return facts.with_columns(**changed)


def value_of(one: Facts, column: str) -> int | tuple[int, ...]:
    """Return what stands in a column of the first row, as an `Edit` would write it."""
    value = getattr(one, column)[0]
    return tuple(int(each) for each in value if each) if np.ndim(value) else int(value)


def edits_of(column: str, one: Facts, rules: Sequence[Rule], page: Page) -> list[Edit]:
    """List what might be told of a row in a column instead, the likeliest first.

    Args:
        column: of `Facts`.
        one: one row.
        rules: whose numbers, days and names are worth trying.
        page: gives the day.
    """
    if column in NEVER:
        return []
    now = getattr(one, column)[0]
    found = dict.fromkeys(_values(column, now, rules, page))
    told = (Edit(column, value) for value in found if not np.array_equal(value, now))
    return [edit for edit, _ in zip(told, range(VALUES_MAX), strict=False)]


def _values(
    column: str, now: Any, rules: Sequence[Rule], page: Page
) -> Iterator[int | tuple[int, ...]]:
    meta = _META[column]
    if column == "is_registered":
        yield 1
    elif column == "issuers":
        names = [name for rule in rules for name in getattr(rule, "platforms", ())]
        yield from (int(key) for key in subject_keys(names))
    elif "listings" in meta:
        yield from _without(now)
    elif "flags" in meta:
        yield 1
        yield from (1 << member - 1 for member in meta["enum"] if member > 1)
    elif meta["enum"] is not None:
        yield from (int(member) for member in reversed(meta["enum"]) if member)
    elif "amount" in meta:
        yield from _near(rules, meta["amount"])
    elif "inclusive" in meta:  # an end: none, or already over
        yield page.day + 1 if "through" in meta else DAY_MAX
        yield page.day
    else:  # a beginning, or a day on which something happened
        yield from (page.day, DAY_MIN if column.endswith("_from") else page.day - 400, page.day + 1)
        yield from _days(rules)


def _without(entries: IntArray) -> Iterator[tuple[int, ...]]:
    """Yield the entries of lists with all, and then with each one, struck off."""
    held = [int(entry) for entry in entries if entry]
    yield ()
    for entry in held:
        yield tuple(other for other in held if other != entry)


def _near(rules: Sequence[Rule], most: int) -> Iterator[int]:
    """Yield the numbers that rules name, and those next to them."""
    for number in sorted({n for rule in rules for n in _numbers(rule.model_dump())}):
        yield from (value for value in (number - 1, number, number + 1) if 1 <= value <= most)


def _days(rules: Sequence[Rule]) -> Iterator[int]:
    for day in sorted({d for rule in rules for d in _dates(rule.model_dump())}):
        yield from (day_of(day) - 1, day_of(day))


def _numbers(told: Any) -> Iterator[int]:
    if isinstance(told, dict):
        told = told.values()
    elif not isinstance(told, (list, tuple)):
        if isinstance(told, int) and not isinstance(told, bool) and told > 1:
            yield told
        return
    for each in told:
        yield from _numbers(each)


def _dates(told: Any) -> Iterator[date]:
    if isinstance(told, date):
        yield told
    elif isinstance(told, dict):
        for each in told.values():
            yield from _dates(each)
    elif isinstance(told, (list, tuple)):
        for each in told:
            yield from _dates(each)
