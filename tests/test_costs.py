"""What rules cost on a page: by cases worked out by hand, and as the command prints it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from constraints.costs import Costs, rule_costs
from constraints.policy import Policy
from constraints.program import DISCOUNT
from ranker.cli import main
from tests import make
from tests.commands import Done
from tests.serving import POLICY, fill

SCREEN = """
[[rules]]
id = "{id}"
type = "licensed_first_screen"
source = "FS-01"
"""
BOOST = """
[[rules]]
id = "boost"
type = "supported_boost"
source = "BST-01"
national_ratio = 2.0
"""
SLOT = [float(weight) / float(DISCOUNT[0]) for weight in DISCOUNT[:3]]
"""What a slot is worth, for slot 0 = 1."""

BARE = make.drama(document="none")
GOOD = make.drama()
BEST = make.drama(support="national", support_from="2026-01-01")


def costs(policy: Policy, rows: list[make.Row], utilities: list[float]) -> Costs:
    page = make.page()
    offered = make.candidates(rows, utilities).offer(policy.compiled, page.day)
    return rule_costs(offered, page, policy, rounds=50)


def worth(*utilities: float) -> float:
    return sum(u * slot for u, slot in zip(utilities, SLOT, strict=True))


def test_one_rule_costs_what_the_page_by_utility_alone_is_worth_more() -> None:
    found = costs(make.policy(SCREEN.format(id="screen")), [BARE, GOOD, GOOD], [9, 5, 1])
    assert found.alone == pytest.approx(worth(9, 5, 1))
    assert found.lawful == pytest.approx(worth(5, 1, 9)), "the bare one waits below the screen"
    (rule,) = found.rules
    assert rule.rule_id == "screen"
    assert rule.cost == pytest.approx(found.cost) == pytest.approx(found.alone - found.lawful)
    assert rule.share == pytest.approx(found.share) == pytest.approx(rule.cost / found.alone)


def test_two_rules_that_ask_the_same_cost_nothing_one_by_one_and_something_together() -> None:
    policy = make.policy(SCREEN.format(id="one"), SCREEN.format(id="two"))
    found = costs(policy, [BARE, GOOD, GOOD], [9, 5, 1])
    assert [rule.cost for rule in found.rules] == [0, 0]
    assert found.cost > 0


def test_a_weight_is_judged_by_what_it_moves_not_by_what_it_multiplies() -> None:
    kept = costs(make.policy(BOOST), [BEST, GOOD, GOOD], [9, 5, 1])
    assert (kept.cost, kept.rules[0].cost) == (0, 0), "it stood on top already"
    moved = costs(make.policy(BOOST), [GOOD, BEST, GOOD], [9, 5, 1])
    assert moved.lawful == pytest.approx(worth(5, 9, 1))
    assert moved.rules[0].cost == pytest.approx(worth(9, 5, 1) - worth(5, 9, 1))


def test_a_rule_that_undoes_what_another_costs_has_a_cost_below_nothing() -> None:
    provincial = BOOST.replace("national", "provincial").replace('"boost"', '"other"')
    lesser = make.drama(support="provincial", support_from="2026-01-01")
    found = costs(make.policy(BOOST, provincial), [BEST, lesser, GOOD], [5, 4, 1])
    assert found.cost == 0, "both are raised alike"
    assert [rule.rule_id for rule in found.rules] == ["other", "boost"], "the dearest first"
    assert found.rules[0].cost == 0
    assert found.rules[1].cost == pytest.approx(worth(4, 5, 1) - worth(5, 4, 1))
    assert found.rules[1].cost < 0


def test_a_rule_off_the_page_or_switched_off_is_not_listed() -> None:
    elsewhere = SCREEN.format(id="elsewhere") + 'surfaces = ["theatre"]\n'
    switched_off = SCREEN.format(id="off") + 'mode = "off"\n'
    shadow = SCREEN.format(id="shadow") + 'mode = "shadow"\n'
    found = costs(make.policy(elsewhere, switched_off, shadow), [BARE, GOOD, GOOD], [9, 5, 1])
    assert found.rules == ()
    assert found.cost == 0


def test_a_page_worth_nothing_costs_nothing() -> None:
    found = costs(make.policy(SCREEN.format(id="screen")), [BARE, GOOD], [0, 0])
    assert (found.alone, found.cost, found.share) == (0, 0, 0)


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the command on a small catalogue, for a page of bare and lead dramas."""
    fill(tmp_path / "data")
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "policy.toml").write_text(POLICY, encoding="utf-8")
    monkeypatch.setenv("SLOTWARDEN_POLICY_DIR", str(policies))
    asked = {
        "surface": "home",
        "terminal": "phone",
        "slot_count": 3,
        "candidates": [
            {"id": "filed-0", "utility": 9},
            {"id": "lead-0", "utility": 8},
            {"id": "lead-1", "utility": 7},
            {"id": "lead-2", "utility": 6},
        ],
    }
    (tmp_path / "asked.json").write_text(json.dumps(asked), encoding="utf-8")

    def run(*arguments: str | Path) -> Done:
        told = ["--request", str(tmp_path / "asked.json"), "--data-dir", str(tmp_path / "data")]
        monkeypatch.setattr(sys, "argv", ["slotwarden", "costs", *told, *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return Done(int(caught.value.code or 0), printed.out, printed.err)

    return run


def test_the_command_prints_rules_articles_and_costs_in_both_languages(run: Run) -> None:
    chinese = run()
    assert (chinese.code, chinese.err) == (0, "")
    for text in ("规则代价 · home · phone · 3 个位置", "first-screen-licence", "全部规则合计"):
        assert text in chinese.out
    assert "广电办发〔2022〕345号" in chinese.out
    english = run("--lang", "en")
    for text in ("what rules cost", "all rules together", "Notice 345 (2022)"):
        assert text in english.out


def test_as_json_it_gives_shares_and_sources(run: Run) -> None:
    told = json.loads(run("--json").out)
    by_id = {rule["rule_id"]: rule for rule in told["rules"]}
    assert told["rules"][0]["rule_id"] == "first-screen-licence"
    assert by_id["first-screen-licence"]["source"] == "FS-01"
    alone, lawful = worth(9, 8, 7), worth(8, 7, 6)
    assert told["by_utility_alone"] == pytest.approx(alone)
    assert told["lawful"] == pytest.approx(lawful)
    assert told["share"] == pytest.approx((alone - lawful) / alone)
    assert by_id["first-screen-licence"]["share"] == pytest.approx(told["share"])
    assert by_id["theme-spread"]["cost"] == 0


def test_surface_and_terminal_may_be_named_beside_the_file(run: Run) -> None:
    told = json.loads(run("--json", "--surface", "theatre", "--terminal", "tv").out)
    assert (told["surface"], told["terminal"]) == ("theatre", "tv")
    assert "first-screen-licence" not in {rule["rule_id"] for rule in told["rules"]}


def test_without_a_fact_store_it_says_so_and_makes_none(run: Run, tmp_path: Path) -> None:
    done = run("--data-dir", tmp_path / "nowhere")
    assert done.fault() == f"{tmp_path / 'nowhere'}: holds no fact store"
    assert not (tmp_path / "nowhere").exists()
