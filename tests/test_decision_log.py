"""The decision log: nothing acknowledged is lost, whatever kills the server or fills the disk."""

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from constraints.errors import OverloadedError, SettingsError
from ranker.audit import segments
from ranker.audit.checking import check, read_records
from ranker.audit.frames import HEADER_BYTES, Segment
from ranker.audit.log import FOLDER, DecisionLog
from ranker.audit.records import Record, Stored, record
from ranker.v1 import decision_pb2 as out
from ranker.v1 import log_pb2
from ranker.v1 import rerank_pb2 as pb
from tests.commands import serving
from tests.serving import METHOD, NOW_US, fill, request, served, shown

KILLS = int(os.environ.get("LOG_KILLS", "3"))
DAY_US = 86_400_000_000


def _record(text: str = "x", kind: Any = log_pb2.RECORD_KIND_DECISION) -> Record:
    return record(kind, NOW_US, text.encode(), decision_id=f"d{len(text)}")


def _written(folder: Path, *sizes: int) -> Path:
    """Write a log with a record of each size, of what no compressor makes small."""
    with _opened(folder) as log:
        for size in sizes:
            log.append(_record(random.Random(size).randbytes(size).hex()))
        return log.path


@contextmanager
def _opened(folder: Path, **told: Any) -> Iterator[DecisionLog]:
    log = DecisionLog(folder, **told)
    try:
        yield log
    finally:
        log.close()


def _records(folder: Path) -> list[Stored]:
    return list(read_records(folder / FOLDER))


def _sequences(folder: Path) -> list[int]:
    return [one.envelope.sequence for one in _records(folder)]


def test_numbers_go_on_after_a_restart_in_the_same_log(tmp_path: Path) -> None:
    receipts = []
    for _ in range(3):
        with served(tmp_path) as app:
            receipts += [app.rerank(request()).receipt for _ in range(2)]
    told = _records(tmp_path)
    assert _sequences(tmp_path) == list(range(1, len(told) + 1))
    assert {r.origin for r in receipts} == {one.envelope.origin for one in told}
    decided = [o.envelope for o in told if o.envelope.kind == log_pb2.RECORD_KIND_DECISION]
    assert [one.sequence for one in decided] == [receipt.sequence for receipt in receipts]


def test_a_log_cut_at_any_byte_keeps_every_whole_record_and_says_what_it_cut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = _written(tmp_path, 3, 40, 20, 7)
    whole = path.read_bytes()
    ends = [HEADER_BYTES, *(frame.end for frame in Segment.read(path).frames())]
    for cut in range(len(whole) + 1):
        caplog.clear()
        path.write_bytes(whole[:cut])
        with _opened(tmp_path) as log:
            kept = max([end for end in ends if end <= cut], default=0)
            assert log.sequence == (ends.index(kept) if kept else 0)
            assert ("was cut off" in caplog.text) == (kept > 0 and cut not in ends)
            assert log.append(_record()) == log.sequence
        if kept:
            assert path.read_bytes()[:kept] == whole[:kept]
            aside = list(path.parent.glob("*.cut-*"))
            rest = whole[kept:cut]
            assert b"".join(each.read_bytes() for each in aside) == (rest if any(rest) else b"")
        assert check(tmp_path / FOLDER).faults == ()
        for each in path.parent.iterdir():
            each.unlink()


def test_every_changed_byte_is_found_and_located(tmp_path: Path) -> None:
    path = _written(tmp_path, *range(1, 17))
    whole = path.read_bytes()
    frames = list(Segment.read(path).frames())
    assert check(tmp_path / FOLDER).faults == ()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        (first, *_) = check(tmp_path / FOLDER).faults
        if at < HEADER_BYTES:
            assert (first.kind, first.at) == ("header", 0)
        else:
            (frame,) = (f for f in frames if f.at <= at < f.end)
            assert (first.kind, first.at) == ("frame", frame.at)
            assert first.sequence == frame.sequence


def test_a_record_changed_in_the_middle_is_left_there_and_the_log_goes_on_behind_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = _written(tmp_path, 5, 6, 7)
    changed = bytearray(path.read_bytes())
    second = list(Segment.read(path).frames())[1]
    changed[second.end - 1] ^= 1
    path.write_bytes(changed)
    with _opened(tmp_path) as log:
        assert "a record was changed" in caplog.text
        assert log.sequence == 3
        assert log.append(_record()) == 4
        assert log.path != path
    assert path.read_bytes() == changed
    (fault,) = check(tmp_path / FOLDER).faults
    assert (fault.kind, fault.sequence, fault.at) == ("frame", 2, second.at)


def test_records_taken_out_put_in_or_swapped_are_found(tmp_path: Path) -> None:
    path = _written(tmp_path, 1, 2, 3, 4)
    whole = path.read_bytes()
    a, b, c, d = (whole[f.at : f.end] for f in Segment.read(path).frames())
    for frames in ([a, c, d], [a, b, b, c, d], [a, c, b, d], [b, c, d], [d, c, b, a]):
        path.write_bytes(whole[:HEADER_BYTES] + b"".join(frames))
        assert check(tmp_path / FOLDER).faults, frames


def test_a_segment_of_another_log_or_one_missing_between_is_found(tmp_path: Path) -> None:
    clock = [NOW_US]
    for _ in range(3):
        with _opened(tmp_path, clock=lambda: clock[0]) as log:
            log.append(_record())
        clock[0] += DAY_US
    first, second, third = segments.segments_of(tmp_path / FOLDER)
    assert check(tmp_path / FOLDER).faults == ()
    kept = second.read_bytes()
    second.unlink()
    assert [f.kind for f in check(tmp_path / FOLDER).faults] == ["gap"]
    other = _written(tmp_path / "other", 1, 2)
    second.write_bytes(other.read_bytes())
    assert "origin" in {f.kind for f in check(tmp_path / FOLDER).faults}
    second.write_bytes(kept)
    assert check(tmp_path / FOLDER).faults == ()
    assert [path.parent.name for path in (first, third)] == ["2026-11-24", "2026-11-26"]


@pytest.mark.parametrize("cut", [0, 1, 600_000])
def test_records_longer_than_a_megabyte_are_found_and_cut_as_well(tmp_path: Path, cut: int) -> None:
    path = _written(tmp_path, 3, 700_000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - cut])
    with _opened(tmp_path) as log:
        assert log.sequence == (1 if cut else 2)


@pytest.mark.parametrize("content", [b"hello" * 20, b"\0" * 100])
def test_a_file_that_is_no_segment_is_refused_and_left_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / FOLDER / "2026-11-24" / "00000000000000000001.seg"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(SettingsError, match="is not a segment"):
            DecisionLog(tmp_path)
    assert path.read_bytes() == content


def test_a_full_segment_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1_000)
    _written(tmp_path, *[300] * 7)
    assert len(segments.segments_of(tmp_path / FOLDER)) > 2
    assert _sequences(tmp_path) == list(range(1, 8))


def test_two_servers_never_write_one_log(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        with pytest.raises(SettingsError, match="another server writes this log"), served(tmp_path):
            pass
        assert app.rerank(request()).receipt.sequence == 2


def test_a_closed_log_takes_nothing_and_writes_nowhere_else(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    log.close()
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)  # takes the number that got free
    with pytest.raises(OverloadedError):
        log.append(_record())
    assert os.fstat(other).st_size == 0
    os.close(other)


def test_what_is_acknowledged_is_on_the_disk_where_that_is_asked(tmp_path: Path) -> None:
    with _opened(tmp_path, durability="disk") as log, ThreadPoolExecutor(4) as pool:
        for sequence in pool.map(lambda _: log.append(_record()), range(50)):
            assert log.on_disk >= sequence
    with _opened(tmp_path / "process") as log:
        log.append(_record())
        sequence = log.control("policy", "a", "b")
        assert log.on_disk >= sequence


def test_a_record_whose_sync_failed_is_never_acknowledged_by_that_of_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late the waiting caller wakes: others go on in a new segment, and that is synced."""
    with _opened(tmp_path, durability="disk") as log, ThreadPoolExecutor(1) as pool:
        log.append(_record())
        sync, is_sick = os.fdatasync, [True]

        def failing_once(file: int) -> None:
            if is_sick:
                is_sick.clear()
                raise OSError("sick")
            sync(file)

        monkeypatch.setattr(os, "fdatasync", failing_once)
        lost = pool.submit(log.append, _record("lost"))
        while log.sequence < 2:
            time.sleep(0.001)
        kept = 0
        while not kept:
            with suppress(OverloadedError):
                kept = log.append(_record("kept"))
        assert kept > 2
        with pytest.raises(OverloadedError):
            lost.result(timeout=10)
        assert log.on_disk >= kept


def test_a_record_too_large_to_keep_is_refused_alone(tmp_path: Path) -> None:
    with _opened(tmp_path) as log:
        large = record(log_pb2.RECORD_KIND_DECISION, 1, b"x", request_id="r" * 2_000)
        with pytest.raises(OverloadedError, match="larger than a record may be"):
            log.append(large)
        assert log.is_healthy, "one caller's record does not close the service"
        assert log.append(_record()) == 1


def test_a_record_is_enough_to_decide_again_and_names_no_viewer(tmp_path: Path) -> None:
    told: dict[str, Any] = {"session_id": "viewer-4711", "request_id": "call-1"}
    with served(tmp_path) as app:
        first = app.rerank(request(slot_count=2, **told))
        asked = request(slot_count=3, first_slot=2, page_token=first.page_token, **told)
        newer = asked.SerializeToString() + b"\xfa\x7f\x0bviewer-4711"  # a field we do not know
        second = pb.RerankResponse.FromString(app.send(newer))
    stored = next(o for o in _records(tmp_path) if o.envelope.decision_id == second.decision_id)
    envelope, body = stored.envelope, log_pb2.DecisionBody.FromString(stored.body)
    assert (envelope.request_id, envelope.surface) == ("call-1", "home")
    assert (envelope.instant_us, body.first_slot) == (NOW_US, 2)
    assert list(body.tail_ids) == shown(first)
    assert envelope.policy_digest.hex() == second.policy_digest
    assert envelope.facts_revision == second.facts_revision
    assert envelope.facts_digest.hex() == second.facts_digest
    assert envelope.candidate_count == len(asked.columns.string_ids)
    assert envelope.filled_count + envelope.empty_count == 3
    decision = out.Decision.FromString(body.decision)
    decision.citations.extend(second.decision.citations)
    assert decision == second.decision
    asked.ClearField("session_id")
    asked.ClearField("page_token")
    assert pb.RerankRequest.FromString(body.request) == asked
    for one in _records(tmp_path):
        assert b"viewer-4711" not in one.raw + one.body
        assert len(one.raw) <= 1_024


def test_the_books_balance_and_tell_what_changed(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        app.rerank(request())
        app.fault(request(surface="attic"))
        app.server.books.write(app.server.state.in_use())
        app.rerank(request())
        fill(tmp_path, {"new": {"kind": "video"}})
        app.server.state.refresh()
        app.server.books.write(app.server.state.in_use())
    kinds = [one.envelope for one in _records(tmp_path)]
    assert [one.action for one in kinds if one.action] == ["start", "facts", "stop"]
    beats = [
        log_pb2.HeartbeatBody.FromString(one.body)
        for one in _records(tmp_path)
        if one.envelope.kind == log_pb2.RECORD_KIND_HEARTBEAT
    ]
    assert (beats[0].received, beats[0].answered, dict(beats[0].refused)) == (
        2,
        1,
        {"NO_POLICY_FOR_SURFACE": 1},
    )
    decided = sum(one.kind == log_pb2.RECORD_KIND_DECISION for one in kinds)
    assert beats[-1].answered == decided == 2
    assert beats[-1].received == decided + sum(beats[-1].refused.values())


def _hammer(address: str, acknowledged: list[int]) -> None:
    asked = request().SerializeToString()
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(METHOD)
        while True:
            try:
                reply = pb.RerankResponse.FromString(call(asked, timeout=5))
            except grpc.RpcError:
                return
            acknowledged.append(reply.receipt.sequence)


def test_a_server_killed_under_load_has_kept_every_decision_it_acknowledged(
    tmp_path: Path,
) -> None:
    rng, acknowledged = random.Random(3), list[int]()
    fill(tmp_path)
    for _ in range(KILLS):
        with serving(tmp_path) as (process, address), ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(_hammer, address, acknowledged)
            before = len(acknowledged)
            while len(acknowledged) < before + 50:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL
    log = DecisionLog(tmp_path)
    log.close()
    sequences = _sequences(tmp_path)
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(set(acknowledged)) == len(acknowledged) >= 50 * KILLS
    assert set(acknowledged) <= set(sequences)
    assert check(tmp_path / FOLDER).faults == ()
