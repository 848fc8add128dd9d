"""Answers as files: a spreadsheet shows them as they are, and runs nothing."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest

from ranker.audit.tables import answers
from ranker.audit.tables.asking import Answer, Asking, ask
from tests.commands import spawn
from tests.logged import CLIP, FORMULA, rotated, told
from tests.serving import Served


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with rotated(tmp_path_factory.mktemp("query")) as app:
        yield app


@pytest.fixture(scope="module")
def data_dir(app: Served) -> Path:
    return app.server.settings.data_dir


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
