"""The `slotwarden` command, run as people run it: what it prints, where, and how it ends."""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from constraints.terms import Kind
from ranker.cli import main
from ranker.settings import SHIPPED_POLICIES
from tests.commands import Done, spawn
from tests.serving import POLICY, SUBJECTS, Served, fill, served, table

ASKED = {
    "surface": "home",
    "terminal": "phone",
    "slot_count": 3,
    "viewer_class": "adult",
    "candidates": [
        {"id": "bare-0", "utility": 9, "kind": "drama"},
        {"id": "lead-0", "utility": 8},
        {"id": "filed-0", "utility": 7, "kind": "drama"},
        {"id": "best", "utility": 6},
        {"id": "nobody", "utility": 5, "kind": "video"},
    ],
}


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, which is a second faster."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["slotwarden", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return Done(int(caught.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("cli")) as running:
        yield running


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    path = tmp_path / "asked.json"
    path.write_text(json.dumps(ASKED), encoding="utf-8")
    return path


def _rerank(app: Served, asked: Path) -> list[str]:
    told = ["--address", app.server.address, "--data-dir", str(app.server.settings.data_dir)]
    return ["rerank", "--request", str(asked), *told]


def test_the_demo_shows_a_page_with_titles_rules_and_articles(tmp_path: Path) -> None:
    done = spawn("demo", "--once", "--port", "0", "--data-dir", tmp_path)
    assert done.code == 0, done.err
    for text in ("合规之后", "首屏", "不得占此位", "别打扰我种田", "first-screen-licence"):
        assert text in done.out
    for article in ("广电办发〔2022〕345号", "没有获得发行许可证的网络微短剧逐步退出首页首屏"):
        assert article in done.out
    assert "serving on 127.0.0.1:" in done.out
    assert "subjects.csv: 3059 rows, 3059 changed, 0 faults, kept" in done.err


def test_rerank_prints_the_reply_as_json(app: Served, asked: Path) -> None:
    done = spawn(*_rerank(app, asked), "--json")
    assert (done.code, done.err) == (0, "")
    reply = json.loads(done.out)
    placements = reply["decision"]["placements"]
    assert [placement["id"] for placement in placements] == ["lead-0", "best", ""]
    assert reply["decision"]["empty_slots"] == [2]
    assert len(reply["policy_digest"]) == 64


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh", ["home · phone · 3 个位置", "（空位：无合规候选）", "不得占此位", "规则与条文"]),
        ("en", ["home · phone · 3 slots", "(empty: no lawful candidate)", "may not stand here"]),
    ],
)
def test_rerank_shows_a_page_in_the_language_asked_for(
    app: Served, asked: Path, run: Run, lang: str, words: list[str]
) -> None:
    done = run(*_rerank(app, asked), "--lang", lang)
    assert (done.code, done.err) == (0, "")
    for word in (*words, "剧 0 [lead-0]", "record-number"):
        assert word in done.out


def test_what_a_request_says_is_never_taken_for_markup(
    app: Served, tmp_path: Path, run: Run
) -> None:
    odd = {"id": "[red]x[/red]", "utility": 9, "kind": "video"}
    path = tmp_path / "odd.json"
    told = ASKED | {"terminal": "[/bold]", "surface": "live", "candidates": [odd]}
    path.write_text(json.dumps(told), encoding="utf-8")
    done = run(*_rerank(app, path))
    assert (done.code, done.err) == (0, "")
    assert "live · [/bold] · 3 个位置" in done.out
    assert "[red]x[/red] 9" in done.out


def test_what_the_server_refuses_is_one_line(app: Served, asked: Path, run: Run) -> None:
    done = run(*_rerank(app, asked), "--surface", "nowhere")
    assert done.fault() == "FAILED_PRECONDITION: surface: no policy for `nowhere`"
    done = run("rerank", "--request", asked, "--address", "127.0.0.1:1")
    assert done.fault().startswith("no server answers at ")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "request: is not JSON: "),
        (b"\xff\xfe\x00", "request: is not JSON: "),
        ("[" * 100_000, "request: is not JSON: "),
        ("[]", "request: must be a JSON object"),
        ({"candidates": 1}, "candidates: must be a list"),
        ({"candidates": [{"id": "a"}, 7]}, "candidates[1]: must be an object"),
        ({"candidates": [{"id": "a", "utility": "x"}]}, "candidates[0]: "),
        ({"candidates": [{"id": "a", "kind": "drum"}]}, "candidates[0]: "),
        ({"surfac": "home"}, "request: "),
    ],
)
def test_a_request_file_that_cannot_be_read_is_told_by_its_place(
    tmp_path: Path, run: Run, content: Any, fault: str
) -> None:
    path = tmp_path / "asked.json"
    raw = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    assert run("rerank", "--request", path).fault().startswith(fault)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, run: Run) -> None:
    absent = tmp_path / "absent"
    for command in (
        ("rerank", "--request", absent),
        ("facts", "import", absent, "--data-dir", tmp_path),
    ):
        assert run(*command).fault() == f"{absent}: no such file or directory"
    assert run("policy", "check", absent).fault() == "absent: no such file or directory"


def test_good_files_are_imported_and_counted(tmp_path: Path, run: Run) -> None:
    subjects = tmp_path / "titles.csv"
    subjects.write_bytes(table("id", SUBJECTS))
    done = run("facts", "import", subjects, "--data-dir", tmp_path)
    assert (done.code, done.out) == (0, "")
    count = len(SUBJECTS)
    told = f"titles.csv: {count} rows, {count} changed, 0 faults, kept; revision {count}\n"
    assert done.err == told
    values = json.loads(run("facts", "status", "--data-dir", tmp_path, "--json").out)
    assert (values["revision"], values["subjects"]) == (count, count)
    assert (values["candidates"], values["first_broken_revision"]) == (0, 0)
    assert values["rows"] == count + len(Kind)
    assert 60 < values["bytes_a_row"] < 400, "a small index has room to spare"
    assert (values["quarantined_rows"], values["quarantined_ids"]) == (0, [])
    lines = run("facts", "status", "--data-dir", tmp_path).out.splitlines()
    assert lines[:2] == [f"revision: {count}", f"digest: {values['digest']}"]
    assert f"bytes_a_row: {values['bytes_a_row']}" in lines


def test_files_are_imported_in_the_order_of_what_they_name(tmp_path: Path, run: Run) -> None:
    """As a shell lists them: candidates, listings, subjects, though subjects are named first."""
    listing = {"list": "embargo", "member": "d1", "from": "2026-01-01", "order_ref": "〔2026〕1号"}
    files = {
        "candidates": table("candidate_id", {"c1": {"subject_id": "d1"}}),
        "listings": table("listing_id", {"l1": listing}),
        "subjects": table("id", {"d1": {"kind": "drama"}}),
    }
    for name, content in files.items():
        (tmp_path / f"{name}.csv").write_bytes(content)
    paths = sorted(tmp_path.glob("*.csv"))
    done = run("facts", "import", *paths, "--data-dir", tmp_path)
    assert done.code == 0, done.err
    told = [line.partition(":")[0] for line in done.err.splitlines()]
    assert told == ["subjects.csv", "listings.csv", "candidates.csv"]


@pytest.mark.parametrize("content", [b"", b"\0\0", b'"', b"\xff\xfe", b"nothing,known\n1,2\n"])
def test_a_file_that_is_none_of_ours_is_still_refused_with_its_fault(
    tmp_path: Path, run: Run, content: bytes
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    done = run("facts", "import", tmp_path / "a.csv", "--data-dir", tmp_path)
    assert done.code == 1
    assert "a.csv: " in done.err


def test_a_history_that_was_changed_fails_the_status(tmp_path: Path, run: Run) -> None:
    fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / "facts.sqlite")) as db, db:
        db.execute("DROP TRIGGER change_stays")
        db.execute("UPDATE change SET actor = 'nobody' WHERE revision = 5")
    done = run("facts", "status", "--data-dir", tmp_path)
    assert (done.code, done.out.splitlines()[-1]) == (1, "history: broken at revision 5")
    (tmp_path / "facts.sqlite").write_bytes(b"rubbish" * 1_000)
    assert (
        run("facts", "status", "--data-dir", tmp_path)
        .fault()
        .endswith("facts.sqlite: is no fact store we may write: file is not a database")
    )


def test_a_faulty_file_fails_the_command_and_tells_every_fault(tmp_path: Path, run: Run) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("id,kind\na,drum\nb,drama\n,room\n", encoding="utf-8")
    done = spawn("facts", "import", bad, "--data-dir", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "bad.csv: row 2: kind: `drum` is not one of drama, room, video",
        "bad.csv: row 4: id: is missing",
        "bad.csv: 3 rows, 0 changed, 2 faults, refused, nothing was imported; revision 0",
    ]
    told = run("facts", "import", bad, "--data-dir", tmp_path, "--json", "--accept-partial")
    (outcome,) = json.loads(told.out)
    assert (told.code, outcome["kept"], outcome["changed"], outcome["revision"]) == (1, True, 1, 1)
    assert outcome["faults"][1] == {
        "file": "bad.csv",
        "row": 4,
        "column": "id",
        "fault": "is missing",
    }


def test_a_policy_is_checked_before_it_is_used(tmp_path: Path, run: Run) -> None:
    good = run("policy", "check", SHIPPED_POLICIES)
    assert good.code == 0
    assert "record-number  record_required  LIC-01  enforce" in good.out.splitlines()
    bad = POLICY.replace("most_in_window = 2", "most_in_window = 0")
    (tmp_path / "ours.toml").write_text(bad, encoding="utf-8")
    fault = "ours.toml: rules.3.most_in_window: must be at least 1"
    assert spawn("policy", "check", tmp_path).fault() == fault
    told = run("policy", "check", tmp_path, "--json")
    assert (told.code, json.loads(told.out)) == (1, {"fault": fault})


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("SLOTWARDEN_PORT", "grpc", "must be a whole number"),
        ("SLOTWARDEN_THREADS", "0", "must be at least 1"),
        ("SLOTWARDEN_POLL_S", "inf", "must be at most 31536000"),
        ("SLOTWARDEN_INLINE_FACTS", "perhaps", "must be true or false"),
    ],
)
def test_a_wrong_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, run: Run, name: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(name, value)
    assert run("facts", "status").fault().startswith(f"{name}: {fault}")
