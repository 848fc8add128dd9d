"""The query copy of the log: tables hold what the records say, however they were made."""

import hashlib
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from constraints.errors import SettingsError
from ranker.audit import segments
from ranker.audit.frames import Segment
from ranker.audit.log import FOLDER, DecisionLog
from ranker.audit.lookup import Lookup, decision_of
from ranker.audit.records import Record, unpack
from ranker.audit.tables import parts
from ranker.audit.tables.asking import Asking, ask
from ranker.audit.tables.decisions import SLOTS
from ranker.audit.tables.kinds import KINDS, LOGGED
from ranker.audit.tables.manifest import FOLDER as TABLES
from ranker.audit.tables.manifest import INDEX, Manifest
from ranker.audit.tables.registers import REGISTERS
from ranker.audit.tables.rotating import rotate
from ranker.v1 import decision_pb2 as out
from tests.commands import spawn
from tests.logged import CLIP, DAY_US, Decided, decisions, logging
from tests.serving import NOW_US, request, served


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    with logging(folder):
        pass
    rotate(folder)
    return folder


@pytest.fixture
def many(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the decisions again, each segment hardly larger than one, over two days."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 2_000)
    now = [NOW_US]
    log = DecisionLog(tmp_path, clock=lambda: now[0])
    stored = [unpack(frame) for frame in segments.frames_from(data_dir / FOLDER, 1)]
    for number, one in enumerate(stored):
        if number == len(stored) // 2:
            now[0] += DAY_US
        log.append(Record.of(one.envelope, one.body))
    log.close()
    return tmp_path


def rows_of(data_dir: Path, table: str) -> list[dict[str, object]]:
    """Read the files of a table, without any of our own code but the manifest."""
    manifest = json.loads((data_dir / TABLES / "manifest.json").read_text(encoding="utf-8"))
    told = [part for each in manifest["parts"] for part in each["files"]] + manifest["registers"]
    rows = []
    for file in told:
        if file["table"] == table:
            path = data_dir / TABLES / file["path"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
            folders = dict(part.split("=") for part in path.parts if "=" in part)
            read = pq.ParquetFile(path).read().to_pylist()
            assert len(read) == file["rows"]
            rows += [row | folders for row in read]
    return rows


def _slots(one: Decided) -> Iterator[tuple[object, ...]]:
    states = {1: "filled", 2: "empty", 3: "reserved"}
    for p in one.message.placements:
        rules = "|".join(reason.rule_id for reason in p.reasons)
        shown = p.id if p.state == out.SLOT_STATE_FILLED else None
        where = (one.day, one.surface, one.id, one.sequence, one.revision)
        yield (*where, p.slot, states[p.state], shown, p.first_screen, p.unregistered, rules)


def test_a_row_of_slots_is_a_slot_of_a_decision(data_dir: Path) -> None:
    names = ("date", "surface", "decision_id", "sequence", "facts_revision", "slot", "state")
    names += ("candidate", "first_screen", "unregistered", "rule_ids")
    found = [tuple(row[name] for name in names) for row in rows_of(data_dir, "slots")]
    told = [slot for one in decisions(data_dir) for slot in _slots(one)]
    assert sorted(found, key=str) == sorted(told, key=str)
    states = Counter(slot[6] for slot in told)
    assert min(states["filled"], states["empty"], states["reserved"]) > 0


def test_every_blocked_candidate_and_every_move_is_a_row(data_dir: Path) -> None:
    names = ("decision_id", "candidate", "rule_ids", "sources")
    found = [tuple(row[name] for name in names) for row in rows_of(data_dir, "blocked")]
    assert sorted(found) == sorted(
        (one.id, b.id, "|".join(b.rule_ids), "|".join(b.sources))
        for one in decisions(data_dir)
        for b in one.message.blocked
    )
    names = ("decision_id", "candidate", "wanted_slot", "slot", "deciding_rule", "source")
    moved = [tuple(row[name] for name in names) for row in rows_of(data_dir, "moves")]
    told = [
        (one.id, m.id, m.wanted_slot, m.slot if m.shown else None, *_why(m))
        for one in decisions(data_dir)
        for m in one.message.moves
    ]
    assert sorted(moved, key=str) == sorted(told, key=str)
    assert found
    assert moved


def _why(move: out.Move) -> tuple[str, str]:
    return (move.reasons[0].rule_id, move.reasons[0].source)


def test_ids_are_text_and_control_records_are_rows(data_dir: Path) -> None:
    assert CLIP in {row["candidate"] for row in rows_of(data_dir, "slots")}
    actions = [row["action"] for row in rows_of(data_dir, "controls")]
    assert (actions[0], actions[-1]) == ("start", "stop")


def test_facts_stand_as_they_were_at_each_revision(data_dir: Path) -> None:
    spans = [row for row in rows_of(data_dir, "subjects") if row["subject_id"] == "lead-0"]
    (before, after) = sorted(spans, key=lambda row: int(str(row["from_revision"])))
    assert (before["title"], after["title"]) == ("剧 0", "改名之后")
    assert before["until_revision"] == after["from_revision"]
    assert after["until_revision"] == 2**63 - 1
    clips = {row["candidate_id"]: row["subject_id"] for row in rows_of(data_dir, "candidates")}
    assert clips[CLIP] == "lead-3"


def test_rules_of_kept_policies_have_their_articles(data_dir: Path) -> None:
    rules = {str(row["rule_id"]): row for row in rows_of(data_dir, "rules")}
    assert "345" in str(rules["first-screen-licence"]["citation_zh"])
    assert {row["policy_digest"] for row in rows_of(data_dir, "slots")} == {
        row["policy_digest"] for row in rules.values()
    }


def test_a_policy_that_is_not_what_its_folder_says_is_left_out(many: Path) -> None:
    wrong = many / "policies" / ("0" * 64)
    wrong.mkdir(parents=True)
    (wrong / "a.toml").write_text("[surface.home]\n", encoding="utf-8")
    (many / "policies" / "spoilt").mkdir()
    (many / "policies" / "spoilt" / "a.toml").write_text("no = [", encoding="utf-8")
    rotate(many)
    assert rows_of(many, "rules") == []


def test_a_rotation_goes_on_where_the_last_one_ended(data_dir: Path, tmp_path: Path) -> None:
    stored = [unpack(frame) for frame in segments.frames_from(data_dir / FOLDER, 1)]
    log = DecisionLog(tmp_path, clock=lambda: NOW_US)
    for one in stored:
        log.append(Record.of(one.envelope, one.body))
        last = rotate(tmp_path).last_sequence
        assert last == log.sequence
    log.close()
    for table in LOGGED:
        assert rows_of(tmp_path, table.name) == rows_of(data_dir, table.name)
    folder = tmp_path / TABLES
    named = {file.path for file in (Manifest.load(folder) or Manifest()).files}
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*.parquet")} == named


def test_what_is_done_is_not_read_again_and_all_ways_give_the_same_files(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SEGMENTS_MAX", 2)
    first = rotate(many, workers=2)
    made = Manifest.load(many / TABLES)
    assert made is not None
    assert len(made.parts) > 4
    assert [part.is_final for part in made.parts] == [True] * (len(made.parts) - 1) + [False]
    again = rotate(many)
    last = made.parts[-1]
    assert again.records == last.last - last.first + 1 < first.records
    rebuilt = rotate(many, rebuild=True)
    assert rebuilt.records == first.records
    anew = Manifest.load(many / TABLES)
    assert anew is not None
    assert (anew.parts, anew.registers) == (made.parts, made.registers)
    days = [part.files[0].path for part in made.parts if part.files]
    assert len(days) == len(made.parts)


def test_parts_follow_each_other_without_a_gap_and_end_with_their_day(many: Path) -> None:
    rotate(many)
    made = Manifest.load(many / TABLES)
    assert made is not None
    for one, behind in zip(made.parts, made.parts[1:], strict=False):
        assert one.last + 1 == behind.first
    folders = [p.parent.name for p in segments.segments_of(many / FOLDER)]
    planned = parts.planned(segments.segments_of(many / FOLDER), [])
    assert sum(len(work.paths) for work in planned) == len(folders)
    assert all(len({path.parent.name for path in work.paths}) == 1 for work in planned)
    assert made.last_sequence == sum(1 for _ in segments.frames_from(many / FOLDER, 1))


def test_remains_of_a_killed_rotation_are_no_part_of_the_tables(many: Path) -> None:
    rotate(many)
    before = ask(many, Asking("days")).rows
    folder = next((many / TABLES / "slots").rglob("*.parquet")).parent
    twin = folder / "00000000000000000001-00000000000000000099.parquet"
    twin.write_bytes(next(folder.glob("*.parquet")).read_bytes())
    (folder / ".00000000000000000001.parquet.draft").write_bytes(b"half")
    assert ask(many, Asking("days")).rows == before
    rotate(many)
    assert ask(many, Asking("days")).rows == before
    assert not twin.exists()
    assert not list((many / TABLES).rglob("*.draft"))


def test_a_file_that_is_gone_is_made_again(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SEGMENTS_MAX", 2)
    rotate(many)
    made = Manifest.load(many / TABLES)
    assert made is not None
    (many / TABLES / made.parts[1].files[0].path).unlink()
    rotate(many)
    anew = Manifest.load(many / TABLES)
    assert anew is not None
    assert anew.parts == made.parts
    assert all((many / TABLES / file.path).exists() for file in anew.files)


def test_a_damaged_record_is_left_out_and_told(many: Path) -> None:
    told = decisions(many)
    spoilt = told[3]
    path = segments.segments_of(many / FOLDER)
    for each in path:
        for frame in Segment.read(each).frames():
            if frame.sequence == spoilt.sequence:
                raw = bytearray(each.read_bytes())
                raw[frame.end - 1] ^= 1
                each.write_bytes(raw)
    done = rotate(many)
    found = {row["decision_id"] for row in rows_of(many, "slots")}
    assert found == {one.id for one in told} - {spoilt.id}
    assert len(done.left_out) <= 1
    assert done.last_sequence == told[-1].sequence + 2


def test_two_rotations_at_once_are_refused(many: Path) -> None:
    import fcntl

    (many / TABLES).mkdir()
    with (many / TABLES / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(SettingsError, match="another rotation is under way"):
            rotate(many)
    rotate(many)


def test_where_there_is_no_log_it_is_said(tmp_path: Path) -> None:
    done = spawn("audit", "rotate", "--data-dir", tmp_path)
    assert done.fault() == f"{tmp_path / FOLDER}: holds no decision log"


@pytest.mark.parametrize("state", ["written", "compacted"])
def test_the_index_leads_to_each_decision(many: Path, state: str) -> None:
    rotate(many)
    if state == "compacted":
        segments.compact(many / FOLDER)
    lookup = Lookup(many)
    assert lookup.reach() == len(list(segments.frames_from(many / FOLDER, 1)))
    for one in decisions(many):
        frame = lookup.indexed_id(one.id)
        assert frame is not None
        assert (frame.sequence, decision_of(unpack(frame))) == (one.sequence, one.id)
        assert lookup.indexed(one.sequence) == frame
    assert lookup.by_id("nobody") is None
    assert lookup.by_sequence(10_000) is None


def test_what_is_newer_than_the_index_is_looked_for_in_the_log(data_dir: Path, many: Path) -> None:
    rotate(many)
    log = DecisionLog(many, clock=lambda: NOW_US + DAY_US)
    one = next(unpack(f) for f in segments.frames_from(data_dir / FOLDER, 2))
    one.envelope.decision_id = "newest"
    sequence = log.append(Record.of(one.envelope, one.body))
    log.close()
    lookup = Lookup(many)
    assert lookup.indexed_id("newest") is None
    found = lookup.by_id("newest")
    assert found is not None
    assert found.sequence == sequence


@pytest.mark.parametrize("fault", ["wrong place", "other record", "garbage", "gone"])
def test_an_index_that_lies_is_not_believed(many: Path, fault: str) -> None:
    rotate(many)
    path, one = many / TABLES / INDEX, decisions(many)[4]
    if fault == "garbage":
        path.write_bytes(b"no database" * 1_000)
    elif fault == "gone":
        path.unlink()
    else:
        with sqlite3.connect(path) as db:
            if fault == "wrong place":
                db.execute("UPDATE record SET at = at + 7")
            else:
                db.execute("UPDATE decision SET sequence = sequence - 1")
        db.close()
    lookup = Lookup(many)
    assert lookup.indexed_id(one.id) is None
    found = lookup.by_sequence(one.sequence)
    assert found is not None
    assert decision_of(unpack(found)) == one.id
    by_id = lookup.by_id(one.id)
    assert by_id is not None
    assert by_id.sequence == one.sequence


def test_every_kind_declares_the_tables_it_fills() -> None:
    names = [table.name for table in LOGGED]
    assert len(set(names)) == len(names)
    for kind in KINDS.values():
        for table in kind.tables:
            assert table.by[0] == "date"
            assert not set(table.head) & set(table.row)


DOCS = Path(__file__).parents[1] / "docs" / "decision-log.md"


def test_every_table_and_column_is_documented() -> None:
    page = DOCS.read_text(encoding="utf-8")
    for table in (*LOGGED, *REGISTERS):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{table.name}` |"))
        told = row + (page if table.name == "subjects" else "")
        shared = SLOTS.head if table.name in ("moves", "findings") else {}
        named = set(re.findall(r"`(\w+)`", told)) | set(shared) | {"date", "surface"}
        facts = (DOCS.parent / "facts.md").read_text(encoding="utf-8")
        for column in (*table.columns, *table.by):
            assert column in named or f"`{column}`" in facts, f"{table.name}.{column}"


def test_a_server_keeps_the_tables_fresh(tmp_path: Path) -> None:
    with served(tmp_path, poll_s=0.1, rotate_s=0.5) as app:
        ids = {app.rerank(request()).decision_id for _ in range(3)}
        until_s = time.monotonic() + 30
        while _known(tmp_path) != ids:
            assert time.monotonic() < until_s
            time.sleep(0.2)


def _known(data_dir: Path) -> set[str]:
    if Manifest.load(data_dir / TABLES) is None:
        return set()
    sql = "SELECT DISTINCT decision_id FROM slots"
    return {str(row[0]) for row in ask(data_dir, Asking(sql=sql)).rows}
