"""Benches growth: `python -m loadtests.bench.growth --help`.

Does a page cost more when the catalogue, the rules or the shapes of pages grow? Whatever is
compared is measured in turn in one run. Exit code: 0 when every bar is met, else 1.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from rich.console import Console

from constraints.facts import IntArray
from constraints.offer import Offer
from constraints.page import Page
from constraints.solve import solve
from constraints.steering import compile_program
from constraints.verify import verify
from loadtests.bench import machine
from loadtests.bench.figures import WARM_UPS, Figure, in_turn, show
from loadtests.bench.rules import Fixed, law
from loadtests.bench.titles import (
    CANDIDATES,
    DAY,
    NOW_US,
    SLOTS,
    TEXT_CHARS,
    Served,
    as_texts,
    request,
)
from ranker.facts.id_index import IdIndex
from ranker.serving.service import RerankService

SMALL: Final = 10_000
LARGE: Final = 5_000_000
LAPS: Final = 400  # pages a variant, each asked for once: hardly a row is in a cache
REQUESTS: Final = 1_000
SHOWN: Final = 5  # of the first requests, one by one
FLAT: Final = 1.2
REQUEST: Final = "request in process, {}: p50"
CANDIDATE_COUNTS: Final = (125, 500, 2_000)  # for SLOTS slots
SLOT_COUNTS: Final = (5, 20, 50)  # of CANDIDATES candidates


def main(words: list[str] | None = None) -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench.growth",
        description="Measure what a page costs when catalogue, rules or page shapes grow.",
    )
    parser.add_argument("--titles", type=int, default=LARGE, help="of the large catalogue")
    parser.add_argument("--laps", type=int, default=LAPS, metavar="N", help="pages a variant")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="first ones of a process")
    named = {step.__name__.removeprefix("of_"): step for step in STEPS}
    parser.add_argument("--steps", nargs="+", choices=named, default=[*named], help="only these")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no tables")
    asked = parser.parse_args(words)
    if asked.titles < SMALL or asked.laps < 1 or asked.requests < SHOWN:
        parser.error(f"at least {SMALL} titles, 1 lap, {SHOWN} requests")
    figures: list[Figure] = []
    console = Console(stderr=True)
    with TemporaryDirectory(prefix="growth-") as name:
        for told in asked.steps:
            with console.status(f"measuring growth of {told.replace('_', ' ')}"):
                folder = Path(name) / told
                folder.mkdir()
                figures += named[told](folder, asked)
    if asked.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=1))
    else:
        show(figures, f"growth, {asked.laps} pages a variant")
    return 0 if all(figure.is_met for figure in figures) else 1


def of_first_requests(folder: Path, asked: argparse.Namespace) -> list[Figure]:
    """Ask a fresh process for pages of many shapes: nothing may be compiled for them."""
    first = machine.first_requests(folder, asked.requests)
    name = f"first {len(first.micros)} requests of a process, any shape"
    micros = np.array(first.micros)
    told = f" ({', '.join(first.added)})" if first.added else ""
    return [
        Figure(f"{name}: kernels compiled for them{told}", first.after - first.before, "", most=0),
        Figure(f"{name}: kernels compiled before", first.before, ""),
        *(Figure(f"{name}: number {at + 1}", micros[at], "µs") for at in range(SHOWN)),
        Figure(f"{name}: p50", float(np.median(micros)), "µs"),
        Figure(f"{name}: p99", float(np.percentile(micros, 99)), "µs"),
        Figure(f"{name}: slowest", micros.max(), "µs"),
    ]


def of_threads(_: Path, __: argparse.Namespace) -> list[Figure]:
    """Solve on two threads at once, beside two processes: what the machine has to give."""
    found = machine.shared()
    least = 1.8 if found.processes >= 1.8 else None  # without two free cores nobody can tell
    return [
        Figure("two processes at once, to one alone", found.processes, "×"),
        Figure("two threads at once, to one alone", found.threads, "×", least=least),
        Figure("two threads, to two processes", found.threads / found.processes, "×", least=0.9),
    ]


def of_catalogue(folder: Path, asked: argparse.Namespace) -> list[Figure]:
    """Compare pages out of a small and of a large catalogue, and weigh the large one."""
    sizes = {"small": SMALL, "large": asked.titles}
    served = {key: Served.lay_out(folder / key, count) for key, count in sizes.items()}
    names = {key: f"{count:,} titles" for key, count in sizes.items()}
    calls = {key: _asking(each, each.requests(asked.laps)) for key, each in served.items()}
    request_p50 = in_turn(calls, asked.laps)
    join_p50, gather_p50 = _joins(served, asked.laps)
    figures = _weights(served["large"], names["large"], asked.laps)
    for what, p50 in (("id join", join_p50), ("gather", gather_p50)):
        told = f"{what} of {CANDIDATES}: p50"
        figures += [Figure(f"{told}, {names[key]}", p50[key], "µs") for key in sizes]
    figures += [Figure(REQUEST.format(names[key]), request_p50[key], "µs") for key in sizes]
    ratio = request_p50["large"] / request_p50["small"]
    return [*figures, Figure(REQUEST.format("large to small"), ratio, "×", most=FLAT)]


def _weights(large: Served, name: str, laps: int) -> list[Figure]:
    """Weigh facts, what is compiled of them, and the index of ids of either kind."""
    using = large.service.state.in_use()
    catalogue, snapshot = using.catalogue, using.snapshot
    assert catalogue is not None
    texts = as_texts(large.ids)
    of_texts = IdIndex.build(texts, np.arange(len(texts), dtype=np.int32))
    wide = snapshot.facts.themes.shape[1]
    told = f"facts and compiled columns, {name}, up to {wide} themes each"
    figures = [Figure(told, catalogue.bytes_a_row, "bytes a row")]
    for kind, index in (("numbers", snapshot.index), (f"texts of {TEXT_CHARS}", of_texts)):
        index_bytes = sum(column.nbytes for column in index.columns().values())
        weight = index_bytes / len(catalogue)
        figures += [
            Figure(f"index of ids that are {kind}", weight, "bytes a row"),
            Figure(f"all, ids are {kind}", catalogue.bytes_a_row + weight, "bytes a row", most=100),
        ]
    rng = np.random.default_rng(5)
    asked = rng.integers(0, len(texts), (laps + WARM_UPS, CANDIDATES)).tolist()
    pages = [[texts[at] for at in page] for page in asked]
    p50 = in_turn({"texts": lambda lap: of_texts.rows_of_texts(pages[lap], -1)}, laps)
    return [*figures, Figure(f"id join of {CANDIDATES} texts: p50, {name}", p50["texts"], "µs")]


def _joins(served: Mapping[str, Served], laps: int) -> tuple[dict[str, float], dict[str, float]]:
    """Time the id join and the gathering of a page's candidates, in turn for each catalogue."""
    calls: dict[str, Callable[[int], Any]] = {}
    for key, each in served.items():
        calls[f"join {key}"], calls[f"gather {key}"] = _join_and_gather(each, laps)
    p50 = in_turn(calls, laps)
    return {key: p50[f"join {key}"] for key in served}, {
        key: p50[f"gather {key}"] for key in served
    }


def _join_and_gather(
    served: Served, laps: int
) -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    """Return what finds the rows of a lap's candidates, and what gathers the rows found."""
    rng, using = np.random.default_rng(3), served.service.state.in_use()
    catalogue, found = using.catalogue, dict[int, IntArray]()
    assert catalogue is not None
    ids = [served.some(rng) for _ in range(laps + WARM_UPS)]
    utility = rng.lognormal(1.0, 0.6, CANDIDATES).astype(np.float32)

    def join(lap: int) -> None:
        found[lap] = using.snapshot.rows(ids[lap])

    def gather(lap: int) -> None:
        compile_program(Offer(catalogue, found[lap], utility), _page(), using.policy)

    return join, gather


def of_pages(folder: Path, asked: argparse.Namespace) -> list[Figure]:
    """Compare pages of few and of many candidates, and of few and many slots."""
    served, rng = Served.lay_out(folder, SMALL), np.random.default_rng(6)
    cells = [(count, SLOTS) for count in CANDIDATE_COUNTS]
    cells += [(CANDIDATES, slots) for slots in SLOT_COUNTS if slots != SLOTS]
    calls = {}
    for count, slots in cells:
        drawn = (rng.choice(served.ids, count, replace=False) for _ in range(asked.laps + WARM_UPS))
        calls[of_cell(count, slots)] = _asking(served, [request(rng, ids, slots) for ids in drawn])
    p50 = in_turn(calls, asked.laps)
    return [Figure(REQUEST.format(name), p50[name], "µs") for name in calls]


def of_cell(candidates: int, slots: int) -> str:
    """Name a page by its size."""
    return f"{candidates:,} candidates for {slots} slots"


def of_rules(folder: Path, asked: argparse.Namespace) -> list[Figure]:
    """Compare pages under few rules and under many, row-wise ones and ones about whole pages."""
    shipped = Served.lay_out(folder, SMALL)
    requests, service = shipped.requests(asked.laps), shipped.service
    snapshot, log, keys = service.state.in_use().snapshot, service.log, service.keys
    states: dict[str, Any] = {
        "5 row-wise rules": Fixed.compiled(law(5, page_wise=2), snapshot),
        "50 row-wise rules": Fixed.compiled(law(50, page_wise=2), snapshot),
        "5 page rules": Fixed.compiled(law(5, page_wise=5), snapshot),
        "40 page rules": Fixed.compiled(law(5, page_wise=40), snapshot),
        "shipped rules": service.state,
    }
    served = {
        name: Served(
            RerankService(service.settings, state, log, keys, now_us=lambda: NOW_US), shipped.ids
        )
        for name, state in states.items()
    }
    calls = {name: _asking(each, requests) for name, each in served.items()}
    p50 = in_turn(calls, asked.laps)
    judging = in_turn({name: _judging(each) for name, each in served.items()}, asked.laps)
    row_wise = p50["50 row-wise rules"] / p50["5 row-wise rules"]
    page_wise = p50["40 page rules"] / p50["5 page rules"]
    return [
        *(Figure(REQUEST.format(name), p50[name], "µs") for name in served),
        Figure("row-wise rules, 50 to 5", row_wise, "×", most=FLAT),
        Figure("page rules, 40 to 5 (8 × is linear)", page_wise, "×", most=8),
        *(
            Figure(f"verify {SLOTS} slots, {name}: p50", judging[name], "µs", most=most)
            for name, most in zip(served, (50, 50, 50, None, 50), strict=True)
        ),
    ]


def _asking(served: Served, requests: Sequence[bytes]) -> Callable[[int], Any]:
    return lambda lap: served.service.rerank(requests[lap])


def _judging(served: Served) -> Callable[[int], Any]:
    """Return what verifies the slate of a page, one of a few in turn."""
    rng, using = np.random.default_rng(4), served.service.state.in_use()
    assert using.catalogue is not None
    told = []
    for _ in range(WARM_UPS):
        utility = rng.lognormal(1.0, 0.6, CANDIDATES).astype(np.float32)
        offer = Offer(using.catalogue, using.snapshot.rows(served.some(rng)), utility)
        steering = compile_program(offer, _page(), using.policy)
        slate = solve(steering.program, 60).slate.astype(np.int64)
        told.append((slate, offer, steering.claims(slate), _page(), using.policy))
    return lambda lap: verify(*told[lap % WARM_UPS])


def _page() -> Page:
    return Page("home", "phone", DAY, SLOTS, first_screen_slots=6)


STEPS: Final = (of_first_requests, of_threads, of_catalogue, of_pages, of_rules)


if __name__ == "__main__":
    sys.exit(main())
