"""Proves the engine on a million pages: `python -m loadtests.bench.prove --help`.

Every slate is judged: nothing hard may be broken. Some pages are solved again by another process,
and some small ones by the plain reference: the slates must be the same. A page depends on nothing
but its number. A run can be stopped and continued; what is done is kept in .slotwarden/prove, under
the digest of the code it holds for.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtests.bench.engine import ROUNDS, by_reference, solve
from loadtests.bench.judge import judge
from loadtests.bench.proved import EXAMPLES_MAX, Row, report, summary
from loadtests.bench.wild import KINDS, draw, kind_of

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".slotwarden" / "prove"
CHUNK: Final = 1000  # pages
AGAIN: Final = 50  # one chunk in so many is solved by a second process
PLAIN: Final = 50  # one page in so many is small, and filled by the reference too
IMPROVED: Final = 1000  # one page in so many is small, and improved by the reference too
DEFAULT: Final = 50  # one page in so many gets the rounds of the default mode
ROUNDS_MAX: Final = 10  # of all others
_BENCH: Final = ("prove", "proved", "wild", "drawing", "sketch", "pages", "lay", "judge", "engine")
_CODE: Final = (
    "constraints/kernel/**/*.py",
    *(f"constraints/{name}.py" for name in ("effects", "jit", "program", "solve")),
    *(f"loadtests/bench/{name}.py" for name in _BENCH),
)


def plan(number: int) -> tuple[int, bool]:
    """Return the rounds of a page, and whether it is small and compared with the reference."""
    if number % PLAIN == 0:
        return 0, True
    if number % IMPROVED == PLAIN // 2:
        few = 1 + number // IMPROVED % ROUNDS_MAX
        return few if few < ROUNDS_MAX else ROUNDS["default"], True
    if number % DEFAULT == 1:
        return ROUNDS["default"], False
    return number // len(KINDS) % (ROUNDS_MAX + 1), False


def chunk(index: int) -> Row:
    """Solve and judge one chunk of pages.

    Returns:
        first: page number. told: counts. kinds, largest: pages of each kind, sizes. offending: the
        first pages at fault, in words. slates: digests, in chunks that are solved again. seconds:
        of this thread.
    """
    told, kinds = Counter[str](), Counter[str]()
    offending, slates, start = list[str](), list[str](), time.thread_time()
    largest = {"candidates": 0, "slots": 0, "rules": 0}
    for number in range(index * CHUNK, (index + 1) * CHUNK):
        rounds, is_plain = plan(number)
        page = draw(number, is_small=is_plain)
        slate = solve(page.tables, rounds)
        slates.append(_digest(slate))
        verdict = judge(page.tables, slate)
        kinds[kind_of(number)] += 1
        told["pages"] += 1
        told["lawful"] += not any(verdict.score[:-1])
        told["default"] += rounds > ROUNDS_MAX
        told["greedy"] += rounds == 0
        sizes = (len(page.tables.order), page.tables.slot_count, page.rule_count)
        largest = dict(zip(largest, map(max, largest.values(), sizes), strict=True))
        if verdict.hard:
            told["breaches"] += 1
            offending.append(f"page {number}, {rounds} rounds: {verdict}")
        if is_plain:
            told["compared_improved" if rounds else "compared_greedy"] += 1
            if not np.array_equal(slate, by_reference(page.tables, rounds)):
                told["differences"] += 1
                offending.append(f"page {number}, {rounds} rounds: not what the reference says")
    return {
        "first": index * CHUNK,
        "told": told,
        "kinds": kinds,
        "largest": largest,
        "offending": offending[:EXAMPLES_MAX],
        "slates": [] if index % AGAIN else slates,
        "seconds": time.thread_time() - start,
    }


def solve_again(index: int) -> Row:
    """Solve one chunk of pages, and return `slates` and `seconds` as `chunk` does."""
    slates, start = [], time.thread_time()
    for number in range(index * CHUNK, (index + 1) * CHUNK):
        rounds, is_plain = plan(number)
        slates.append(_digest(solve(draw(number, is_small=is_plain).tables, rounds)))
    return {"slates": slates, "seconds": time.thread_time() - start}


def _digest(slate: Any) -> str:
    return hashlib.blake2b(slate.astype("<i4").tobytes(), digest_size=8).hexdigest()


def code_digest() -> str:
    """Return the SHA-256 of all code that a proof holds for."""
    whole = hashlib.sha256()
    for pattern in _CODE:
        for path in sorted(ROOT.glob(pattern)):
            whole.update(path.relative_to(ROOT).as_posix().encode())
            whole.update(path.read_bytes())
    return whole.hexdigest()


def fresh_processes(workers: int) -> Executor:
    """Start processes that share nothing with this one; an interrupt is for this one to handle."""
    return ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )


def chunks(pages: int) -> int:
    """Return how many chunks hold so many pages."""
    return -(-pages // CHUNK)


def prove(
    pages: int, workers: int, path: Path, start: Callable[[int], Executor] = fresh_processes
) -> Iterator[Row]:
    """Yield what was found chunk by chunk, what is on disk first; `is_again` tells the second time.

    Args:
        pages: how many, rounded up to whole chunks.
        workers: processes; what is solved again is so by fresh ones.
        path: file of JSON lines to go on from.
        start: starts so many workers.
    """
    code, count = code_digest(), chunks(pages)
    done = {(row["chunk"], row["is_again"]): row for row in _read(path) if row["code"] == code}
    path.parent.mkdir(parents=True, exist_ok=True)
    for is_again in (False, True):
        wanted = range(0, count, AGAIN if is_again else 1)
        waiting = [index for index in wanted if (index, is_again) not in done]
        yield from (done[index, is_again] for index in wanted if (index, is_again) in done)
        if not waiting:
            continue
        pool = start(min(workers, len(waiting)))
        try:
            work = solve_again if is_again else chunk
            futures = {pool.submit(work, index): index for index in waiting}
            for future in as_completed(futures):
                row = {"code": code, "chunk": futures[future], "is_again": is_again}
                row |= future.result()
                with path.open("a", encoding="utf-8") as stream:
                    stream.write("\n" + json.dumps(row))  # ahead: the last line may be half a row
                yield row
        finally:
            pool.shutdown(cancel_futures=True)


def _read(path: Path) -> Iterator[Row]:
    """Yield the rows of a file; half a row, of a run that was killed, is left out."""
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            yield json.loads(text)
        except ValueError:
            continue


def main(words: list[str] | None = None) -> int:
    """Prove, print, and return the exit code: 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.prove")
    parser.add_argument("--pages", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="W")
    parser.add_argument("--state", type=Path, default=FOLDER / "done.jsonl", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    asked = parser.parse_args(words)
    if asked.pages < 1 or asked.workers < 1:
        parser.error("--pages and --workers: must be at least 1")
    console, rows, start = Console(stderr=True), list[Row](), time.monotonic()
    count = chunks(asked.pages)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("pages", total=(count + -(-count // AGAIN)) * CHUNK)
        try:
            for row in prove(asked.pages, asked.workers, asked.state):
                rows.append(row)
                bar.advance(task, CHUNK)
        except KeyboardInterrupt:
            print("stopped; the same command goes on from here", file=sys.stderr)
            return 130
    return tell(rows, time.monotonic() - start, as_json=asked.json)


def tell(rows: list[Row], wall_s: float, *, as_json: bool = False) -> int:
    """Print what was found, and return the exit code: 0 when it is what it must be."""
    found = summary(rows) | {"wall_s": wall_s}
    for offence in found["offending"][:EXAMPLES_MAX]:
        print(offence, file=sys.stderr)
    print(json.dumps(found) if as_json else report(found))
    return int(any(found[name] for name in ("breaches", "unlike", "differences")))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the workers would be left over
    sys.exit(main())
