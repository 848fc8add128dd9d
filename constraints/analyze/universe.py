"""The finite universe of witness rows: made from the words, days and bounds that rules name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations, islice, product
from typing import Any, Final

import numpy as np
from pydantic import BaseModel

from constraints.cases.papers import good_row, own_labels
from constraints.cases.rows import words
from constraints.conditions import Amount, Conditions, Past
from constraints.errors import FactError
from constraints.fact_text import COLUMNS, parse_row, read_facts
from constraints.facts import Facts, date_of, subject_keys
from constraints.rule import Rule
from constraints.vocabulary import Vocabulary

KINDS: Final = ("drama", "room", "video")
PRODUCT_MAX: Final = 48  # LIMIT: rows made from one condition
VALUES_MAX: Final = 12  # LIMIT: values of a column varied beside another
ROWS_MAX: Final = 20_000  # LIMIT: rows of a universe
_META: Final = {
    name: Facts.__dataclass_fields__[name].metadata for name in Facts.__dataclass_fields__
}
INTERNAL: Final = tuple(
    name for name, meta in _META.items() if "internal" in meta and meta["enum"] is not None
)
"""Columns of words that no row of text tells: worked out from a number, or from themes."""
Told = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """Rows to ask rules about.

    Attributes:
        told: of each row, column → text over good papers; `subject` for whom a rule pins.
        facts: the same rows as columns.
    """

    told: tuple[Told, ...]
    facts: Facts


def universe_of(rules: Iterable[Rule], day: int) -> Universe:
    """Make the rows that tell the rules of a policy apart on a day."""
    found = list(rules)
    rows: dict[Told, None] = {}
    for told in islice(_rows(found, day), ROWS_MAX):
        rows.setdefault(tuple(sorted(told.items())))
    return rows_of(rows, day)


def rows_of(rows: Iterable[Told], day: int) -> Universe:
    """Read rows over good papers."""
    told = tuple(rows)
    on, themes = date_of(day), Vocabulary()
    texts = [good_row(own_labels(f"r{at}") | dict(row), on) for at, row in enumerate(told)]
    facts = read_facts(texts, themes)
    for name in INTERNAL:
        column, members = getattr(facts, name), _META[name]["enum"].__members__
        for at, row in enumerate(told):
            text = dict(row).get(name)
            if text is not None:
                number = int(members[text.upper()]) if text else 0
                column[at] = 1 << number - 1 if "flags" in _META[name] and number else number
    keys = subject_keys(dict(row).get("subject", f"r{at}") for at, row in enumerate(told))
    registered = np.array(["registered" not in dict(row) for row in told], np.bool_)
    keys = np.where(registered, keys, np.uint64(0))
    return Universe(told, facts.with_columns(subject=keys, is_registered=registered))


def conditions_of(value: Any) -> Iterator[Conditions]:
    """Yield every condition within a rule."""
    if isinstance(value, Conditions):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from conditions_of(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from conditions_of(each)


def leaves(value: Any) -> Iterator[Any]:
    """Yield every plain value within a rule."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def values_of(column: str, rules: Iterable[Rule], day: int) -> list[str]:
    """Return texts that matter in a column: every word, days and bounds with their neighbours."""
    meta, on = _META[column], date_of(day)
    if "listings" in meta:
        return ["", *(f"{w}" for w in words(column)), f"{words(column)[0]}:2001-01-01..2001-01-02"]
    if meta["enum"] is not None:
        return ["", *(name.lower() for name, value in meta["enum"].__members__.items() if value)]
    if "labels" in meta:
        return [""]
    told = [leaf for rule in rules for leaf in leaves(rule.model_dump())]
    if "amount" in meta:
        numbers = {n for n in told if type(n) is int and n > 1}
        near = {n + step for n in numbers for step in (-1, 0, 1)} | {1}
        return ["", *(str(n) for n in sorted(near) if 1 <= n <= meta["amount"])]
    days = {on + timedelta(step) for step in (-1, 0, 1)}
    days |= {d + timedelta(step) for d in told if type(d) is date for step in (-1, 0)}
    backs = {n for n in told if type(n) is int and 0 < n < 9000}
    days |= {on - timedelta(n + step) for n in sorted(backs)[:12] for step in (0, 1)}
    return ["", *(d.isoformat() for d in sorted(days) if 2000 <= d.year < 2100)]


def meeting(condition: Conditions, day: int) -> Iterator[dict[str, str]]:
    """Yield rows that are as a condition says, or unknown, or otherwise in one column each."""
    choices = [[(name, text) for text in _texts(name, said, day)] for name, said in condition.told]
    for told in islice(product(*choices), PRODUCT_MAX):
        yield dict(told)


def _texts(name: str, said: Any, day: int) -> list[str]:
    on = date_of(day)
    match said:
        case Past():
            return [on.isoformat(), ""]
        case Amount():
            return [str(said.least or said.most), ""]
        case "running":
            return [(on + timedelta(1)).isoformat(), ""]
    return [*said, ""]


class _Reading:
    """Facts that remember which columns were read."""

    def __init__(self, facts: Facts) -> None:
        self.facts, self.read = facts, set[str]()

    def __len__(self) -> int:
        return len(self.facts)

    def __getattr__(self, name: str) -> Any:
        self.read |= {"kind"} if name in ("is_drama", "is_room") else {name}
        return getattr(self.facts, name)


def columns_read(rule: Rule, day: int) -> list[str]:
    """Return the columns of text a rule's steering half reads."""
    reading: Any = _Reading(Facts.unknown(1))
    rule.rows(reading, day)
    return sorted(reading.read & {*COLUMNS, *INTERNAL})


def _paired(rules: list[Rule], day: int) -> Iterator[dict[str, str]]:
    """Vary the columns of rules without conditions two at a time, once a type."""
    for rule in {rule.type: rule for rule in rules if not any(conditions_of(rule))}.values():
        same = [each for each in rules if each.type == rule.type]
        read = [name for name in columns_read(rule, day) if name != "kind"]
        for a, b in combinations(read, 2):
            values = (values_of(name, same, day)[:VALUES_MAX] for name in (a, b))
            for one, other in product(*values):
                for kind in KINDS[:2]:
                    told = {"kind": kind, a: one, b: other}
                    is_term = a.endswith(("_from", "_until")) or b.endswith(("_from", "_until"))
                    if not is_term or is_readable(told, day):
                        yield told


def _rows(rules: list[Rule], day: int) -> Iterator[dict[str, str]]:
    for kind in KINDS:
        yield {"kind": kind}
        yield {"kind": kind, "registered": "no"}
        yield {"kind": kind} | {c: "" for c in COLUMNS if c != "kind"}
    yield {"kind": ""}
    for column in (*COLUMNS, *INTERNAL):
        for text in values_of(column, rules, day):
            for kind in KINDS:
                told = {"kind": kind, column: text}
                if not column.endswith(("_from", "_until")) or is_readable(told, day):
                    yield told
    yield from _paired(rules, day)
    for rule in rules:
        for place in getattr(rule, "pins", ()):
            yield from ({"kind": kind, "subject": place.id} for kind in KINDS)
        met = [list(meeting(each, day)) for each in conditions_of(rule)]
        for at, rows in enumerate(met):
            for row in rows:
                for told in (row, *(row | other[0] for other in met[:at])):
                    if "kind" in told:
                        yield told
                    else:
                        yield from ({"kind": kind} | told for kind in KINDS)


def is_readable(told: dict[str, str], day: int) -> bool:
    """Tell whether a row is one an import would take: a term ends after it begins."""
    if not any(name.endswith(("_from", "_until")) for name in told):
        return True
    try:
        parse_row(good_row(told, date_of(day)), Vocabulary())
    except FactError:
        return False
    return True
