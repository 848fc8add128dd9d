"""Questions to the tables: answers are those of a plain recount, and SQL can do no harm."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import grpc
import pyarrow.parquet as pq
import pytest

from constraints.errors import GovernanceError, OverloadedError, RequestError, SettingsError
from constraints.law import law_rows
from ranker.audit.checkpoint import check_proof
from ranker.audit.log import FOLDER
from ranker.audit.records import Stored
from ranker.audit.tables import answers
from ranker.audit.tables.asking import Answer, Asking, ask
from ranker.audit.tables.engine import opened
from ranker.audit.tables.manifest import FOLDER as TABLES
from ranker.audit.tables.manifest import Manifest
from ranker.audit.tables.questions import QUESTIONS
from ranker.audit.tables.rotating import rotate
from ranker.v1 import decision_log_pb2, decision_log_pb2_grpc, log_pb2
from ranker.v1 import decision_pb2 as out
from tests.commands import spawn
from tests.logged import CLIP, FORMULA, decisions, logging
from tests.serving import Fault, Served, fault_of, settled, tight_lipped

NUMBER = "（京）网微剧审字（2025）第99000001号"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve, and rotate while it serves."""
    folder = tmp_path_factory.mktemp("query")
    with logging(folder) as app:
        settled(app.server.log)
        app.server.sealer.seal()
        rotate(folder)
        yield app


@pytest.fixture(scope="module")
def data_dir(app: Served) -> Path:
    return app.server.settings.data_dir


def told(data_dir: Path, question: str, value: str = "", **fields: Any) -> list[dict[str, Any]]:
    """Ask, and return rows as dictionaries."""
    answer = ask(data_dir, Asking(question, value, rows=10_000, **fields))
    assert not answer.more
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def filled(data_dir: Path) -> Iterator[tuple[Any, Any]]:
    """Yield each decision with each filled slot, the newest first, as a question does."""
    for one in reversed(decisions(data_dir)):
        for placement in one.message.placements:
            if placement.state == out.SLOT_STATE_FILLED:
                yield one, placement


def places(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(row["decision_id"], row["slot"]) for row in rows]


def test_the_first_screen_is_what_stood_there_with_its_document(data_dir: Path) -> None:
    rows = told(data_dir, "first-screen")
    found = Counter[tuple[str, str]]()
    for row in rows:
        found[row["surface"], row["candidate"]] += row["shown"]
    assert found == Counter((one.surface, p.id) for one, p in filled(data_dir) if p.first_screen)
    assert found
    lead = {row["title"] for row in rows if row["candidate"] == "lead-0"}
    assert lead == {"剧 0", "改名之后"}, "as of the decision"
    (clip,) = [row for row in rows if row["candidate"] == CLIP]
    assert (clip["title"], clip["document"], clip["document_number"]) == ("剧 3", "licence", NUMBER)


def test_days_and_surface_narrow_an_answer(data_dir: Path) -> None:
    day = date(2026, 11, 25)
    rows = told(data_dir, "slots", begin=day, end=day, surface="theatre")
    wanted = [(o, p) for o, p in filled(data_dir) if (o.day, o.surface) == (str(day), "theatre")]
    assert wanted
    assert {row["surface"] for row in rows} == {"theatre"}
    kept = [row for row in rows if row["state"] == "filled"]
    assert places(kept) == [(o.id, p.slot) for o, p in wanted]
    assert told(data_dir, "slots", end=date(2026, 11, 23)) == []


def test_a_title_is_found_as_it_was_called_then(data_dir: Path) -> None:
    old, new = told(data_dir, "title", "剧 0"), told(data_dir, "title", "改名")
    stood = [(o.id, p.slot) for o, p in filled(data_dir) if p.id in ("lead-0", "7000")]
    assert places(new) + places(old) == stood
    assert {row["title"] for row in old} == {"剧 0"}
    assert {row["title"] for row in new} == {"改名之后"}


def test_a_number_is_found_however_wide_its_signs_are(data_dir: Path) -> None:
    wide, narrow = (
        told(data_dir, "number", NUMBER),
        told(data_dir, "number", "(京) 网微剧审字(2025)"),
    )
    assert wide == narrow
    assert {row["document_number"] for row in wide} == {NUMBER}


def test_rooms_clips_decisions_and_surfaces_are_found(data_dir: Path) -> None:
    every = [(o, p) for o, p in filled(data_dir)]
    for question, value in (("room", "room-a"), ("candidate", CLIP)):
        stood = [(o.id, p.slot) for o, p in every if p.id == value]
        assert stood
        assert places(told(data_dir, question, value)) == stood
    one = decisions(data_dir)[2]
    slots = told(data_dir, "decision", one.id)
    assert places(slots) == [(one.id, p.slot) for p in one.message.placements]
    of_surface = told(data_dir, "surface", "theatre")
    assert {row["surface"] for row in of_surface} == {"theatre"}
    assert len({row["decision_id"] for row in of_surface}) == 9


def test_an_anchor_is_found_by_a_hash_among_others(tmp_path: Path) -> None:
    from ranker.facts.store import FactStore

    with logging(tmp_path) as app:
        pass
    del app
    with FactStore(tmp_path) as store:
        store.apply([("subject", "room-a", {"people": "aa|bb"})], actor="test", at_us=1)
    rotate(tmp_path)
    assert told(tmp_path, "anchor", "bb") == [], "nobody knew when it was decided"
    first = "SELECT until_revision FROM subjects WHERE subject_id = 'room-a' AND people IS NULL"
    assert len(ask(tmp_path, Asking(sql=first)).rows) == 1


def test_who_was_blocked_is_counted_by_rule_and_article(data_dir: Path) -> None:
    counted = Counter[tuple[str, str, str]]()
    for one in decisions(data_dir):
        for b in one.message.blocked:
            counted[one.surface, b.id, "|".join(b.rule_ids)] += 1
    found = Counter[tuple[str, str, str]]()
    for row in told(data_dir, "blocked"):
        found[row["surface"], row["candidate"], row["rule_ids"]] += row["times"]
    assert found == counted
    by_rule = told(data_dir, "blocked", "room-rating")
    assert {row["candidate"] for row in by_rule} == {"room-e"}
    answer = ask(data_dir, Asking("blocked", "room-rating")).with_articles("zh")
    at = list(answer.columns).index("articles")
    assert answer.rows[0][at] == law_rows()["LIV-01"].citation("zh")


def test_moves_and_rules_are_counted(data_dir: Path) -> None:
    told_moves = [
        (o.id, m.id, m.wanted_slot, m.slot if m.shown else None, m.reasons[0].rule_id)
        for o in reversed(decisions(data_dir))
        for m in sorted(o.message.moves, key=lambda m: (m.wanted_slot, m.id))
    ]
    names = ("decision_id", "candidate", "wanted_slot", "slot", "deciding_rule")
    moves = [tuple(row[name] for name in names) for row in told(data_dir, "moves")]
    assert moves == told_moves
    times = Counter(move[-1] for move in told_moves)
    rules = told(data_dir, "rules")
    moved = Counter[str]()
    for row in rules:
        if row["outcome"] == "moved":
            moved[row["rule_id"]] += row["times"]
    assert moved == times
    (rule, count), *_ = times.most_common(1)
    every = Counter(row["outcome"] for row in told(data_dir, "rule", rule))
    assert every["moved"] == count
    shown = sum(rule in [r.rule_id for r in p.reasons] for _, p in filled(data_dir))
    assert every["shown"] == shown


def test_days_findings_and_controls_are_counted(data_dir: Path) -> None:
    days = {(r["day"], r["surface"]): r for r in told(data_dir, "days")}
    counted = Counter((one.day, one.surface) for one in decisions(data_dir))
    assert {key: row["decisions"] for key, row in days.items()} == counted
    slots = Counter((o.day, o.surface) for o, _ in filled(data_dir))
    assert {key: row["filled"] for key, row in days.items()} == slots
    empty = sum(len(one.message.empty_slots) for one in decisions(data_dir))
    assert sum(row["empty"] for row in days.values()) == empty == len(told(data_dir, "empty"))
    relaxed = sum(f.count for one in decisions(data_dir) for f in one.message.relaxed)
    rows = told(data_dir, "findings")
    assert sum(row["amount"] for row in rows if row["outcome"] == "relaxed") == relaxed
    assert told(data_dir, "controls", "start")[-1]["after"].startswith("policy ")


def test_every_question_can_be_asked_and_says_how_far_it_reaches(
    data_dir: Path, app: Served
) -> None:
    for name, question in QUESTIONS.items():
        answer = ask(data_dir, Asking(name, "x" if question.needs_value else ""))
        assert answer.signed == answer.last_sequence == app.server.log.sequence
        unnamed = set(answer.with_articles("zh").columns) - answers.HEADINGS.keys()
        assert not unnamed, f"{name} has columns without a heading"


def test_more_rows_than_wanted_are_told(data_dir: Path) -> None:
    answer = ask(data_dir, Asking("slots", rows=5))
    assert (len(answer.rows), answer.more) == (5, True)


HOSTILE = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT content FROM read_blob('{root}/../facts.sqlite')",
    "SELECT * FROM read_text('{root}/../log.pub')",
    "SELECT * FROM glob('/etc/*')",
    "COPY (SELECT 1) TO '{root}/stolen.csv'",
    "COPY (SELECT 1) TO '/tmp/stolen.csv'",
    "ATTACH '{root}/stolen.db'",
    "ATTACH '/tmp/stolen.db'",
    "EXPORT DATABASE '{root}/stolen'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SELECT 1; COPY (SELECT 1) TO '{root}/stolen.csv'",
    "SELECT 1) TO '{root}/stolen.csv'; SELECT (1",
    "SELECT 1) t; COPY (SELECT 1) TO '{root}/stolen.csv'; SELECT * FROM (SELECT 1",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "RESET lock_configuration",
    "PRAGMA memory_limit = '99GB'",
    "CREATE TABLE stolen AS SELECT 1",
    "CREATE MACRO slots() AS TABLE SELECT 1",
    "DROP VIEW slots",
    "INSERT INTO slots SELECT * FROM slots",
    "CALL pragma_version()",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT getenv('HOME')",
    "WITH x AS (INSERT INTO slots SELECT 1) SELECT * FROM x",
    "SELECT * FROM sqlite_scan('{root}/index.sqlite', 'decision')",
    "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
    "SELECT * FROM query('COPY (SELECT 1) TO ''{root}/stolen.csv''')",
    "",
    ";",
    "-- nothing",
    "SELEC 1",
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile_sql_reads_and_writes_nothing(data_dir: Path, sql: str) -> None:
    root = data_dir / TABLES
    before = sorted(path.name for path in root.rglob("*"))
    with pytest.raises(RequestError) as caught:
        ask(data_dir, Asking(sql=sql.format(root=root)))
    assert "root:" not in str(caught.value)
    assert sorted(path.name for path in root.rglob("*")) == before
    assert not list(Path("/tmp").glob("stolen*"))


def test_the_database_itself_is_locked(data_dir: Path) -> None:
    import duckdb

    manifest = Manifest.load(data_dir / TABLES)
    assert manifest is not None
    db = opened({data_dir / TABLES: manifest}, 1, 256)
    for sql in [*HOSTILE[:6], HOSTILE[7], HOSTILE[9], *HOSTILE[11:13], *HOSTILE[16:20]]:
        with pytest.raises(duckdb.Error):
            db.execute(sql.format(root=data_dir / TABLES))
    settings = "SELECT name, value FROM duckdb_settings() WHERE name LIKE '%known_extensions'"
    assert dict(db.execute(settings).fetchall()) == {
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
    }


def test_a_query_too_long_or_too_large_is_stopped(data_dir: Path) -> None:
    endless = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    with pytest.raises(OverloadedError, match="longer than 1 seconds"):
        ask(data_dir, Asking(sql=endless, seconds=1.0))
    hungry = "SELECT list(repeat('x', 10000) || range) FROM range(1000000)"
    with pytest.raises(OverloadedError, match="Out of Memory"):
        ask(data_dir, Asking(sql=hungry, seconds=30.0))


@pytest.mark.parametrize(
    ("asking", "field", "fault"),
    [
        (Asking("titel", "x"), "question", "question: `titel` is not known; did you mean `title`?"),
        (Asking("title"), "value", "value: `title` needs one: title, or a part of it"),
        (Asking("days", "x"), "value", "value: `days` takes none"),
        (Asking("title", "x\n"), "value", "value: must be at most 512 characters that print"),
        (Asking("days", rows=0), "limit", "limit: must be 1 to 1000000"),
        (
            Asking("days", begin=date(2026, 1, 2), end=date(2026, 1, 1)),
            "from",
            "from: must not be after until",
        ),
        (Asking("days", sql="SELECT 1"), "question", "question: give one, or SQL"),
    ],
)
def test_what_cannot_be_asked_is_said(
    asking: Asking, field: str, fault: str, data_dir: Path
) -> None:
    with pytest.raises(RequestError) as caught:
        ask(data_dir, asking)
    assert str(caught.value) == fault
    assert caught.value.field == field


def test_sql_of_any_type_is_answered_in_every_form(data_dir: Path, tmp_path: Path) -> None:
    sql = (
        "SELECT 1 AS a, 2 AS a, 170141183460469231731687303715884105727 AS large,"
        " 'nan'::DOUBLE AS n,"
        " DATE '2026-11-24' AS day, [1, NULL] AS list, 1.5::DECIMAL(9,2) AS money, NULL AS none,"
        " TIMESTAMP '2026-11-24 12:00:00' AS at, 9007199254740993 AS exact, true AS yes,"
        " 18446744073709551615::UBIGINT AS unsigned"
    )
    answer = ask(data_dir, Asking(sql=sql))
    (row,) = answer.rows
    assert row[2:6] == ["170141183460469231731687303715884105727", None, "2026-11-24", "[1, None]"]
    assert row[6:] == [1.5, None, "2026-11-24 12:00:00", 2**53 + 1, True, "18446744073709551615"]
    for form in ("csv", "xlsx", "parquet", "json"):
        answers.write(answer, form, tmp_path / f"a.{form}", "zh")
    assert list(pq.read_table(tmp_path / "a.parquet").to_pylist()[0].values()) == row
    with zipfile.ZipFile(tmp_path / "a.xlsx") as parts:
        cells = _cells(parts.read("xl/worksheets/sheet1.xml"))[1]
    assert ("inlineStr", str(2**53 + 1)) in cells


def test_values_are_values_and_never_sql(data_dir: Path) -> None:
    for name, question in QUESTIONS.items():
        if question.value is not None:
            assert told(data_dir, name, "' OR 1 = 1 --") == []
    assert told(data_dir, "slots", surface="' OR '' = '") == []


def test_without_tables_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no tables yet; run `slotwarden audit rotate`"):
        ask(tmp_path, Asking("days"))


def _cells(sheet: bytes) -> list[list[tuple[str, str]]]:
    """Read a worksheet: type and text of each cell."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    rows = []
    for row in ET.fromstring(sheet).iter(f"{space}row"):
        cells = list(row.iter(f"{space}c"))
        assert not list(row.iter(f"{space}f")), "a formula"
        rows.append([(c.get("t", "n"), "".join(c.itertext())) for c in cells])
    return rows


def test_a_workbook_keeps_long_ids_and_runs_no_formula(data_dir: Path, tmp_path: Path) -> None:
    book = tmp_path / "first.xlsx"
    done = spawn("audit", "query", "first-screen", "--out", book, "--data-dir", data_dir)
    assert done.code == 0, done.err
    with zipfile.ZipFile(book) as parts:
        rows = _cells(parts.read("xl/worksheets/sheet1.xml"))
        reach = _cells(parts.read("xl/worksheets/sheet2.xml"))
    headings = [text for _, text in rows[0]]
    assert headings[:4] == ["页面", "候选编号", "片名", "类别"]
    assert "截至日志第" in reach[0][0][1]
    at = headings.index("候选编号")
    assert ("inlineStr", CLIP) in [row[at] for row in rows]
    assert ("inlineStr", FORMULA) in [row[at + 1] for row in rows]
    counts = headings.index("出现次数")
    assert {row[counts][0] for row in rows[1:]} == {"n"}


def test_csv_opens_in_a_spreadsheet_and_runs_no_formula(data_dir: Path) -> None:
    where = ("--data-dir", data_dir, "--format", "csv", "--lang", "en")
    done = spawn("audit", "query", "first-screen", *where)
    assert done.out.startswith("\ufeff")
    assert "signed at this moment" in done.err
    rows = list(csv.DictReader(io.StringIO(done.out.removeprefix("\ufeff"))))
    assert CLIP in {row["candidate"] for row in rows}
    assert f"'{FORMULA}" in {row["title"] for row in rows}
    assert not any(cell[:1] in "=+-@" and cell for row in rows for cell in row.values())
    lines = done.out.splitlines()
    assert any(f'"{CLIP}"' in line for line in lines), "text stands in quotes"


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_a_text_that_is_a_formula_is_made_harmless(start: str) -> None:
    answer = Answer({"title": "text", "times": "int"}, [[start, -1]], False, 1, 0, 1, 0)
    raw = answers.as_csv(answer, "en").decode("utf-8-sig")
    (row,) = list(csv.reader(io.StringIO(raw, newline="")))[1:]
    assert row == [f"'{start}", "-1"]


def test_parquet_and_json_hold_the_answer_as_it_is(data_dir: Path, tmp_path: Path) -> None:
    rows = told(data_dir, "first-screen")
    for name in ("a.parquet", "a.json"):
        path = tmp_path / name
        where = ("--data-dir", data_dir, "--limit", "10000", "--out", path)
        assert spawn("audit", "query", "first-screen", *where).code == 0
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["rows"] == rows


def test_the_command_shows_a_table_and_how_far_it_reaches(data_dir: Path, app: Served) -> None:
    done = spawn("audit", "query", "blocked", "room-rating", "--data-dir", data_dir)
    assert "room-e" in done.out
    assert "广电发〔2020〕78" in done.out
    last = app.server.log.sequence
    assert f"截至日志第 {last} 条记录" in done.out
    assert f"已签署 {last} 条" in done.out
    assert "某片名出现在何处" in spawn("audit", "query").out
    listed = json.loads(spawn("audit", "query", "--json", "--lang", "en").out)
    assert [one["question"] for one in listed] == list(QUESTIONS)
    sql = spawn("audit", "query", "--sql", "SELECT 7 AS x", "--json", "--data-dir", data_dir)
    assert json.loads(sql.out)["rows"] == [{"x": 7}]
    fault = spawn("audit", "query", "days", "--format", "xlsx", "--data-dir", data_dir).fault()
    assert fault == "--out: xlsx needs a file"


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
    from tests.serving import request

    asked = decision_log_pb2.QueryRequest(question="first-screen")
    calls = [stub.Query.future(asked, timeout=20) for _ in range(3)]
    assert app.rerank(request(slot_count=2)).decision_id
    codes = Counter(call.code() for call in calls)
    assert codes == {grpc.StatusCode.OK: 1, grpc.StatusCode.RESOURCE_EXHAUSTED: 2}


HEAVY = ("duckdb", "pyarrow", "pandas", "xlsxwriter")


def test_serving_loads_none_of_what_tables_are_made_with() -> None:
    code = f"import sys, ranker.serving.server; sys.exit(any(n in sys.modules for n in {HEAVY}))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("missing", ["duckdb", "pyarrow"])
def test_where_a_library_is_missing_it_is_said_what_to_install(
    missing: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SettingsError, match=r"install `slotwarden\[audit\]`"):
        ask(data_dir, Asking("days")) if missing == "duckdb" else rotate(data_dir)


def test_the_log_is_what_it_was(data_dir: Path) -> None:
    assert spawn("audit", "fsck", "--data-dir", data_dir).code == 0
    assert (data_dir / FOLDER).is_dir()
    assert issubclass(RequestError, GovernanceError)
