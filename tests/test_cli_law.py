"""`slotwarden law`, run as people run it."""

import json
import sys
from collections.abc import Callable

import pytest

from constraints.law import law_rows
from ranker.cli import main
from tests.commands import Done

Run = Callable[..., Done]
GOOD = "〔七猫〕网微剧备字(2025)第01177号"
BAD = "网微剧备字"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, command: str = "number") -> Done:
        monkeypatch.setattr(sys, "argv", ["slotwarden", "law", command, *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return Done(int(caught.value.code or 0), printed.out, printed.err)

    return run


def test_a_number_is_read_in_the_language_asked_for(run: Run) -> None:
    done = run(GOOD, "--day", "2026-11-24", "--lang", "en")
    told = (
        "filing, other tier, platform 七猫, 2025, 01177, micro-filing-2024, claimed, not verified"
    )
    assert (done.code, done.err) == (0, "")
    assert done.out == f"（七猫）网微剧备字（2025）第01177号: {told}\n"
    assert "备案 · 其他 · 平台 七猫 · 2025 · 01177" in run(GOOD).out


def test_one_refused_number_among_good_ones_fails_the_command(run: Run) -> None:
    done = run(GOOD, BAD, "--lang", "zh")
    assert done.code == 1
    assert len(done.out.splitlines()) == 1
    assert done.err == f"`{BAD}`: 缺少发证机关或平台的简称；缺少年份；缺少序号\n"


def test_a_number_is_read_as_of_the_day_asked_for(run: Run) -> None:
    done = run(GOOD, "--day", "2024-02-04", "--lang", "en")
    assert "the form is not in force on that day" in done.fault()


def test_json_has_every_number_in_the_order_given(run: Run) -> None:
    done = run(BAD, GOOD, "--json", "--day", "2026-11-24")
    assert (done.code, done.err) == (1, "")
    told = json.loads(done.out)
    refused, read = told["numbers"]
    assert told["day"] == "2026-11-24"
    assert [fault["reason"] for fault in refused["faults"]] == [
        *("ISSUER_MISSING", "YEAR_MISSING", "SERIAL_MISSING"),
    ]
    assert (read["given"], read["official"]) == (GOOD, "（七猫）网微剧备字（2025）第01177号")
    assert (read["status"], read["tier"], read["is_refused"]) == ("claimed", "other", False)


def test_a_row_is_shown_with_its_reading_and_its_rules(run: Run) -> None:
    row = law_rows()["FS-02"]
    zh, en = (run("FS-02", "--lang", lang, command="show").out for lang in ("zh", "en"))
    assert row.quote_zh in zh
    assert row.reading_zh in zh
    assert "first-screen-licence" in zh
    assert row.reading_en in en
    (told,) = json.loads(run("FS-02", "--json", command="show").out)
    assert (told["since"], told["rules"]) == ("2024-02-05", ["first-screen-licence"])
    assert row.why_zh == ""
    assert "why" not in en
    assert law_rows()["DIV-05"].why_en in run("DIV-05", "--lang", "en", command="show").out


def test_a_row_nobody_knows_is_named_with_the_nearest(run: Run) -> None:
    done = run("FS-02", "FS-2", command="show")
    assert done.fault() == "`FS-2` is no row of the law; did you mean `FS-02`?"
