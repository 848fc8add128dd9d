"""Benches the engine: `python -m loadtests.bench --help`.

Pages of public data come along where it is at hand. Optima that are not on disk yet are computed
first, which takes some minutes. Exit code: 0 when every bar is met, else 1.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtests.bench.engine import ROUNDS
from loadtests.bench.governing import govern
from loadtests.bench.measure import REPEATS, Outcome, run
from loadtests.bench.optima import DATA, FAMILIES, plan
from loadtests.bench.report import GOVERNING, Summary


def main(words: list[str] | None = None) -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench",
        description="Measure the engine against proven optima and against its peers.",
    )
    parser.add_argument("--family", choices=FAMILIES, default="unseen", help="of seeds")
    parser.add_argument("--pages", type=int, default=100, metavar="N", help="a regime and cell")
    parser.add_argument("--seconds", type=float, default=60.0, help="limit of one optimum")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="the public data")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no tables")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw into an SVG or PNG file")
    asked = parser.parse_args(words)
    if asked.pages < 1:
        parser.error("--pages: must be at least 1")
    modes = dict.fromkeys(mode for mode, _ in GOVERNING)
    outcomes = _outcomes(asked)
    timed = {mode: govern(ROUNDS[mode], asked.pages, FAMILIES[asked.family]) for mode in modes}
    summary = Summary(outcomes, timed)
    if asked.plot:
        from loadtests.bench.plot import draw

        draw(asked.plot, summary.timed)
    told = _seeds(asked.family, asked.pages)
    if asked.json:
        print(json.dumps({"seeds": told, "rounds": ROUNDS, **summary.as_json()}, indent=1))
    else:
        console = Console(width=None if sys.stdout.isatty() else 130)
        console.print(f"{told}; one thread, median of {REPEATS} calls a page; rounds {ROUNDS}")
        summary.show(console)
    return 0 if all(bar.is_met for bar in summary.bars()) else 1


def _outcomes(asked: argparse.Namespace) -> list[Outcome]:
    """Run all pages, with a bar on a terminal."""
    what = plan(asked.data)
    progress = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, TimeRemainingColumn(), console=progress, disable=not progress.is_terminal
    ) as bar:
        task = bar.add_task("pages", total=asked.pages * len(what))
        told = asked.family, asked.pages, asked.seconds
        return list(run(what, *told, lambda: bar.advance(task)))


def _seeds(family: str, count: int) -> str:
    first = FAMILIES[family]
    told = "never used for tuning" if family == "unseen" else "the engine is tuned on these"
    return f"seeds {first} to {first + count - 1} of each regime and cell, {told}"


if __name__ == "__main__":
    sys.exit(main())
