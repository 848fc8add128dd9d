"""Questions to the tables: answers are those of a plain recount, and SQL can do no harm."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from constraints.errors import GovernanceError, OverloadedError, RequestError, SettingsError
from constraints.law import law_rows
from ranker.audit.log import FOLDER
from ranker.audit.tables import answers
from ranker.audit.tables.asking import Asking, ask
from ranker.audit.tables.engine import opened
from ranker.audit.tables.manifest import FOLDER as TABLES
from ranker.audit.tables.manifest import Manifest
from ranker.audit.tables.questions import QUESTIONS
from ranker.audit.tables.rotating import rotate
from ranker.v1 import decision_pb2 as out
from tests.commands import spawn
from tests.logged import CLIP, decisions, logging, rotated, told
from tests.serving import Served

NUMBER = "（京）网微剧审字（2025）第99000001号"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with rotated(tmp_path_factory.mktemp("query")) as app:
        yield app


@pytest.fixture(scope="module")
def data_dir(app: Served) -> Path:
    return app.server.settings.data_dir


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


def test_values_are_values_and_never_sql(data_dir: Path) -> None:
    for name, question in QUESTIONS.items():
        if question.value is not None:
            assert told(data_dir, name, "' OR 1 = 1 --") == []
    assert told(data_dir, "slots", surface="' OR '' = '") == []


def test_without_tables_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no tables yet; run `slotwarden audit rotate`"):
        ask(tmp_path, Asking("days"))


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
