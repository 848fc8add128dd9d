"""What questions to the decision log cost: rotation, each question, a look-up, pages meanwhile.

A pool of pages is decided by the engine; the log gets them again and again, each time with an id
and an instant of its own, over a week. `python -m loadtests.bench.query --help`
"""

import argparse
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc
import numpy as np
from rich.progress import track

from loadtests.bench import titles
from loadtests.bench.figures import Figure, show
from ranker.audit import segments
from ranker.audit.checking import read_records
from ranker.audit.log import DecisionLog
from ranker.audit.lookup import Lookup
from ranker.audit.records import Record, Stored
from ranker.audit.tables.asking import Asking, ask
from ranker.audit.tables.questions import QUESTIONS
from ranker.audit.tables.rotating import rotate
from ranker.facts.importing import import_csv
from ranker.facts.store import FactStore
from ranker.serving.server import SERVICE
from ranker.v1 import log_pb2

DAYS: Final = 7
DAY_US: Final = 86_400_000_000
POOL: Final = 500
CATALOGUE: Final = 10_000
LOOKUPS: Final = 200
QUERY_MAX_S: Final = 2.0
LOOKUP_MAX_MS: Final = 10.0
SERVED_RATIO_MAX: Final = 1.2
CALLS: Final = 1_500  # of a lap
LAPS: Final = 5
SURFACES: Final = ("home", "home", "home", "theatre", "live")


def main(words: list[str] | None = None) -> int:
    """Measure, print, and fail where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--candidates", type=int, default=100, help="of a page")
    parser.add_argument("--slots", type=int, default=10, help="of a page")
    parser.add_argument("--workers", type=int, default=2, help="processes of the rotation")
    parser.add_argument("--compact", action="store_true", help="compress the segments first")
    parser.add_argument("--folder", help="where the log is made; a temporary one unless given")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    if asked.decisions < POOL or not 1 <= asked.slots <= 50 or asked.candidates < asked.slots:
        parser.error(f"at least {POOL} decisions, 1 to 50 slots, and as many candidates")
    with TemporaryDirectory(prefix="query-", dir=asked.folder) as name:
        folder = Path(name)
        figures = _measured(folder, asked)
    if asked.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=1))
    else:
        show(figures, f"questions to {asked.decisions:,} decisions")
    return 0 if all(figure.is_met for figure in figures) else 1


def _measured(folder: Path, asked: argparse.Namespace) -> list[Figure]:
    with ProcessPoolExecutor(1) as pool:  # the engine and its catalogue go with their process
        pool.submit(_decide, folder / "served", asked.candidates, asked.slots).result()
    records = _pool(folder / "served")
    data_dir = folder / "log"
    data_dir.mkdir()
    (folder / "served" / "facts.sqlite").rename(data_dir / "facts.sqlite")
    log_bytes = _stamp(data_dir, records, asked.decisions)
    figures = [Figure("a decision in the log", log_bytes / asked.decisions, "bytes")]
    if asked.compact:
        begun = time.perf_counter()
        before, after = segments.compact(data_dir / "log")
        figures.append(Figure("compacting", time.perf_counter() - begun, "s"))
        figures.append(Figure("what it leaves of a segment", after / max(before, 1), ""))
    begun = time.perf_counter()
    done = rotate(data_dir, workers=asked.workers)
    figures += [
        Figure(f"rotation, {asked.workers} processes", time.perf_counter() - begun, "s"),
        Figure("rows", done.rows, ""),
        Figure("a decision in the tables", done.stored_bytes / asked.decisions, "bytes"),
    ]
    begun = time.perf_counter()
    rotate(data_dir, workers=asked.workers)
    figures.append(Figure("rotation once more", time.perf_counter() - begun, "s"))
    figures += _questions(data_dir)
    figures += _lookups(data_dir, asked.decisions)
    return figures + list(_served(data_dir, asked.candidates, asked.slots))


def _decide(folder: Path, candidates: int, slots: int) -> None:
    """Decide a pool of pages over a drawn catalogue, and name its titles in the fact store."""
    folder.mkdir()
    served = titles.Served.lay_out(folder, CATALOGUE)
    rng = np.random.default_rng(3)
    for number in range(POOL):
        ids = served.ids[rng.choice(len(served.ids), candidates, replace=False)]
        surface = SURFACES[number % len(SURFACES)]
        served.service.rerank(titles.request(rng, ids, slots, surface=surface))
    served.service.log.close()
    rows = ["id,title,kind,people,document,document_number"]
    for number, key in enumerate(served.ids.tolist()):
        kind = f"drama,hash-{number},licence,（京）网微剧审字（2025）第{number:08d}号"
        rows.append(f"{key},剧目 {number},{'room,anchor,,' if number % 10 == 0 else kind}")
    with FactStore(folder) as store:
        assert import_csv(store, "titles.csv", "\n".join(rows).encode(), at_us=0).is_kept


def _pool(folder: Path) -> list[Stored]:
    found = read_records(folder / "log")
    return [one for one in found if one.envelope.kind == log_pb2.RECORD_KIND_DECISION]


def _stamp(data_dir: Path, pool: list[Stored], decisions: int) -> int:
    """Write so many decisions over a week, and return how many bytes their segments have.

    Equal decisions would compress as no log does; ids and instants differ, and the order is drawn.
    """
    revision = CATALOGUE  # every title was one change of an empty store
    now = [titles.NOW_US]
    log = DecisionLog(data_dir, clock=lambda: now[0])
    rng = np.random.default_rng(4)
    drawn = rng.integers(0, len(pool), decisions)
    quiet = not sys.stderr.isatty()
    for number in track(range(decisions), "stamp", transient=True, disable=quiet):
        one = pool[drawn[number]]
        now[0] = titles.NOW_US + number * DAYS * DAY_US // decisions
        envelope = log_pb2.Envelope()
        envelope.CopyFrom(one.envelope)
        envelope.instant_us, envelope.facts_revision = now[0], revision
        envelope.decision_id = uuid.UUID(bytes=rng.bytes(16)).hex
        log.append(Record.of(envelope, one.body))
    log.close()
    return sum(path.stat().st_size for path in segments.segments_of(data_dir / "log"))


def _questions(data_dir: Path) -> Iterator[Figure]:
    """Ask every canned question of the whole week."""
    values = _values(data_dir)
    for name in QUESTIONS:
        begun = time.perf_counter()
        found = ask(data_dir, Asking(name, values.get(name, "")))
        spent = time.perf_counter() - begun
        told = f"{name}, {len(found.rows):,} rows{' of more' if found.more else ''}"
        yield Figure(told, spent, "s", most=QUERY_MAX_S)


def _values(data_dir: Path) -> dict[str, str]:
    """Take a value for each question that needs one from what the log holds."""

    def first(sql: str) -> list[str]:
        return [str(cell) for cell in ask(data_dir, Asking(sql=sql, rows=1)).rows[0]]

    stood = "FROM slots s JOIN subjects t ON t.subject_id = s.candidate WHERE t.kind ="
    told = "s.candidate, t.title, t.document_number"
    drama, title, number = first(f"SELECT {told} {stood} 'drama' ORDER BY s.sequence, s.slot")
    (newest,) = first("SELECT decision_id FROM slots ORDER BY sequence DESC")
    (rule,) = first("SELECT deciding_rule FROM moves GROUP BY 1 ORDER BY count(*) DESC, 1")
    return {
        "title": title,
        "number": number,
        "room": first(f"SELECT s.candidate {stood} 'room' ORDER BY s.sequence")[0],
        "anchor": "anchor",
        "candidate": drama,
        "decision": newest,
        "surface": "home",
        "rule": rule,
    }


def _lookups(data_dir: Path, decisions: int) -> Iterator[Figure]:
    """Look up decisions by id, the worst of many, each as if it were the first."""
    sql = f"SELECT DISTINCT decision_id FROM slots WHERE sequence % {decisions // LOOKUPS} = 1"
    ids = [row[0] for row in ask(data_dir, Asking(sql=sql, rows=2 * LOOKUPS)).rows]
    spent = []
    for key in ids:
        begun = time.perf_counter()
        assert Lookup(data_dir).by_id(key) is not None
        spent.append((time.perf_counter() - begun) * 1_000)
    yield Figure(f"look-up by id, p50 of {len(ids)}", float(np.median(spent)), "ms")
    yield Figure("p99", float(np.percentile(spent, 99)), "ms", most=LOOKUP_MAX_MS)


def _served(data_dir: Path, candidates: int, slots: int) -> Iterator[Figure]:
    """Call a server alone, and while one question after the other is asked: laps in turn."""
    with FactStore(data_dir) as store:
        ids = np.array([int(key) for key in store.titles()], np.uint64)
    rng, alone, queried = np.random.default_rng(5), list[float](), list[float]()
    pages = [
        titles.request(rng, rng.choice(ids, candidates, replace=False), slots) for _ in range(CALLS)
    ]
    with _server(data_dir) as address, grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(f"/{SERVICE}/Rerank")
        _lap(call, pages)
        for _ in range(LAPS):
            alone.append(_lap(call, pages))
            with _asking(data_dir):
                queried.append(_lap(call, pages))
    yield Figure("p50 of Rerank, alone", float(np.median(alone)), "ms")
    told = "ratio while questions are asked"
    yield Figure(told, float(np.median(queried) / np.median(alone)), "", most=SERVED_RATIO_MAX)


def _lap(call: Any, pages: list[bytes]) -> float:
    """Return the median time of calls, milliseconds."""
    spent = []
    for page in pages:
        begun = time.perf_counter()
        call(page, timeout=10)
        spent.append((time.perf_counter() - begun) * 1_000)
    return float(np.median(spent))


@contextmanager
def _asking(data_dir: Path) -> Iterator[None]:
    """Ask the dearest questions, one after the other, until the lap is over."""
    over = threading.Event()

    def ask_on() -> None:
        while not over.is_set():
            for name in ("first-screen", "blocked", "rules"):
                ask(data_dir, Asking(name))

    asker = threading.Thread(target=ask_on)
    asker.start()
    try:
        yield
    finally:
        over.set()
        asker.join()


@contextmanager
def _server(data_dir: Path) -> Iterator[str]:
    command = [str(Path(sys.executable).with_name("slotwarden")), "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(data_dir)], stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stderr is not None
        try:
            told = (json.loads(line) for line in process.stderr)
            yield next(str(line["address"]) for line in told if line["message"] == "serving")
        finally:
            process.terminate()
            process.communicate()


if __name__ == "__main__":
    raise SystemExit(main())
