"""Measures what the field uses beside it, in one run: `python -m loadtests.bench.against --help`.

Exit code: 1 where somebody disagrees who may stand, or the engine breaks a hard rule; speed is
told, and fails nothing.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtests.bench.against import eligible, slates
from loadtests.bench.measure import METHODS
from loadtests.bench.pages import REGIMES
from loadtests.bench.report import line

MARKS: Final = ("<!-- peers -->", "<!-- /peers -->")
OURS: Final = ("greedy", "fast", "default", "best")
TITLES: Final = {
    "window-greedy": "window-greedy, as PAI-Rec's DiversityRuleSort",
    **{name: f"{name.upper()} (pyversity)" for name in ("mmr", "msd", "dpp", "ssd")},
    slates.CPSAT: f"CP-SAT (OR-tools), at most {slates.CPSAT_S:g} s",
}
TOLD: Final = ("×", "bytes a row")
Row = list[str]


def main(words: list[str] | None = None) -> int:
    """Measure, print, and write the tables where asked."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench.against",
        description="Measure what the field uses for the same work, in one run.",
    )
    parser.add_argument("--python", type=Path, required=True, help="where the peers are installed")
    parser.add_argument("--pages", type=int, default=15, help="a regime, or of eligibility")
    parser.add_argument("--laps", type=int, default=800, help="whole calls of each kind")
    parser.add_argument("--titles", type=int, default=1_000_000, help="of the large catalogue")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the tables in between marks"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(words)
    if asked.pages < 2:
        parser.error("--pages: at least 2")
    told: dict[str, Any] = {}
    faults: list[str] = []
    told["slates"] = _slates(asked, faults)
    told["eligible"] = _eligible(asked, faults)
    told["calls"] = _figures("loadtests.bench.serving", "--laps", str(asked.laps))
    titles = str(asked.titles)
    told["growth"] = _figures("loadtests.bench.growth", "--titles", titles, "--laps", "100")
    text = _text(told)
    if asked.write:
        _write(asked.write, text)
    print(json.dumps(told, indent=1) if asked.json else text)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _slates(asked: argparse.Namespace, faults: list[str]) -> dict[str, Any]:
    few = -(-asked.pages // 3)  # CP-SAT takes seconds
    with _progress("slates", len(REGIMES) * (asked.pages + few)) as tick:
        found = slates.outcomes(asked.pages, tick)
        found += slates.cpsat(asked.python, few, tick)
    told: dict[str, Any] = {}
    for method in (*METHODS, slates.CPSAT):
        mine = {
            regime: [one for one in found if (one.method, one.regime) == (method, regime)]
            for regime in REGIMES
        }
        whole = [one for held in mine.values() for one in held]
        micros = [one.micros for one in mine["tight"]] or [float("nan")]
        told[method] = {
            "broken": {r: slates.share_broken(held) for r, held in mine.items() if held},
            "worth": {r: line(held).worth for r, held in mine.items() if held},
            "p50_us": float(np.percentile(micros, 50)),
            "p99_us": float(np.percentile(micros, 99)),
        }
        if method in OURS and slates.share_broken(whole):
            faults.append(f"{method} breaks a hard rule")
    return told


def _eligible(asked: argparse.Namespace, faults: list[str]) -> dict[str, Any]:
    titles = eligible.Titles(eligible.TITLES, 1)
    drawn = eligible.pages(titles, asked.pages, 2)
    with _progress("policy engines", None):
        mine, compiling = eligible.ours(titles, drawn)
        others = eligible.theirs(asked.python, titles, drawn)
    for name, answer in others.items():
        if answer.allowed != mine.allowed:
            pairs = zip(answer.allowed, mine.allowed, strict=True)
            unlike = sum(a != b for one, other in pairs for a, b in zip(one, other, strict=True))
            faults.append(f"{name} disagrees on {unlike} titles")
    told = {
        name: {"version": answer.version, "p50_us": float(np.median(answer.micros))}
        for name, answer in {"ours": mine, **others}.items()
    }
    told["ours"]["once_a_title_us"] = compiling
    told["ours"]["allowed_share"] = float(np.mean(mine.allowed))
    return told


def _figures(module: str, *words: str) -> list[dict[str, Any]]:
    """Run another bench; what it measures counts here, not whether its bars are met."""
    with _progress(module, None):
        done = subprocess.run(
            [sys.executable, "-m", module, "--json", *words],
            stdout=subprocess.PIPE,
            check=False,
            encoding="utf-8",
        )
    told: Any = json.loads(done.stdout)
    figures: list[dict[str, Any]] = told if isinstance(told, list) else told["figures"]
    return figures


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Any]:
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _text(told: dict[str, Any]) -> str:
    base = told["slates"]["default"]["p50_us"]
    broken = f"breaks a hard rule, % of pages: {' / '.join(REGIMES)}"
    head = [
        "a slate of 20 from 500",
        broken,
        "worth, % of the optimum",
        "p50, p99 ms",
        "× `default`",
    ]
    rows: list[Row] = [head]
    for method, one in told["slates"].items():
        if method == "best":
            continue
        name = f"**`{method}`**" if method in OURS else TITLES[method]
        shares = " / ".join(_percent(one["broken"].get(regime), 0) for regime in REGIMES)
        worths = " / ".join(_percent(one["worth"].get(regime), 1) for regime in REGIMES)
        times = f"{one['p50_us'] / 1e3:.2f}, {one['p99_us'] / 1e3:.2f}"
        rows.append([name, shares, worths, times, f"{one['p50_us'] / base:.2g}"])
    mine = told["eligible"]["ours"]
    whom: list[Row] = [["who of 500 may stand, by seven rules", "µs a page", "× ours"]]
    for name, one in told["eligible"].items():
        label = "**ours**, compiled ahead" if name == "ours" else f"{name} ({_package(one)})"
        ratio = one["p50_us"] / mine["p50_us"]
        whom.append([label, f"{one['p50_us']:,.0f}", f"{ratio:.3g}"])
    calls: list[Row] = [["whole calls, and growth", ""]]
    calls += [[one["name"], _value(one)] for one in told["calls"]]
    # Of growth the ratios alone: its times are of other pages.
    calls += [[one["name"], _value(one)] for one in told["growth"] if one["unit"] in TOLD]
    once = mine["once_a_title_us"]
    note = (
        "Worth counts whatever was broken for it; CP-SAT and the optimum are held to every rule. "
        f"Ours gathers groups and weights in that time, too, and takes {once:.1f} µs a title "
        "once, when facts or rules change. All engines agree on every title."
    )
    return "\n\n".join([*map(_table, (rows, whom, calls)), note])


def _package(one: dict[str, Any]) -> str:
    return str(one["version"])


def _value(one: dict[str, Any]) -> str:
    return f"{one['value']:,.3g} {one['unit']}".strip()


def _percent(share: float | None, digits: int) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}"


def _table(rows: list[Row]) -> str:
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _write(path: Path, text: str) -> None:
    whole = path.read_text("utf-8")
    before, mark, rest = whole.partition(MARKS[0])
    _, end, behind = rest.partition(MARKS[1])
    if not mark or not end:
        raise SystemExit(f"{path}: has no {' … '.join(MARKS)}")
    path.write_text(f"{before}{mark}\n{text}\n{end}{behind}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
