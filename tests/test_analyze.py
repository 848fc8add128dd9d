"""Analysis finds what is planted, and nothing in what is shipped."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from constraints.analyze.analysis import analyze
from constraints.analyze.compare import Verdict, compare
from constraints.analyze.findings import Kind
from constraints.cases.reading import parse_cases
from constraints.cases.running import run
from constraints.errors import PolicyError
from constraints.facts import Facts, day_of
from constraints.policy import parse_policy, shipped_policy
from constraints.rule import Verdicts
from ranker.cli import app
from tests import make

PLANTED = sorted((Path(__file__).parent / "bad_policies").glob("*.toml"))
DAY = day_of(make.TODAY)


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)
def test_a_planted_fault_is_found_with_a_witness_that_runs(path: Path) -> None:
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# finding: ")
    if expected == Kind.UNKNOWN_REFERENCE:
        with pytest.raises(PolicyError, match=r"is no row|is not known"):
            parse_policy({path.name: path.read_bytes()})
        told = CliRunner().invoke(app, ["policy", "analyze", str(path), "--json"])
        assert [one["kind"] for one in json.loads(told.stdout)] == [expected]
        return
    policy = parse_policy({path.name: path.read_bytes()})
    found = analyze(policy, DAY)
    assert {one.kind for one in found if one.severity != "note"} == {expected}
    for one in found:
        if one.witness:
            [case] = parse_cases("witness.toml", one.witness.encode())
            assert run(case, policy).slate == list(case.told.slate or ())


def test_shipped_policies_have_no_fault() -> None:
    found = [one for one in analyze(shipped_policy(), DAY) if one.severity != "note"]
    assert [(one.kind, one.rule_ids) for one in found] == []


def test_a_policy_is_equivalent_to_itself_and_never_stricter_without_a_rule() -> None:
    path = next(path for path in PLANTED if path.stem == "floor_of_the_blocked")
    policy = parse_policy({path.name: path.read_bytes()})
    assert {one.verdict for one in compare(policy, policy, DAY)} == {Verdict.EQUIVALENT}
    fewer = replace(policy, rules=policy.rules[:1])
    assert {one.verdict for one in compare(policy, fewer, DAY)} == {Verdict.LOOSER}
    assert {one.verdict for one in compare(fewer, policy, DAY)} == {Verdict.STRICTER}


def test_a_rule_whose_halves_differ_is_found() -> None:
    path = next(path for path in PLANTED if path.stem == "floor_of_the_blocked")
    policy = parse_policy({path.name: path.read_bytes()})

    class Broken(type(policy.rules[1])):  # type: ignore[misc]
        def judged(self, facts: Facts, day: int) -> Verdicts:
            return np.zeros(len(facts), np.uint8)

    broken = Broken.model_validate(policy.rules[1].model_dump(exclude_none=True))
    found = analyze(replace(policy, rules=(broken,)), DAY)
    assert (Kind.HALVES_DIFFER, ("b",)) in [(one.kind, one.rule_ids) for one in found]


def test_without_z3_what_is_not_checked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)
    found = analyze(replace(shipped_policy(), rules=shipped_policy().rules[:2]), DAY)
    assert Kind.NOT_CHECKED in [one.kind for one in found]


def test_the_command_tells_exit_codes_and_writes_sarif(tmp_path: Path) -> None:
    path, sarif = PLANTED[0], tmp_path / "found.sarif"
    told = CliRunner().invoke(
        app, ["policy", "analyze", str(path), "--lang", "en", "--sarif", str(sarif)]
    )
    assert told.exit_code == 1, told.output
    written = json.loads(sarif.read_text())
    assert written["version"] == "2.1.0"
    [place, *_] = written["runs"][0]["results"][0]["locations"]
    assert place["physicalLocation"]["region"]["startLine"] > 1
    missing = CliRunner().invoke(app, ["policy", "analyze", str(tmp_path / "none.toml")])
    assert missing.exit_code == 2
    same = CliRunner().invoke(app, ["policy", "diff", str(path), str(path), "--lang", "en"])
    assert same.exit_code == 0
    assert "home: equivalent" in same.output
