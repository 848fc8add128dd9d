"""`slotwarden policy test`, run as people run it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from constraints.cases.expected import EXPECTATIONS
from ranker.cli import main
from ranker.settings import SHIPPED_POLICIES
from tests import make
from tests.commands import Done

Run = Callable[..., Done]
GOLDEN = Path(__file__).parent / "cases"
POLICY = (
    make.SURFACES
    + make.rule_text("fact_required", of={"kind": ["video"]}, id="no-video")
    + make.rule_text("fact_required", of={"kind": ["room"]}, id="no-room")
    + make.rule_text("fact_required", of={"kind": ["drama"]}, id="shaded", mode="shadow")
)
CASES = """
page = { surface = "home", slot_count = 2 }
[[case]]
name = "视频不上页"
candidates = [{ id = "v", utility = 9, kind = "video" }, { id = "d", utility = 1 }]
slate = ["d", ""]
blocked_by = { v = "no-video" }
"""
WRONG = CASES.replace('slate = ["d", ""]', 'slate = ["v", "d"]')


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "all.toml").write_text(POLICY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        own = ["--policy-dir", "rules"]
        monkeypatch.setattr(sys, "argv", ["slotwarden", "policy", "test", *own, *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return Done(int(caught.value.code or 0), printed.out, printed.err)

    return run


def test_the_golden_cases_pass_and_show_every_shipped_rule(run: Run) -> None:
    done = run(
        str(GOLDEN), "--policy-dir", str(SHIPPED_POLICIES), "--exact", "--least-coverage", "1"
    )
    assert (done.code, done.err) == (0, "")
    assert "，0 例未通过；" in done.out
    assert "覆盖 100 %：" in done.out


def test_a_planted_wrong_expectation_fails_with_the_exact_words(run: Run) -> None:
    Path("wrong.toml").write_text(WRONG, encoding="utf-8")
    done = run("wrong.toml", "--least-coverage", "0")
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[:3] == [
        "未通过  wrong.toml  第 1 例  视频不上页",
        "    第 0 位：预期 `v`，实为 `d`；`v` 不得占此位，规则 `no-video`（平台自定规则）",
        "    第 1 位：预期 `d`，实为 空位；`d` 在第 0 位",
    ]
    done = run("wrong.toml", "--lang", "en")
    assert done.out.splitlines()[:3] == [
        "failed  wrong.toml  case 1  视频不上页",
        (
            "    slot 0: expected `v`, got `d`; `v` may not stand there, by rule `no-video` "
            "(Platform policy)"
        ),
        "    slot 1: expected `d`, got an empty slot; `d` is in slot 0",
    ]


def test_too_few_rules_shown_fail_the_command(run: Run) -> None:
    Path("good.toml").write_text(CASES, encoding="utf-8")
    done = run("good.toml", "--lang", "en")
    assert (done.code, done.err) == (1, "")
    told = [line.split() for line in done.out.splitlines()]
    assert told[:4] == [
        ["rule", "blocks", "objects", "leaves", "alone", "shown"],
        ["no-video", "1", "·", "1", "yes"],
        ["no-room", "·", "·", "1", "no"],
        ["shaded", "(shadow)", "·", "1", "·", "no"],
    ]
    assert "1 cases, 0 failed; 0 have a rule of their own" in done.out
    assert "coverage 50 %: 1 of 2 rules" in done.out
    assert done.out.endswith("coverage is below 80 %; see --least-coverage.\n")
    assert run("good.toml", "--least-coverage", "0.5").code == 0


def test_a_folder_is_all_its_files_and_json_tells_everything(run: Run) -> None:
    Path("cases").mkdir()
    Path("cases/a.toml").write_text(CASES, encoding="utf-8")
    Path("cases/b.toml").write_text(WRONG, encoding="utf-8")
    done = run("cases", "--json", "--lang", "en")
    assert (done.code, done.err) == (1, "")
    told = json.loads(done.out)
    assert [case["file"] for case in told["cases"]] == ["a.toml", "b.toml"]
    assert [len(case["differences"]) for case in told["cases"]] == [0, 2]
    assert (told["failed"], told["coverage"], told["least_coverage"]) == (1, 0.5, 0.8)
    assert told["rules"][0] == {
        "rule_id": "no-video",
        "mode": "enforce",
        "acts": {"blocks": 2},
        "acts_in": 2,
        "leaves_alone": 2,
        "is_shown": True,
    }


def test_what_a_case_does_not_say_counts_only_when_asked(run: Run) -> None:
    part = CASES.replace('slate = ["d", ""]\n', "").replace("blocked_by", "not_in_slots")
    Path("part.toml").write_text(part.replace('"no-video"', '"page"'), encoding="utf-8")
    assert run("part.toml", "--least-coverage", "0").code == 0
    done = run("part.toml", "--least-coverage", "0", "--exact")
    assert done.code == 1
    assert "`v`：由规则 `no-video` 决定（平台自定规则）：不得占此位；用例没有写明" in done.out


def test_files_that_cannot_be_read_are_all_named_and_nothing_is_tried(run: Run) -> None:
    Path("good.toml").write_text(WRONG, encoding="utf-8")
    Path("bad.toml").write_text(CASES.replace("utility = 1", "utility = -1"), encoding="utf-8")
    Path("unfit.toml").write_text(CASES.replace("no-video", "no-vidio"), encoding="utf-8")
    Path("none").mkdir()
    done = run("good.toml", "bad.toml", "unfit.toml", "none", "gone.toml")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "bad.toml: case 1 (视频不上页): candidate `d`: utility: must be at least 0.0",
        "none: the folder holds no *.toml file",
        "gone.toml: no such file or directory",
        (
            "unfit.toml: case 1 (视频不上页): blocked_by.v: `no-vidio` is no rule of this policy; "
            "did you mean `no-video`?"
        ),
    ]
    done = run("bad.toml", "--json")
    assert (done.code, len(json.loads(done.out)["faults"])) == (2, 1)


def test_a_policy_that_cannot_be_read_is_named_too(run: Run) -> None:
    Path("good.toml").write_text(CASES, encoding="utf-8")
    done = run("good.toml", "--policy-dir", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert done.err == "nowhere: there is no such folder\n"


def test_a_junit_report_has_a_suite_a_file_and_a_test_a_case(run: Run) -> None:
    Path("a.toml").write_text(CASES, encoding="utf-8")
    Path("b.toml").write_text(WRONG, encoding="utf-8")
    assert run("a.toml", "b.toml", "--junit", "report.xml").code == 1
    good, wrong = ET.parse("report.xml").getroot()
    assert (good.attrib, good[0].attrib["name"]) == (
        {"name": "a.toml", "tests": "1", "failures": "0"},
        "视频不上页",
    )
    failure = wrong.find("testcase/failure")
    assert wrong.attrib["failures"] == "1"
    assert failure is not None
    assert failure.attrib["message"].startswith("第 0 位：预期 `v`，实为 `d`")


def test_a_rule_in_shadow_mode_is_shown_by_a_case_it_objects_to_and_one_it_does_not(
    run: Run,
) -> None:
    Path("a.toml").write_text(CASES, encoding="utf-8")
    lone = CASES.replace(', { id = "d", utility = 1 }', "").replace('["d", ""]', '["", ""]')
    Path("b.toml").write_text(lone, encoding="utf-8")
    shaded = json.loads(run("a.toml", "b.toml", "--json").out)["rules"][-1]
    assert (shaded["mode"], shaded["acts"]) == ("shadow", {"objects": 1})
    assert (shaded["acts_in"], shaded["leaves_alone"], shaded["is_shown"]) == (1, 1, True)


def test_the_case_of_the_docs_passes_and_its_expectations_are_all_of_them(
    run: Run,
) -> None:
    page = (GOLDEN.parents[1] / "docs" / "policy-tests.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    Path("docs.toml").write_text(example, encoding="utf-8")
    done = run("docs.toml", "--policy-dir", str(SHIPPED_POLICIES), "--least-coverage", "0")
    assert (done.code, done.err) == (0, "")
    assert all(f"`{name}" in page for name in EXPECTATIONS)
