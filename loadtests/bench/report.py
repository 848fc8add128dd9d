"""Sums a run up: tables as the engine's description has them, each bar beside its figure.

Times are those of the solver alone, but for the bars of governing: gather, solve and verify.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from loadtests.bench.governing import Governing
from loadtests.bench.measure import METHODS, MODES, Outcome
from loadtests.bench.pages import REGIMES, SMALL, Cell
from loadtests.bench.peers import PEERS
from loadtests.pages import DATA_SETS

MEANS: Final = {"loose": 0.9995, "tight": 0.995, "edge": 0.993}
WORSTS: Final = {"loose": 0.99, "tight": 0.95, "edge": 0.95}
EXACT: Final = 0.97
TIMED: Final = ("tight", Cell(500, 20))
RATIOS: Final = {"greedy": 0.25, "default": 2.0}  # of the p50 of MMR
GOVERNING: Final = {("default", 50): 1.0, ("default", 99): 2.0, ("fast", 50): 0.4}  # ms


class Bar(NamedTuple):
    """A goal, what was measured, and whether that is enough."""

    goal: str
    bar: str
    figure: str
    is_met: bool


class Line(NamedTuple):
    """What one method did on a set of pages; shares are of pages, ratios of the optimum.

    Attributes:
        hard: pages with a level-0 breach.
        needless: share that gives up more than needed.
        lost: share that is not lawful in all though a wholly lawful page exists.
        exact: share that gives up exactly what the optimum does.
        mean, worst: objective in parts of the optimum, where as much is given up.
        worth: mean objective in parts of the optimum, whatever was broken for it.
        p50, p99: µs.
    """

    pages: int
    hard: int
    needless: float
    lost: float
    exact: float
    mean: float
    worst: float
    worth: float
    p50: float
    p99: float


def line(outcomes: Sequence[Outcome]) -> Line:
    """Sum outcomes of one method up; relaxations count only where the optimum is proved."""
    proved = [one for one in outcomes if one.optimum.is_proved]
    ratios = np.array([one.ratio for one in proved])
    ratios = ratios[~np.isnan(ratios)]
    micros = np.array([one.micros for one in outcomes])
    return Line(
        pages=len(outcomes),
        hard=sum(one.verdict.hard > 0 for one in outcomes),
        needless=_share(one.is_needless for one in proved),
        lost=_share(one.is_lost for one in proved),
        exact=_share(one.verdict.score[:-1] == one.ideal.score[:-1] for one in proved),
        mean=float(ratios.mean()) if len(ratios) else math.nan,
        worst=float(ratios.min()) if len(ratios) else math.nan,
        worth=float(np.mean([one.worth for one in outcomes])),
        p50=float(np.percentile(micros, 50)),
        p99=float(np.percentile(micros, 99)),
    )


def _share(holds: Iterable[bool]) -> float:
    held = list(holds)
    return sum(held) / len(held) if held else math.nan


class Summary:
    """A run, summed up.

    Args:
        outcomes: all of them.
        governing: mode → what governing a page takes.
    """

    def __init__(self, outcomes: Sequence[Outcome], governing: Mapping[str, Governing]) -> None:
        self.governing = governing
        large = [one for one in outcomes if one.cell != SMALL and one.regime in REGIMES]
        small = [one for one in outcomes if one.cell == SMALL]
        self.large = {
            (regime, method): line([o for o in large if (o.regime, o.method) == (regime, method)])
            for regime in REGIMES
            for method in METHODS
        }
        self.small = {
            (regime, mode): line([o for o in small if (o.regime, o.method) == (regime, mode)])
            for regime in ("tight", "edge")
            for mode in MODES
        }
        self.timed = {
            method: line([o for o in outcomes if ((o.regime, o.cell), o.method) == (TIMED, method)])
            for method in METHODS
        }
        self.real = {
            (data_set, method): line(held)
            for data_set in DATA_SETS
            for method in METHODS
            if (held := [o for o in outcomes if (o.regime, o.method) == (data_set, method)])
        }
        ours = [one for one in outcomes if one.method in MODES]
        self.hard = sum(one.verdict.hard > 0 for one in ours)
        self.impossible = sum(one.is_impossible for one in outcomes)
        unproved = [o for o in outcomes if o.method == "default" and not o.optimum.is_proved]
        self.unproved: list[dict[str, Any]] = [
            {
                "regime": o.regime,
                "cell": str(o.cell),
                "seed": o.seed,
                "oracle_of_bound": o.ideal.objective / max(o.optimum.bound, 1),
                "default_of_bound": o.of_bound,
            }
            for o in unproved
        ]

    def bars(self) -> list[Bar]:
        """Compare with the bars."""
        found = [
            Bar("level-0 breaches of the engine", "0", str(self.hard), self.hard == 0),
            Bar("better than proved", "0", str(self.impossible), self.impossible == 0),
        ]
        for regime in REGIMES:
            default = self.large[regime, "default"]
            found.append(
                Bar(
                    f"{regime}, 500+: pages with needless relaxations",
                    "0 %",
                    _percent(default.needless),
                    default.needless == 0,
                )
            )
            for name, figure, least in (
                ("mean", default.mean, MEANS[regime]),
                ("worst", default.worst, WORSTS[regime]),
            ):
                bar = f"≥ {_percent(least)}"
                goal = f"{regime}, 500+: {name} objective of optimum"
                found.append(Bar(goal, bar, _percent(figure), figure >= least))
        for regime in ("tight", "edge"):
            small = self.small[regime, "default"]
            told = f"{_percent(small.exact)}, p50 {small.p50:.0f} µs"
            goal = f"{regime}, {SMALL}: exact relaxations"
            found.append(Bar(goal, f"≥ {_percent(EXACT)}", told, small.exact >= EXACT))
        peer = self.timed["mmr"].p50
        for mode, most in RATIOS.items():
            ratio = self.timed[mode].p50 / peer
            goal = f"p50 of {mode} to that of MMR, {' '.join(map(str, TIMED))}"
            found.append(Bar(goal, f"≤ {most:g} ×", f"{ratio:.2f} ×", ratio <= most))
        for (mode, percent), most in GOVERNING.items():
            each = self.governing[mode]
            figure = float(np.percentile(each.whole, percent)) / 1000
            parts = (float(np.percentile(part, percent)) / 1000 for part in each)
            told = f"{figure:.2f} ms ({' + '.join(f'{part:.2f}' for part in parts)})"
            goal = f"p{percent} of governing, {mode}: gather + solve + verify"
            found.append(Bar(goal, f"≤ {most:g} ms", told, figure <= most))
        return found

    def as_json(self) -> dict[str, Any]:
        """Return all figures, for programs."""
        return {
            "large": _as_json(self.large),
            "small": _as_json(self.small),
            "real": _as_json(self.real),
            "timed": _as_json(self.timed),
            "unproved": self.unproved,
            "bars": [bar._asdict() for bar in self.bars()],
        }

    def show(self, console: Console) -> None:
        """Print the tables."""
        for regime in REGIMES:
            rows = {method: self.large[regime, method] for method in METHODS}
            console.print(_table(f"{regime}: 500 candidates and more", rows))
        for regime in ("tight", "edge"):
            rows = {mode: self.small[regime, mode] for mode in MODES}
            console.print(_table(f"{regime}: {SMALL}", rows))
        for data_set in dict.fromkeys(data_set for data_set, _ in self.real):
            rows = {method: self.real[data_set, method] for method in METHODS}
            console.print(_table(f"{data_set} under the tight law", rows))
        console.print(_table(" ".join(map(str, TIMED)), self.timed))
        for one in self.unproved:
            console.print(
                f"no proof in time: {one['regime']} {one['cell']} seed {one['seed']}:"
                f" default at {_percent(one['default_of_bound'])} of the bound,"
                f" the oracle at {_percent(one['oracle_of_bound'])}"
            )
        table = Table("goal", "bar", "figure", "", title="bars")
        for bar in self.bars():
            table.add_row(bar.goal, bar.bar, bar.figure, "met" if bar.is_met else "NOT MET")
        console.print(table)


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{100 * share:.2f} %"


def _as_json(lines: Mapping[Any, Line]) -> dict[str, dict[str, float | None]]:
    """Return lines by their names; a figure that is not there is None."""
    return {
        key if isinstance(key, str) else " ".join(key): {
            name: None if math.isnan(figure) else figure for name, figure in each._asdict().items()
        }
        for key, each in lines.items()
    }


def _table(title: str, rows: dict[str, Line]) -> Table:
    names = ("method", "pages", "level-0 breached", "needless", "lost lawful", "exact", "mean")
    table = Table(*names, "worst", "p50 µs", "p99 µs", "of MMR", title=title)
    peer = rows["mmr"].p50 if "mmr" in rows else math.nan
    for name, each in rows.items():
        mean = f"({_percent(each.worth)})" if name in PEERS else _percent(each.mean)
        worst = "" if name in PEERS else _percent(each.worst)
        counts = f"{each.pages}", f"{each.hard}", _percent(each.needless), _percent(each.lost)
        ratio = f"{each.p50 / peer:.2f} ×" if "mmr" in rows else "–"
        times = f"{each.p50:.0f}", f"{each.p99:.0f}", ratio
        table.add_row(name, *counts, _percent(each.exact), mean, worst, *times)
    return table
