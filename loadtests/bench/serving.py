"""A whole Rerank over the wire against an echo of the same messages, in one run, calls in turn.

`python -m loadtests.bench.serving [--laps N] [--json]`: the echo has the server's own threads and
options, parses the same request, and answers bytes of equal size: what gRPC costs here at all. It
also answers on a stream that stays open: what calls would save if the product had one.
"""

import argparse
import json
import os
import queue
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, NamedTuple

import grpc
import numpy as np
from rich.progress import track

from loadtests.bench import titles
from loadtests.bench.figures import Figure, show
from ranker.serving.pool import Pool
from ranker.serving.server import SERVICE, Server
from ranker.serving.wire_limits import options
from ranker.settings import Settings
from ranker.telemetry import STAGES
from ranker.v1 import rerank_pb2 as pb

METHOD: Final = f"/{SERVICE}/Rerank"
STREAM: Final = f"/{SERVICE}/Stream"
SLOTS: Final = 20
CATALOGUE: Final = 20_000
PAGES: Final = 400
WARM: Final = 150
HANDS: Final = 8  # callers at once, to learn the capacity
LAP_S: Final = 3.0
SHARE: Final = 0.6  # of the capacity, for the ratio of the log
Kind = Literal["echo", "fast", "default", "unlogged"]
BARS: Final[dict[Kind, float]] = {"fast": 2.0, "default": 3.0}
P99_BARS: Final[dict[Kind, float | None]] = {"fast": None, "default": 3.0}
TO_ECHO: Final = "{}, × echo's {}"
KINDS: Final[tuple[Kind, ...]] = ("echo", "fast", "default", "unlogged")


class Target(NamedTuple):
    """A server in a process of its own.

    Attributes:
        call: a Rerank, given its bytes.
        stream: opens a stream of them; the echo alone has one.
        pid: of the process.
        metrics: address of its counters.
    """

    call: Callable[..., bytes]
    stream: Callable[..., Iterator[bytes]]
    pid: int
    metrics: str

    def cpu_s(self) -> float:
        """Return the processor time it has used."""
        told = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        fields = told.split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(words: list[str] | None = None) -> int:
    """Measure, print, and fail where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laps", type=int, default=3_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    with TemporaryDirectory(prefix="serving-") as folder, ExitStack() as stack:
        data_dir = Path(folder)
        ids = _lay_out(data_dir)
        rng = np.random.default_rng(7)
        pages = [titles.request(rng, _some(rng, ids), SLOTS) for _ in range(PAGES)]
        targets: dict[Kind, Target] = {}
        size = 0
        for worker, kind in enumerate(reversed(KINDS)):  # the echo last: it needs a reply's size
            targets[kind] = stack.enter_context(_served(data_dir, kind, worker, size))
            size = len(targets[kind].call(pages[0], timeout=30))
        figures = [*_in_turn(targets, pages, asked.laps)]
        figures += _streamed(targets["echo"], pages, asked.laps, figures)
        # Before the flood, where calls wait for each other.
        stages = {kind: _stages(targets[kind]) for kind in BARS}
        figures += _capacity(targets, pages)
    if asked.json:
        told = {"figures": [figure.as_json() for figure in figures], "stages_us": stages}
        print(json.dumps(told, indent=1))
    else:
        show(figures, f"a page of {titles.CANDIDATES} candidates and {SLOTS} slots, over the wire")
        for kind, spent in stages.items():
            each = ", ".join(f"{stage} {us:.0f}" for stage, us in spent.items())
            print(f"stages of `{kind}`, µs: {each}; together {sum(spent.values()):.0f}")
    return 0 if all(figure.is_met for figure in figures) else 1


def _lay_out(data_dir: Path) -> Any:
    served = titles.Served.lay_out(data_dir, CATALOGUE)
    served.service.log.close()
    return served.ids


def _some(rng: np.random.Generator, ids: Any) -> Any:
    return ids[rng.choice(len(ids), titles.CANDIDATES, replace=False)]


@contextmanager
def _served(data_dir: Path, kind: Kind, worker: int, size: int) -> Iterator[Target]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, data_dir, kind, worker, size))
    process.start()
    theirs.close()
    try:
        port, metrics = ours.recv()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.unary_unary(METHOD)
            stream: Any = channel.stream_stream(STREAM)
            assert process.pid is not None
            yield Target(call, stream, process.pid, f"http://127.0.0.1:{metrics}/metrics")
    finally:
        ours.close()
        process.join(60)


def _serve(pipe: Connection, data_dir: Path, kind: Kind, worker: int, size: int) -> None:
    """Serve until the other end closes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        metrics = probe.getsockname()[1]
    settings = Settings(
        data_dir=data_dir,
        port=0,
        worker=worker,
        quality="fast" if kind == "fast" else "default",
        metrics_port=metrics if kind in BARS else 0,
        certify_share=0.0,
    )
    port, stop = echo(settings, size) if kind == "echo" else _rerank(settings, kind)
    try:
        pipe.send((port, metrics))
        pipe.recv()
    except EOFError:
        pass
    finally:
        stop()


def _rerank(settings: Settings, kind: Kind) -> tuple[int, Callable[[], Any]]:
    server = Server(settings)
    if kind == "unlogged":
        server.service.log = _Nowhere(server.log.origin)  # type: ignore[assignment]
    server.start()
    return server.port, server.stop


class _Nowhere:
    """Takes records and keeps none: what the log costs is the difference."""

    def __init__(self, origin: str) -> None:
        self.origin, self.sequence = origin, 0

    def append(self, one: Any) -> int:
        self.sequence += 1
        return self.sequence


def echo(settings: Settings, size: int) -> tuple[int, Callable[[], Any]]:
    """Answer canned bytes, behind the server's own threads and options."""
    canned = b"x" * size

    def answer(data: bytes, context: grpc.ServicerContext) -> bytes:
        pb.RerankRequest.FromString(data)
        return canned

    def answer_each(messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for data in messages:
            pb.RerankRequest.FromString(data)
            yield canned

    pool = Pool(settings.threads, settings.calls_max, lambda *_: "high")
    server = grpc.server(pool, options=options(settings))
    one: Any = grpc.unary_unary_rpc_method_handler(answer)
    many: Any = grpc.stream_stream_rpc_method_handler(answer_each)
    handlers = grpc.method_handlers_generic_handler(SERVICE, {"Rerank": one, "Stream": many})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return port, lambda: server.stop(1).wait()


def serve_echo(pipe: Connection, core: int, size: int) -> None:
    """Serve an echo until the other end closes; tell its address first.

    Args:
        pipe: to who started this process.
        core: processor it may run on, where there is more than one.
        size: bytes of each answer.
    """
    with suppress(OSError):  # there is one processor alone; whoever starts us may have left it
        os.sched_setaffinity(0, {core})
    port, stop = echo(Settings(), size)
    try:
        pipe.send(f"127.0.0.1:{port}")
        pipe.recv()
    except EOFError:
        pass
    finally:
        stop()


def _in_turn(targets: dict[Kind, Target], pages: list[bytes], laps: int) -> Iterator[Figure]:
    """Call those that are compared in turn, one caller, and compare their times."""
    spent: dict[Kind, list[float]] = {"echo": [], **{kind: [] for kind in BARS}}
    quiet = not sys.stderr.isatty()
    for lap in track(range(-WARM, laps), "in turn", transient=True, disable=quiet):
        for kind, values in spent.items():
            begun = time.perf_counter()
            targets[kind].call(pages[lap % PAGES], timeout=30)
            if lap >= 0:
                values.append((time.perf_counter() - begun) * 1_000)
    p50 = {kind: float(np.median(values)) for kind, values in spent.items()}
    p99 = {kind: float(np.percentile(values, 99)) for kind, values in spent.items()}
    yield Figure("echo, p50", p50["echo"], "ms")
    yield Figure("echo, p99", p99["echo"], "ms")
    for kind, bar in BARS.items():
        yield Figure(f"{kind}, p50", p50[kind], "ms")
        ratio = p50[kind] / p50["echo"]
        yield Figure(TO_ECHO.format(kind, "p50"), ratio, "", most=bar)
    for kind, most in P99_BARS.items():
        yield Figure(f"{kind}, p99", p99[kind], "ms")
        yield Figure(TO_ECHO.format(kind, "p99"), p99[kind] / p99["echo"], "", most=most)


def _streamed(
    echo: Target, pages: list[bytes], laps: int, figures: list[Figure]
) -> Iterator[Figure]:
    """Call the echo alone and on a stream, in turn: the difference is what a stream would save."""
    spent: tuple[list[float], list[float]] = [], []
    sent = queue.SimpleQueue[bytes | None]()
    replies = echo.stream(iter(sent.get, None))
    for lap in range(-WARM, laps):
        begun = time.perf_counter()
        echo.call(pages[lap % PAGES], timeout=30)
        between = time.perf_counter()
        sent.put(pages[lap % PAGES])
        next(replies)
        if lap >= 0:
            spent[0].append((between - begun) * 1_000)
            spent[1].append((time.perf_counter() - between) * 1_000)
    sent.put(None)
    saved_ms = float(np.median(spent[0]) - np.median(spent[1]))
    yield Figure("echo on a stream, p50", float(np.median(spent[1])), "ms")
    p50 = {figure.name: figure.value for figure in figures}
    for kind in BARS:
        yield Figure(f"a stream would save, of {kind}", saved_ms / p50[f"{kind}, p50"], "×")


def _capacity(targets: dict[Kind, Target], pages: list[bytes]) -> Iterator[Figure]:
    """Learn how many calls a second a core answers, and what the log costs at a part of it."""
    rates = {}
    for kind in KINDS:
        target = targets[kind]
        for page in pages[:WARM]:
            target.call(page, timeout=30)
        cpu_s, begun_s = target.cpu_s(), time.perf_counter()
        count = _flood(target, pages)
        rates[kind] = count / (time.perf_counter() - begun_s)
        yield Figure(f"{kind}, calls a second and core", count / (target.cpu_s() - cpu_s), "")
    at_rate = SHARE * rates["default"]
    laps: dict[Kind, list[float]] = {"default": [], "unlogged": []}
    for _ in range(3):
        for kind, values in laps.items():
            values.append(_paced(targets[kind], pages, at_rate))
    told = f"log on / off, p50 at {at_rate:.0f} calls a second"
    yield Figure(told, float(np.median(laps["default"]) / np.median(laps["unlogged"])), "×")


def _flood(target: Target, pages: list[bytes]) -> int:
    until_s = time.perf_counter() + LAP_S

    def hand(first: int) -> int:
        count = 0
        while time.perf_counter() < until_s:
            target.call(pages[(first + count) % PAGES], timeout=30)
            count += 1
        return count

    with ThreadPoolExecutor(HANDS) as pool:
        return sum(pool.map(hand, range(0, PAGES, PAGES // HANDS)))


def _paced(target: Target, pages: list[bytes], at_rate: float) -> float:
    """Send at a steady pace, whatever is answered when; return the median from when it was due."""
    spent, begun_s = list[float](), time.perf_counter()

    def one(number: int) -> None:
        due_s = begun_s + number / at_rate
        wait_s = due_s - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        target.call(pages[number % PAGES], timeout=30)
        spent.append(time.perf_counter() - due_s)

    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(one, range(int(at_rate * LAP_S))))
    return float(np.median(spent)) * 1_000


def _stages(target: Target) -> dict[str, float]:
    """Return the mean time of each stage of a call, µs, as the server itself counts it."""
    with urllib.request.urlopen(target.metrics, timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if line.startswith("slotwarden_stage"))

    def of(stage: str, what: str) -> float:
        return float(told[f'slotwarden_stage_seconds_{what}{{stage="{stage}"}}'])

    return {stage: of(stage, "sum") / of(stage, "count") * 1e6 for stage in STAGES}


if __name__ == "__main__":
    raise SystemExit(main())
