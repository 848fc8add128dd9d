"""Writes what was measured as tables of Markdown, and puts them between two marks of a file."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from loadtests.bench.against import eligible, slates
from loadtests.bench.growth import CANDIDATE_COUNTS, REQUEST, SLOT_COUNTS, SMALL, of_cell
from loadtests.bench.pages import REGIMES
from loadtests.bench.peers import STRATEGIES
from loadtests.bench.serving import TO_ECHO
from loadtests.bench.titles import CANDIDATES, SLOTS

MARKS: Final = ("<!-- peers -->", "<!-- /peers -->")
OURS: Final = ("fast", "default")
NAMES: Final = {
    **{mode: f"**`{mode}`**" for mode in OURS},
    "window-greedy": "window-greedy, as in PAI-Rec",
    **{name: name.upper() for name in STRATEGIES},
    slates.CPSAT: f"CP-SAT, {slates.CPSAT_S:g} s on two cores",
    "ours": "**ours**, compiled ahead",
    "ours, at once": "ours, facts sent along",
}
P50_P99: Final = ("p50", "p99")
Row = Sequence[str]
_NUMBER: Final = re.compile(r"[0-9][0-9,]*")


def text(told: Mapping[str, Any]) -> str:
    """Return all tables, with a line above each.

    Args:
        told: part → what was measured of it.
    """
    parts = (_slates(told["slates"]), _eligible(told["eligible"]))
    return "\n\n".join((*parts, _calls(told["calls"]), of_growth(told["growth"])))


def write(path: Path, told: str) -> None:
    """Put a text between the marks of a file.

    Raises:
        SystemExit: the file lacks them.
    """
    before, start, rest = path.read_text("utf-8").partition(MARKS[0])
    _, end, behind = rest.partition(MARKS[1])
    if not start or not end:
        raise SystemExit(f"{path}: has no {' … '.join(MARKS)}")
    path.write_text(f"{before}{start}\n{told}\n{end}{behind}", "utf-8")


def _slates(told: Mapping[str, Any]) -> str:
    regimes = " / ".join(REGIMES)
    head = (
        f"a page of {CANDIDATES} for {SLOTS} slots",
        f"breaks hard rules, % of pages: {regimes}",
        "lawful page lost, %",
        "utility, % of the optimum",
        *("p50 ms", "p99 ms", "× `default`"),
    )
    base = told["methods"]["default"]["p50_us"]
    rows = []
    for name, one in told["methods"].items():
        worth = _each(one["utility"], 1)
        rows.append(
            (
                _named(name, one),
                _each(one["broken"], 0),
                _each(one["lost"], 0),
                f"({worth})" if any(one["broken"].values()) else worth,
                *(f"{one[key] / 1e3:.2f}" for key in ("p50_us", "p99_us")),
                _ratio(one["p50_us"] / base),
            )
        )
    note = (
        f"{told['pages']} pages a regime, {_optima(told)}; times are of all pages. In brackets: "
        "what is gained by breaking rules. CP-SAT has the same rules, written down for it untimed; "
        "a page it loses is one it has no slate for in time."
    )
    return f"{_table(head, rows)}\n\n{note}"


def _named(name: str, one: Mapping[str, Any]) -> str:
    label = NAMES.get(name, name)
    return f"{label} ({one['version']})" if one["version"] else label


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _optima(told: Mapping[str, Any]) -> str:
    proved, pages = told["proved"], told["pages"] * len(REGIMES)
    return "all optima proved" if proved == pages else f"{proved} of {pages} optima proved"


def _each(shares: Mapping[str, float], digits: int) -> str:
    return " / ".join(f"{100 * shares[regime]:.{digits}f}" for regime in REGIMES)


def _eligible(told: Mapping[str, Any]) -> str:
    head = (
        f"who of {CANDIDATES} may stand, by {len(eligible.RULES)} shipped rules",
        *("µs a page", "× ours", "once, µs a title"),
    )
    base, rows = told["ours"]["p50_us"], []
    for name, one in told.items():
        once = f"{one['once_us']:,.1f}" if one["once_us"] else "–"
        rows.append(
            (_named(name, one), f"{one['p50_us']:,.0f}", _ratio(one["p50_us"] / base), once)
        )
    note = (
        "All agree on every candidate. Ours gathers groups and weights and sorts in that time, "
        "too. The others have rules compiled and the facts of all titles loaded ahead."
    )
    return f"{_table(head, rows)}\n\n{note}"


def _calls(figures: Sequence[Mapping[str, Any]]) -> str:
    value = {one["name"]: one["value"] for one in figures}
    head = ("a whole call over the wire", "p50 ms", "p99 ms", "× echo's p50", "× echo's p99")
    rows = [("echo of as many bytes", *(f"{value[f'echo, {at}']:.2f}" for at in P50_P99), "1", "1")]
    for kind in OURS:
        times = (f"{value[f'{kind}, {at}']:.2f}" for at in P50_P99)
        ratios = (f"{value[TO_ECHO.format(kind, at)]:.1f}" for at in P50_P99)
        rows.append((NAMES[kind], *times, *ratios))
    (log,) = (one for one in figures if one["name"].startswith("log on / off"))
    return f"{_table(head, rows)}\n\n{log['name']}: {log['value']:.2f} ×."


def of_growth(told: Mapping[str, Any]) -> str:
    """Return the table of what a request costs as something grows."""
    value = {one["name"]: one["value"] for one in told["figures"]}
    few, many = f"{SMALL:,} titles", f"{told['titles']:,} titles"
    grows = {
        f"candidates for {SLOTS} slots": [of_cell(count, SLOTS) for count in CANDIDATE_COUNTS],
        f"slots for {CANDIDATES} candidates": [of_cell(CANDIDATES, count) for count in SLOT_COUNTS],
        "rules about each title": ["5 row-wise rules", "50 row-wise rules"],
        "rules about the page": ["5 page rules", "40 page rules"],
        "the catalogue": [few, many],
    }
    rows = []
    for what, names in grows.items():
        p50 = [value[REQUEST.format(name)] / 1e3 for name in names]
        sizes = _sizes(what, names)
        times = " / ".join(f"{ms:.2f}" for ms in p50)
        rows.append((what, sizes, times, f"{p50[-1] / p50[0]:.2f}"))
    head = ("what grows", "from, to", "p50 of a request in process, ms", "last to first")
    return _table(head, rows)


def _sizes(what: str, names: Sequence[str]) -> str:
    """Return the number of each name that differs."""
    at = 1 if what.startswith("slots") else 0
    found = (_NUMBER.findall(name) for name in names)
    return " / ".join(numbers[at] for numbers in found)


def _table(head: Row, rows: Sequence[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
