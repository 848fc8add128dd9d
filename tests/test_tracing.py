"""Traces: one span a call with a child a stage, sampled as told, and nothing about people."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest

from constraints.errors import SettingsError
from ranker.settings import Settings
from ranker.telemetry import STAGES
from ranker.tracing import NAME, Tracing
from tests.serving import METHOD, Served, request, served

otel = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otel")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{}"


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[tuple[Served, Any]]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0.0)))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with served(tmp_path) as app:
        app.server.tracing = Tracing(provider)
        yield app, exporter


def call(app: Served, data: bytes, flags: int) -> None:
    metadata = (("traceparent", PARENT.format(flags)),)
    app.channel.unary_unary(METHOD)(data, timeout=10, metadata=metadata)


def test_a_call_of_a_sampled_trace_is_a_span_with_its_stages(traced: tuple[Served, Any]) -> None:
    app, exporter = traced
    asked = request(viewer_id="somebody", session_id="their session")
    call(app, asked.SerializeToString(), 1)
    *stages, whole = exporter.get_finished_spans()
    assert [one.name for one in stages] == list(STAGES)
    assert whole.name == NAME
    assert f"{whole.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{whole.parent.span_id:016x}" == PARENT.split("-")[2]
    assert all(one.parent.span_id == whole.context.span_id for one in stages)
    assert whole.start_time <= stages[0].start_time <= stages[-1].end_time <= whole.end_time
    for before, behind in pairwise(stages):
        assert before.end_time == behind.start_time
    told = dict(whole.attributes)
    assert told.pop("slotwarden.decision_id")
    assert told == {
        "slotwarden.surface": "home",
        "slotwarden.candidates": len(asked.columns.string_ids),
        "slotwarden.reason": "OK",
    }


def test_a_call_nobody_samples_leaves_no_span(traced: tuple[Served, Any]) -> None:
    app, exporter = traced
    call(app, request().SerializeToString(), 0)
    app.rerank(request())
    assert not exporter.get_finished_spans()


@pytest.mark.parametrize("parent", ["", "garbage", "00-0-0-01", "x" * 8_000])
def test_a_parent_that_cannot_be_read_holds_up_nothing(
    traced: tuple[Served, Any], parent: str
) -> None:
    app, exporter = traced
    data, metadata = request().SerializeToString(), (("traceparent", parent),)
    assert app.channel.unary_unary(METHOD)(data, timeout=10, metadata=metadata)
    assert not exporter.get_finished_spans()


def test_a_refused_call_ends_its_span(traced: tuple[Served, Any]) -> None:
    app, exporter = traced
    with pytest.raises(grpc.RpcError):
        call(app, request(slot_count=0).SerializeToString(), 1)
    *_, whole = exporter.get_finished_spans()
    assert whole.attributes["slotwarden.reason"] == "SLOT_COUNT_OUT_OF_RANGE"
    assert whole.status.status_code.name == "ERROR"


def test_traces_are_off_unless_a_collector_is_named(tmp_path: Path) -> None:
    assert Tracing.of(Settings(data_dir=tmp_path)) is None
    with served(tmp_path) as app:
        assert app.server.tracing is None


def test_a_collector_that_does_not_answer_holds_up_nothing(tmp_path: Path) -> None:
    with served(tmp_path, otel_endpoint="http://127.0.0.1:9", otel_share=1.0) as app:
        assert app.rerank(request()).decision_id
        app.server.tracing._provider._active_span_processor._span_processors[0].shutdown()


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r"slotwarden\[otel\]"):
        Tracing.of(Settings(data_dir=tmp_path, otel_endpoint="http://127.0.0.1:9"))


def test_channelz_answers_where_it_is_asked_for(tmp_path: Path) -> None:
    channelz = pytest.importorskip("grpc_channelz.v1.channelz_pb2", reason="needs the extra debug")
    name = "/grpc.channelz.v1.Channelz/GetServers"
    asked = channelz.GetServersRequest().SerializeToString()
    with served(tmp_path / "on", channelz=True) as app:
        told = channelz.GetServersResponse.FromString(
            app.channel.unary_unary(name)(asked, timeout=10)
        )
        assert told.server
    with served(tmp_path / "off") as app, pytest.raises(grpc.RpcError) as caught:
        app.channel.unary_unary(name)(asked, timeout=10)
    code: Any = caught.value
    assert code.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("more", [{"host": "0.0.0.0"}, {"identities": Path("identities.toml")}])
def test_channelz_is_for_this_machine_alone(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="channelz"):
        Settings(channelz=True, **more)
