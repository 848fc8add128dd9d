"""The comparison with peers: its own half, and with the peers where they are installed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtests.bench.against import eligible
from loadtests.bench.against.__main__ import MARKS, _write
from loadtests.bench.judge import judge
from loadtests.bench.model import PARTS, Model
from loadtests.bench.pages import SMALL, page

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv" / "peers" / "bin" / "python"
TODAY = int(eligible.day_of(eligible.TODAY))


def may_stand(t: dict[str, Any]) -> bool:
    """Read the seven rules once more, in plain Python."""
    is_drama, is_room = t["kind"] == "drama", t["kind"] == "room"
    return not (
        (is_drama and t["provider_until"] < TODAY)
        or (is_drama and t["platform_review"] != "yes")
        or (is_drama and t["ai_generated"] != "no" and t["ai_label"] != "all")
        or ((is_drama or is_room) and t["minor_impact"] != "none")
        or (is_drama and t["uploader"] != "organisation" and t["account_grade"] not in ("a", "b"))
        or (is_room and t["merchant"] not in ("no_commerce", "verified"))
        or (is_room and t["operator_grade"] not in ("a", "b", "c"))
    )


def test_catalogue_allows_what_the_rules_say() -> None:
    titles = eligible.Titles(3_000, 5)
    drawn = eligible.pages(titles, 3, 6)
    answer, _ = eligible.ours(titles, drawn)
    told = [[may_stand(titles.plain(row)) for row in rows.tolist()] for rows in drawn]
    assert answer.allowed == told
    assert 0.5 < np.mean(told) < 0.9


@pytest.mark.skipif(not PEERS.exists(), reason="peers are installed by `make bench-peers`")
def test_policy_engines_agree_on_every_title() -> None:
    titles = eligible.Titles(1_000, 7)
    drawn = eligible.pages(titles, 2, 8)
    mine, _ = eligible.ours(titles, drawn)
    answers = eligible.theirs(PEERS, titles, drawn)
    assert answers.keys() == {"CEL", "Cedar", "Rego"}
    for name, answer in answers.items():
        assert answer.allowed == mine.allowed, name


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
    path.write_text(f"above\n{MARKS[0]}\nold\n{MARKS[1]}\nbelow\n", "utf-8")
    _write(path, "new")
    assert path.read_text("utf-8") == f"above\n{MARKS[0]}\nnew\n{MARKS[1]}\nbelow\n"
    path.write_text("no marks", "utf-8")
    with pytest.raises(SystemExit, match="has no"):
        _write(path, "new")
    assert path.read_text("utf-8") == "no marks"
