"""A backup is rehearsed: taken under load, restored, gone on from, and proved."""

import json
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ranker.audit import segments
from ranker.audit.checking import check, read_records
from ranker.audit.desk import note_at_desk
from ranker.audit.log import FOLDER, DecisionLog
from ranker.audit.logs import home_of
from ranker.audit.sealing import Sealer
from ranker.backup import back_up
from ranker.v1 import log_pb2
from tests import make
from tests.commands import spawn
from tests.serving import put, request, served


def decided(folder: Path) -> set[str]:
    kind = log_pb2.RECORD_KIND_DECISION
    records = read_records(folder / FOLDER)
    return {one.envelope.decision_id for one in records if one.envelope.kind == kind}


def test_a_copy_taken_under_load_is_whole_and_a_server_goes_on_from_it(tmp_path: Path) -> None:
    data_dir, out = tmp_path / "data", tmp_path / "copy"
    stop, acknowledged = threading.Event(), list[str]()
    with served(data_dir, poll_s=0.05) as app:

        def load() -> None:
            while not stop.is_set():
                asked = request(viewer_id="somebody", slot_count=6)
                acknowledged.append(app.rerank(asked).decision_id)

        note_at_desk(data_dir, "hold", "", "case")
        caller = threading.Thread(target=load)
        caller.start()
        while len(acknowledged) < 50:
            pass
        before = set(acknowledged)
        done = spawn("backup", "--out", out, "--data-dir", data_dir, "--json")
        put(data_dir, "id", {"late": make.drama()})
        stop.set()
        caller.join()
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["logs"] == 2
    assert out.stat().st_mode & 0o077 == 0
    assert before <= decided(out), "what was answered before is in the copy"
    with served(out) as app:
        kept = decided(out)
        reply = app.rerank(request())
        assert reply.receipt.sequence > len(kept)
    for home in (out, out / "desk"):
        found = check(home / FOLDER)
        assert (found.faults, found.signed) == ((), found.records)
    where = ("--data-dir", out)
    verdicts = json.loads(spawn("replay", *where, "--json").out)["verdicts"]
    assert {v: n for v, n in verdicts.items() if n} == {"EXACT": len(decided(out))}
    asked = ("audit", "viewer", "somebody", "--reason", "x", *where, "--json")
    assert {one["decision_id"] for one in json.loads(spawn(*asked).out)["decisions"]} == kept
    assert (out / "log.pub").read_text() == (data_dir / "log.pub").read_text(), "the same log"


def test_a_log_that_rolls_on_while_another_is_copied_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 2_000)
    data_dir, out = tmp_path / "data", tmp_path / "copy"
    homes = [home_of(data_dir, worker) for worker in range(2)]
    logs = [DecisionLog(home, "disk") for home in homes]
    sealers = [Sealer(log, home) for log, home in zip(logs, homes, strict=True)]

    def goes_on(_: int = 0) -> None:
        for log, sealer in zip(logs, sealers, strict=True):
            log.control("policy", "a" * 500, "b" * 500)
            sealer.seal()

    goes_on()
    back_up(data_dir, out, goes_on)
    for log in logs:
        log.close()
    for worker in range(2):
        home = home_of(out, worker)
        with closing(DecisionLog(home)) as log:
            Sealer(log, home)
        found = check(home / FOLDER)
        assert not found.faults
        assert found.records >= found.signed > 0


def test_a_copy_that_fails_leaves_nothing_in_the_way_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir, out = tmp_path / "data", tmp_path / "copy"
    with served(data_dir) as app:
        app.rerank(request())

    def compacted(*_: Any) -> None:
        raise FileNotFoundError("it was compacted meanwhile")

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copy2", compacted)
        with pytest.raises(FileNotFoundError):
            back_up(data_dir, out)
    assert back_up(data_dir, out).logs == 1


def test_what_cannot_be_copied_is_said(tmp_path: Path) -> None:
    nothing = spawn("backup", "--out", tmp_path / "a", "--data-dir", tmp_path / "none")
    assert "holds nothing of a server" in nothing.fault()
    (tmp_path / "there").mkdir()
    put(tmp_path / "data", "id", {"a": make.drama()})
    there = spawn("backup", "--out", tmp_path / "there", "--data-dir", tmp_path / "data")
    assert "is there already" in there.fault()
    assert spawn("backup", "--out", tmp_path / "b", "--data-dir", tmp_path / "data").code == 0
