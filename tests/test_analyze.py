"""Analysis finds what is planted, and nothing in what is shipped."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from constraints.analyze.analysis import analyze
from constraints.analyze.compare import Verdict, compare
from constraints.analyze.findings import Kind
from constraints.cases.reading import parse_cases
from constraints.cases.running import run
from constraints.errors import PolicyError
from constraints.facts import day_of
from constraints.policy import Policy, parse_policy
from tests import make

PLANTED = sorted((Path(__file__).parent / "bad_policies").glob("*.toml"))
DAY = day_of(make.TODAY)


def shipped() -> Policy:
    folder = files("constraints") / "policies"
    return parse_policy({p.name: p.read_bytes() for p in folder.iterdir() if ".toml" in p.name})


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)
def test_a_planted_fault_is_found_with_a_witness_that_runs(path: Path) -> None:
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# finding: ")
    if expected == Kind.UNKNOWN_REFERENCE:
        with pytest.raises(PolicyError, match="is no row|is not known"):
            parse_policy({path.name: path.read_bytes()})
        return
    policy = parse_policy({path.name: path.read_bytes()})
    found = analyze(policy, DAY)
    assert expected in [one.kind for one in found if one.severity != "note"]
    for one in found:
        if one.witness:
            [case] = parse_cases("witness.toml", one.witness.encode())
            assert run(case, policy).slate == list(case.told.slate or ())


def test_shipped_policies_have_no_fault() -> None:
    found = [one for one in analyze(shipped(), DAY) if one.severity != "note"]
    assert [(one.kind, one.rule_ids) for one in found] in (
        [],
        [(Kind.OUTSIDE_LAW, ("individual-pre-review",))],
    )


def test_a_policy_is_equivalent_to_itself_and_never_stricter_without_a_rule() -> None:
    path = next(path for path in PLANTED if path.stem == "floor_of_the_blocked")
    policy = parse_policy({path.name: path.read_bytes()})
    assert {one.verdict for one in compare(policy, policy, DAY)} == {Verdict.EQUIVALENT}
    fewer = replace(policy, rules=policy.rules[:1])
    assert {one.verdict for one in compare(policy, fewer, DAY)} == {Verdict.LOOSER}
    assert {one.verdict for one in compare(fewer, policy, DAY)} == {Verdict.STRICTER}
