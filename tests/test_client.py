"""The shipped client, and what it may show when the service cannot be reached."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from prometheus_client import REGISTRY

from ranker.audit.checking import read_records
from ranker.audit.checkpoint import public_key
from ranker.audit.log import FOLDER
from ranker.audit.reconcile import runs
from ranker.client import REPEATS_MAX, Client, Origin
from ranker.serving.server import SERVICE
from ranker.serving.state import State
from ranker.telemetry import BEHIND
from ranker.v1 import decision_pb2 as out
from ranker.v1 import rerank_pb2 as pb
from tests.serving import NOW_US, Served, fault_of, request, served, shown, tight_lipped

SECOND_US = 1_000_000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def fallback(app: Served, asked: pb.RerankRequest) -> pb.FallbackSlateResponse:
    call = app.channel.unary_unary(f"/{SERVICE}/FallbackSlate")
    data = pb.FallbackSlateRequest(request=asked).SerializeToString()
    return pb.FallbackSlateResponse.FromString(call(data, timeout=10))


def slate_of(reply: pb.FallbackSlateResponse) -> pb.FallbackSlate:
    return pb.FallbackSlate.FromString(reply.slate)


def test_a_fallback_slate_is_a_decided_page_signed_by_the_log(app: Served, tmp_path: Path) -> None:
    asked = request(slot_count=6, reserved=[pb.ReservedSlot(slot=2)], viewer_class=2)
    reply = fallback(app, asked)
    slate = slate_of(reply)
    assert [slot.id for slot in slate.slots] == shown(app.rerank(asked))
    assert [slot.reserved for slot in slate.slots] == [False, False, True, False, False, False]
    assert (slate.surface, slate.terminal, slate.viewer_class) == ("home", "phone", 2)
    assert slate.personalised
    _, public = public_key((tmp_path / "log.pub").read_text())
    key = Ed25519PublicKey.from_public_bytes(public)
    key.verify(reply.signature, b"slotwarden-fallback/v1\n" + reply.slate)
    with pytest.raises(InvalidSignature):
        key.verify(reply.signature, reply.slate)
    assert slate.expires_us == slate.decided_us + 60 * SECOND_US
    first = next(
        one.envelope
        for one in read_records(tmp_path / FOLDER)
        if one.envelope.decision_id == slate.decision_id
    )
    assert first.sequence == slate.receipt.sequence


def test_what_must_be_shown_is_in_the_slate(tmp_path: Path) -> None:
    from ranker.settings import SHIPPED_POLICIES

    with served(tmp_path, policy_dir=SHIPPED_POLICIES) as app:
        asked = request(slot_count=4)
        slate, reply = slate_of(fallback(app, asked)), app.rerank(asked)
    told = [{owed.duty for owed in p.duties} for p in reply.decision.placements]
    assert [set(slot.duties) for slot in slate.slots] == told
    assert any(told)


def test_a_slate_never_outlives_the_day(tmp_path: Path) -> None:
    midnight = int(datetime(2026, 11, 24, 16, tzinfo=UTC).timestamp()) * SECOND_US
    with served(tmp_path, now_us=lambda: midnight - 20 * SECOND_US) as app:
        assert slate_of(fallback(app, request())).expires_us == midnight


def test_only_first_pages_and_whole_messages(app: Served) -> None:
    call = app.channel.unary_unary(f"/{SERVICE}/FallbackSlate")
    below = pb.FallbackSlateRequest(request=request(first_slot=4)).SerializeToString()
    for data, told in (
        (below, ("INVALID_ARGUMENT", "NOT_A_FIRST_PAGE", "request.first_slot")),
        (b"\xff" * 9, ("INVALID_ARGUMENT", "MALFORMED_MESSAGE", "request")),
        (b"", ("INVALID_ARGUMENT", "SURFACE_MISSING", "surface")),
        (b"x" * 300_000, ("RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE", "request")),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call(data, timeout=10)
        assert fault_of(tight_lipped(caught.value)) == told


def until(holds: Callable[[], Any]) -> None:
    until_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def ready(client: Client, asked: pb.RerankRequest) -> Any:
    """Wait until a fallback slate is held for a page."""
    client.page(asked)
    until(lambda: all(kept.held for kept in client._kept.values()))
    held = next(iter(client._kept.values())).held
    assert held
    return held.slate


def test_the_client_shows_what_is_decided_and_what_it_owes(app: Served) -> None:
    asked = request(slot_count=5, reserved=[pb.ReservedSlot(slot=1)])
    with Client(app.server.address, deadline_s=5) as client:
        page = client.page(asked)
    assert page.origin == Origin.DECIDED
    assert page.reply is not None
    assert [slot.id for slot in page.slots] == shown(page.reply)
    assert [slot.is_reserved for slot in page.slots] == [False, True, False, False, False]


def test_without_the_service_there_is_the_slate_and_after_it_nothing(tmp_path: Path) -> None:
    now_s, asked = [NOW_US / 1e6], request(slot_count=5, viewer_id="somebody")
    with served(tmp_path) as app:
        key = app.server.sealer.signer.verifier_key
        client = Client(
            app.server.address, deadline_s=1.0, keys=(key,), refresh_s=0.1, now_s=lambda: now_s[0]
        )
        slate, before = ready(client, asked), client.page(asked)
    with client:
        page = client.page(asked)
        assert (page.origin, page.decision_id) == (Origin.FALLBACK, slate.decision_id)
        assert [slot.id for slot in page.slots] == [slot.id for slot in before.slots]
        assert page.fault.startswith("UNAVAILABLE")
        other = client.page(request(slot_count=5, viewer_class=pb.VIEWER_CLASS_MINOR))
        assert (other.origin, other.slots) == (Origin.NONE, ()), "not one for a minor"
        now_s[0] = slate.expires_us / 1e6 - 0.001
        assert client.page(asked).origin == Origin.FALLBACK
        now_s[0] = slate.expires_us / 1e6
        gone = client.page(asked)
        assert (gone.origin, gone.slots) == (Origin.NONE, ()), "never the raw list"
    (run,) = runs(read_records(tmp_path / FOLDER))
    assert run.balances


def test_a_clock_that_is_wrong_makes_no_slate_last_longer(tmp_path: Path) -> None:
    steady_s, asked = [1_000.0], request()
    with served(tmp_path) as app:
        client = Client(
            app.server.address,
            refresh_s=0.1,
            now_s=lambda: NOW_US / 1e6 - 600,
            monotonic_s=lambda: steady_s[0],
        )
        slate = ready(client, asked)
    with client:
        lasts_s = (slate.expires_us - slate.decided_us) / 1e6
        steady_s[0] += lasts_s - 0.001
        assert client.page(asked).origin == Origin.FALLBACK
        steady_s[0] += 0.001
        assert client.page(asked).origin == Origin.NONE


def test_a_slate_is_shown_on_the_page_it_is_for_alone(tmp_path: Path) -> None:
    reserved = pb.ReservedSlot(slot=1, id="bare-0")
    asked = request(slot_count=4, reserved=[reserved])
    with served(tmp_path) as app:
        now_s = NOW_US / 1e6
        client = Client(app.server.address, refresh_s=0.1, now_s=lambda: now_s)
        ready(client, asked)
        below = app.rerank(asked).page_token
    with client:
        assert client.page(asked).origin == Origin.FALLBACK
        for other in (
            {"first_slot": 4, "page_token": below},
            {"first_slot": 4},
            {"tail_ids": ["bare-1"]},
            {"slot_count": 3},
            {"personalised": False},
            {"terminal": "tv"},
            {"reserved": [pb.ReservedSlot(slot=1, id="bare-1")]},
        ):
            told = {"slot_count": 4, "reserved": [reserved]} | other
            assert client.page(request(**told)).origin == Origin.NONE, other


@pytest.mark.parametrize(
    "other",
    [
        {"viewer_class": pb.VIEWER_CLASS_ADULT},
        {"surface": "live"},
        {"terminal": "tv"},
        {"personalised": False},
        {"slot_count": 3},
        {"reserved": [pb.ReservedSlot(slot=0)]},
    ],
)
def test_a_signed_slate_of_another_page_is_not_taken(app: Served, other: dict[str, Any]) -> None:
    """Answers may be mixed up on the way; a signature does not say whose they are."""
    own = request(slot_count=4, viewer_class=pb.VIEWER_CLASS_MINOR)
    with Client(app.server.address, refresh_s=0) as client:
        client.page(own)
        (kept,) = client._kept.values()
        theirs = fallback(app, request(**({"slot_count": 4, "viewer_class": 3} | other)))
        client._fallback = lambda *_, **__: theirs
        client._refresh(kept)
        assert kept.held is None
        ours = fallback(app, own)
        client._fallback = lambda *_, **__: ours
        client._refresh(kept)
        assert kept.held


def test_an_older_slate_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    now_us = [NOW_US]
    with (
        served(tmp_path, now_us=lambda: now_us[0]) as app,
        Client(app.server.address, refresh_s=0) as client,
    ):
        client.page(request())
        (kept,) = client._kept.values()
        older = fallback(app, request())
        now_us[0] += SECOND_US
        client._refresh(kept)
        newer = kept.held
        client._fallback = lambda *_, **__: older
        client._refresh(kept)
        assert kept.held is newer


def test_a_slate_that_no_known_key_signed_is_not_believed(app: Served, tmp_path: Path) -> None:
    from ranker.audit.checkpoint import Signer

    ours = app.server.sealer.signer.verifier_key
    other = Signer(tmp_path / "other.key", app.server.log.origin).verifier_key
    reply = fallback(app, request())
    with Client(app.server.address, keys=(ours,), refresh_s=0) as client:
        assert client._is_signed(reply)
        for field in ("slate", "signature"):
            changed = pb.FallbackSlateResponse()
            changed.CopyFrom(reply)
            raw = bytearray(getattr(reply, field))
            raw[5] ^= 1
            setattr(changed, field, bytes(raw))
            assert not client._is_signed(changed)
    with Client(app.server.address, keys=(other,), refresh_s=0) as client:
        assert not client._is_signed(reply)
        client.page(request())
        client._refresh(next(iter(client._kept.values())))
        assert not any(kept.held for kept in client._kept.values())


def test_a_request_at_fault_is_the_callers_to_know(app: Served) -> None:
    with Client(app.server.address) as client:
        for wrong in (request(surface=""), request(surface="attic")):
            with pytest.raises(grpc.RpcError):
                client.page(wrong)


def test_the_client_comes_back_when_it_is_told_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token, path = "feed" * 8, tmp_path / "identities.toml"
    digest = hashlib.sha256(token.encode()).hexdigest()
    path.write_text(
        f"[identity.feed]\ntokens = ['{digest}']\nmethods = ['Rerank']\ncalls_per_s = 10\n"
    )
    with (
        served(tmp_path, identities=path) as app,
        caplog.at_level("INFO", "slotwarden"),
        Client(app.server.address, token=token, deadline_s=3, refresh_s=0) as client,
    ):
        begun = time.monotonic()
        for _ in range(14):
            assert client.page(request()).origin == Origin.DECIDED
        assert time.monotonic() - begun > 0.35, "ten at once, then ten a second"
        BEHIND.count()
    denied = [one.__dict__["fields"] for one in caplog.records if one.getMessage() == "denied"]
    assert 0 < len(denied) <= 4, "it never came back too early"
    assert all(0 < one["retry_ms"] <= 101 for one in denied)


def test_the_client_comes_back_once(tmp_path: Path) -> None:
    from constraints.solve import solve

    has_begun, go = threading.Event(), threading.Event()

    def slow(program: Any, rounds: int) -> Any:
        has_begun.set()
        go.wait(10)
        return solve(program, rounds)

    def refused() -> float:
        labels = {"reason": "ADMISSION_LIMIT"}
        return REGISTRY.get_sample_value("slotwarden_requests_total", labels) or 0.0

    with served(tmp_path, solver=slow, calls_max=1, threads=1) as app:
        data = request().SerializeToString()
        busy = app.channel.unary_unary(f"/{SERVICE}/Rerank").future(data, timeout=10)
        assert has_begun.wait(10)
        before, begun = refused(), time.monotonic()
        with Client(app.server.address, deadline_s=5, refresh_s=0) as client:
            page = client.page(request())
        assert page.origin == Origin.NONE
        assert page.fault.startswith("RESOURCE_EXHAUSTED")
        until(lambda: refused() == before + 2)
        assert time.monotonic() - begun > 0.05, "it was told when to try again"
        go.set()
        assert busy.result()


def test_a_call_that_nobody_answers_is_repeated_a_few_times(tmp_path: Path) -> None:
    def unanswered() -> float:
        labels = {"reason": "FACTS_TOO_OLD"}
        return REGISTRY.get_sample_value("slotwarden_requests_total", labels) or 0.0

    with served(tmp_path) as app:
        now_s = [0.0]
        app.server.service.state = State(app.server.settings, lambda: now_s[0])
        now_s[0] = app.server.settings.age_s_max + 1
        before = unanswered()
        with Client(app.server.address, deadline_s=5, refresh_s=0) as client:
            assert client.page(request()).fault.startswith("UNAVAILABLE")
        until(lambda: unanswered() == before + 1 + REPEATS_MAX)


def test_reserved_and_empty_slots_stay_what_they_are(app: Served) -> None:
    asked = request(["bare-0"], slot_count=3, reserved=[pb.ReservedSlot(slot=0)])
    slate = slate_of(fallback(app, asked))
    states = [p.state for p in app.rerank(asked).decision.placements]
    assert states[0] == out.SLOT_STATE_RESERVED
    assert [slot.id for slot in slate.slots] == ["", "", ""]
