"""Bytes that are no request, and failures within: callers learn nothing, and others are served."""

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import REGISTRY

from constraints.demands import Demand, Least
from constraints.effects import HARD
from constraints.facts import Facts
from constraints.page import Page
from constraints.rule import Day, Rule, Verdicts
from ranker.v1 import rerank_pb2 as pb
from tests.serving import (
    NOT_SERVING,
    SERVING,
    Fault,
    Served,
    fault_of,
    request,
    served,
    settled,
    shown,
    tight_lipped,
)

CANARY = "canary: /etc/secret.py"
OURS = {"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"}
GOOD = request(
    ["lead-0", "boss-0"],
    kinds=[1, 1],
    session_id="s",
    tail_ids=["boss-1"],
    reserved=[pb.ReservedSlot(slot=2, id="boss-2")],
    personalised=False,
    request_id="r",
)
GOOD.columns.features.add(name="f", values=[1.0, 2.0])
GOOD.columns.facts.extend([pb.FactRow(), pb.FactRow(kind="video", themes="a|b")])
MALFORMED = {
    "no message": b"\xff" * 10,
    "a field longer than the message": b"\x0a\xff\xff\xff\xff\x0f",
    "bad UTF-8 in surface": b"\x0a\x02\xc3\x28",
    "bad UTF-8 in an id": b"\x6a\x04\x12\x02\xed\xa0",
    "groups nested deeply": b"\xfb\x7f" * 50_000,
    "a varint without end": b"\x18" + b"\x80" * 20,
    "a field number of 0": b"\x00\x00",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("hostile"), inline_facts=True) as running:
        yield running
        _still_answers(running)


def _still_answers(app: Served) -> None:
    assert shown(app.rerank(request(["lead-0"], slot_count=1))) == ["lead-0"]


def _alarms(reason: str) -> float:
    return REGISTRY.get_sample_value("slotwarden_alarms_total", {"reason": reason}) or 0.0


def _outcome(app: Served, data: bytes) -> str:
    try:
        app.send(data)
    except grpc.RpcError as error:
        return fault_of(tight_lipped(error)).code
    return "OK"


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bytes_are_an_invalid_argument(app: Served, name: str) -> None:
    expected = Fault("INVALID_ARGUMENT", "MALFORMED_MESSAGE", "request")
    assert app.fault(MALFORMED[name]) == expected


def test_random_bytes_never_do_worse_than_be_refused(app: Served) -> None:
    rng = random.Random(1)
    seen = {_outcome(app, rng.randbytes(rng.randint(0, 300))) for _ in range(300)}
    assert seen == {"INVALID_ARGUMENT"}


def test_a_request_cut_anywhere_never_does_worse_than_be_refused(app: Served) -> None:
    whole = GOOD.SerializeToString()
    assert _outcome(app, whole) == "OK"
    assert {_outcome(app, whole[:cut]) for cut in range(len(whole))} <= OURS | {"OK"}


def test_mutated_requests_never_do_worse_than_be_refused(app: Served) -> None:
    rng, whole = random.Random(2), GOOD.SerializeToString()
    seen = set()
    for _ in range(300):
        mutant = bytearray(whole)
        for _ in range(rng.choice([1, 1, 2, 8])):
            mutant[rng.randrange(len(mutant))] = rng.randrange(256)
        seen.add(_outcome(app, bytes(mutant)))
    assert seen <= OURS | {"OK"}
    assert len(seen) > 2, "the mutants were of many kinds"


class _Raises(Rule):
    """A rule with a fault in one of its halves."""

    type: Literal["raises"] = "raises"
    where: str

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        return self._maybe("rows") or super().rows(facts, day)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        self._maybe("demands")
        return (Least({1}, 1, page.slots, HARD),) if self.where == "incurable" else ()

    def _maybe(self, where: str) -> Any:
        if self.where == where:
            raise ValueError(CANARY)


@pytest.mark.parametrize(
    ("where", "reason"),
    [("rows", "INTERNAL"), ("demands", "INTERNAL"), ("incurable", "VERIFY_FAILED")],
)
def test_a_rule_that_fails_stops_the_page_and_tells_nothing(
    app: Served, where: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    good, before = app.server.state._held, _alarms(reason)
    rule = _Raises(id="raises", source="PLATFORM", where=where)
    policy = replace(good.policy, rules=(*good.policy.rules, rule))
    app.server.state._held = replace(good, policy=policy)
    try:
        assert app.fault(request()) == Fault("INTERNAL", reason, "")
    finally:
        app.server.state._held = good
    assert _alarms(reason) == before + 1
    assert (CANARY in str(caplog.records[-1].fields)) == (where != "incurable"), (
        "operators are told"
    )
    _still_answers(app)


@pytest.mark.parametrize("what", ["now_us", "keys", "state"])
def test_a_fault_of_ours_anywhere_tells_nothing(app: Served, what: str) -> None:
    def raises() -> Any:
        raise OSError(2, CANARY, CANARY)

    service, good = app.server.service, getattr(app.server.service, what)
    setattr(service, what, raises)
    try:
        assert app.fault(request()) == Fault("INTERNAL", "INTERNAL", "")
    finally:
        setattr(service, what, good)


def test_a_solver_that_raises_is_replaced_and_alarmed(tmp_path: Path, app: Served) -> None:
    def raises(program: Any, rounds: int) -> Any:
        raise RuntimeError(CANARY)

    before = _alarms("SOLVER_FAILED")
    with served(tmp_path, solver=raises) as broken:
        reply = broken.rerank(request())
    assert reply.decision == app.rerank(request()).decision
    assert _alarms("SOLVER_FAILED") == before + 1


@pytest.mark.parametrize("instead", ["/dev/full", "/dev/null"])
def test_a_log_that_cannot_be_written_answers_nobody(app: Served, instead: str) -> None:
    log, before = app.server.log, _alarms("DECISION_LOG_FAILED")
    settled(log)
    kept = os.dup(log._writer._file)
    flags = os.O_WRONLY if instead == "/dev/full" else os.O_RDONLY
    os.dup2(broken := os.open(instead, flags), log._writer._file)
    try:
        for _ in range(2):
            assert app.fault(request()) == Fault("RESOURCE_EXHAUSTED", "DECISION_LOG_FAILED", "")
        assert app.health() == NOT_SERVING
    finally:
        os.dup2(kept, log._writer._file)
        os.close(kept)
        os.close(broken)
    assert _alarms("DECISION_LOG_FAILED") == before + 2
    _still_answers(app)
    assert app.health() == SERVING


def test_streams_left_open_hold_up_nobody(app: Served) -> None:
    over = threading.Event()

    def idle() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        over.wait(10)

    reflect = reflection_pb2_grpc.ServerReflectionStub(app.channel).ServerReflectionInfo
    watch = health_pb2_grpc.HealthStub(app.channel).Watch
    streams = [reflect(idle()) for _ in range(4)]
    streams += [watch(health_pb2.HealthCheckRequest()) for _ in range(8)]
    for stream in streams:
        next(stream)
    _still_answers(app)
    over.set()
    for stream in streams:
        stream.cancel()
    _still_answers(app)


def test_health_watches_that_come_and_go_hold_up_nobody(app: Served) -> None:
    def come_and_go() -> int:
        with grpc.insecure_channel(app.server.address) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch
            for _ in range(100):
                stream = watch(health_pb2.HealthCheckRequest(), timeout=10)
                assert next(stream).status == SERVING
                stream.cancel()
        return 100

    with ThreadPoolExecutor(8) as pool:
        watches = [pool.submit(come_and_go) for _ in range(8)]
        for _ in range(20):
            _still_answers(app)
            app.server._say(serving=True)
        assert [watch.result() for watch in watches] == [100] * 8
