"""The finite universe of witness rows: made from the words, days and bounds that rules name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations, islice, product
from typing import Any, Final

import numpy as np
from pydantic import BaseModel

from constraints.cases.papers import good_row
from constraints.cases.rows import words
from constraints.columns_read import columns_read
from constraints.conditions import Amount, Conditions, Past
from constraints.errors import FactError
from constraints.fact_text import COLUMNS, parse_row, read_facts
from constraints.facts import Facts, date_of, put, subject_keys
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
FOREIGN: Final = {
    "platform_filing": "（别处）网微剧备字（2025）第99000001号",
    "": "（别处）网微剧备字（2025）第99000001号",
}
"""Documents and numbers of a platform that no policy names."""
LABELS: Final = tuple(name for name, meta in _META.items() if "labels" in meta)
_OF_A_NUMBER: Final = frozenset(("document", "document_status", "document_number"))
_READ: Final = frozenset((*COLUMNS, *INTERNAL, "issuers"))
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
    """Read rows over good papers: the papers of a kind once, and then what each row tells."""
    told = tuple(rows)
    on = date_of(day)
    texts = [dict(row) for row in told]
    kinds = sorted({row.get("kind", "drama") for row in texts})
    papers = read_facts([good_row({"kind": kind}, on) for kind in kinds], Vocabulary())
    facts = papers.take(np.array([kinds.index(row.get("kind", "drama")) for row in texts]))
    for name in LABELS:  # a group of its own, so that no cap binds it
        getattr(facts, name)[:, 0] = np.arange(1, len(texts) + 1)
    for at, row in enumerate(texts):
        _tell(facts, at, row, on)
    keys = subject_keys(row.get("subject", f"r{at}") for at, row in enumerate(texts))
    registered = np.array(["registered" not in row for row in texts], np.bool_)
    keys = np.where(registered, keys, np.uint64(0))
    return Universe(told, facts.with_columns(subject=keys, is_registered=registered))


def _tell(facts: Facts, at: int, row: dict[str, str], on: date) -> None:
    """Write what a row tells into its place of a table."""
    if not row.keys().isdisjoint(_OF_A_NUMBER):  # they are read together, and may contradict
        row = {name: text for name, text in good_row(row, on).items() if name in _OF_A_NUMBER} | row
        row = {"number": "", "issuers": ""} | row
    read = parse_row(row, Vocabulary())
    for name in row.keys() & _READ | read.keys():
        column = getattr(facts, name)
        if name in INTERNAL and row.get(name):
            value = _number_of(name, row[name])
        elif name in read:
            value = read[name]
        else:
            value = _META[name].get("empty", 0)
        put(column, at, value)


def _number_of(name: str, text: str) -> int:
    """Return the number of a word that no row of text tells."""
    number = int(_META[name]["enum"][text.upper()]) if text else 0
    return 1 << number - 1 if "flags" in _META[name] and number else number


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


def texts_read(rule: Rule, day: int) -> list[str]:
    """Return the columns of text a rule's steering half reads."""
    return sorted({*columns_read(rule.rows, Facts.unknown(1), day)} & {*COLUMNS, *INTERNAL})


def _paired(rules: list[Rule], day: int) -> Iterator[dict[str, str]]:
    """Vary the columns of rules without conditions two at a time, once a type."""
    for rule in {rule.type: rule for rule in rules if not any(conditions_of(rule))}.values():
        same = [each for each in rules if each.type == rule.type]
        read = [name for name in texts_read(rule, day) if name != "kind"]
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
    for document, number in FOREIGN.items():
        for money in ("1", "200000"):
            told = {"document": document, "document_number": number, "investment_cny": money}
            yield {"kind": "drama"} | told
    for rule in rules:
        yield from _of_rule(rule, day)


def _of_rule(rule: Rule, day: int) -> Iterator[dict[str, str]]:
    """Yield whom a rule pins, whom its conditions are met by, and who lacks all it needs."""
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
    yield from _unmet(rule, day)


def _unmet(rule: Rule, day: int) -> Iterator[dict[str, str]]:
    """Yield rows a rule speaks of that have nothing of what it needs, known and unknown."""
    of, needs = getattr(rule, "of", None), getattr(rule, "needs", ())
    if of is None or not needs:
        return
    met = next(iter(meeting(of, day)), {})
    columns = [need.told[0][0] for need in needs]
    texts = [
        [""] + [t for t in values_of(c, (rule,), day) if not _meets(rule, c, t)] for c in columns
    ]
    for told in islice(product(*texts), PRODUCT_MAX):
        yield {"kind": "drama"} | met | dict(zip(columns, told, strict=True))


def _meets(rule: Rule, column: str, text: str) -> bool:
    """Tell whether a need of a rule names a text in a column."""
    said = [dict(need.told).get(column) for need in getattr(rule, "needs", ())]
    return any(isinstance(each, tuple) and text in each for each in said)


def is_readable(told: dict[str, str], day: int) -> bool:
    """Tell whether a row is one an import would take: a term ends after it begins."""
    terms = {name: text for name, text in told.items() if name.endswith(("_from", "_until"))}
    try:
        parse_row(terms, Vocabulary())
    except FactError:
        return False
    return True
