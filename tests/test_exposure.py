"""Reports of what was shown: once each, held against what was decided, also across restarts."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ranker.audit.checking import check, read_records
from ranker.audit.log import FOLDER
from ranker.audit.reconcile import runs
from ranker.audit.shown import FILE
from ranker.serving.server import EXPOSURE
from ranker.v1 import exposure_pb2 as pb
from ranker.v1 import log_pb2, rerank_pb2
from tests.commands import spawn
from tests.serving import NOW_US, Served, fault_of, request, served, tight_lipped

RECORDED, DUPLICATE, LATE, UNKNOWN, MISMATCHED, MISTIMED = range(1, 7)
SECOND_US = 1_000_000


class Reporting:
    """A server with a clock of ours, and a way to report to it."""

    def __init__(self, app: Served, now: list[int]) -> None:
        self.app, self.now = app, now

    def send(self, data: bytes) -> pb.ReportResponse:
        call = self.app.channel.unary_unary(f"/{EXPOSURE}/Report")
        return pb.ReportResponse.FromString(call(data, timeout=10))

    def report(self, *exposures: pb.Exposure) -> list[int]:
        return list(self.send(pb.ReportRequest(exposures=exposures).SerializeToString()).statuses)

    def fault(self, data: bytes) -> Any:
        with pytest.raises(grpc.RpcError) as caught:
            self.send(data)
        return fault_of(tight_lipped(caught.value))

    def decide(self, **fields: Any) -> rerank_pb2.RerankResponse:
        return self.app.rerank(request(**fields))


@pytest.fixture
def reporting(tmp_path: Path) -> Iterator[Reporting]:
    yield from _served(tmp_path)


def _served(folder: Path) -> Iterator[Reporting]:
    now = [NOW_US]
    with served(folder, now_us=lambda: now[0]) as app:
        app.server.reporter.now_us = lambda: now[0]
        yield Reporting(app, now)


def exposure(reply: rerank_pb2.RerankResponse, slot: int = 0, **told: Any) -> pb.Exposure:
    fields = {"shown_at_us": NOW_US + SECOND_US} | told
    return pb.Exposure(decision_id=reply.decision_id, slot=slot, **fields)


def bodies(folder: Path) -> list[log_pb2.ExposureBody]:
    kind = log_pb2.RECORD_KIND_EXPOSURE
    found = [one for one in read_records(folder / FOLDER) if one.envelope.kind == kind]
    return [log_pb2.ExposureBody.FromString(one.body) for one in found]


def test_what_was_shown_is_recorded_once(reporting: Reporting, tmp_path: Path) -> None:
    reply = reporting.decide()
    told = [exposure(reply, slot) for slot in range(4)]
    data = pb.ReportRequest(exposures=told).SerializeToString()
    first = reporting.send(data)
    assert list(first.statuses) == [RECORDED] * 4
    assert first.receipt.sequence == reply.receipt.sequence + 1
    again = reporting.send(data)
    assert list(again.statuses) == [DUPLICATE] * 4
    assert not again.receipt.sequence, "nothing of it was new"
    assert reporting.report(told[0], told[0]) == [DUPLICATE] * 2
    (body,) = bodies(tmp_path)
    assert [one.exposure for one in body.exposures] == told
    decided = [placement.id for placement in reply.decision.placements]
    assert [one.decided_id for one in body.exposures] == decided


def test_a_later_outcome_is_a_report_of_its_own(reporting: Reporting, tmp_path: Path) -> None:
    reply = reporting.decide()
    plain = exposure(reply)
    clicked = exposure(reply, outcomes=[pb.Outcome(kind=pb.OUTCOME_KIND_CLICK, value=1)])
    assert reporting.report(plain) == [RECORDED]
    assert reporting.report(clicked, clicked, plain) == [RECORDED, DUPLICATE, DUPLICATE]
    first, second = bodies(tmp_path)
    assert (len(first.exposures), len(second.exposures), second.duplicates) == (1, 1, 2)


def test_duplicates_are_known_after_a_restart_and_without_the_index(tmp_path: Path) -> None:
    for reporting in _served(tmp_path):
        reply = reporting.decide()
        assert reporting.report(exposure(reply)) == [RECORDED]
    for reporting in _served(tmp_path):
        assert reporting.report(exposure(reply), exposure(reply, 1)) == [DUPLICATE, RECORDED]
    for path in tmp_path.glob(f"{FILE}*"):
        path.unlink()
    for reporting in _served(tmp_path):
        assert reporting.report(exposure(reply, 1), exposure(reply, 2)) == [DUPLICATE, RECORDED]
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    for reporting in _served(tmp_path):
        assert reporting.report(exposure(reply, 2), exposure(reply, 3)) == [DUPLICATE, RECORDED]


def test_a_server_that_was_killed_knows_what_it_decided(tmp_path: Path) -> None:
    for reporting in _served(tmp_path):
        reply = reporting.decide()
        reporting.app.server.shown._noted.clear()  # as if it had never been written
    for reporting in _served(tmp_path):
        assert reporting.report(exposure(reply)) == [RECORDED]


def test_what_was_not_decided_is_an_alarm(
    reporting: Reporting, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reserved = [rerank_pb2.ReservedSlot(slot=3)]
    reply = reporting.decide(ids=["lead-1", "bare-0"], slot_count=5, reserved=reserved)
    held = [placement.id for placement in reply.decision.placements]
    assert held[0] == "lead-1"
    assert not any(held[1:])
    told = [
        exposure(reply, 0, id="lead-1"),
        exposure(reply, 0, id="bare-0"),  # another than decided
        exposure(reply, 1, id="bare-0"),  # where nothing may stand
        exposure(reply, 2),
        exposure(reply, 3, id="anything"),  # the caller's own slot
        exposure(reply, 9),  # no such slot
    ]
    wrong = [RECORDED, MISMATCHED, MISMATCHED, MISMATCHED, RECORDED, MISMATCHED]
    assert reporting.report(*told) == wrong
    assert "something was shown that was not decided" in caplog.text
    (body,) = bodies(tmp_path)
    assert [one.status for one in body.exposures] == wrong
    assert [one.decided_id for one in body.exposures] == ["lead-1", "lead-1", "", "", "", ""]


def test_late_early_and_unknown_reports_are_told_apart(
    reporting: Reporting, tmp_path: Path
) -> None:
    reply = reporting.decide()
    assert reporting.report(exposure(reply, shown_at_us=NOW_US - 6 * SECOND_US)) == [MISTIMED]
    assert reporting.report(exposure(reply, shown_at_us=NOW_US + 301 * SECOND_US)) == [MISTIMED]
    assert reporting.report(pb.Exposure(decision_id="x" * 32, shown_at_us=NOW_US)) == [UNKNOWN]
    reporting.now[0] = NOW_US + 86_400 * SECOND_US
    assert reporting.report(exposure(reply)) == [RECORDED]
    reporting.now[0] += SECOND_US
    assert reporting.report(exposure(reply, 1)) == [LATE]
    reporting.now[0] = NOW_US + 2 * 86_400 * SECOND_US + SECOND_US
    assert reporting.report(exposure(reply, 2)) == [UNKNOWN], "longer ago than is known"
    kept = bodies(tmp_path)
    assert [len(body.exposures) for body in kept] == [1, 1, 0, 1, 1, 0]
    assert [body.unknown for body in kept] == [0, 0, 1, 0, 0, 1]


def _many(count: int) -> bytes:
    one = pb.Exposure(decision_id="d", shown_at_us=1)
    return pb.ReportRequest(exposures=[one] * count).SerializeToString()


BAD: dict[str, tuple[Callable[[pb.Exposure], object], str, str]] = {
    "no decision": (lambda e: e.ClearField("decision_id"), "decision_id", "DECISION_ID_MISSING"),
    "long id": (lambda e: setattr(e, "id", "x" * 129), "id", "TEXT_TOO_LONG"),
    "control": (lambda e: setattr(e, "id", "a\nb"), "id", "TEXT_NOT_PRINTABLE"),
    "no time": (lambda e: e.ClearField("shown_at_us"), "shown_at_us", "SHOWN_AT_MISSING"),
    "nanoseconds": (
        lambda e: setattr(e, "shown_at_us", NOW_US * 1_000),
        "shown_at_us",
        "SHOWN_AT_OUT_OF_RANGE",
    ),
    "many outcomes": (
        lambda e: e.outcomes.extend([pb.Outcome(kind=pb.OUTCOME_KIND_CLICK)] * 17),
        "outcomes",
        "TOO_MANY_OUTCOMES",
    ),
    "no kind": (lambda e: e.outcomes.add(value=1), "outcomes[0].kind", "ENUM_VALUE_UNKNOWN"),
    "below 0": (
        lambda e: e.outcomes.add(kind=pb.OUTCOME_KIND_WATCHED, value=-1),
        "outcomes[0].value",
        "OUTCOME_OUT_OF_RANGE",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_exposure_is_named_and_nothing_is_recorded(
    reporting: Reporting, tmp_path: Path, case: str
) -> None:
    change, field, reason = BAD[case]
    reply = reporting.decide()
    bad = exposure(reply, 1)
    change(bad)
    data = pb.ReportRequest(exposures=[exposure(reply), bad]).SerializeToString()
    assert reporting.fault(data) == ("INVALID_ARGUMENT", reason, f"exposures[1].{field}")
    assert not bodies(tmp_path)
    assert reporting.report(exposure(reply)) == [RECORDED]


def test_limits_and_garbage(reporting: Reporting) -> None:
    count = ("INVALID_ARGUMENT", "EXPOSURE_COUNT_OUT_OF_RANGE", "exposures")
    assert reporting.fault(b"") == count
    assert reporting.fault(_many(1_001)) == count
    assert len(reporting.send(_many(1_000)).statuses) == 1_000
    malformed = ("INVALID_ARGUMENT", "MALFORMED_MESSAGE", "report")
    assert reporting.fault(b"\xff" * 40) == malformed
    too_large = ("RESOURCE_EXHAUSTED", "REPORT_TOO_LARGE", "report")
    assert reporting.fault(b"\n" * ((1 << 20) + 1)) == too_large


def test_a_log_or_an_index_that_fails_records_nothing_and_says_so(
    reporting: Reporting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply, server = reporting.decide(), reporting.app.server
    data = pb.ReportRequest(exposures=[exposure(reply)]).SerializeToString()

    def fail(*_: object) -> None:
        raise OSError("full")

    assert server.log._writer is not None
    with monkeypatch.context() as broken:
        broken.setattr(server.log._writer, "append", fail)
        assert reporting.fault(data)[:2] == ("RESOURCE_EXHAUSTED", "DECISION_LOG_FAILED")
    held = server.shown._db
    server.shown._db = sqlite3.connect(tmp_path / "gone.sqlite", check_same_thread=False)
    assert reporting.fault(data)[:2] == ("RESOURCE_EXHAUSTED", "EXPOSURES_UNAVAILABLE")
    assert reporting.decide().decision_id, "pages are decided all the same"
    server.shown._db.close()
    server.shown._db = held
    assert list(reporting.send(data).statuses) == [RECORDED]
    assert len(bodies(tmp_path)) == 1


def test_more_decisions_than_fit_in_memory_are_read_from_the_log(
    reporting: Reporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collections import deque

    monkeypatch.setattr("ranker.audit.shown.NOTED_MAX", 3)
    reporting.app.server.shown._noted = deque(maxlen=3)
    replies = [reporting.decide() for _ in range(8)]
    assert reporting.report(*map(exposure, replies)) == [RECORDED] * 8


def test_records_of_reports_are_read_counted_and_asked(tmp_path: Path) -> None:
    for reporting in _served(tmp_path):
        reply = reporting.decide()
        outcome = pb.Outcome(kind=pb.OUTCOME_KIND_WATCHED, value=12.5)
        assert reporting.report(exposure(reply, 1, outcomes=[outcome])) == [RECORDED]
        assert reporting.report(exposure(reply, 0, id="ad")) == [MISMATCHED]
    assert not check(tmp_path / FOLDER).faults
    (run,) = runs(read_records(tmp_path / FOLDER))
    assert (run.balances, run.decisions, run.received) == (True, 1, 1)
    where = ("--data-dir", tmp_path)
    told = json.loads(spawn("audit", "show", "3", *where).out)["body"]
    assert told["exposures"][0]["exposure"]["slot"] == 1
    assert spawn("audit", "rotate", *where).code == 0
    asked = json.loads(spawn("audit", "query", "exposures", *where, "--json").out)
    rows = asked["rows"]
    assert [(row["slot"], row["status"], row["outcomes"]) for row in rows] == [
        (0, "mismatched", ""),
        (1, "recorded", "watched:12.5"),
    ]
    assert rows[0]["candidate"] == "ad"
    assert rows[0]["decided"] == reply.decision.placements[0].id
    wrong = json.loads(spawn("audit", "query", "exposures", "mismatched", *where, "--json").out)
    assert len(wrong["rows"]) == 1


def test_a_file_is_reported_by_a_command(reporting: Reporting, tmp_path: Path) -> None:
    reply = reporting.decide()
    at = "2026-11-24T12:00:01"  # Shanghai
    lines = [
        {"decision_id": reply.decision_id, "slot": n, "shown_at": at, "outcomes": {"click": 1}}
        for n in range(4)
    ]
    path = tmp_path / "shown.jsonl"
    path.write_text("\n".join(map(json.dumps, [*lines, lines[0]])) + "\n\n")
    where = ("--address", reporting.app.server.address)
    done = spawn("report-exposure", path, *where, "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert (told["recorded"], told["duplicate"]) == (4, 1)
    assert "5 重复" in spawn("report-exposure", path, *where).out
    (body,) = bodies(tmp_path)
    assert {one.exposure.shown_at_us for one in body.exposures} == {NOW_US + SECOND_US}
    for line, fault in (
        ('{"slot": 0}', "line 1: 'decision_id'"),
        ('{"who": 1}', "line 1: who: is no field"),
        ("nonsense", "line 1: Expecting value"),
    ):
        path.write_text(line)
        assert fault in spawn("report-exposure", path, *where).fault()
