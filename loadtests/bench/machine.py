"""What only a process of its own or a second core can tell: first requests, and threads."""

import gc
import importlib
import multiprocessing
import pkgutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

import constraints
import ranker
from constraints.kernel import Tables
from constraints.solve import ROUNDS, solve_tables
from loadtests.bench.pages import Cell, page
from loadtests.bench.titles import (
    as_texts,
    draw_facts,
    draw_numbers,
    request,
    save_catalogue,
    service,
)
from ranker.facts.id_index import IdIndex
from ranker.serving.warming import warm_up
from ranker.v1 import rerank_pb2 as pb

TITLES: Final = 10_000
PAGES: Final = 24  # for each thread, a lap
LAPS: Final = 9
_SPAWN: Final = multiprocessing.get_context("spawn")
_START_S_MAX: Final = 600.0  # a cold compiler included


class First(NamedTuple):
    """What the first requests of a fresh process took, and what they made numba compile.

    Attributes:
        micros: of each request, in order.
        before, after: signatures compiled of all kernels, before and after them.
        added: kernels that were compiled once more meanwhile.
    """

    micros: list[float]
    before: int
    after: int
    added: list[str]


class Shared(NamedTuple):
    """Work done a second by two at once, in parts of what one does alone: 2 is the most."""

    threads: float
    processes: float


def first_requests(data_dir: Path, count: int) -> First:
    """Start a service in a process of its own and send it its first requests, of many shapes."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_first_requests, args=(theirs, data_dir, count), daemon=True)
    process.start()
    theirs.close()
    found: First = ours.recv()
    process.join()
    return found


def _first_requests(pipe: Any, data_dir: Path, count: int) -> None:
    rng = np.random.default_rng(1)
    numbers = draw_numbers(rng, TITLES)
    texts = as_texts(numbers)
    ids = [*map(str, numbers[: TITLES // 2].tolist()), *texts[TITLES // 2 :]]
    index = IdIndex.build(ids, np.arange(TITLES, dtype=np.int32))
    save_catalogue(data_dir, draw_facts(rng, TITLES), index)
    told = [_any_shape(rng, numbers, texts) for _ in range(count)]
    signatures()  # imports all, as the server does before it freezes what is loaded
    serving = service(data_dir)
    warm_up()
    before, micros = signatures(), []
    for data in told:
        begun = time.perf_counter_ns()
        serving.rerank(data)
        micros.append((time.perf_counter_ns() - begun) / 1000)
    after = signatures()
    added = sorted(name for name, count in after.items() if count != before.get(name))
    pipe.send(First(micros, sum(before.values()), sum(after.values()), added))


def _any_shape(rng: np.random.Generator, numbers: Any, texts: list[str]) -> bytes:
    """Write a request of any shape: ids of either kind, tail, reserved slots, declared kinds."""
    at = rng.choice(TITLES, int(rng.integers(1, 800)), replace=False)
    chosen = numbers[at] if rng.random() < 0.5 else [texts[one] for one in at]
    slot_count = int(rng.integers(1, 51))
    tail = rng.choice(TITLES, int(rng.integers(0, min(12, 65 - slot_count))), replace=False)
    fields: dict[str, Any] = {
        "surface": str(rng.choice(["home", "theatre", "live", "search"])),
        "terminal": str(rng.choice(["phone", "tablet", "web", "tv", "watch"])),
        "tail_ids": [texts[one] for one in tail] if rng.random() < 0.5 else [],
        "viewer_class": int(rng.integers(0, 4)),
        "personalised": bool(rng.random() < 0.5),
        "first_slot": int(rng.choice([0, 0, slot_count])),
    }
    if slot_count > 4 and rng.random() < 0.3:
        fields["reserved"] = [pb.ReservedSlot(slot=3, id=texts[0])]
    return request(rng, chosen, slot_count, **fields)


def signatures() -> dict[str, int]:
    """Return of every compiled function of ours how many signatures it has."""
    from numba.core.dispatcher import Dispatcher

    found = {}
    for package in (constraints, ranker):
        for told in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not told.name.endswith("__main__"):
                module = importlib.import_module(told.name)
                for name, value in vars(module).items():
                    if isinstance(value, Dispatcher):
                        found[f"{value.__module__}.{name}"] = len(value.signatures)
    return found


def shared(laps: int = LAPS) -> Shared:
    """Solve pages by one thread, by two at once, and by two processes at once, in turn."""
    pages = _pages()
    _solve_all(pages)
    start, done = _SPAWN.Barrier(2), _SPAWN.Barrier(2)
    other = _SPAWN.Process(target=_other_process, args=(laps, start, done), daemon=True)
    other.start()
    start.wait(_START_S_MAX)  # it has compiled, and waits for its first lap
    threads, processes = [], []
    gc.disable()
    try:
        for _ in range(laps):
            alone = _spent(lambda: _solve_all(pages))
            threads.append(2 * alone / _spent(lambda: _two_threads(pages)))
            processes.append(2 * alone / _spent(lambda: _two_processes(pages, start, done)))
    finally:
        gc.enable()
        other.join()
    return Shared(float(np.median(threads)), float(np.median(processes)))


def _pages() -> list[Tables]:
    return [page("tight", Cell(500, 20), seed).tables for seed in range(PAGES)]


def _solve_all(pages: Sequence[Tables]) -> None:
    for one in pages:
        solve_tables(one, ROUNDS["default"])


def _spent(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _two_threads(pages: Sequence[Tables]) -> None:
    other = threading.Thread(target=_solve_all, args=(pages,))
    other.start()
    _solve_all(pages)
    other.join()


def _two_processes(pages: Sequence[Tables], start: Any, done: Any) -> None:
    start.wait()
    _solve_all(pages)
    done.wait()


def _other_process(laps: int, start: Any, done: Any) -> None:
    pages = _pages()
    _solve_all(pages)
    start.wait(_START_S_MAX)
    gc.disable()
    for _ in range(laps):
        start.wait()
        _solve_all(pages)
        done.wait()
