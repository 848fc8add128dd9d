"""Golden cases: `cases/<rule type>.toml` each for one rule, the others for the shipped policies."""

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from constraints.decision import Decision, Reason, SlotState
from constraints.facts import Facts
from constraints.govern import govern
from constraints.page import Page
from constraints.policy import Policy, parse_policy
from constraints.rules import rule_types
from constraints.vocabulary import Vocabulary
from tests import make

FOLDER = Path(__file__).parent / "cases"
PAGE = {
    *("surface", "terminal", "day", "slot_count", "first_screen_slots", "first_slot"),
    *("is_recommended", "is_personalised", "viewer_class", "reserved", "tail"),
}
OUTCOME = {
    *("slate", "decided_by", "because", "blocked", "left_alone", "relaxed", "shadow", "scored"),
    *("sources", "rules_in_force", "void_pins", "duties"),
}


@dataclass(frozen=True)
class Outcome:
    """What became of a case, in the words of the case files: candidates by id, slots in order."""

    policy: Policy
    page: Page
    facts: Facts
    decision: Decision
    ids: list[str]

    @property
    def slate(self) -> list[str]:
        marks = {SlotState.EMPTY: "", SlotState.RESERVED: "#"}
        placements = self.decision.placements
        return [
            marks.get(p.state) if p.candidate < 0 else self.ids[p.candidate] for p in placements
        ]

    @property
    def reasons(self) -> dict[str, tuple[Reason, ...]]:
        """Return id → its reasons, the deciding one first; a Reason without a rule for none."""
        own = {p.candidate: p.reasons for p in self.decision.placements if p.reasons}
        moved = {m.candidate: m.reasons or (Reason("nothing", 0),) for m in self.decision.moves}
        return {self.ids[c]: reasons for c, reasons in (own | moved).items()}

    @property
    def deciding(self) -> dict[str, str]:
        blocked = {self.ids[b.candidate]: b.rule_ids[0] for b in self.decision.blocked}
        return blocked | {key: reasons[0].rule_id for key, reasons in self.reasons.items()}

    @property
    def sources(self) -> dict[str, str]:
        """Return id → row of the law the deciding rule rests on."""
        blocked = {self.ids[b.candidate]: b.sources[0] for b in self.decision.blocked}
        return blocked | {key: reasons[0].source for key, reasons in self.reasons.items()}

    @property
    def duties(self) -> dict[str, dict[str, str]]:
        """Return id → what it must be shown with → the rule that says so."""
        placements = (p for p in self.decision.placements if p.duties)
        return {
            self.ids[p.candidate]: {o.duty.name.lower(): o.rule_id for o in p.duties}
            for p in placements
        }

    def touched(self, rule_id: str) -> set[str]:
        """Return the ids a rule moved, blocked, weighed, sank or marked."""
        named = {key for key, why in self.reasons.items() if any(r.rule_id == rule_id for r in why)}
        blocked = (b for b in self.decision.blocked if rule_id in b.rule_ids)
        marked = {key for key, owed in self.duties.items() if rule_id in owed.values()}
        return named | marked | {self.ids[b.candidate] for b in blocked}


def _cases() -> Iterable[Any]:
    for path in sorted(FOLDER.glob("*.toml")):
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        for case in told["case"]:
            assert not set(case) - PAGE - OUTCOME - {"name", "rule", "without", "candidates"}
            merged = told.get("page", {}) | case | {"aliases": told.get("aliases", {})}
            if "rule" in told:
                rule = told["rule"] | case.get("rule", {})
                merged["rule"] = {k: v for k, v in rule.items() if k not in case.get("without", [])}
            yield pytest.param(merged, id=f"{path.stem}::{case['name']}")


CASES = list(_cases())


def _row(entry: dict[str, Any]) -> make.Row:
    build = {"room": make.room, "video": make.video}.get(entry.get("kind", "drama"), make.drama)
    own = {"themes": f"of {entry.get('id', 'nobody')} alone"}
    return build(**(own | {k: v for k, v in entry.items() if k != "utility"}))


@cache
def shipped() -> Policy:
    folder = files("constraints") / "policies"
    return parse_policy({p.name: p.read_bytes() for p in folder.iterdir() if ".toml" in p.name})


def _policy(case: dict[str, Any]) -> Policy:
    if "rule" not in case:
        return shipped()
    rule = dict(case["rule"])
    return make.policy(make.rule_text(rule.pop("type"), **rule))


def run(case: dict[str, Any]) -> Outcome:
    """Decide a case."""
    policy, vocabulary = _policy(case), Vocabulary(case["aliases"])
    told = {key: value for key, value in case.items() if key in PAGE}
    if "rule" not in case:
        surface = policy.surface(told["surface"])
        told.setdefault("is_recommended", surface.is_recommended)
        told.setdefault("first_screen_slots", surface.first_screen(told["terminal"]))
    told["tail"] = [_row(entry) for entry in told.get("tail", [])]
    if isinstance(told.get("reserved"), dict):
        told["reserved"] = {int(slot): _row(row) for slot, row in told["reserved"].items()}
    page = make.page(**told)
    rows = case["candidates"]
    worth = [row["utility"] for row in rows]
    standing = {key: told[key] for key in ("tail", "reserved") if key in told}
    offered = make.candidates([_row(row) for row in rows], worth, vocabulary, **standing)
    ids = [row["id"] for row in rows]
    return Outcome(policy, page, offered.facts, govern(offered, page, policy), ids)


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    outcome = run(case)
    decision, ids = outcome.decision, outcome.ids
    assert decision.withdrawn == ()
    assert not decision.solver_failed
    assert outcome.slate == case["slate"]
    assert outcome.deciding == case.get("decided_by", {})
    for key, cause in case.get("because", {}).items():
        assert outcome.reasons[key][0].cause.name.lower() == cause
    for key, source in case.get("sources", {}).items():
        assert outcome.sources[key] == source
    if "blocked" in case:
        assert [ids[b.candidate] for b in decision.blocked] == case["blocked"]
    void = {f"{p.slot} {p.subject}": p.void.name.lower() for p in decision.void_pins}
    assert void == case.get("void_pins", {})
    assert _counts(decision.relaxed) == case.get("relaxed", {})
    assert _counts(decision.shadow) == case.get("shadow", {})
    scored = {ids[p.candidate]: p.scored for p in decision.placements if p.candidate >= 0}
    for key, score in case.get("scored", {}).items():
        assert scored[key] == pytest.approx(score, rel=1e-6)
    in_force = [rule.id for rule in outcome.policy.rules_for(outcome.page).values()]
    assert in_force == case.get("rules_in_force", in_force)
    assert in_force or "rules_in_force" in case, "no rule is in force, which a case must say"
    if "duties" in case:
        assert {key: [*owed] for key, owed in outcome.duties.items()} == case["duties"]
    marked = outcome.duties if "duties" in case else {}
    assert not set(case.get("left_alone", [])) & {*outcome.deciding, *marked}


def _counts(found: Iterable[Any]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for violation in found:
        counts[violation.rule_id] += violation.count
    return dict(counts)


def _named(names: Iterable[str], found: Iterable[tuple[str, Outcome, str]]) -> dict[str, Any]:
    """Return name → (cases in which its rule decides, cases in which it leaves one alone)."""
    seen = {name: [0, 0] for name in names}
    for name, outcome, rule_id in found:
        touched = outcome.touched(rule_id)
        seen[name][0] += bool(touched)
        seen[name][1] += bool(set(outcome.ids) - touched)
    return seen


def test_every_rule_type_decides_a_case_and_leaves_one_alone() -> None:
    outcomes = [(case.values[0], run(case.values[0])) for case in CASES if "rule" in case.values[0]]
    found = (
        (case["rule"]["type"], outcome, case["rule"]["id"])
        for case, outcome in outcomes
        if outcome.policy.rules_for(outcome.page)
    )
    for name, (decides, leaves) in _named(rule_types(), found).items():
        assert (FOLDER / f"{name}.toml").exists()
        assert decides, f"no case of {name} shows what it decides"
        assert leaves, f"no case of {name} shows what it leaves alone"


def test_every_shipped_rule_decides_a_case_and_leaves_one_alone() -> None:
    outcomes = [run(case.values[0]) for case in CASES if "rule" not in case.values[0]]
    found = (
        (rule.id, outcome, rule.id)
        for outcome in outcomes
        for rule in outcome.policy.rules_for(outcome.page).values()
    )
    for name, (decides, leaves) in _named([r.id for r in shipped().rules], found).items():
        assert decides, f"no case shows what {name} decides"
        assert leaves, f"no case shows what {name} leaves alone"
