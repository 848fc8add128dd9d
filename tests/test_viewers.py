"""Ids of viewers: never written, found again by whoever holds the key, by nobody without it."""

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from constraints.errors import SettingsError
from ranker.audit.checking import check, read_records
from ranker.audit.desk import note_at_desk
from ranker.audit.log import FOLDER
from ranker.audit.viewers import ViewerKeys, month_of
from ranker.v1 import log_pb2
from tests.commands import spawn
from tests.serving import NOW_US, request, served

WHO = "user-13800138000"
SEPTEMBER_US = int(datetime(2026, 9, 30, 15, 59, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two decisions about one viewer in two months, one about another, one about nobody."""
    clock = [SEPTEMBER_US]
    with served(tmp_path, now_us=lambda: clock[0]) as app:
        app.rerank(request(viewer_id=WHO))
        clock[0] += 60_000_000  # midnight in Shanghai: October, while it is September in London
        app.rerank(request(viewer_id=WHO))
        app.rerank(request(viewer_id="another"))
        app.rerank(request())
    return tmp_path


def decisions(folder: Path) -> list[tuple[log_pb2.Envelope, log_pb2.DecisionBody]]:
    return [
        (one.envelope, log_pb2.DecisionBody.FromString(one.body))
        for one in read_records(folder / FOLDER)
        if one.envelope.kind == log_pb2.RECORD_KIND_DECISION
    ]


def controls(folder: Path) -> list[tuple[str, Any]]:
    """Return action and body of what was recorded at the desk."""
    return [
        (one.envelope.action, log_pb2.ControlBody.FromString(one.body))
        for one in read_records(folder / "desk" / FOLDER)
    ]


def test_an_id_is_written_nowhere_and_its_hmac_is_under_the_key_of_the_month(folder: Path) -> None:
    for path in folder.rglob("*"):
        assert not path.is_file() or WHO.encode() not in path.read_bytes(), path
    first, second, other, nobody = decisions(folder)
    assert [e.viewer_key_id for e, _ in (first, second, nobody)] == ["2026-09", "2026-10", ""]
    for envelope, body in (first, second):
        path = folder / "viewer-keys" / f"{envelope.viewer_key_id}.key"
        assert path.stat().st_mode & 0o777 == 0o600
        mac = hmac.new(path.read_bytes(), WHO.encode(), hashlib.sha256).digest()
        assert body.viewer_hmac == mac
    assert len({bytes(body.viewer_hmac) for _, body in (first, second, other, nobody)}) == 4
    assert not nobody[1].viewer_hmac


def test_a_look_up_finds_the_decisions_and_is_itself_on_record(folder: Path) -> None:
    where = ("--data-dir", folder)
    done = spawn("audit", "viewer", WHO, *where, "--reason", "案件 12", "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    ids = [one["decision_id"] for one in told["decisions"]]
    assert ids == [envelope.decision_id for envelope, _ in decisions(folder)[:2]]
    ((action, body),) = controls(folder)
    assert (action, body.note) == ("lookup", "案件 12")
    assert WHO not in str(body)
    assert told["control_record"] == 1
    shown = spawn("audit", "viewer", "stranger", *where, "--reason", "x", "--lang", "en").out
    assert "this look-up is on record" in shown
    assert len(controls(folder)) == 2
    assert not check(folder / "desk" / FOLDER).faults


def test_a_look_up_without_a_reason_is_refused(folder: Path) -> None:
    done = spawn("audit", "viewer", WHO, "--data-dir", folder, "--reason", " ")
    assert "--reason: say why" in done.fault()
    assert not (folder / "desk").exists()


def test_a_destroyed_key_unlinks_its_month_and_nothing_else(folder: Path) -> None:
    where, before = ("--data-dir", folder), check(folder / FOLDER)
    key = (folder / "viewer-keys" / "2026-09.key").read_bytes()
    done = spawn("audit", "destroy-key", "2026-09", *where, "--reason", "retention", "--json")
    assert json.loads(done.out) == {"destroyed": "2026-09", "control_record": 1}
    assert not any(p.is_file() and key in p.read_bytes() for p in folder.rglob("*"))
    assert check(folder / FOLDER) == before, "no record, no proof changes"
    told = json.loads(spawn("audit", "viewer", WHO, *where, "--reason", "x", "--json").out)
    assert told["destroyed_keys"] == ["2026-09"]
    assert len(told["decisions"]) == 1
    again = spawn("audit", "destroy-key", "2026-09", *where, "--reason", "x")
    assert "there is no key" in again.fault()


def test_replay_says_what_cannot_be_linked_any_more(folder: Path) -> None:
    where = ("--data-dir", folder, "--json")
    spawn("audit", "destroy-key", "2026-09", "--data-dir", folder, "--reason", "x")
    asked = ("--viewer", WHO, "--reason", "x")
    verdicts = json.loads(spawn("replay", *where, *asked).out)["verdicts"]
    assert {v: n for v, n in verdicts.items() if n} == {"EXACT": 1, "KEY_DESTROYED": 1}
    assert json.loads(spawn("replay", *where).out)["verdicts"]["EXACT"] == 4


def test_a_key_in_use_is_not_destroyed(folder: Path) -> None:
    keys = ViewerKeys(folder)
    with pytest.raises(SettingsError, match="in use until the month is over"):
        keys.check_destroyable("2026-10", SEPTEMBER_US + 60_000_000)
    for wrong in ("2026-9", "../log", "2026"):
        with pytest.raises(SettingsError, match="is no month"):
            keys.check_destroyable(wrong, NOW_US)


def test_processes_that_begin_together_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        marks = set(pool.map(lambda _: ViewerKeys(tmp_path).mark(WHO, NOW_US), range(32)))
    assert len(marks) == 1
    assert month_of(NOW_US) == "2026-11"
    assert [path.name for path in (tmp_path / "viewer-keys").iterdir()] == ["2026-11.key"]


def test_without_a_key_nothing_about_a_viewer_is_answered(tmp_path: Path) -> None:
    (tmp_path / "viewer-keys").mkdir()
    (tmp_path / "viewer-keys" / "2026-11.key").write_bytes(b"short")
    with served(tmp_path) as app:
        found = app.fault(request(viewer_id=WHO))
        assert (found.code, found.reason) == ("RESOURCE_EXHAUSTED", "VIEWER_KEY_FAILED")
        assert app.rerank(request()).decision_id
    assert len(decisions(tmp_path)) == 1


def test_records_at_the_desk_of_many_hands_are_one_row(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda n: note_at_desk(tmp_path, "hold", "", str(n)), range(12)))
    assert sorted(numbers) == list(range(1, 13))
    found = check(tmp_path / "desk" / FOLDER)
    assert (found.records, found.signed, found.faults) == (12, 12, ())
