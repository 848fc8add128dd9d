"""Measures what the field uses beside it, in one run: `python -m loadtests.bench.against --help`.

Exit code: 1 where somebody disagrees who may stand, where a hard rule is broken by who knows it, or
where somebody is better than the best; speed is told, and fails nothing. Nothing is written then.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from loadtests.bench.against import eligible, slates
from loadtests.bench.against.tables import OURS, text, write
from loadtests.bench.measure import Outcome
from loadtests.bench.pages import REGIMES
from loadtests.bench.peers import PEERS, STRATEGIES
from loadtests.progress import progress

GROWS: Final = ("catalogue", "pages", "rules")
LAPS_OF_GROWTH: Final = 100
BUSY: Final = 0.5 * (os.cpu_count() or 1)  # load before anything is measured


def main(words: list[str] | None = None) -> int:
    """Measure, print, and write the tables where asked."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench.against",
        description="Measure what the field uses for the same work, in one run.",
    )
    parser.add_argument("--python", type=Path, required=True, help="where the peers are installed")
    parser.add_argument("--pages", type=int, default=20, help="a regime, or of eligibility")
    parser.add_argument("--laps", type=int, default=800, help="whole calls of each kind")
    parser.add_argument("--titles", type=int, default=1_000_000, help="of the large catalogue")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables between marks")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(words)
    if asked.pages < 2:
        parser.error("--pages: at least 2")
    if not asked.python.exists():
        parser.error(f"--python: there is no {asked.python}; `make bench-peers` installs the peers")
    if os.getloadavg()[0] > BUSY:
        told_of = f"the machine is busy (load {os.getloadavg()[0]:.1f}): mistrust times and CP-SAT"
        print(told_of, file=sys.stderr)
    faults: list[str] = []
    told: dict[str, Any] = {"slates": _slates(asked, faults)}
    told["eligible"] = _eligible(asked, faults)
    told["calls"] = _figures("serving", "--laps", str(asked.laps))
    few = ("--titles", str(asked.titles), "--laps", str(LAPS_OF_GROWTH), "--steps", *GROWS)
    told["growth"] = {"titles": asked.titles, "figures": _figures("growth", *few)}
    tables = text(told)
    print(json.dumps(told | {"faults": faults}, indent=1) if asked.json else tables)
    for fault in faults:
        print(fault, file=sys.stderr)
    if asked.write and not faults:
        write(asked.write, tables)
    return 1 if faults else 0


def _slates(asked: argparse.Namespace, faults: list[str]) -> dict[str, Any]:
    with progress("slates of the engine and of peers", len(REGIMES) * asked.pages) as tick:
        found = slates.outcomes(asked.pages, tick)
    known = [one for one in found if one.method == "default"]
    with progress("slates of CP-SAT", len(known)) as tick:
        solved = list(slates.cpsat(asked.python, known, tick))
    bounds = {(one.regime, one.seed): bound for one, bound in solved}
    found += [one for one, _ in solved]
    faults += slates.faults(found, bounds)
    methods = (*OURS, *PEERS, slates.CPSAT)
    return {
        "pages": asked.pages,
        "proved": sum(one.optimum.is_proved for one in known),
        "methods": {
            method: {"version": _version(method, asked.python)}
            | _method([one for one in found if one.method == method], bounds)
            for method in methods
        },
    }


def _method(found: Sequence[Outcome], bounds: dict[slates.Key, int]) -> dict[str, Any]:
    def means(figure: Callable[[Outcome], float]) -> dict[str, float]:
        held = {regime: [one for one in found if one.regime == regime] for regime in REGIMES}
        return {regime: float(np.mean([*map(figure, each)])) for regime, each in held.items()}

    micros = [one.micros for one in found]
    return {
        "broken": means(lambda one: one.verdict.hard > 0),
        "lost": means(lambda one: one.is_lost),
        "utility": means(lambda one: slates.utility(one, bounds)),
        "p50_us": float(np.percentile(micros, 50)),
        "p99_us": float(np.percentile(micros, 99)),
    }


def _version(method: str, python: Path) -> str:
    """Return package and version of a peer, empty for what stands in this project."""
    if method == slates.CPSAT:
        code = "import importlib.metadata as m; print(m.version('ortools'), end='')"
        told = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, check=True)
        return f"ortools {told.stdout.decode()}"
    return f"pyversity {version('pyversity')}" if method in STRATEGIES else ""


def _eligible(asked: argparse.Namespace, faults: list[str]) -> dict[str, Any]:
    titles = eligible.Titles.drawn(eligible.TITLES, 1)
    drawn = eligible.pages(titles, asked.pages, 2)
    with progress("policy engines", None):
        mine = eligible.ahead(titles, drawn)
        answers = {"ours": mine, "ours, at once": eligible.at_once(titles, drawn)}
        answers |= eligible.theirs(asked.python, titles, drawn)
    said = {name: answer.allowed for name, answer in answers.items()}
    said["what judges"] = eligible.judged(titles, drawn)
    for name, allowed in said.items():
        unlike = int((np.array(allowed) != np.array(mine.allowed)).sum())
        if unlike:
            faults.append(f"{name} and ours disagree on {unlike} candidates")
    return {
        name: {
            "version": answer.version,
            "p50_us": float(np.median(answer.micros)),
            "once_us": answer.once_us,
        }
        for name, answer in answers.items()
    }


def _figures(name: str, *words: str) -> list[dict[str, Any]]:
    """Run another bench; what it measures counts here, not whether its bars are met."""
    with progress(f"bench of {name}", None):
        done = subprocess.run(
            [sys.executable, "-m", f"loadtests.bench.{name}", "--json", *words],
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
    if not done.stdout:
        raise SystemExit(f"the bench of {name} failed:\n{done.stderr}")
    told: Any = json.loads(done.stdout)
    figures: list[dict[str, Any]] = told if isinstance(told, list) else told["figures"]
    return figures


if __name__ == "__main__":
    sys.exit(main())
