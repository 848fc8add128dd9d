"""What a hostile client costs the others: connections and calls left open, floods of pings.

`python -m loadtests.hostile [--laps N] [--json]`: laps with and without it in turn, in one run.
"""

import argparse
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc
import numpy as np
from rich.progress import track

from loadtests.bench.figures import Figure, show
from loadtests.client import METHOD
from loadtests.process import sample_page, serving

IDLE: Final = 1_000  # connections that say nothing
SLOW: Final = 50  # connections that send a byte now and then
STARTED: Final = 200  # calls whose message never comes
WATCHED: Final = 200  # watches of the server's health
LAP_S: Final = 3.0
P50_MAX: Final = 1.2
P99_MAX: Final = 2.0
_ALONE: Final = (("grpc.use_local_subchannel_pool", 1),)
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
_PING: Final = bytes.fromhex("0000080600000000000102030405060708")


def main(words: list[str] | None = None) -> int:
    """Measure, print, and fail where others feel too much of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laps", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    with TemporaryDirectory(prefix="hostile-") as folder, serving(Path(folder)) as served:
        figures = list(_measured(served.address, asked.laps))
    if asked.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=1))
    else:
        show(figures, f"median of {asked.laps} laps each, in turn")
    return 0 if all(figure.is_met for figure in figures) else 1


def _measured(address: str, laps: int) -> Iterator[Figure]:
    alone: list[tuple[float, float]] = []
    beside: dict[str, list[tuple[float, float]]] = {name: [] for name in ATTACKS}
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(METHOD)
        _lap(call)  # warm
        quiet = not sys.stderr.isatty()
        for _ in track(range(laps), "hostile", transient=True, disable=quiet):
            alone.append(_lap(call))
            for name, attack in ATTACKS.items():
                with attack(address):
                    beside[name].append(_lap(call))
    p50, p99 = np.median(np.array(alone), axis=0)
    yield Figure("p50 alone", float(p50), "ms")
    yield Figure("p99 alone", float(p99), "ms")
    for name, found in beside.items():
        theirs = np.median(np.array(found), axis=0)
        yield Figure(f"{name}: p50", float(theirs[0] / p50), "×", most=P50_MAX)
        yield Figure(f"{name}: p99", float(theirs[1] / p99), "×", most=P99_MAX)


def _lap(call: Callable[..., bytes]) -> tuple[float, float]:
    """Call for a while; return median and p99, milliseconds."""
    page = sample_page(np.random.default_rng(1))
    data, spent = page.SerializeToString(), list[float]()
    until_s = time.perf_counter() + LAP_S
    while time.perf_counter() < until_s:
        begun = time.perf_counter()
        call(data, timeout=10)
        spent.append((time.perf_counter() - begun) * 1_000)
    return float(np.median(spent)), float(np.percentile(spent, 99))


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=5)


@contextmanager
def _idle(address: str) -> Iterator[None]:
    """Open connections, say hello, and nothing more."""
    with ExitStack() as stack:
        for _ in range(IDLE):
            held = stack.enter_context(_connected(address))
            held.sendall(_PREFACE)
        yield


@contextmanager
def _busy(
    step: Callable[[list[socket.socket]], list[socket.socket]], address: str, count: int
) -> Iterator[None]:
    """Do something on connections of its own, again and again; one that is closed is made anew.

    Raises:
        RuntimeError: the attack ended before it should: nothing was measured beside it.
    """
    stop, faults = threading.Event(), list[OSError]()

    def fresh() -> socket.socket:
        one = _connected(address)
        one.sendall(_PREFACE)
        return one

    def run() -> None:
        held = [fresh() for _ in range(count)]
        try:
            while not stop.is_set():
                for closed in step(held):
                    held.remove(closed)
                    closed.close()
                    held.append(fresh())
        except OSError as error:
            faults.append(error)
        finally:
            for one in held:
                one.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if faults:
        raise RuntimeError(f"an attack ended: {faults[0]}")


def _drip(held: list[socket.socket]) -> list[socket.socket]:
    """Send a byte of a request that never ends, on each connection; return those closed on us."""
    time.sleep(0.05)
    return [one for one in held if not _sent(one, b"\x00")]


def _ping(held: list[socket.socket]) -> list[socket.socket]:
    """Send pings without waiting; return the connections that were closed on us, rightly."""
    time.sleep(0.005)
    return [one for one in held if not _sent(one, _PING * 50)]


def _sent(one: socket.socket, raw: bytes) -> bool:
    """Send, read what was answered, and tell whether the connection still stands."""
    try:
        one.sendall(raw)
        one.setblocking(False)
        try:
            return bool(one.recv(65_536))
        except BlockingIOError:
            return True
        finally:
            one.setblocking(True)
    except OSError:
        return False


@contextmanager
def started(address: str, count: int = STARTED) -> Iterator[list[Any]]:
    """Begin calls of Rerank, and never send what they are about; yield them."""
    stop = threading.Event()

    def nothing() -> Iterator[bytes]:
        stop.wait()
        yield from ()

    with grpc.insecure_channel(address, _ALONE) as channel:
        call: Any = channel.stream_unary(METHOD)
        begun = [call.future(nothing(), timeout=60) for _ in range(count)]
        try:
            yield begun
        finally:
            stop.set()
            for one in begun:
                one.cancel()


@contextmanager
def _watched(address: str) -> Iterator[None]:
    """Watch the server's health, again and again."""
    with grpc.insecure_channel(address, _ALONE) as channel:
        watch: Any = channel.unary_stream("/grpc.health.v1.Health/Watch")
        begun = [watch(b"", timeout=60) for _ in range(WATCHED)]
        try:
            yield
        finally:
            for one in begun:
                one.cancel()


ATTACKS: Final[dict[str, Callable[[str], Any]]] = {
    f"{IDLE:,} idle connections": _idle,
    f"{SLOW} slow senders": lambda address: _busy(_drip, address, SLOW),
    f"{STARTED} calls without a message": started,
    f"{WATCHED} watches": _watched,
    "a flood of pings": lambda address: _busy(_ping, address, 4),
}


if __name__ == "__main__":
    raise SystemExit(main())
