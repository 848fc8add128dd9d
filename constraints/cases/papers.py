"""Good papers: what a case holds true of a candidate unless it says otherwise; see the data."""

import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

from constraints.fact_text import COLUMNS
from constraints.facts import Facts

_LABELS: Final = tuple(
    name for name in COLUMNS if "labels" in Facts.__dataclass_fields__[name].metadata
)


def good_row(told: Mapping[str, str], day: date, kind: str = "") -> dict[str, str]:
    """Return a row of text with every paper in order on a day, but for what is told.

    Args:
        told: column → text.
        day: of the page.
        kind: whose papers; of its own kind unless given, and of a drama where that is unknown.
    """
    papers = _data().get(kind or told.get("kind", "drama"))
    good = papers if isinstance(papers, dict) else _data()["drama"]
    row = {**good, **told}
    return {column: _text(value, row, day) for column, value in good.items()} | dict(told)


def own_labels(key: str) -> dict[str, str]:
    """Return labels that a candidate shares with nobody, so that no cap of a group binds it."""
    return dict.fromkeys(_LABELS, f"of {key} alone")


def usual_day() -> date:
    """Return the day of a case that names none."""
    day: date = _data()["day"]
    return day


@cache
def _data() -> dict[str, Any]:
    text = files("constraints").joinpath("good_papers.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _text(value: Any, row: Mapping[str, Any], day: date) -> str:
    """Write a value; one that hangs on the day, or on another column, is worked out."""
    if not isinstance(value, dict):
        return str(value)
    if "days_before" in value:
        return (day - timedelta(days=value["days_before"])).isoformat()
    return str(value.get(row[value["by"]], ""))
