"""Locust users that call Rerank as feed services do, and have every reply judged.

`locust -f loadtests/locustfile.py -H HOST:PORT`; see docs/load-tests.md, or subclass `RerankUser`.
"""

import json
import random
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

import gevent
import grpc
import grpc.experimental.gevent as grpc_gevent
from locust import User, events, tag, task
from locust.env import Environment
from locust.runners import STATE_MISSING, LocalRunner, MasterRunner, WorkerRunner

from loadtests.client import METHOD, SERVER_US, to_dict, to_message
from loadtests.judging import Spool, Told, judged
from loadtests.pages import Page
from loadtests.slo import SHIPPED, breaches, read_slo
from loadtests.traffic import DATA, FOLLOWING, Traffic, below, traffic
from ranker.v1.rerank_pb2 import RerankResponse

grpc_gevent.init_gevent()  # before any channel
# gevent listens for the end of children from the first it watches on, and so never hears of one
# that ends while that is put up: a judge that fails at once would be waited for till JUDGE_S_MAX.
gevent.get_hub().loop.install_sigchld()

KIND: Final = "gRPC"
JUDGE_S_MAX: Final = 3_600.0  # LIMIT: of all judging; what was not judged by then was not lawful
ROWS: Final = {
    "rerank": ("Rerank", KIND),
    "server": ("Rerank", "server"),
    "echo": ("echo", KIND),
    "lawful": ("lawful", "judge"),
    "true": ("true", "judge"),
}
"""Names of what is measured → rows of Locust's report."""


class _Run:
    """What all users of a process share.

    Attributes:
        traffic: what they send.
        spool: keeps replies for the judge; None while it judges, and nobody calls.
        file: of the spool.
        told: what the judges of all processes found.
        under_way: calls that will be kept.
        users: that all processes have together.
    """

    traffic: Traffic
    spool: Spool | None = None
    file: Any
    told: list[Told]
    under_way = 0
    users = 0


@events.init_command_line_parser.add_listener
def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--pages", type=int, default=400, help="different pages to send")
    parser.add_argument("--seed", type=int, default=1, help="of pages and facts")
    parser.add_argument("--data", default=str(DATA), help="folder of the public data sets")
    parser.add_argument("--user-rate", type=float, default=1.0, help="calls a second of one user")
    parser.add_argument("--call-timeout", type=float, default=1.0, help="seconds to a deadline")
    parser.add_argument("--slo", default=str(SHIPPED), help="objectives, TOML")
    parser.add_argument("--echo", default="", help="address of an echo: what gRPC alone costs")
    parser.add_argument("--figures", default="", help="write what was measured here, JSON")


@events.init.add_listener
def _prepare(environment: Environment, **_: Any) -> None:
    asked: Any = environment.parsed_options
    read_slo(Path(asked.slo))  # a fault in it is told before the run, not after
    RerankUser.rate = asked.user_rate
    runner: Any = environment.runner
    if isinstance(runner, WorkerRunner | LocalRunner):
        runner.register_message("judge", _judge, concurrent=True)
    if isinstance(runner, MasterRunner | LocalRunner):
        runner.register_message("judged", _listen)
    if not isinstance(runner, MasterRunner):
        _Run.traffic = traffic(asked.pages, asked.seed, Path(asked.data))
    if not asked.echo:
        environment.user_classes = [one for one in environment.user_classes if one is not EchoUser]


@events.test_start.add_listener
def _begin(environment: Environment, **_: Any) -> None:
    asked: Any = environment.parsed_options
    _Run.told = []
    if not isinstance(environment.runner, MasterRunner):
        _Run.file = tempfile.NamedTemporaryFile(prefix="replies-")  # noqa: SIM115
        _Run.spool = Spool(_Run.file, asked.pages, asked.seed, Path(asked.data))


@events.spawning_complete.add_listener
def _count_users(user_count: int, **_: Any) -> None:
    _Run.users = user_count


@events.test_stopping.add_listener
def _have_judged(environment: Environment, **_: Any) -> None:
    """Have all replies judged; each is a row of the report, and a failure if it is not lawful."""
    runner: Any = environment.runner
    if isinstance(runner, WorkerRunner):
        return
    answered = _answered(environment)
    begun_s = time.perf_counter()
    runner.send_message("judge")
    while len(_Run.told) < _judges(runner) and time.perf_counter() < begun_s + JUDGE_S_MAX:
        time.sleep(0.05)
    # Replies of a worker that is gone, or does not tell, are in the figures and were not judged.
    unjudged = answered - sum(told.judged for told in _Run.told)
    if unjudged > 0 or len(_Run.told) < _judges(runner):
        _report(environment, "judge", "lawful", 0.0, 0, _UnlawfulError("was not judged"))
    spent_ms = (time.perf_counter() - begun_s) * 1e3
    for told in _Run.told:
        for name, faults in (("lawful", told.unlawful), ("true", told.untrue)):
            for number in range(told.judged):
                fault = _UnlawfulError(f"is not {name}") if number < faults else None
                _report(environment, "judge", name, spent_ms / told.judged, 0, fault)
        for example in told.examples:
            print(example, file=sys.stderr)


def _judges(runner: Any) -> int:
    """Return how many processes will tell what they judged: those that are still there."""
    if not isinstance(runner, MasterRunner):
        return 1
    return sum(one.state != STATE_MISSING for one in runner.clients.values())


def _answered(environment: Environment) -> int:
    told = environment.stats.get("Rerank", KIND)
    return int(told.num_requests - told.num_failures)


def _judge(environment: Environment, msg: Any, **_: Any) -> None:
    """Judge what this process was answered, and tell."""
    spool, _Run.spool = _Run.spool, None
    assert spool is not None, "INVARIANT: a test has begun"
    while _Run.under_way:
        time.sleep(0.01)
    _Run.file.flush()
    try:
        told = judged(Path(_Run.file.name))
        if told.judged != spool.kept:
            raise ValueError(f"{told.judged} of {spool.kept} replies")
    except (RuntimeError, ValueError, OSError) as error:
        told = Told(spool.kept, spool.kept, spool.kept, [f"not all was judged: {error}"])
    _Run.file.close()
    runner: Any = environment.runner
    runner.send_message("judged", told._asdict())


def _listen(environment: Environment, msg: Any, **_: Any) -> None:
    _Run.told.append(Told(**msg.data))


@events.quitting.add_listener
def _hold(environment: Environment, **_: Any) -> None:
    """Hold what was measured against the objectives."""
    if isinstance(environment.runner, WorkerRunner):
        return
    asked: Any = environment.parsed_options
    slo, measured = read_slo(Path(asked.slo)), _measured(environment)
    if environment.shape_class is not None:
        slo.pop("load", None)  # users come and go: nobody asked for a rate
    found = list(breaches(slo, measured))
    for one in found:
        print(f"not kept: {one}", file=sys.stderr)
    if asked.figures:
        Path(asked.figures).write_text(json.dumps(measured), "utf-8")
    environment.process_exit_code = 1 if found else 0


def _measured(environment: Environment) -> dict[str, dict[str, float]]:
    asked: Any = environment.parsed_options
    told: dict[str, dict[str, float]] = {}
    for name, row in ROWS.items():
        entry = environment.stats.entries.get(row)
        if entry is not None and entry.num_requests:
            told[name] = {
                "calls": entry.num_requests,
                "p50_ms": entry.get_response_time_percentile(0.5),
                "p99_ms": entry.get_response_time_percentile(0.99),
                "failed_share": entry.num_failures / entry.num_requests,
            }
    calls = environment.stats.get("Rerank", KIND)
    seconds = (calls.last_request_timestamp or calls.start_time) - calls.start_time
    due = (_Run.users - bool(asked.echo)) * asked.user_rate  # one of them calls the echo
    if seconds and due > 0:
        told["load"] = {"sent_share": calls.num_requests / seconds / due}
    return told


class _UnlawfulError(Exception):
    """A reply was not lawful, or not true."""


def _report(
    environment: Environment, kind: str, name: str, ms: float, size: int, fault: Exception | None
) -> None:
    environment.events.request.fire(
        request_type=kind, name=name, response_time=ms, response_length=size, exception=fault,
        context={},
    )  # fmt: skip


class PoissonUser(User):
    """Calls at instants of a Poisson process; after a slow reply it catches up.

    Attributes:
        rate: calls a second of one user.
    """

    abstract = True
    rate = 1.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._due_s = time.perf_counter()

    def wait_time(self) -> float:
        """Return the seconds until the next call is due."""
        self._due_s += random.expovariate(self.rate)
        return max(self._due_s - time.perf_counter(), 0.0)


class RerankUser(PoissonUser):
    """A feed service: asks for pages, one of seven times for the page below the last.

    Subclass it to send other pages: set `weight`, `rate`, `tasks`, or override `next_page`.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        asked: Any = environment.parsed_options
        options = (("grpc.use_local_subchannel_pool", 1),)
        self._channel = grpc.insecure_channel(str(self.host or environment.host), options)
        self._call: Any = self._channel.unary_unary(METHOD)
        self._timeout_s = asked.call_timeout
        self._at = random.randrange(len(_Run.traffic.pages))
        self._before: tuple[Page, RerankResponse] | None = None

    def on_start(self) -> None:
        """Begin some time after the others."""
        time.sleep(self.wait_time())

    def on_stop(self) -> None:
        """Close the channel."""
        self._channel.close()

    def next_page(self) -> Page:
        """Return the page to ask for next; see `pages.py`."""
        pages = _Run.traffic.pages
        self._at = (self._at + 1) % len(pages)
        return pages[self._at]

    @tag("first")
    @task(round(100 - 100 * FOLLOWING))
    def first_page(self) -> None:
        """Ask for a page that begins a surface."""
        self.ask(self.next_page())

    @tag("below")
    @task(round(100 * FOLLOWING))
    def page_below(self) -> None:
        """Ask for the page below the last one, with its token."""
        if self._before is None:
            return self.first_page()
        page, reply = self._before
        return self.ask(below(self.next_page(), page, to_dict(reply)))

    def ask(self, page: Page) -> None:
        """Call Rerank, time it at both ends, and keep the reply to be judged."""
        spool = _Run.spool
        if spool is None:
            return
        _Run.under_way += 1
        try:
            self._ask(page, spool)
        finally:
            _Run.under_way -= 1

    def _ask(self, page: Page, spool: Spool) -> None:
        data = to_message(page).SerializeToString()
        begun_s, sent_s = time.perf_counter(), time.time()
        call = self._call.future(data, timeout=self._timeout_s)
        fault, reply = None, b""
        try:
            reply = call.result()
        except grpc.RpcError:
            fault, self._before = _EndedError(call.code().name), None
        spent_ms = (time.perf_counter() - begun_s) * 1e3
        told = dict(call.trailing_metadata() or ())
        _report(self.environment, KIND, "Rerank", spent_ms, len(reply), fault)
        if SERVER_US in told:
            server_ms = int(told[SERVER_US]) / 1e3
            _report(self.environment, "server", "Rerank", server_ms, len(reply), None)
        if reply:
            spool.add(page, reply, sent_s, time.time())
            self._before = page, RerankResponse.FromString(reply)


class _EndedError(Exception):
    """A call that was not answered; equal ones are one row of the report."""


class EchoUser(PoissonUser):
    """Calls an echo of the same messages a few times a second: the floor of the same run."""

    fixed_count = 1
    rate = 5.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        asked: Any = environment.parsed_options
        self._channel = grpc.insecure_channel(asked.echo)
        self._call: Any = self._channel.unary_unary(METHOD)

    @tag("first", "below", "echo")
    @task
    def echo(self) -> None:
        """Send a page to the echo."""
        data = to_message(random.choice(_Run.traffic.pages)).SerializeToString()
        begun_s = time.perf_counter()
        reply = self._call(data, timeout=10)
        spent_ms = (time.perf_counter() - begun_s) * 1e3
        _report(self.environment, KIND, "echo", spent_ms, len(reply), None)
