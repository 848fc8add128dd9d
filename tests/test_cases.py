"""Golden cases: `cases/<rule type>.toml` each for one rule, the others for the shipped policies.

Nothing may come out that a case does not say.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

from constraints.cases.comparing import differences
from constraints.cases.counting import acts_of, count, leaves_alone
from constraints.cases.reading import Case, parse_cases
from constraints.cases.running import Outcome, run
from constraints.policy import shipped_policy
from constraints.rules import rule_types

FOLDER = Path(__file__).parent / "cases"
FILES = sorted(FOLDER.glob("*.toml"))
CASES = [case for path in FILES for case in parse_cases(path.name, path.read_bytes())]


@cache
def outcome_of(at: int) -> Outcome:
    return run(CASES[at], shipped_policy())


@pytest.mark.parametrize(
    "at", range(len(CASES)), ids=lambda at: f"{CASES[at].file[:-5]}::{CASES[at].name}"
)
def test_case(at: int) -> None:
    told = CASES[at].told
    assert told.slate is not None, "a golden case tells the whole page"
    assert [one.en for one in differences(outcome_of(at), exact=True)] == []


def _all() -> Iterable[tuple[Case, Outcome]]:
    return ((case, outcome_of(at)) for at, case in enumerate(CASES))


def _counts() -> Mapping[str, tuple[int, int]]:
    """Return rule type → cases in which its rule acts, and in which it leaves one alone."""
    found = dict.fromkeys(rule_types(), (0, 0))
    for case, outcome in _all():
        if case.rule is not None and outcome.in_force:
            rule = outcome.policy.rules[0]
            acts, alone = found[rule.type]
            acting, rests = acts_of(outcome, rule.id), leaves_alone(outcome, rule.id)
            found[rule.type] = acts + bool(acting), alone + rests
    return found


def test_every_rule_type_acts_in_a_case_and_leaves_one_alone() -> None:
    for name, (acts, alone) in _counts().items():
        assert (FOLDER / f"{name}.toml").exists()
        assert acts, f"no case of {name} shows what it does"
        assert alone, f"no case of {name} shows what it leaves alone"


def test_every_shipped_rule_acts_in_a_case_and_leaves_one_alone() -> None:
    for one in count(shipped_policy(), (outcome for _, outcome in _all())):
        assert one.acts_in, f"no case shows what {one.rule_id} does"
        assert one.leaves_alone, f"no case shows what {one.rule_id} leaves alone"
