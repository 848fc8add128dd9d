"""`slotwarden audit`, run as people run it, on the log of a real server."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from ranker.audit import segments
from ranker.audit.checking import check, read_records
from ranker.audit.desk import note_at_desk
from ranker.audit.frames import Segment
from ranker.audit.log import FOLDER, DecisionLog
from ranker.audit.logs import home_of
from ranker.audit.records import record
from ranker.audit.sealing import Sealer
from ranker.clock import now_us
from ranker.v1 import log_pb2
from tests.commands import spawn
from tests.serving import request, served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Serve three calls and stop: start, three decisions, counters, stop."""
    with served(tmp_path) as app:
        for count in (2, 3, 4):
            app.rerank(request(slot_count=count))
    return tmp_path


def test_a_whole_log_is_said_to_be_whole(folder: Path) -> None:
    where = ("--data-dir", folder)
    done = spawn("audit", "fsck", *where)
    assert (done.code, done.err) == (0, "")
    assert "日志完整：6 条记录，其中决策 3 条，编号 1 至 6" in done.out
    told = json.loads(spawn("audit", "fsck", *where, "--json").out)
    assert (told["records"], told["decisions"], told["faults"]) == (6, 3, [])
    assert "the log is whole" in spawn("audit", "fsck", *where, "--lang", "en").out


def test_records_that_are_gone_are_missed_at_either_end(folder: Path) -> None:
    """A log begins with record 1, and holds what its checkpoint signed."""
    log = folder / FOLDER
    (path,) = segments.segments_of(log)
    with closing(DecisionLog(folder, clock=lambda: now_us() + 86_400_000_000)) as going:
        going.control("policy", "a", "b")
    where, first = ("--data-dir", folder), path.read_bytes()
    assert len(segments.segments_of(log)) == 2
    path.unlink()
    done = spawn("audit", "fsck", *where)
    assert done.code == 1
    assert "begins with 7 after 0" in done.out
    path.write_bytes(first)
    assert spawn("audit", "fsck", *where).code == 0


def test_a_log_that_is_gone_and_the_log_of_the_desk_are_looked_for(folder: Path) -> None:
    where, worker = ("--data-dir", folder), home_of(folder, 1)
    with closing(DecisionLog(worker, "disk")) as log:
        sealer = Sealer(log, worker)
        log.control("start", "", "")
        sealer.seal()
    note_at_desk(folder, "hold", "", "case")
    told = json.loads(spawn("audit", "fsck", *where, "--json").out)
    assert [Path(one["log"]).parent.name for one in told["logs"]] == ["worker-1", "desk"]
    for home in (worker, folder / "desk"):
        (path,) = segments.segments_of(home / FOLDER)
        raw = path.read_bytes()
        path.unlink()
        done = spawn("audit", "fsck", *where)
        assert done.code == 1, home
        assert "1 were signed" in done.out
        path.write_bytes(raw)
    assert spawn("audit", "fsck", *where).code == 0


def test_a_changed_byte_is_named_with_file_byte_and_record(folder: Path) -> None:
    (path,) = segments.segments_of(folder / FOLDER)
    third = list(Segment.read(path).frames())[2]
    raw = bytearray(path.read_bytes())
    raw[third.end - 1] ^= 1
    path.write_bytes(raw)
    done = spawn("audit", "fsck", "--data-dir", folder)
    assert done.code == 1
    assert f"{path} 第 {third.at} 字节，记录 3：记录被改动或不完整" in done.out
    assert "日志有 1 处问题" in done.out
    for command in (("tail", "-n", "6"), ("show", "nobody")):
        told = spawn("audit", *command, "--data-dir", folder).fault()
        assert "is not whole; run `slotwarden audit fsck`" in told


def test_a_record_is_shown_by_number_or_decision(folder: Path) -> None:
    where = ("--data-dir", folder)
    by_number = spawn("audit", "show", "3", *where)
    told = json.loads(by_number.out)
    assert told["envelope"]["sequence"] == "3"
    assert told["body"]["request"]["slot_count"] == 3
    assert len(told["body"]["decision"]["placements"]) == 3
    assert spawn("audit", "show", told["envelope"]["decisionId"], *where).out == by_number.out
    assert json.loads(spawn("audit", "show", "1", *where).out)["envelope"]["action"] == "start"
    assert json.loads(spawn("audit", "show", "5", *where).out)["body"]["answered"] == "3"
    assert spawn("audit", "show", "7", *where).fault() == "`7` is no record of this log"


def test_the_last_records_are_a_table(folder: Path) -> None:
    done = spawn("audit", "tail", "-n", "4", "--data-dir", folder)
    assert done.code == 0
    assert done.out.count("decision") == 2
    assert "control stop" in done.out
    last = json.loads(spawn("audit", "tail", "-n", "2", "--data-dir", folder, "--json").out)
    assert [one["sequence"] for one in last] == ["5", "6"]


def test_where_there_is_no_log_it_is_said(tmp_path: Path) -> None:
    for command in ("fsck", "tail", "compact"):
        done = spawn("audit", command, "--data-dir", tmp_path)
        assert done.fault() == f"{tmp_path / FOLDER}: holds no decision log"


def _filled(folder: Path, count: int, start: int = 1_795_492_800_000_000) -> None:
    """Write one segment a day with two records each."""
    for day in range(count):
        log = DecisionLog(folder, clock=lambda day=day: start + day * 86_400_000_000)
        for number in range(2):
            body = f"{day} {number} ".encode() * 400
            log.append(record(log_pb2.RECORD_KIND_HEARTBEAT, 1, body))
        log.close()


def test_compacted_segments_hold_the_same_bytes_and_the_log_goes_on(tmp_path: Path) -> None:
    _filled(tmp_path, 3)
    folder = tmp_path / FOLDER
    before = [(one.envelope.sequence, one.raw, one.body) for one in read_records(folder)]
    told = json.loads(spawn("audit", "compact", "--data-dir", tmp_path, "--json").out)
    assert told["bytes_after"] < told["bytes_before"] / 4
    names = [path.name.partition(".")[2] for path in segments.segments_of(folder)]
    assert names == ["seg.zst", "seg.zst", "seg"]
    assert [(o.envelope.sequence, o.raw, o.body) for o in read_records(folder)] == before
    assert check(folder).faults == ()
    assert segments.compact(folder) == (0, 0), "what is compacted is left"
    log = DecisionLog(tmp_path)
    assert log.control("policy", "a", "b") == len(before) + 1
    log.close()


def test_a_log_whose_newest_segment_was_compacted_goes_on_in_a_new_one(tmp_path: Path) -> None:
    _filled(tmp_path, 2)
    folder = tmp_path / FOLDER
    segments.compact(folder)
    segments.segments_of(folder)[-1].unlink()
    log = DecisionLog(tmp_path)
    assert log.sequence == 2
    assert log.control("policy", "a", "b") == 3
    log.close()
    assert check(folder).faults == ()


def test_a_compacted_segment_that_was_changed_is_found(tmp_path: Path) -> None:
    _filled(tmp_path, 2)
    segments.compact(tmp_path / FOLDER)
    first = segments.segments_of(tmp_path / FOLDER)[0]
    whole, content = first.read_bytes(), Segment.read(first).raw
    for at in range(len(whole)):
        raw = bytearray(whole)
        raw[at] ^= 0x10
        first.write_bytes(raw)
        if not check(tmp_path / FOLDER).faults:
            assert Segment.read(first).raw == content, "a byte that says nothing"
