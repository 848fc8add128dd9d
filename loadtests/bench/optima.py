"""Proven optima, kept on disk: `python -m loadtests.bench.optima` computes what is missing.

One file of JSON lines a (regime, cell, family of seeds), in .slotwarden/oracle. A line counts only
for a page of the same digest, so a change of the generator is noticed.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from constraints.kernel import Tables
from loadtests.bench.oracle import Optimum, optimum
from loadtests.bench.pages import CELLS, REGIMES, SMALL, BenchPage, Cell, page
from loadtests.bench.real import CELL, RealPages
from loadtests.data import missing
from loadtests.pages import DATA_SETS

_ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = _ROOT / ".slotwarden" / "oracle"
DATA: Final = _ROOT.parent / "shared" / "data"
Draw = Callable[[str, Cell, int], BenchPage]
PATIENT_S: Final = 60.0  # of an optimum
FAMILIES: Final = {"tuning": 1000, "unseen": 7_000_000}  # the first seed of each


def digest(t: Tables) -> str:
    """Return the SHA-256 of all a page says."""
    whole = hashlib.sha256()
    for name, value in zip(t._fields, t, strict=True):
        whole.update(name.encode())
        whole.update(np.ascontiguousarray(value).tobytes())
    return whole.hexdigest()


def plan(data: Path) -> list[tuple[str, Cell, Draw]]:
    """List what is benched, and where its pages come from.

    Every regime on every cell, the tight ones on the small one, and public data if it is in `data`.
    """
    found: list[tuple[str, Cell, Draw]] = [
        *((regime, cell, page) for cell in CELLS for regime in REGIMES),
        ("tight", SMALL, page),
        ("edge", SMALL, page),
    ]
    if not missing(data):
        draw = RealPages(data).page
        found += [(data_set, CELL, draw) for data_set in DATA_SETS]
    return found


def known(regime: str, cell: Cell, family: str) -> dict[int, tuple[str, Optimum]]:
    """Read what is on disk: seed → (digest of the page, its optimum)."""
    path = _path(regime, cell, family)
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        row = json.loads(line)
        seed, of = row.pop("seed"), row.pop("digest")
        row["slate"] = np.array(row["slate"])
        found[seed] = of, Optimum(**row)
    return found


def optima(
    regime: str, cell: Cell, family: str, count: int, seconds: float, draw: Draw = page
) -> Iterator[tuple[int, BenchPage, Optimum]]:
    """Yield (seed, page, optimum) of the first of a family; compute and keep what is missing.

    What a shorter run than PATIENT_S could not prove is not kept: a longer one may.
    """
    held = known(regime, cell, family)
    for seed in range(FAMILIES[family], FAMILIES[family] + count):
        drawn = draw(regime, cell, seed)
        now = digest(drawn.tables)
        of, best = held.get(seed, ("", None))
        if best is None or of != now:
            best = optimum(drawn.tables, seconds)
            if best.is_proved or seconds >= PATIENT_S:
                _keep(_path(regime, cell, family), seed, now, best)
        yield seed, drawn, best


def _path(regime: str, cell: Cell, family: str) -> Path:
    return FOLDER / f"{family}-{regime}-{cell}.jsonl"


def _keep(path: Path, seed: int, of: str, best: Optimum) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    row = best._asdict() | {"slate": best.slate.tolist()}
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"seed": seed, "digest": of, **row}) + "\n")


def main(words: list[str] | None = None) -> int:
    """Compute, and say how many optima are proved."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.optima")
    parser.add_argument("--family", choices=FAMILIES, default="unseen")
    parser.add_argument("--pages", type=int, default=100, help="a regime and cell")
    parser.add_argument("--small-pages", type=int, help=f"with {SMALL}; as --pages if not given")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="the public data")
    parser.add_argument("--seconds", type=float, default=PATIENT_S, help="limit a page")
    asked = parser.parse_args(words)
    small = asked.small_pages or asked.pages
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        for regime, cell, draw in plan(asked.data):
            count = small if cell == SMALL else asked.pages
            task = bar.add_task(f"{asked.family} {regime} {cell}", total=count)
            proved, spent = 0, 0.0
            for _, _, best in optima(regime, cell, asked.family, count, asked.seconds, draw):
                proved += best.is_proved
                spent += best.seconds
                bar.advance(task)
            print(f"{asked.family} {regime} {cell}: {proved} of {count} proved, {spent:.0f} s")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
