"""Proves the engine on a million pages: `python -m loadtests.bench.prove --help`.

Every slate is judged: nothing hard may be broken. Some pages are solved again by another process,
and some by the plain reference: the slates must be the same. A run can be stopped and continued;
what is done is kept in .slotwarden/prove, under the digest of the code it holds for.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtests.bench.engine import ROUNDS, by_reference, solve
from loadtests.bench.judge import judge
from loadtests.bench.wild import KINDS, draw

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".slotwarden" / "prove"
CHUNK: Final = 1000  # pages
AGAIN: Final = 50  # one chunk in so many is solved by a second process
PLAIN: Final = 50  # one page in so many is small, and solved by the reference
PLAIN_ROUNDS: Final = 2000  # one page in so many, by the reference with rounds
_CODE: Final = (
    "constraints/kernel/**/*.py",
    "constraints/program.py",
    "constraints/solve.py",
    "loadtests/bench/*.py",
)
_EXAMPLES_MAX: Final = 20


def rounds_of(number: int) -> int:
    """Return the rounds of a page: mostly 0 to 10, now and then those of the default mode."""
    if number % PLAIN == 0:
        return 5 if number % PLAIN_ROUNDS == 0 else 0
    return ROUNDS["default"] if number % 40 == 1 else number // len(KINDS) % 11


def chunk(index: int) -> dict[str, object]:
    """Solve and judge one chunk of pages.

    Returns:
        pages, breaches, differences from the reference, plain pages compared, the digest of all
        slates, and the numbers of offending pages.
    """
    told: Counter[str] = Counter()
    offending: list[str] = []
    slates = hashlib.sha256()
    for number in range(index * CHUNK, (index + 1) * CHUNK):
        is_plain = number % PLAIN == 0
        t, rounds = draw(number, is_small=is_plain), rounds_of(number)
        slate = solve(t, rounds)
        slates.update(slate.astype(np.int32).tobytes())
        verdict = judge(t, slate)
        told["pages"] += 1
        told["lawful in all"] += not any(verdict.score[:-1])
        if verdict.hard:
            told["breaches"] += 1
            offending.append(f"page {number}, {rounds} rounds: {verdict}")
        if is_plain:
            told["plain, with rounds" if rounds else "plain"] += 1
            if not np.array_equal(slate, by_reference(t, rounds)):
                told["differences"] += 1
                offending.append(f"page {number}, {rounds} rounds: not what the reference says")
    return {**told, "digest": slates.hexdigest(), "offending": offending[:_EXAMPLES_MAX]}


def code_digest() -> str:
    """Return the SHA-256 of all code that a proof holds for."""
    whole = hashlib.sha256()
    for pattern in _CODE:
        for path in sorted(ROOT.glob(pattern)):
            whole.update(path.relative_to(ROOT).as_posix().encode())
            whole.update(path.read_bytes())
    return whole.hexdigest()


def prove(pages: int, workers: int, path: Path) -> Iterator[dict[str, object]]:
    """Yield what was found chunk by chunk, what is on disk first; an entry may be an `again`.

    Args:
        pages: how many, rounded up to whole chunks.
        workers: processes; each chunk that is solved again is so by a fresh one.
        path: file of JSON lines to go on from.
    """
    code = code_digest()
    done = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        row = json.loads(text)
        if row["code"] == code:
            done[row["chunk"], row["is_again"]] = row
    count = -(-pages // CHUNK)
    wanted = [(index, False) for index in range(count)]
    wanted += [(index, True) for index in range(0, count, AGAIN)]
    yield from (done[each] for each in wanted if each in done)
    path.parent.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    for is_again in (False, True):  # the second pool holds new processes
        waiting = [index for index, again in wanted if again == is_again]
        waiting = [index for index in waiting if (index, is_again) not in done]
        if not waiting:
            continue
        with ProcessPoolExecutor(min(workers, len(waiting)), mp_context=spawn) as pool:
            futures = {pool.submit(chunk, index): index for index in waiting}
            for future in as_completed(futures):
                row = {"code": code, "chunk": futures[future], "is_again": is_again}
                row |= future.result()
                with path.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(row) + "\n")
                yield row


def main(words: list[str] | None = None) -> int:
    """Prove, print, and return the exit code: 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.prove")
    parser.add_argument("--pages", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="W")
    parser.add_argument("--state", type=Path, default=FOLDER / "done.jsonl", metavar="FILE")
    asked = parser.parse_args(words)
    if asked.pages < 1 or asked.workers < 1:
        parser.error("--pages and --workers: must be at least 1")
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    rows = []
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("pages", total=-(-asked.pages // CHUNK) * CHUNK)
        for row in prove(asked.pages, asked.workers, asked.state):
            rows.append(row)
            bar.advance(task, 0 if row["is_again"] else CHUNK)
    return report(rows)


def report(rows: list[dict[str, object]]) -> int:
    """Print what was found; return 0 when it is what it must be."""
    told: Counter[str] = Counter()
    first = {row["chunk"]: row for row in rows if not row["is_again"]}
    for row in first.values():
        told.update({name: value for name, value in row.items() if type(value) is int})
        for offence in row["offending"]:  # type: ignore[attr-defined]
            print(offence, file=sys.stderr)
    again = [row for row in rows if row["is_again"]]
    unlike = sum(row["digest"] != first[row["chunk"]]["digest"] for row in again)
    compared, with_rounds = told["plain"], told["plain, with rounds"]
    lines = (
        f"pages 0 to {told['pages'] - 1}, of the kinds {', '.join(KINDS)}",
        f"wholly lawful: {told['lawful in all']}",
        f"level-0 breaches: {told['breaches']} (must be 0)",
        f"other slates in a second process: {unlike} of {len(again)} thousand pages (must be 0)",
        f"other slates by the reference: {told['differences']} (must be 0)",
        f"compared with the reference: {compared} greedy, {with_rounds} improved",
    )
    print("\n".join(lines))
    return int(bool(told["breaches"] or unlike or told["differences"]))


if __name__ == "__main__":
    sys.exit(main())
