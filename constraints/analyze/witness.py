"""A witness as a ready case file, with what the policy does today as what it expects."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from constraints.analyze.universe import INTERNAL, Told
from constraints.cases.reading import cases_of
from constraints.cases.running import run
from constraints.facts import date_of
from constraints.page import Page
from constraints.policy import Policy


def case_file(name: str, page: Page, rows: tuple[Told, ...], policy: Policy) -> str:
    """Write a case of some rows on a page; what it expects is what the policy decides."""
    told: dict[str, Any] = {
        "surface": page.surface,
        "terminal": page.terminal,
        "day": date_of(page.day),
        "slot_count": page.slot_count,
        "viewer_class": str(page.viewer_class),
        "is_personalised": page.is_personalised,
    }
    if page.first_slot:
        told["first_slot"] = page.first_slot
    offered = [
        {"id": f"c{at}", "utility": 9 - at, **_tellable(row)} for at, row in enumerate(rows[:9])
    ]
    case: dict[str, Any] = {"name": name, "candidates": tuple(offered)}
    case["slate"] = ("",) * page.slot_count  # a case must expect something; put right below
    outcome = run(cases_of("witness", {"page": told, "case": (case,)})[0], policy)
    case["candidates"] = offered
    case["slate"] = outcome.slate
    lines = ["[page]", *_fields(told), "", "[[case]]", *_fields(case)]
    return "\n".join(lines) + "\n"


def _tellable(row: Told) -> dict[str, Any]:
    """Leave out columns that are worked out from others: a case cannot tell them."""
    told: dict[str, Any] = {name: text for name, text in row if name not in INTERNAL}
    return told | ({"registered": False} if "registered" in told else {})


def _fields(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_toml(value)}" for name, value in table.items()]


def _toml(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)
