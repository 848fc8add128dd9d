"""What may be deleted and when; what is left still proves what was."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from pydantic import ValidationError

from ranker.audit.bundle import Prover
from ranker.audit.checking import check, read_records
from ranker.audit.log import FOLDER, DecisionLog
from ranker.audit.records import Record
from ranker.audit.retention import Hold, Terms, expire, locked_holds, write_holds
from ranker.audit.sealing import Sealer
from ranker.audit.segments import compact
from ranker.audit.tables.manifest import Manifest
from ranker.audit.tables.rotating import forgotten, rotate
from ranker.clock import in_shanghai, now_us
from ranker.settings import Settings
from ranker.v1 import log_pb2
from tests.commands import spawn
from tests.serving import request, served

DAY_US = 86_400_000_000
TODAY = in_shanghai(now_us()).date()
AGES = (1_200, 1_097, 1_096, 500, 184, 183, 3)
"""Days; each has one decision without and one with a live room."""


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log whose days lie far back, signed."""
    folder = tmp_path_factory.mktemp("aged")
    with served(folder) as app:
        app.rerank(request(["lead-1", "lead-2"], slot_count=2))
        app.rerank(request(["lead-3", "room-a"], slot_count=2))
    made = [
        one
        for one in read_records(folder / FOLDER)
        if one.envelope.kind == log_pb2.RECORD_KIND_DECISION
    ]
    assert [one.envelope.live for one in made] == [False, True]
    shutil.rmtree(folder / FOLDER)
    (folder / "log.key").unlink()
    for age in AGES:
        instant_us = now_us() - age * DAY_US
        log = DecisionLog(folder, "disk", clock=lambda: instant_us)  # noqa: B023 -- closed below
        sealer = Sealer(log, folder)
        log.control("start", "", "")
        for one in made:
            one.envelope.instant_us = instant_us
            log.append(Record.of(one.envelope, one.body))
        sealer.seal()
        log.close()
    return folder


@pytest.fixture
def folder(aged: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(aged, tmp_path / "data"))


def left(folder: Path) -> list[tuple[int, bool]]:
    """Return age and kind of decisions that still have their bodies."""
    return [
        ((TODAY - in_shanghai(one.envelope.instant_us).date()).days, one.envelope.live)
        for one in read_records(folder / FOLDER)
        if one.envelope.kind == log_pb2.RECORD_KIND_DECISION and one.body
    ]


@pytest.mark.parametrize("first", [lambda _: None, compact])
def test_bodies_whose_time_is_over_are_gone_and_everything_is_still_proved(
    folder: Path, first: Callable[[Path], object]
) -> None:
    first(folder / FOLDER)
    size = sum(path.stat().st_size for path in (folder / FOLDER).glob("*/*.seg*"))
    roots = (folder / FOLDER / "checkpoint").read_text()
    done = spawn("audit", "expire", "--data-dir", folder, "--json",
                 SLOTWARDEN_RETAIN_DAYS="183")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert (told["bodies"], told["held"], told["rehearsed"]) == (7, 0, False)
    kept = [(1_096, True), (500, True), (184, True), (183, False), (183, True), (3, False),
            (3, True)]  # fmt: skip
    assert left(folder) == kept
    found = check(folder / FOLDER)
    assert (found.faults, found.deleted, found.records) == ((), 7, 21)
    assert (folder / FOLDER / "checkpoint").read_text() == roots
    now = sum(path.stat().st_size for path in (folder / FOLDER).glob("*/*.seg*"))
    assert size - now == told["bytes_freed"]
    where = ("--data-dir", folder)
    assert spawn("audit", "prove", "2", *where).out.startswith("c2sp.org/tlog-proof@v1")
    out = folder / "bundle"
    told_of = spawn("audit", "export", "2", "--out", out, *where).fault()
    assert "its body was deleted when its time was over" in told_of
    assert spawn("audit", "export", "9", "--out", out, *where).code == 0
    assert json.loads(spawn("audit", "show", "2", *where).out)["body"] == {
        "deleted": "its time was over"
    }
    again = json.loads(spawn("replay", *where, "2", "3", "--json").out)["verdicts"]
    assert again["BODY_DELETED"] == 2
    (control, *_) = read_records(folder / "desk" / FOLDER)
    assert control.envelope.action == "expire"


def test_what_is_deleted_is_in_no_table_either(folder: Path) -> None:
    rotate(folder)
    before = Manifest.load(folder / "query")
    assert before is not None
    spawn("audit", "expire", "--data-dir", folder)
    assert len(Manifest.load(folder / "query").parts) < len(before.parts)  # type: ignore[union-attr]
    rotate(folder)
    after = Manifest.load(folder / "query")
    assert after is not None
    ranges = [(part.first, part.last) for part in after.parts]
    assert ranges == [(part.first, part.last) for part in before.parts]
    asked = ("--sql", "SELECT DISTINCT sequence FROM slots ORDER BY 1", "--json")
    told = json.loads(spawn("audit", "query", *asked, "--data-dir", folder).out)
    assert [int(row["sequence"]) for row in told["rows"]] == [8, 9, 11, 12, 14, 15, 17, 18, 20, 21]


def test_by_default_everything_is_kept_three_years(folder: Path) -> None:
    told = json.loads(spawn("audit", "expire", "--data-dir", folder, "--json").out)
    assert told["bodies"] == 4
    assert {age for age, _ in left(folder)} == {1_096, 500, 184, 183, 3}


def test_a_rehearsal_changes_nothing(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.seg*")}
    done = spawn("audit", "expire", "--rehearse", "--data-dir", folder)
    assert "将删除 4 条记录的内容" in done.out
    assert {path: path.read_bytes() for path in folder.rglob("*.seg*")} == before
    assert not (folder / "desk").exists()


def test_days_under_hold_are_kept_until_it_is_released(folder: Path) -> None:
    where = ("--data-dir", folder)
    day = (TODAY - timedelta(1_200)).isoformat()
    held = spawn(
        "audit", "hold", "case-7", "--from", day, "--until", day, "--reason", "诉讼", *where
    )
    assert "case-7" in held.out
    done = json.loads(spawn("audit", "expire", *where, "--json").out)
    assert (done["bodies"], done["held"]) == (2, 2)
    twice = spawn("audit", "hold", "case-7", "--from", day, "--until", day, "--reason", "x", *where)
    assert "is there already" in twice.fault()
    nameless = spawn("audit", "hold", "case-8", "--from", day, "--until", day, *where)
    assert "--reason: say why" in nameless.fault()
    upside_down = ("--from", day, "--until", "1999-01-01", "--reason", "x")
    assert "--from and --until" in spawn("audit", "hold", "c", *upside_down, *where).fault()
    gone = spawn("audit", "hold", "case-7", "--release", "--reason", "结案", *where)
    assert "没有封存" in gone.out
    assert json.loads(spawn("audit", "expire", *where, "--json").out)["bodies"] == 2
    actions = [one.envelope.action for one in read_records(folder / "desk" / FOLDER)]
    assert actions == ["hold", "expire", "release", "expire"]


def test_a_day_held_while_bodies_are_deleted_is_kept(folder: Path) -> None:
    """Of one segment a day: whoever is told that a day is held can rely on it."""
    day = TODAY - timedelta(1_097)

    def hold_it() -> None:
        with locked_holds(folder) as before:
            write_holds(folder, [*before, Hold("case", day, day, "x")])

    expire(folder / FOLDER, Terms(183, 183), partial(locked_holds, folder), TODAY,
           tick=lambda count: hold_it() if count == 1 else None)  # fmt: skip
    kept = {age for age, _ in left(folder)}
    assert 1_097 in kept
    assert not kept & {1_200, 1_096}


def test_nothing_is_deleted_while_holds_are_changed(folder: Path) -> None:
    begun, done = threading.Event(), threading.Event()

    @contextmanager
    def holds() -> Iterator[list[Hold]]:
        begun.set()
        with locked_holds(folder) as found:
            yield found

    def delete() -> None:
        expire(folder / FOLDER, Terms(183, 183), holds, TODAY)
        done.set()

    with locked_holds(folder):
        thread = threading.Thread(target=delete)
        thread.start()
        assert begun.wait(10)
        assert not done.wait(0.2)
        assert len(left(folder)) == 14
    thread.join()
    assert len(left(folder)) < 14


def test_nothing_is_deleted_while_tables_are_made(folder: Path) -> None:
    rotate(folder)
    with forgotten(folder, 0, 0):
        done = spawn("audit", "expire", "--data-dir", folder)
    assert "another rotation is under way" in done.fault()
    assert len(left(folder)) == 14, "or it would stand in tables that nothing takes it from"


def test_holds_that_cannot_be_read_stop_all_deleting(folder: Path) -> None:
    (folder / "holds.json").write_text('[{"name": "case"}]')
    done = spawn("audit", "expire", "--data-dir", folder)
    assert "cannot be read as holds; nothing is deleted" in done.fault()
    assert len(left(folder)) == 14


def test_a_body_taken_away_too_early_is_a_fault(folder: Path) -> None:
    expire(folder / FOLDER, Terms(400, 400), lambda: nullcontext([]), TODAY)  # no setting does
    (fault,) = [one for one in check(folder / FOLDER).faults if one.kind == "deleted"][-1:]
    assert (fault.kind, fault.sequence) == ("deleted", 12)
    done = spawn("audit", "fsck", "--data-dir", folder)
    assert done.code == 1
    assert "内容在法定留存期内被删除" in done.out


def test_settings_shorter_than_the_law_are_refused_by_name_and_article(folder: Path) -> None:
    for name, least in (("retain_days", 183), ("retain_live_days", 1_096)):
        Settings(**{name: least})
        with pytest.raises(ValidationError, match=f"must be at least {least} days"):
            Settings(**{name: least - 1})
    environment = {"SLOTWARDEN_RETAIN_DAYS": "182"}
    told = spawn("audit", "expire", "--data-dir", folder, **environment).fault()
    assert told.startswith("SLOTWARDEN_RETAIN_DAYS: ")
    assert "Cybersecurity Law art. 23(3)" in told


def test_a_server_goes_on_in_a_log_whose_old_bodies_are_gone(folder: Path) -> None:
    spawn("audit", "expire", "--data-dir", folder)
    with served(folder) as app:
        reply = app.rerank(request())
        assert reply.receipt.sequence == 23
    assert not check(folder / FOLDER).faults
    assert Prover(folder).checkpoint.size == check(folder / FOLDER).records
    assert date.fromisoformat(min(p.name for p in (folder / FOLDER).glob("20*"))) < TODAY
