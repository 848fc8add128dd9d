"""The comparison with peers: its own half, and with the peers where they are installed."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from constraints.facts import day_of
from loadtests.bench import growth, optima
from loadtests.bench.against import eligible, slates, tables
from loadtests.bench.against.__main__ import main
from loadtests.bench.judge import judge
from loadtests.bench.measure import METHODS, Outcome
from loadtests.bench.model import PARTS, Model
from loadtests.bench.pages import SMALL, Cell, page

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv" / "peers" / "bin" / "python"
TODAY = eligible.DAY
needs_peers = pytest.mark.skipif(
    not PEERS.exists(), reason="needs the peers' environment: `make .venv/peers.stamp`"
)


def barred_by(t: dict[str, Any]) -> list[str]:
    """Read the rules once more, in plain Python, from the text of the policy."""
    document, special = t["document"], t["special_subjects"] != ["none"]
    numbered = document.endswith(("filing", "licence"))
    numbered &= t["document_status"] in ("claimed", "verified")
    odd_form = t["number"] != "right" and t["document_status"] != "verified"
    is_fresh = t["reviewed_on"] > 0 and 0 <= TODAY - t["reviewed_on"] <= 365
    is_old = document in ("platform_filing", "unknown") and t["rerun"] != "no"
    is_ai, alone = t["ai_generated"] in ("yes", "unknown"), t["uploader"] != "organisation"
    is_long = not 0 < t["episode_s_min"] < 1200
    valid = t["document_from"] <= TODAY < t["document_until"]
    found = {
        "record-number": not (numbered and valid),
        "number-form": odd_form and t["form"] != "animated",
        "number-form-animated": odd_form and t["form"] in ("animated", "unknown"),
        "class-held": document != "none" and rank(document) < class_of(t),
        "special-subject-licence": special and document != "licence",
        "special-subject-consent": special and t["co_review"] != "yes",
        "individual-pre-review": alone and t["platform_review"] != "yes",
        "provider-licence": not t["provider_until"] > TODAY,
        "approved-version": t["version"] != "approved",
        "rerun-review": is_old and not is_fresh,
        "web-drama-licence-20-minutes": document != "licence" and is_long,
        "ai-label-each-episode": is_ai and t["ai_label"] != "all",
    }
    is_drama = t["kind"] in ("drama", "unknown")
    return [rule for rule, is_broken in found.items() if is_drama and is_broken]


def rank(document: str) -> int:
    return ("unknown", "none", "platform_filing", "bureau_filing", "licence").index(document)


def class_of(t: dict[str, Any]) -> int:
    """Return the rank of the document a drama needs, by all it may be measured by."""
    eras = [day_of(date(*day)) for day in ((2024, 2, 5), (2026, 1, 1), (2026, 7, 1))]
    era = sum(day <= t["filed_on"] for day in eras)
    measures = {(1, False): (1e6, 3e5), (2, False): (3e6, 1e6), (3, False): (3e6, 1e6)}
    measures |= {(1, True): (1e6, 3e5), (2, True): (3e6, 1e6), (3, True): (8e5, 3e5)}
    dated = 0 < t["filed_on"] <= TODAY
    made = {"no": {False}, "yes": {True}}.get(t["ai_generated"], {False, True})
    asked = [m for (at, is_ai), m in measures.items() if is_ai in made and (at == era or not dated)]
    money = t["investment_cny"] or float("inf")
    pushed = (era == 1 or not dated) and t["main_push"] != "no"
    if t["special_subjects"] != ["none"] or pushed or any(money >= key for key, _ in asked):
        return rank("licence")
    ordinary = any(money >= least for _, least in asked)
    return rank("bureau_filing" if ordinary else "platform_filing")


def test_catalogue_allows_what_the_rules_say_both_ways_and_what_plain_python_says() -> None:
    titles = eligible.Titles.drawn(4_000, 5)
    drawn = eligible.pages(titles, 4, 6)
    told = [[barred_by(titles.plain[row]) for row in rows.tolist()] for rows in drawn]
    allowed = [[not rules for rules in each] for each in told]
    assert eligible.ahead(titles, drawn).allowed == allowed
    assert eligible.at_once(titles, drawn).allowed == allowed
    assert eligible.judged(titles, drawn) == allowed
    assert {rule for each in told for rules in each for rule in rules} == eligible.RULES
    assert {rule.id for rule in eligible.policy().rules} == eligible.RULES


@needs_peers
def test_policy_engines_agree_on_every_title() -> None:
    titles = eligible.Titles.drawn(3_000, 7)
    drawn = eligible.pages(titles, 4, 8)
    mine = eligible.ahead(titles, drawn)
    answers = eligible.theirs(PEERS, titles, drawn)
    assert answers.keys() == {"CEL", "Cedar", "Rego"}
    for name, answer in answers.items():
        assert answer.allowed == mine.allowed, name


@pytest.fixture
def outcomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Of two small pages a regime."""
    monkeypatch.setattr(optima, "FOLDER", tmp_path)
    monkeypatch.setattr(slates, "CELL", Cell(60, 6))
    return slates.outcomes(2, lambda: None)


def test_engine_keeps_what_peers_break_and_a_worse_engine_would_be_named(
    outcomes: list[Outcome],
) -> None:
    assert {one.method for one in outcomes} == {*METHODS}
    assert not [*slates.faults(outcomes, {})]
    (mine, *_) = (one for one in outcomes if one.method == "default" and one.regime == "tight")
    (peer, *_) = (one for one in outcomes if one.method == "dpp" and one.regime == "tight")
    assert peer.verdict.hard
    assert 0.9 < slates.utility(mine, {}) <= 1
    key, best = (mine.regime, mine.seed), mine.verdict.objective
    unproved = mine._replace(optimum=mine.optimum._replace(is_proved=False, bound=2 * best))
    assert slates.utility(unproved, {}) == 0.5
    assert slates.utility(unproved, {key: 4 * best // 3}) == pytest.approx(0.75)
    wrong = mine._replace(verdict=peer.verdict)
    (told,) = slates.faults([wrong, peer], {})
    assert "default on tight" in told
    assert told.endswith("breaks a hard rule")
    better = mine.verdict._replace(objective=2 * mine.ideal.objective)
    (told,) = slates.faults([mine._replace(verdict=better)], {})
    assert told.endswith("proved to be best")
    (told,) = slates.faults([mine], {key: mine.verdict.objective - 1})
    assert told.endswith("better than CP-SAT's bound")


@needs_peers
def test_cp_sat_knows_every_rule(outcomes: list[Outcome]) -> None:
    known = [one for one in outcomes if one.method == "default"]
    solved = [*slates.cpsat(PEERS, known, lambda: None)]
    bounds = {(one.regime, one.seed): bound for one, bound in solved}
    assert not [*slates.faults([*known, *(one for one, _ in solved)], bounds)]
    assert len(solved) == 6
    for one, bound in solved:
        assert not one.is_lost
        assert slates.utility(one, bounds) == pytest.approx(1, abs=1e-4)
        assert bound >= one.ideal.objective


def test_what_could_not_be_proved_in_a_hurry_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optima, "FOLDER", tmp_path)
    cell = Cell(500, 20)
    ((_, _, best),) = optima.optima("tight", cell, "tuning", 1, 0.0)
    assert not best.is_proved
    assert not optima.known("tight", cell, "tuning")


@pytest.mark.slow
def test_growth_is_told_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    steps = ["--steps", "catalogue", "pages", "rules"]
    growth.main(["--titles", "12000", "--laps", "1", "--json", *steps])
    told = {"titles": 12_000, "figures": json.loads(capsys.readouterr().out)}
    rows = tables.of_growth(told).splitlines()
    assert len(rows) == 7
    assert rows[2].startswith("| candidates for 20 slots | 125 / 500 / 2,000 | ")
    assert rows[3].startswith("| slots for 500 candidates | 5 / 20 / 50 | ")
    assert rows[6].startswith("| the catalogue | 10,000 / 12,000 | ")


def test_without_peers_it_says_what_installs_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--python", "nowhere/python"])
    assert "`make bench-peers` installs the peers" in capsys.readouterr().err


def test_program_that_a_solver_is_given_says_what_the_judge_says() -> None:
    drawn = page("loose", SMALL, 11)
    model = Model(drawn.tables, 1e12)
    milp, place = model.stage(dict.fromkeys(range(PARTS), 0), None)
    told = milp.as_json()
    answer = milp.solve(None, 30.0)
    assert answer.values is not None
    chosen = np.flatnonzero(answer.values[: len(model.slot)] > 0.5)
    assert not judge(drawn.tables, model.slate(chosen)).hard
    assert len(told["worth"]) == len(told["upper"]) == len(answer.values)
    assert place.tolist() == list(range(len(model.slot)))
    for row, last, (low, high) in zip(told["rows"], told["last"], told["sides"], strict=True):
        total = sum(answer.values[one] for one in row[:-1]) + last * answer.values[row[-1]]
        assert low - 1e-6 <= total <= high + 1e-6


def test_tables_are_put_between_their_marks(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"above\n{tables.MARKS[0]}\nold\n{tables.MARKS[1]}\nbelow\n", "utf-8")
    tables.write(path, "new")
    assert path.read_text("utf-8") == f"above\n{tables.MARKS[0]}\nnew\n{tables.MARKS[1]}\nbelow\n"
    path.write_text("no marks", "utf-8")
    with pytest.raises(SystemExit, match="has no"):
        tables.write(path, "new")
    assert path.read_text("utf-8") == "no marks"
