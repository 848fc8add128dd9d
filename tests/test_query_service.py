"""`DecisionLogService`: records with their proofs, and answers that are those of the command."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest

from ranker.audit.checkpoint import check_proof
from ranker.audit.records import Stored
from ranker.v1 import decision_log_pb2, decision_log_pb2_grpc, log_pb2
from ranker.v1 import decision_pb2 as out
from tests.logged import decisions, rotated, told
from tests.serving import Fault, Served, fault_of, request, tight_lipped


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with rotated(tmp_path_factory.mktemp("query")) as app:
        yield app


@pytest.fixture(scope="module")
def data_dir(app: Served) -> Path:
    return app.server.settings.data_dir


@pytest.fixture(scope="module")
def stub(app: Served) -> Any:
    return decision_log_pb2_grpc.DecisionLogServiceStub(app.channel)  # type: ignore[no-untyped-call]


def refused(call: Any) -> Fault:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return fault_of(tight_lipped(caught.value))


def test_the_service_returns_a_record_with_its_proof(
    app: Served, stub: Any, data_dir: Path
) -> None:
    one = decisions(data_dir)[5]
    by_id = stub.Get(decision_log_pb2.GetRequest(decision_id=one.id), timeout=20)
    by_number = stub.Get(decision_log_pb2.GetRequest(sequence=one.sequence), timeout=20)
    assert by_id == by_number
    envelope = log_pb2.Envelope.FromString(by_id.envelope)
    assert (envelope.decision_id, envelope.sequence) == (one.id, one.sequence)
    key = app.server.sealer.signer.verifier_key
    assert check_proof(by_id.proof, by_id.envelope, key).size >= one.sequence
    body = log_pb2.DecisionBody.FromString(by_id.body)
    assert out.Decision.FromString(body.decision) == one.message


def test_the_service_finds_what_the_index_does_not_know_yet(app: Served, stub: Any) -> None:
    sequence = app.server.log.control("policy", "a", "b")
    found = stub.Get(decision_log_pb2.GetRequest(sequence=sequence), timeout=20)
    stored = Stored(log_pb2.Envelope.FromString(found.envelope), found.envelope, found.body)
    assert (stored.envelope.action, found.proof) == ("policy", "")
    asked = decision_log_pb2.GetRequest(decision_id="nobody")
    missing = refused(lambda: stub.Get(asked, timeout=20))
    assert missing == Fault("NOT_FOUND", "NO_SUCH_RECORD", "decision_id")
    nothing = refused(lambda: stub.Get(decision_log_pb2.GetRequest(), timeout=20))
    assert nothing == Fault("INVALID_ARGUMENT", "REQUEST_INVALID", "record")


def test_the_service_answers_a_question(stub: Any, data_dir: Path) -> None:
    asked = decision_log_pb2.QueryRequest(question="first-screen", from_day="2026-11-25")
    found = stub.Query(asked, timeout=20)
    rows = told(data_dir, "first-screen", begin=date(2026, 11, 25))
    assert [column.name for column in found.columns] == list(rows[0])
    assert [list(row.cells) for row in found.rows] == [
        ["" if cell is None else str(cell) for cell in row.values()] for row in rows
    ]
    assert found.signed_count >= found.last_sequence > 0
    asked.row_count_max = 2
    few = stub.Query(asked, timeout=20)
    assert (len(few.rows), few.more) == (2, True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"question": "nothing"}, "question"),
        ({"question": ""}, "question"),
        ({"question": "title"}, "value"),
        ({"question": "days", "from_day": "yesterday"}, "from_day"),
        ({"question": "days", "row_count_max": 10_001}, "row_count_max"),
    ],
)
def test_the_service_names_the_field_at_fault(stub: Any, fields: Any, field: str) -> None:
    asked = decision_log_pb2.QueryRequest(**fields)
    assert refused(lambda: stub.Query(asked, timeout=20)) == Fault(
        "INVALID_ARGUMENT", "REQUEST_INVALID", field
    )


def test_a_second_question_at_once_is_refused_and_pages_are_decided_meanwhile(
    app: Served, stub: Any
) -> None:
    asked = decision_log_pb2.QueryRequest(question="first-screen")
    calls = [stub.Query.future(asked, timeout=20) for _ in range(3)]
    assert app.rerank(request(slot_count=2)).decision_id
    codes = Counter(call.code() for call in calls)
    assert codes == {grpc.StatusCode.OK: 1, grpc.StatusCode.RESOURCE_EXHAUSTED: 2}
