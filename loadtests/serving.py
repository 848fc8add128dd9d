"""Gives a run its server: one of its own in another process, or one that already runs."""

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc
import numpy as np

from loadtests.client import Client
from loadtests.pages import Page
from loadtests.seeding import Registry
from ranker.audit.checking import read_records
from ranker.audit.log import FOLDER

SOLVERS: Final = ("kernel", "random", "stale", "raising")
_START_S_MAX: Final = 120.0  # a cold compiler included
_REVISION_S_MAX: Final = 60.0
_POLL_S: Final = 0.2


class ServerError(Exception):
    """There is no server to run against, or it does not take our facts."""


def import_facts(registry: Registry, data_dir: Path) -> int:
    """Import facts through the product's own import.

    Returns:
        The revision of the facts afterwards.

    Raises:
        ServerError: the import refuses a row.
    """
    from ranker.facts.importing import import_csv
    from ranker.facts.store import FactStore

    with FactStore(data_dir) as store:
        for name, content in registry.files().items():
            outcome = import_csv(store, name, content, at_us=time.time_ns() // 1000)
            if outcome.faults:
                raise ServerError(f"the import refuses {outcome.faults[0]}")
        return store.head().revision


@contextmanager
def own_server(
    registry: Registry, policies: Mapping[str, str], solver: str
) -> Iterator[tuple[str, int, Path]]:
    """Run a server of our own, in another process, with fresh folders of data and policies.

    Args:
        registry: the facts it begins with.
        policies: file name → text; copied, so that nobody changes the law under the run.
        solver: one of `SOLVERS`.

    Yields:
        Its address, the revision of its facts, and its data folder.
    """
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(prefix="realpages-") as folder:
        data_dir, policy_dir = Path(folder) / "data", Path(folder) / "policies"
        revision = import_facts(registry, data_dir)
        policy_dir.mkdir()
        for name, text in policies.items():
            (policy_dir / name).write_text(text, "utf-8")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, data_dir, policy_dir, solver))
        process.daemon = True
        process.start()
        theirs.close()
        try:
            if not ours.poll(_START_S_MAX):
                raise ServerError("the server does not start")
            yield ours.recv(), revision, data_dir
        except EOFError:
            raise ServerError("the server ended while it started") from None
        finally:
            ours.close()
            process.join(_START_S_MAX)


def decisions_of(data_dir: Path) -> dict[int, str]:
    """Return number → id of every decision in the log of a server, the oldest first."""
    envelopes = (one.envelope for one in read_records(data_dir / FOLDER))
    return {one.sequence: one.decision_id for one in envelopes if one.decision_id}


def wait_for_revision(client: Client, page: Page, revision: int) -> None:
    """Wait until a running server decides by facts at least as new.

    Raises:
        ServerError: it does not within a minute, or does not answer.
    """
    until = time.monotonic() + _REVISION_S_MAX
    try:
        while client.call(page)[0]["facts_revision"] < revision:
            if time.monotonic() > until:
                raise ServerError(f"the server does not reach revision {revision} of the facts")
            time.sleep(_POLL_S)
    except grpc.RpcError as error:
        raise ServerError(f"the server does not answer: {error.details()}") from None


def _serve(pipe: Connection, data_dir: Path, policy_dir: Path, solver: str) -> None:
    """Serve until the other end of the pipe closes."""
    from constraints.solve import solve
    from ranker.serving.server import Server
    from ranker.settings import Settings

    if solver != "kernel":  # its alarms are what we ask for: they are counted, not printed
        log = logging.getLogger("slotwarden")
        log.addHandler(logging.NullHandler())
        log.propagate = False
    settings = Settings(data_dir=data_dir, policy_dir=policy_dir, port=0, metrics_port=0)
    server = Server(settings, solver=_solver(solver, solve))
    server.start()
    try:
        pipe.send(server.address)
        pipe.recv()
    except EOFError:
        pass
    finally:
        server.stop()


def _solver(name: str, solve: Callable[..., Any]) -> Callable[..., Any]:
    """Return the solver of a name; all but `kernel` are hostile.

    random: any number for every slot, doubled, out of range or below zero.
    stale: the slate of the request before, cut or filled up to size.
    raising: raises.
    """
    draw, kept = np.random.default_rng(0), [np.empty(0, np.int32)]

    def random(program: Any, rounds: int) -> Any:
        slate = draw.integers(-2, len(program.order) + 2, program.slot_count)
        return solve(program, rounds)._replace(slate=slate)

    def stale(program: Any, rounds: int) -> Any:
        found = solve(program, rounds)
        before, kept[0] = kept[0], found.slate
        slate = np.full(program.slot_count, -1, np.int32)
        size = min(len(before), len(slate))
        slate[:size] = before[:size]
        return found._replace(slate=slate)

    def raising(program: Any, rounds: int) -> Any:
        raise RuntimeError("a hostile solver")

    return {"kernel": solve, "random": random, "stale": stale, "raising": raising}[name]
