"""Runs the load test against a server of our own: `python -m loadtests.load [--seconds N] …`.

The server has a processor of its own, its callers another. Its capacity is measured first, on the
mix of pages that is sent later; then Locust sends at a share of it; at last a sender that never
waits for replies sends at the same rate, for Locust's users do wait. The replies of both are
judged. Exit code: 1 where an objective of either is not kept.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np

from loadtests.bench.figures import Figure, show
from loadtests.bench.serving import serve_echo
from loadtests.client import Client, Reply, to_message
from loadtests.judging import Spool, judged
from loadtests.pages import Page
from loadtests.process import Served, serving
from loadtests.progress import progress
from loadtests.sender import Answer, Sent, flood, send
from loadtests.slo import SHIPPED, Objectives, read_slo
from loadtests.traffic import DATA, FOLLOWING, Traffic, below, traffic

SERVER_CORE: Final = 0
SENDER_CORE: Final = 1
HANDS: Final = 8
READERS: Final = 60
MIXED: Final = 1_200  # pages, some of which are asked for below others
WARM_S: Final = 3.0
CAPACITY_S: Final = 6.0
OPEN_S: Final = 15.0
TIMEOUT_S: Final = 2.0
TOKEN_S: Final = "86400"  # pages below the first are asked for again and again
ECHO_BYTES: Final = 20_000  # of an echo, about those of a reply
REPORT: Final = Path("reports/loadtest.html")
LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")


class Ready(NamedTuple):
    """A server under a known load.

    Attributes:
        served: the server.
        source: what it is sent.
        pages: the same as callers mix them: one of seven continues the one before it.
        messages: the same as bytes.
        capacity: calls a second it answers at most.
    """

    served: Served
    source: Traffic
    pages: list[Page]
    messages: list[bytes]
    capacity: float


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of what all load tests take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--pages", type=int, default=400, help="different pages to send")
    parser.add_argument("--seed", type=int, default=1, help="of pages and facts")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public data sets")
    parser.add_argument("--quality", default="default", help="of the server: fast, default, best")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


@contextmanager
def ready(asked: argparse.Namespace, hands: int = HANDS, **settings: str) -> Iterator[Ready]:
    """Start a server, warm it, and learn its capacity.

    Args:
        asked: see `arguments`.
        hands: calls under way while its capacity is measured.
        settings: of the server, see `serving`.
    """
    cores = os.sched_getaffinity(0)
    apart = {SERVER_CORE, SENDER_CORE} <= cores
    source = traffic(asked.pages, asked.seed, asked.data)
    with TemporaryDirectory(prefix="load-") as folder, ExitStack() as stack:
        core = str(SERVER_CORE) if apart else ""
        told = {"quality": asked.quality, "page_token_s_max": TOKEN_S} | settings
        served = stack.enter_context(serving(Path(folder), source.facts, core, **told))
        if apart:
            os.sched_setaffinity(0, {SENDER_CORE})
            stack.callback(os.sched_setaffinity, 0, cores)
        pages = _mixed(served.address, source, asked.seed)
        messages = [to_message(page).SerializeToString() for page in pages]
        flood(served.address, messages, 1, WARM_S, TIMEOUT_S)
        peak = flood(served.address, messages, hands, CAPACITY_S, TIMEOUT_S)
        yield Ready(served, source, pages, messages, peak.goodput)


def _mixed(address: str, source: Traffic, seed: int) -> list[Page]:
    """Ask as many callers would, one after the other, so that pages below have their tokens.

    Raises:
        grpc.RpcError: a page was not answered.
    """
    draw, mixed = Random(seed), list[Page]()
    last: list[tuple[Page, Reply] | None] = [None] * READERS
    with Client(address) as client, progress("mixing pages", MIXED) as tick:
        for _ in range(MIXED):
            reader, page = draw.randrange(READERS), draw.choice(source.pages)
            before = last[reader]
            if before is not None and draw.random() < FOLLOWING:
                page = below(page, *before)
            last[reader] = page, client.call(page)[0]
            mixed.append(page)
            tick()
    return mixed


def main(words: list[str] | None = None) -> int:
    """Measure the capacity, run Locust at a share of it, and check its figures."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the load")
    parser.add_argument("--share", type=float, default=0.6, help="of the capacity")
    parser.add_argument("--slo", type=Path, default=SHIPPED, help="objectives, TOML")
    parser.add_argument("--html", type=Path, default=REPORT, help="Locust's report")
    asked = parser.parse_args(words)
    asked.html.parent.mkdir(parents=True, exist_ok=True)
    with ready(asked) as found, _echo() as echo:
        rate = asked.share * found.capacity
        code, measured = _locust(asked, found.served.address, echo, rate)
        sent = send(found.served.address, found.messages, rate, OPEN_S, TIMEOUT_S, asked.seed)
    rows = [*figures(found.capacity, rate, measured, sent, read_slo(asked.slo))]
    told_of = judgement(asked, found.pages, sent.replies)
    rows += [row._replace(name=f"open model, {row.name}") for row in told_of]
    is_kept = code == 0 and all(figure.is_met for figure in rows)
    if asked.json:
        told = {"source": found.source.name, "kept": is_kept, "report": str(asked.html)}
        print(json.dumps(told | {"figures": [one.as_json() for one in rows]}, indent=1))
    else:
        show(rows, f"pages of {found.source.name}, one core for the server, one for callers")
        print(f"report: {asked.html}; objectives {'kept' if is_kept else 'NOT KEPT'}")
    return 0 if is_kept else code or 1


def figures(
    capacity: float,
    rate: float,
    measured: dict[str, dict[str, float]],
    sent: Sent,
    slo: Objectives,
) -> Iterator[Figure]:
    """Tell what was measured, by Locust and by the open model.

    Args:
        capacity: calls a second.
        rate: calls a second sent.
        measured: row of Locust's report → measure → value.
        sent: of the open model.
        slo: objectives.
    """
    yield Figure("capacity", capacity, "calls/s")
    yield Figure("sent", rate, "calls/s")
    for row, told in measured.items():
        if row in ("lawful", "true"):
            yield Figure(f"replies judged, {row}", told["calls"], "")
            yield Figure(f"of these not {row}", told["calls"] * told["failed_share"], "", most=0.0)
        elif "p50_ms" in told:
            yield Figure(f"{row}, p50", told["p50_ms"], "ms")
            yield Figure(f"{row}, p99", told["p99_ms"], "ms")
    for share in (50, 99):  # the objectives of Locust's callers, who wait, hold for these too
        most = slo.get("rerank", {}).get(f"p{share}_ms")
        spent_ms = float(np.percentile(sent.ok_ms, share)) if sent.ok_ms else np.inf
        yield Figure(f"open model, p{share}", spent_ms, "ms", most=most)
    lost = len(sent.refused_ms) + sum(sent.failed.values()) + sent.unsent
    yield Figure("open model, not answered", lost, "calls", most=0.0)


def judgement(
    asked: argparse.Namespace, pages: list[Page], answers: list[Answer]
) -> Iterator[Figure]:
    """Judge what a sender was answered.

    Args:
        asked: see `arguments`.
        pages: what was sent.
        answers: to them.
    """
    with TemporaryDirectory(prefix="replies-") as folder:
        path = Path(folder) / "replies"
        with path.open("wb") as stream:
            spool = Spool(stream, asked.pages, asked.seed, asked.data)
            for answer in answers:
                spool.add(pages[answer.page], answer.raw, answer.sent_s, answer.came_s)
        verdict = judged(path)
    for example in verdict.examples:
        print(example, file=sys.stderr)
    yield Figure("replies judged", verdict.judged, "", least=len(answers))
    yield Figure("unlawful", verdict.unlawful, "", most=0.0)
    yield Figure("untrue", verdict.untrue, "", most=0.0)


def _locust(
    asked: argparse.Namespace, address: str, echo: str, rate: float
) -> tuple[int, dict[str, dict[str, float]]]:
    """Run Locust; return its exit code and what it measured."""
    callers = max(round(rate), 1)
    users = callers + 1  # one calls the echo
    with TemporaryDirectory(prefix="locust-") as folder:
        figures = Path(folder) / "figures.json"
        command = [
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "-H", address),
            *("-u", str(users), "-r", str(max(users / 5, 1)), "-t", f"{asked.seconds + 5:.0f}s"),
            *("--reset-stats", "--html", str(asked.html), "--figures", str(figures)),
            *("--pages", str(asked.pages), "--seed", str(asked.seed), "--data", str(asked.data)),
            *("--user-rate", f"{rate / callers:.6f}", "--slo", str(asked.slo), "--echo", echo),
            *("--call-timeout", str(TIMEOUT_S)),
            "--only-summary",
        ]
        done = subprocess.run(command, check=False, stdout=sys.stderr)
        told = json.loads(figures.read_text("utf-8")) if figures.exists() else {}
    return done.returncode, told


@contextmanager
def _echo() -> Iterator[str]:
    """Serve an echo of the same messages, beside the server."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve_echo, args=(theirs, SERVER_CORE, ECHO_BYTES))
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join(30)


if __name__ == "__main__":
    raise SystemExit(main())
