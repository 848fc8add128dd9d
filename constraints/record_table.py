"""The table of number forms, issuers and faults, read from record_numbers.toml."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

IssuerClass: TypeAlias = Literal["nrta", "bureau", "platform"]
Tier: TypeAlias = Literal["key", "ordinary", "other"]
Document: TypeAlias = Literal["licence", "filing"]
_OPEN: Final = date.max


@dataclass(frozen=True, slots=True)
class Form:
    """One form a number may have; the fields are those of the table.

    Attributes:
        pattern: matches a whole normalised text; groups `issuer`, `year`, `serial`.
        tiers: class of issuer → tier; a class that is not in it cannot issue this form.
        issuer_if_none: class of the issuer where none is written; empty where one must be.
        since, until: first and last day in force.
    """

    id: str
    pattern: re.Pattern[str]
    stem: str
    letter: str
    document: Document
    tiers: Mapping[IssuerClass, Tier]
    year_min: int
    year_usual: int
    since: date
    source: str
    grade: str
    seen: bool
    issuer_if_none: IssuerClass | Literal[""] = ""
    until: date = _OPEN


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who a short name stands for: `nrta`, the first short name of a province, or a platform."""

    id: str
    issuer_class: IssuerClass


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table.

    Attributes:
        forms: in order of the file.
        issuers: short name → issuer.
        unverified: short names that are refused by name.
        words: code of a fault → language → its words, with `{part}` for the user's text.
        marker: finds the words of a number, whatever stands in place of 审 or 备.
    """

    forms: tuple[Form, ...]
    issuers: Mapping[str, Issuer]
    unverified: frozenset[str]
    words: Mapping[str, Mapping[str, str]]
    marker: re.Pattern[str]


@cache
def table() -> Table:
    """Return the table shipped with this version."""
    text = files("constraints").joinpath("record_numbers.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    forms = tuple(_form(entry, raw["parts"]) for entry in raw["form"])
    stems = sorted({form.stem for form in forms}, key=len, reverse=True)
    return Table(
        forms=forms,
        issuers=_issuers(raw),
        unverified=frozenset(raw["issuers"]["unverified"]),
        words=raw["faults"],
        marker=re.compile(f"(?P<stem>{'|'.join(map(re.escape, stems))})(?P<letter>[^()字]?)字"),
    )


def _form(entry: Mapping[str, Any], parts: Mapping[str, str]) -> Form:
    pattern = entry["pattern"]
    for name, part in parts.items():
        pattern = pattern.replace(f"{{{name}}}", part)
    return Form(**{**entry, "pattern": re.compile(pattern)})


def _issuers(raw: Mapping[str, Any]) -> dict[str, Issuer]:
    found = {name: Issuer("nrta", "nrta") for name in raw["issuers"]["nrta"]}
    for names in raw["issuers"]["bureaus"]:
        found |= {name: Issuer(names[0], "bureau") for name in names}
    for platform, aliases in raw["platforms"].items():
        found |= {name: Issuer(platform, "platform") for name in aliases}
    return found
