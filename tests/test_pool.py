"""Who holds no thread: calls without a message, explanations, watches; and who takes no place."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from loadtests.hostile import started
from ranker.serving import pool
from ranker.serving.server import EXPLAIN
from ranker.v1 import explain_pb2
from tests.serving import METHOD, SERVING, Fault, Served, fault_of, held_by, request, served, until

BY_TOKEN = """
[identity.crowd]
tokens = ["{crowd}"]
methods = ["Rerank"]
calls_per_s = 5

[identity.feed]
tokens = ["{feed}"]
methods = ["Rerank"]
priority = "high"
"""


@contextmanager
def begun(app: Served, count: int) -> Iterator[list[Any]]:
    """Begin calls whose message never comes."""
    with started(app.server.address, count) as calls:
        until(lambda: len(app.server._pool._waiting) == min(count, pool.WAITING_MAX))
        yield calls


def test_calls_without_a_message_hold_up_nobody(tmp_path: Path) -> None:
    with served(tmp_path) as app, begun(app, 20):
        for _ in range(3):
            assert app.rerank(request()).decision.placements
        assert app.health() == SERVING
        until(lambda: app.server._pool.calls == 0)  # they take no place


def test_calls_whose_message_does_not_come_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path) as app, begun(app, 3) as calls:
        app.server._pool.sweep()
        assert not any(one.done() for one in calls), "they are young"
        monkeypatch.setattr(pool, "MESSAGE_S_MAX", 0.0)
        app.server._pool.sweep()
        assert {one.code() for one in calls} == {grpc.StatusCode.CANCELLED}
        until(lambda: not app.server._pool._waiting)
        assert app.rerank(request()).decision.placements


def test_of_too_many_without_a_message_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "WAITING_MAX", 4)
    with served(tmp_path) as app, begun(app, 10) as calls:
        until(lambda: sum(one.done() for one in calls) == 6)
        assert app.rerank(request()).decision.placements


def test_many_that_are_ended_take_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MESSAGE_S_MAX", 0.0)
    with served(tmp_path, calls_max=8) as app, begun(app, 100):
        app.server._pool.sweep()
        for _ in range(20):
            assert app.rerank(request()).decision.placements


def test_who_has_gone_is_not_decided_for(tmp_path: Path) -> None:
    hold, decided = threading.Event(), list[int]()

    def slow(program: Any, rounds: int) -> Any:
        decided.append(rounds)
        return held_by(hold)(program, rounds)

    data = request().SerializeToString()
    with served(tmp_path, solver=slow, threads=1) as app:
        call: Any = app.channel.unary_unary(METHOD)
        first = call.future(data, timeout=30)
        until(lambda: decided)
        gone = [call.future(data, timeout=30) for _ in range(5)]
        until(lambda: app.server._pool.calls == 6)
        for one in gone:
            one.cancel()
        time.sleep(0.5)  # the server is told of it
        hold.set()
        assert first.result()
        until(lambda: app.server._pool.calls == 0)
        assert len(decided) == 1


def test_a_call_that_ends_without_a_message_is_told_so(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        call: Any = app.channel.stream_unary(METHOD)
        with pytest.raises(grpc.RpcError) as caught:
            call(iter(()), timeout=10)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]
        until(lambda: app.server._pool.calls == 0)
        assert app.rerank(request()).decision.placements


def test_a_fault_of_ours_at_the_door_is_told_and_the_server_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("broken")

    with served(tmp_path) as app:
        with monkeypatch.context() as patch:
            patch.setattr(app.server.gate, "admit", broken)
            assert app.fault(request()) == Fault("INTERNAL", "INTERNAL", "")
        assert app.rerank(request()).decision.placements


def test_explanations_hold_up_no_page_and_are_refused_when_many_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = threading.Event()

    def slow(data: bytes) -> explain_pb2.ExplainResponse:
        hold.wait(30)
        return explain_pb2.ExplainResponse()

    with served(tmp_path) as app:
        monkeypatch.setattr(app.server.explainer, "explain", slow)
        explain: Any = app.channel.unary_unary(f"/{EXPLAIN}/Explain")
        asked = [explain.future(b"", timeout=60) for _ in range(8)]
        until(lambda: app.server._explaining.is_full)
        assert app.rerank(request()).decision.placements
        with pytest.raises(grpc.RpcError) as caught:
            explain(b"", timeout=60)
        assert fault_of(caught.value).reason == "ADMISSION_LIMIT"
        hold.set()
        for one in asked:
            one.result()


def test_who_is_over_its_quota_takes_no_place_of_others(tmp_path: Path) -> None:
    hold = threading.Event()
    tokens = {name: name * 10 for name in ("crowd", "feed")}
    tokens["feed"] *= 2
    digests = {n: hashlib.sha256(t.encode()).hexdigest() for n, t in tokens.items()}
    identities = tmp_path / "identities.toml"
    identities.write_text(BY_TOKEN.format(**digests), encoding="utf-8")
    data = request().SerializeToString()
    told = {name: (("authorization", f"Bearer {token}"),) for name, token in tokens.items()}
    with served(
        tmp_path / "data", solver=held_by(hold), calls_max=32, threads=1, identities=identities
    ) as app:
        call: Any = app.channel.unary_unary(METHOD)
        crowd = [call.future(data, timeout=60, metadata=told["crowd"]) for _ in range(60)]
        until(lambda: sum(one.done() for one in crowd) >= 45)
        assert app.server._pool.calls <= 15
        feed = call.future(data, timeout=60, metadata=told["feed"])
        hold.set()
        assert feed.result()
        refused = [one for one in crowd if one.exception() is not None]
        assert {fault_of(one.exception()).reason for one in refused} == {"QUOTA_EXCEEDED"}


def test_streams_beyond_the_limit_are_ended_at_once() -> None:
    class Event:
        class call:  # noqa: N801 -- as gRPC calls it
            ended = 0

            @classmethod
            def cancel(cls) -> None:
                cls.ended += 1

    hold, aside = threading.Event(), pool.Aside(1, "aside", 2)
    open_ones = [aside.submit(lambda *_: hold.wait(30), None, Event) for _ in range(2)]
    assert aside.submit(lambda *_: None, None, Event).result(1) is None
    assert Event.call.ended == 1
    aside.end()
    assert Event.call.ended == 3
    hold.set()
    for one in open_ones:
        one.result(10)
    aside.submit(lambda *_: None, None, Event).result(10)
    assert Event.call.ended == 3, "there is room again"
