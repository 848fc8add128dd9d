"""Who gets in: certificates, tokens, the matrix of identities and methods, quotas."""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ranker.serving.identities import METHODS
from ranker.serving.server import DECISION_LOG, EXPLAIN, EXPOSURE, SERVICE
from ranker.telemetry import BEHIND
from ranker.v1 import decision_log_pb2, explain_pb2, exposure_pb2
from ranker.v1 import rerank_pb2 as pb
from tests.certificates import Authority, Issued
from tests.serving import (
    METHOD,
    SERVING,
    Served,
    fault_of,
    held_by,
    request,
    served,
    tight_lipped,
    until,
)

TOKEN = "t" * 40
LOW = "l" * 40
IDENTITIES = f"""
[identity.feed]
names = ["feed.example.cn"]
methods = ["Rerank", "Report"]

[identity.audit]
names = ["audit.example.cn"]
methods = ["Get", "Query"]

[identity.batch]
tokens = ["{hashlib.sha256(TOKEN.encode()).hexdigest()}"]
methods = ["Rerank", "Explain"]
calls_per_s = 2

[identity.lowly]
tokens = ["{hashlib.sha256(LOW.encode()).hexdigest()}"]
methods = ["Rerank"]
priority = "low"
"""
OURS, THEIRS = Authority("ours"), Authority("theirs")
SERVER = OURS.issue("localhost", is_client=False)
FEED, AUDIT = OURS.issue("feed.example.cn"), OURS.issue("audit.example.cn")


def written(folder: Path, **files: bytes) -> dict[str, Path]:
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return {name: folder / name for name in files}


@contextmanager
def secured(tmp_path: Path, identities: str = IDENTITIES, **more: Any) -> Iterator[Served]:
    told = written(
        tmp_path,
        tls_cert=SERVER.cert,
        tls_key=SERVER.key,
        tls_client_ca=OURS.cert,
        identities=identities.encode(),
    )
    with served(tmp_path / "data", **told, **more) as app:
        yield app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with secured(tmp_path_factory.mktemp("secured")) as running:
        yield running


@contextmanager
def connected(
    app: Served, client: Issued | None, roots: bytes = OURS.cert
) -> Iterator[grpc.Channel]:
    told = (client.key, client.cert) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(roots, *told)
    options = (("grpc.use_local_subchannel_pool", 1),)
    with grpc.secure_channel(app.server.address, credentials, options) as channel:
        yield channel


def rerank(channel: grpc.Channel, token: str = "", **fields: Any) -> pb.RerankResponse:
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    data = request(**fields).SerializeToString()
    raw = channel.unary_unary(METHOD)(data, timeout=5, metadata=metadata)
    return pb.RerankResponse.FromString(raw)


def refused(channel: grpc.Channel, token: str = "") -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        rerank(channel, token)
    told = fault_of(tight_lipped(caught.value))
    return told.code, told.reason


BAD: dict[str, Issued | None] = {
    "no certificate": None,
    "of another authority": THEIRS.issue("feed.example.cn"),
    "expired": OURS.issue("feed.example.cn", days=-1),
}


@pytest.mark.parametrize("which", BAD)
def test_a_client_without_a_good_certificate_gets_no_connection(app: Served, which: str) -> None:
    with connected(app, BAD[which]) as channel, pytest.raises(grpc.RpcError) as caught:
        rerank(channel)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_certificate_for_another_name_is_nobody(app: Served) -> None:
    with connected(app, OURS.issue("nobody.example.cn")) as channel:
        assert refused(channel) == ("UNAUTHENTICATED", "IDENTITY_UNKNOWN")


def test_plain_text_is_not_answered(app: Served) -> None:
    with grpc.insecure_channel(app.server.address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            rerank(channel)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_client_does_not_believe_another_server(app: Served) -> None:
    with connected(app, FEED, THEIRS.cert) as channel, pytest.raises(grpc.RpcError) as caught:
        rerank(channel)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


CALLS = {
    "Rerank": (SERVICE, request().SerializeToString()),
    "FallbackSlate": (
        SERVICE,
        pb.FallbackSlateRequest(request=request()).SerializeToString(),
    ),
    "Explain": (
        EXPLAIN,
        explain_pb2.ExplainRequest(request=request(), candidate_id="best").SerializeToString(),
    ),
    "Report": (
        EXPOSURE,
        exposure_pb2.ReportRequest(
            exposures=[exposure_pb2.Exposure(decision_id="d", shown_at_us=1)]
        ).SerializeToString(),
    ),
    "Get": (DECISION_LOG, decision_log_pb2.GetRequest(sequence=1).SerializeToString()),
    "Query": (DECISION_LOG, decision_log_pb2.QueryRequest(question="days").SerializeToString()),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("who", "may"),
    [("feed", {"Rerank", "Report"}), ("audit", {"Get", "Query"}), ("nobody", set())],
)
def test_each_may_call_what_is_declared_and_nothing_else(
    app: Served, who: str, may: set[str], method: str
) -> None:
    client = {"feed": FEED, "audit": AUDIT, "nobody": OURS.issue("nobody.example.cn")}[who]
    service, data = CALLS[method]
    code = ""
    with connected(app, client) as channel:
        try:
            channel.unary_unary(f"/{service}/{method}")(data, timeout=10)
        except grpc.RpcError as error:
            code = error.code().name
    denied = "UNAUTHENTICATED" if who == "nobody" else "PERMISSION_DENIED"
    if method in may:
        assert code in ("", "FAILED_PRECONDITION"), "there may be no tables yet"
    else:
        assert code == denied


def test_every_method_of_ours_is_in_the_matrix() -> None:
    pools = (pb, explain_pb2, exposure_pb2, decision_log_pb2)
    named = {
        method
        for each in pools
        for service in each.DESCRIPTOR.services_by_name.values()
        for method in service.methods_by_name
    }
    assert named == set(METHODS) == set(CALLS)


def test_health_is_for_everybody_with_a_certificate_and_reflection_for_nobody(app: Served) -> None:
    with connected(app, OURS.issue("probe.example.cn")) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=5).status == SERVING
        listed = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        )
        with pytest.raises(grpc.RpcError) as caught:
            next(listed(iter([b""]), timeout=5))
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_token_is_an_identity_with_a_quota_and_is_told_when_to_come_back(app: Served) -> None:
    with connected(app, OURS.issue("any.example.cn")) as channel:
        assert refused(channel, "t" * 39) == ("UNAUTHENTICATED", "IDENTITY_UNKNOWN")
        assert refused(channel, "short") == ("UNAUTHENTICATED", "IDENTITY_UNKNOWN")
        answered, waits, faults = 0, [], []
        for _ in range(8):
            try:
                rerank(channel, TOKEN)
                answered += 1
            except grpc.RpcError as error:
                faults.append(fault_of(error)[:2])
                waits.append(int(dict(error.trailing_metadata())["grpc-retry-pushback-ms"]))
        assert 2 <= answered <= 4
        assert set(faults) == {("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")}
        assert all(0 < wait <= 501 for wait in waits)
        time.sleep(max(waits) / 1000 + 0.1)
        rerank(channel, TOKEN)


def test_calls_of_low_priority_are_refused_first(tmp_path: Path) -> None:

    go = threading.Event()
    with (
        secured(tmp_path, solver=held_by(go), calls_max=8, threads=6) as app,
        connected(app, FEED) as feed,
        connected(app, OURS.issue("any.example.cn")) as lowly,
    ):
        data = request().SerializeToString()
        waiting = [feed.unary_unary(METHOD).future(data, timeout=10) for _ in range(4)]
        until(lambda: app.server._pool.calls == 4)
        assert refused(lowly, LOW) == ("RESOURCE_EXHAUSTED", "PRIORITY_LIMIT")
        go.set()
        assert all(one.result() for one in waiting)
        until(lambda: app.server._pool.calls == 0)
        assert rerank(lowly, LOW).decision_id


def test_a_deadline_that_has_passed_starts_no_work(app: Served) -> None:
    from constraints.errors import DeadlineError

    before = app.server.log.sequence
    with pytest.raises(DeadlineError):
        app.server.service.rerank(request().SerializeToString(), 0.0001)
    assert app.server.log.sequence == before


def _serial(app: Served) -> bytes:
    """Return what a new connection is shown, by its public key."""
    import ssl

    host, _, port = app.server.address.rpartition(":")
    context = ssl.create_default_context(cadata=OURS.cert.decode())
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((host, int(port))) as raw, context.wrap_socket(raw) as tls:
        found = tls.getpeercert(binary_form=True)
        assert found
        return found


def test_certificates_change_without_a_failed_call(tmp_path: Path) -> None:
    told = written(tmp_path, tls_cert=SERVER.cert, tls_key=SERVER.key)
    stop, failed, count = threading.Event(), list[str](), [0]

    def call_on(app: Served) -> None:
        while not stop.is_set():
            try:
                with connected(app, None) as channel:  # a connection of its own each time
                    rerank(channel)
                count[0] += 1
            except grpc.RpcError as error:
                failed.append(str(error))

    with served(tmp_path / "data", **told) as app, connected(app, None) as old:
        rerank(old)
        caller = threading.Thread(target=call_on, args=(app,))
        caller.start()
        first = _serial(app)
        newer = OURS.issue("localhost", is_client=False)
        written(tmp_path, tls_cert=newer.cert)  # not yet its key: not taken
        time.sleep(0.3)
        assert _serial(app) == first
        written(tmp_path, tls_key=newer.key)
        time.sleep(0.3)
        assert _serial(app) != first
        rerank(old)
        stop.set()
        caller.join()
    assert not failed
    assert count[0] > 5


def test_identities_change_while_the_server_runs_and_a_bad_file_changes_nothing(
    tmp_path: Path,
) -> None:
    with secured(tmp_path, poll_s=0.05) as app, connected(app, FEED) as channel:
        rerank(channel)
        written(tmp_path, identities=IDENTITIES.replace('"Rerank", "Report"', '"Report"').encode())
        until(lambda: _denied(channel))
        written(tmp_path, identities=b"[identity.feed]\nmethods = 3")
        time.sleep(0.3)
        assert _denied(channel), "the last good ones stay"
        written(tmp_path, identities=IDENTITIES.encode())
        until(lambda: not _denied(channel))


def _denied(channel: grpc.Channel) -> bool:
    try:
        rerank(channel)
    except grpc.RpcError as error:
        return bool(error.code() == grpc.StatusCode.PERMISSION_DENIED)
    return False


def test_without_identities_the_log_is_for_callers_on_this_machine(tmp_path: Path) -> None:
    outer = "127."
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses an address of ours
        outer = probe.getsockname()[0]
    if outer.startswith("127."):
        pytest.skip("this machine has no other address")
    with served(tmp_path, host="0.0.0.0") as app:
        for host, is_let_in in (("127.0.0.1", True), (outer, False)):
            with grpc.insecure_channel(f"{host}:{app.server.port}") as channel:
                rerank(channel)
                call = channel.unary_unary(f"/{DECISION_LOG}/Get")
                if is_let_in:
                    assert call(CALLS["Get"][1], timeout=10)
                    continue
                with pytest.raises(grpc.RpcError) as caught:
                    call(CALLS["Get"][1], timeout=10)
                told = fault_of(tight_lipped(caught.value))
                assert (told.code, told.reason) == ("PERMISSION_DENIED", "METHOD_DENIED")


def test_denials_are_on_the_log_of_the_server(
    app: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "slotwarden"), connected(app, AUDIT) as channel:
        refused(channel)
        BEHIND.count()
    (line,) = [one for one in caplog.records if one.getMessage() == "denied"]
    told = json.loads(json.dumps(line.__dict__["fields"]))
    assert (told["reason"], told["method"]) == ("METHOD_DENIED", "Rerank")
    assert told["peer"].startswith("ipv4:127.0.0.1")


def test_denials_of_its_last_second_are_logged_before_a_server_stops(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logged = caplog.at_level("INFO", "slotwarden")
    with logged, secured(tmp_path) as app, connected(app, AUDIT) as channel:
        refused(channel)
    told = [one.getMessage() for one in caplog.records]
    assert [one for one in told if one in ("denied", "stopped")] == ["denied", "stopped"]
