"""What recording a decision costs: `append` in process at a steady pace, and bytes a decision.

`python -m loadtests.bench.log [--seconds S] [--rate N] [--json]`
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from loadtests.bench.figures import Figure, show
from loadtests.bench.titles import CANDIDATES, Served
from ranker.audit import segments
from ranker.audit.checking import Found, check, read_records
from ranker.audit.log import DecisionLog
from ranker.audit.records import Record
from ranker.v1 import log_pb2

DRAWN: Final = 5_000  # records: more than a segment holds, for equal ones compress too well
WARM: Final = 100
P50_MAX_US: Final = 50.0
P99_MAX_US: Final = 1_000.0


def main(words: list[str] | None = None) -> int:
    """Measure, print, and fail where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=int, default=1_000, help="appends a second")
    parser.add_argument("--titles", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        records = _decided(Path(folder) / "served", asked.titles)
        spent = _paced(Path(folder) / "paced", records[:WARM], asked.seconds, asked.rate)
        found, part = _compacted(Path(folder) / "kept", records)
    figures = [
        Figure(f"append at {asked.rate}/s, p50", float(np.median(spent)), "µs", most=P50_MAX_US),
        Figure("p99", float(np.percentile(spent, 99)), "µs", most=P99_MAX_US),
        Figure(f"a decision of {CANDIDATES}", found.decision_bytes / found.decisions, "bytes"),
        Figure("the same compacted", found.decision_bytes / found.decisions * part, "bytes"),
        Figure("a candidate of it", found.decision_bytes / found.candidates * part, "bytes"),
        Figure("faults of the log", len(found.faults), "", most=0),
    ]
    if asked.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=1))
    else:
        show(figures, f"the decision log, {len(spent):,} records")
    return 0 if all(figure.is_met for figure in figures) else 1


def _decided(folder: Path, titles: int) -> list[Record]:
    """Decide pages as the service does, and take the records out of its log."""
    folder.mkdir()
    served = Served.lay_out(folder, titles)
    for data in served.requests(DRAWN):
        served.service.rerank(data)
    served.service.log.close()
    return [
        Record.of(stored.envelope, stored.body)
        for stored in read_records(served.service.log.folder)
        if stored.envelope.kind == log_pb2.RECORD_KIND_DECISION
    ]


def _paced(folder: Path, records: list[Record], seconds: int, rate: int) -> list[float]:
    """Append at a steady pace: µs of each.

    Between two appends it is busy, as a server of that pace is, and a record was in use a moment
    ago, as one that was just made: after a sleep, or with others, the processor's caches are cold.
    """
    log, spent = DecisionLog(folder), []
    begun = time.perf_counter()
    for number in track(
        range(seconds * rate), "append", transient=True, disable=not sys.stderr.isatty()
    ):
        one = records[number % len(records)]
        while time.perf_counter() < begun + number / rate:
            sum(one.body[::64])
        before = time.perf_counter_ns()
        log.append(one)
        spent.append((time.perf_counter_ns() - before) / 1000)
    log.close()
    return spent


def _compacted(folder: Path, records: list[Record]) -> tuple[Found, float]:
    """Write different records, and return what the log holds, and the share compacting leaves."""
    log = DecisionLog(folder)
    for one in records:
        log.append(one)
    log.close()
    found, (before, after) = check(log.folder), segments.compact(log.folder)
    return found, after / before


if __name__ == "__main__":
    raise SystemExit(main())
