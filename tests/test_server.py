"""A real server on loopback: pages, forms of a request, seams, facts from callers, health, stop."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from constraints.solve import solve
from ranker.audit.checking import read_records
from ranker.serving.server import SERVICE
from ranker.v1 import decision_pb2 as out
from ranker.v1 import rerank_pb2 as pb
from tests.serving import METHOD, NOW_US, SERVING, Fault, Served, request, served, shown, until

AWKWARD = [
    *("bare-0", "filed-0", "room-e", "nobody", "room-d", "boss-0", "boss-1", "boss-2", "boss-3"),
    *(f"lead-{i}" for i in range(12)),
    *("filed-1", "best", "video"),
]
CLIP_IDS = [7000, 7001, 90, 7002, 7003, 123, 7004]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("trusting"), inline_facts=True) as running:
        yield running


def _with_facts(ids: list[str], *rows: dict[str, str], **fields: Any) -> pb.RerankRequest:
    asked = request(ids, **fields)
    asked.columns.facts.extend(pb.FactRow(**row) for row in rows)
    return asked


def test_a_page_is_lawful_and_says_by_what_it_was_decided(app: Served) -> None:
    reply = app.rerank(request(AWKWARD, slot_count=10))
    page = shown(reply)
    assert len(set(page)) == len(page) == 10
    assert not {"bare-0", "room-e"} & set(page), "no documents, stopped"
    assert not {"filed-0", "filed-1", "nobody"} & set(page[:6]), "not on the first screen"
    assert sum(key.startswith("boss") for key in page[:6]) == 2, "one theme, by whatever alias"
    assert [p.first_screen for p in reply.decision.placements] == [True] * 6 + [False] * 4
    using = app.server.state.in_use()
    assert reply.policy_digest == using.policy.digest
    assert (reply.facts_revision, reply.facts_digest) == (
        using.snapshot.revision,
        using.snapshot.digest,
    )
    assert reply.instant_us == NOW_US
    (best,) = (p for p in reply.decision.placements if p.id == "best")
    assert (best.utility, best.scored) == (2.0, pytest.approx(2.24)), "raised by its support"
    assert not reply.decision.withdrawn


def test_every_candidate_moved_has_a_reason_with_a_citation_in_both_languages(app: Served) -> None:
    decision = app.rerank(request(AWKWARD, slot_count=10)).decision
    cited = {citation.rule_id: citation for citation in decision.citations}
    assert {move.id for move in decision.moves} > {"bare-0", "filed-0", "room-e", "nobody"}
    for move in decision.moves:
        assert move.reasons, move.id
    named = [reason.rule_id for move in decision.moves for reason in move.reasons]
    named += [rule_id for blocked in decision.blocked for rule_id in blocked.rule_ids]
    assert set(named) <= set(cited)
    for citation in cited.values():
        assert citation.citation_zh
        assert citation.citation_en


def test_numbers_texts_and_rows_are_the_same_request(app: Served) -> None:
    texts = [str(key) for key in CLIP_IDS]
    kinds = [pb.CANDIDATE_KIND_VIDEO] * len(texts)
    for declared in ([], kinds):
        replies = [
            app.rerank(request(CLIP_IDS, kinds=declared)),
            app.rerank(request(texts, kinds=declared)),
            app.rerank(request(texts, kinds=declared, in_rows=True)),
        ]
        assert len({r.decision.SerializeToString(deterministic=True) for r in replies}) == 1
        assert shown(replies[0]) == ["7000", "7001", "90", "7002"]


def test_health_says_serving_for_the_server_and_for_the_service(app: Served) -> None:
    assert app.health() == app.health(SERVICE) == SERVING
    with pytest.raises(grpc.RpcError) as caught:
        app.health("another")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_service_where_it_is_on(app: Served, tmp_path: Path) -> None:
    ask = [reflection_pb2.ServerReflectionRequest(list_services="")]
    stub = reflection_pb2_grpc.ServerReflectionStub(app.channel)
    (answer,) = stub.ServerReflectionInfo(iter(ask), timeout=10)
    assert SERVICE in {service.name for service in answer.list_services_response.service}
    with served(tmp_path, reflection=False) as quiet:
        stub = reflection_pb2_grpc.ServerReflectionStub(quiet.channel)
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.ServerReflectionInfo(iter(ask), timeout=10))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_receipts_have_no_gap_under_eight_clients_at_once(tmp_path: Path) -> None:
    asked = request(AWKWARD).SerializeToString()

    def client(address: str) -> list[pb.RerankResponse]:
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(METHOD)
            return [pb.RerankResponse.FromString(call(asked, timeout=10)) for _ in range(25)]

    with served(tmp_path) as app, ThreadPoolExecutor(8) as pool:
        replies = [r for part in pool.map(client, [app.server.address] * 8) for r in part]
        log = [one.envelope for one in read_records(app.server.log.folder)]
    assert sorted(r.receipt.sequence for r in replies) == list(range(2, 202))
    assert {r.receipt.origin for r in replies} == {log[0].origin}
    kept = {one.sequence: one.decision_id for one in log[1:]}
    assert kept == {r.receipt.sequence: r.decision_id for r in replies}


def test_a_caller_may_insist_on_a_policy(app: Served) -> None:
    digest = app.rerank(request()).policy_digest
    assert app.rerank(request(expected_policy_digest=digest)).policy_digest == digest
    mismatch = app.fault(request(expected_policy_digest="0" * 64))
    assert mismatch == Fault(
        "FAILED_PRECONDITION", "POLICY_DIGEST_MISMATCH", "expected_policy_digest"
    )


def test_reserved_slots_stay_the_callers_and_what_stands_there_is_counted(app: Served) -> None:
    bosses = ["boss-0", "boss-1", "boss-2", "lead-0", "lead-1"]
    reserved = [pb.ReservedSlot(slot=1, id="boss-5"), pb.ReservedSlot(slot=3)]
    reply = app.rerank(request(bosses, slot_count=5, reserved=reserved))
    assert shown(reply) == ["boss-0", "", "lead-0", "", "lead-1"]
    states = [placement.state for placement in reply.decision.placements]
    assert [state == out.SLOT_STATE_RESERVED for state in states] == [False, True] * 2 + [False]
    assert not reply.decision.empty_slots


def test_a_tail_can_only_tighten_the_page(app: Served) -> None:
    rng = random.Random(7)
    free = app.rerank(request(AWKWARD, slot_count=10)).decision
    blocked = {each.id for each in free.blocked}
    worth = sum(placement.scored for placement in free.placements)
    for _ in range(30):
        tail = rng.sample([*AWKWARD, "boss-4", "boss-5", "never-seen"], rng.randint(1, 8))
        decision = app.rerank(request(AWKWARD, slot_count=10, tail_ids=tail)).decision
        assert {each.id for each in decision.blocked} == blocked
        assert not blocked & {placement.id for placement in decision.placements}
        assert sum(placement.scored for placement in decision.placements) <= worth + 1e-9
    page = shown(app.rerank(request(AWKWARD, slot_count=6, tail_ids=["boss-4", "boss-5"])))
    assert page.index("boss-0") == 4, "two of the theme stand in the last two of six"


def test_viewer_class_and_personalised_are_accepted(app: Served) -> None:
    for viewer in pb.ViewerClass.values():
        for personalised in (True, False):
            fields = {"viewer_class": viewer, "personalised": personalised}
            assert shown(app.rerank(request(**fields)))


def test_what_nobody_registered_is_flagged_and_kept_off_the_first_screen(app: Served) -> None:
    asked = request(
        ["nobody", "lead-0"], kinds=[pb.CANDIDATE_KIND_VIDEO, 0], surface="live", slot_count=2
    )
    placements = app.rerank(asked).decision.placements
    assert [(p.id, p.unregistered) for p in placements] == [("nobody", True), ("lead-0", False)]
    asked.surface = "home"
    assert shown(app.rerank(asked)) == ["lead-0", ""]


def test_a_registered_kind_wins_over_a_declared_one(app: Served) -> None:
    kinds = [pb.CANDIDATE_KIND_VIDEO] * 2
    assert shown(app.rerank(request(["bare-0", "room-e"], kinds=kinds, surface="live"))) == [""] * 4


def test_facts_from_callers_are_refused_unless_the_operator_allows_them(app: Served) -> None:
    asked = _with_facts(["nobody"], {"kind": "video"})
    assert app.fault(asked) == Fault("INVALID_ARGUMENT", "INLINE_FACTS_REFUSED", "candidates.facts")


def test_allowed_facts_count_only_where_nothing_is_registered(trusting: Served) -> None:
    paper = {"kind": "drama", "document": "licence", "document_status": "verified"}
    good = paper | {"recheck": "passed", "themes": "奇幻"}
    asked = _with_facts(["bare-0", "nobody", "lead-0"], good, good, {}, surface="live")
    placements = trusting.rerank(asked).decision.placements
    assert [(p.id, p.unregistered) for p in placements[:2]] == [("nobody", True), ("lead-0", False)]
    rows = request(["nobody"], in_rows=True, surface="live")
    assert shown(trusting.rerank(rows)) == [""] * 4
    rows.rows.rows[0].facts.CopyFrom(pb.FactRow(**good))
    assert shown(trusting.rerank(rows)) == ["nobody", "", "", ""]


def test_calls_beyond_the_limit_are_refused_at_once(tmp_path: Path) -> None:
    go_on = threading.Event()

    def slow(program: Any, rounds: int) -> Any:
        assert go_on.wait(10)
        return solve(program)

    with served(tmp_path, solver=slow, calls_max=2) as app:
        call, data = app.channel.unary_unary(METHOD), request().SerializeToString()
        calls = [call.future(data, timeout=10) for _ in range(5)]
        while sum(each.done() for each in calls) < 3:
            time.sleep(0.01)
        go_on.set()
        codes = sorted(each.code().name for each in calls)
        assert codes == ["OK"] * 2 + ["RESOURCE_EXHAUSTED"] * 3
        until(lambda: app.server._pool.calls == 0)
        assert app.rerank(request()).receipt.sequence == 4


def _health(app: Served) -> Any:
    try:
        return app.health()
    except grpc.RpcError as error:
        return error.code()


def test_a_stop_lets_running_calls_finish_and_takes_no_new_ones(tmp_path: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(program: Any, rounds: int) -> Any:
        inside.set()
        assert go_on.wait(10)
        return solve(program)

    with served(tmp_path, solver=slow) as app, ThreadPoolExecutor(2) as pool:
        running = pool.submit(app.rerank, request())
        assert inside.wait(10)
        stopping = pool.submit(app.server.stop)
        while _health(app) is not grpc.StatusCode.UNAVAILABLE:
            time.sleep(0.01)
        assert app.refusal(request()).code() is grpc.StatusCode.UNAVAILABLE
        assert not running.done()
        go_on.set()
        assert running.result().receipt.sequence == 2
        stopping.result(timeout=10)
        kinds = [one.envelope.kind for one in read_records(app.server.log.folder)]
        assert kinds == [3, 1, 4, 3], "start, the decision, counters, stop"
