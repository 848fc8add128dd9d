"""Every row of the law is accounted for: by rules, by a reason, or as open."""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from constraints.coverage import Standing, coverage, recalled_and_enforced, sources_of
from constraints.law import PLATFORM, LawRow, law_rows
from constraints.policy import shipped_policy
from ranker.cli import main
from tests import make

MATRIX = Path(__file__).parents[2] / "shared" / "regulations.md"
ROW = r"^\| ((?:FS|LIC|AI|CNT|TTL|DIV|BST|LIV|MIN|USR|POP|EXP|LOG)-[0-9X]+) \|"


@pytest.mark.skipif(not MATRIX.exists(), reason="the matrix of the law is not beside this checkout")
def test_every_row_of_the_matrix_is_a_row_of_the_law_and_no_other() -> None:
    ids = re.findall(ROW, MATRIX.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(ids) > 50
    assert {one.row.id for one in coverage(shipped_policy())} == set(ids)


def test_every_row_cites_its_acts_in_both_languages() -> None:
    for row in law_rows().values():
        for language in ("zh", "en"):
            assert row.citation(language)
        assert re.search(r"[\u4e00-\u9fff]", row.quote_zh), row.id
        assert not re.search(r"[\u4e00-\u9fff]", row.quote_en + row.act_en + row.why_en), row.id


def test_every_row_that_decides_a_slot_says_how_it_is_read_in_both_languages() -> None:
    for row in law_rows().values():
        if row.decides == "slot" and row.id != PLATFORM:
            assert re.search(r"[\u4e00-\u9fff]", row.reading_zh), row.id
            assert re.search(r"[a-z]{3}", row.reading_en), row.id


def test_rows_stand_as_their_rules_do() -> None:
    texts = [
        make.rule_text("record_required", source="LIC-01"),
        make.rule_text("room_rating", source="LIV-01", order_source="LIV-02", mode="shadow"),
        make.rule_text("registered_only", source="FS-01", slots="page", mode="off"),
    ]
    found = {one.row.id: one for one in coverage(make.policy(*texts))}
    assert found["LIC-01"].standing == Standing.ENFORCED
    assert found["LIC-01"].rule_ids == ("the-record-required",)
    assert found["LIV-01"].standing == found["LIV-02"].standing == Standing.SHADOW
    assert found["FS-01"].standing == Standing.OPEN, "a rule switched off covers nothing"
    assert found["LOG-01"].standing == Standing.NO_SLOT


def test_rules_of_the_shipped_policies_stand_on_evidence() -> None:
    assert [*recalled_and_enforced(shipped_policy())] == []
    cited = {source for rule in shipped_policy().rules for source in sources_of(rule)}
    assert all(law_rows()[source].decides == "slot" for source in cited)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"grade": "X"}, "grade or decides"),
        ({"decides": "nothing"}, "grade or decides"),
        ({"decides": "log"}, "why_zh"),
        ({"why_zh": "x", "why_en": "x"}, "why_zh"),
        ({"until": law_rows()["FS-04"].since}, "until: must be after since"),
        ({"reading_en": ""}, "reading_zh: is for rows that decide a slot"),
    ],
)
def test_row_that_cannot_be_right_is_refused(fields: dict[str, object], expected: str) -> None:
    row = law_rows()["FS-04"]
    told = {name: getattr(row, name) for name in LawRow.__dataclass_fields__} | fields
    with pytest.raises(ValueError, match=f"law.toml: FS-04: {expected}"):
        LawRow(**told)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_command_prints_every_row_and_fails_while_one_is_open(
    lang: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = Path(__file__).parent / "cases"
    argv = ["slotwarden", "law", "coverage", "--lang", lang, "--cases", str(cases)]

    def run(*more: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [*argv, *more])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0), capsys.readouterr().out

    code, printed = run("--json")
    told = {entry["row"]: entry for entry in json.loads(printed)}
    standings = Counter(entry["standing"] for entry in told.values())
    assert set(told) == set(law_rows()) - {"PLATFORM"}
    assert code == bool(standings["open"])
    assert told["LIC-08"]["rules"] == ["takedown"]
    assert told["LIC-08"]["cases"] >= 1
    assert told["LOG-01"]["why"]
    code_of_table, table = run()
    assert code_of_table == code
    assert all(row in table for row in told)
