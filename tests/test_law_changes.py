"""What changes in law from day to day, over one catalogue: each line golden, and no other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from constraints.demands import Fixed, Least, Most
from constraints.facts import day_of
from constraints.rules import rule_types
from constraints.standing import changes, standings
from tests import chance, make
from tests.commands import spawn

GOLDEN = Path(__file__).with_name("law_changes.txt")
LINES = GOLDEN.read_text(encoding="utf-8").splitlines()


def written(change: dict[str, Any]) -> str:
    """Write a change as a golden line does: days, what, by which rules, where, who."""
    value = f"{change['before']} → {change['after']}".strip(" →")
    parts = (
        f"{change['from']} → {change['to']}",
        f"{change['what']} {value}".strip(),
        " ".join(change["rule_ids"]),
        " ".join(change["surfaces"]),
        " ".join(change["rows"]),
    )
    return " | ".join(parts).rstrip(" |")


@pytest.fixture(scope="module")
def told() -> list[str]:
    return [written(change) for change in json.loads(spawn("law", "changes", "--json").out)]


@pytest.mark.parametrize("line", LINES)
def test_each_change_of_the_law_is_shown(line: str, told: list[str]) -> None:
    assert line in told


def test_nothing_else_changes(told: list[str]) -> None:
    assert set(told) - set(LINES) == set()
    assert len(told) == len(set(told)) == len(LINES)


def test_a_day_that_changes_nothing_shows_nothing() -> None:
    policy, facts = make.policy(), make.facts([make.drama(), make.room()])
    assert changes(facts, policy, day_of(make.TODAY), day_of(make.TODAY)) == []


@pytest.mark.parametrize("name", rule_types())
def test_a_title_alone_is_closed_exactly_where_the_verifier_objects(name: str) -> None:
    for seed in range(60):
        drawn = chance.instance("standing", seed, count_max=6, slots_max=5)
        rule = make.rule_of(chance.rule_text(name, rule_types()[name], seed))
        page, policy = drawn.page, make.policy_of(rule)
        if not rule.applies(page) or _asks_several(rule.demands(page)):
            continue
        told, judge = (
            standings(drawn.candidates.facts, page, policy),
            make.judge(drawn.candidates, page, policy),
        )
        for candidate, one in enumerate(told):
            for slot in range(page.slot_count):
                if page.reserved >> slot & 1:
                    continue
                slate = np.full(page.slot_count, -1)
                slate[slot] = candidate
                objects = any(found.level == 0 for found in judge(slate))
                assert objects == bool(one.closed >> slot & 1), (seed, candidate, slot)


def _asks_several(demands: tuple[object, ...]) -> bool:
    return any(isinstance(demand, (Most, Least, Fixed)) for demand in demands)


def test_the_table_speaks_both_languages_and_names_rule_and_article() -> None:
    days = ("--day", "2026-08-31", "--day", "2026-09-01")
    for lang, word, act in (("zh", "可以出现", "总局令第16号"), ("en", "may stand", "Order 16")):
        out = " ".join(spawn("law", "changes", *days, "--lang", lang).out.split())
        assert word in out
        assert act in out
        assert "web-drama-licence" in out


def test_titles_of_ones_own_are_compared_and_bad_ones_named(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("id,kind,document,document_status\nx,drama,none,\n", encoding="utf-8")
    days = ("--day", "2024-05-31", "--day", "2024-06-01")
    found = json.loads(spawn("law", "changes", "--facts", own, *days, "--json").out)
    assert ["x"] in [change["rows"] for change in found]
    for content, fault in (
        ("id,kind\nx,play\n", "own.csv: row 2: kind: `play` is not one of drama, room, video"),
        ("name\nx\n", "own.csv: the header must have `id`, and a row must follow"),
        ("id\n", "own.csv: the header must have `id`, and a row must follow"),
    ):
        own.write_text(content, encoding="utf-8")
        assert spawn("law", "changes", "--facts", own, *days).fault() == fault
    assert spawn("law", "changes", "--day", "2026-01-01").fault() == (
        "day: give at least two different days"
    )
