"""The sample catalogue: it is what the generator makes, it parses, and it shows every case."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from constraints.fact_text import COLUMNS, read_facts
from constraints.vocabulary import Vocabulary
from ranker.facts.importing import TEXT_COLUMNS
from training import synthetic
from training.catalogue.draw import REFERENCE_DAY, Draw, Names, days_before

SAMPLE = Path(__file__).parents[1] / "ranker" / "sample"
DATA = Path(__file__).parents[2] / "shared" / "data"
TODAY = REFERENCE_DAY.isoformat()
STALE = days_before(180).isoformat()

Row = dict[str, str]
needs_sources = pytest.mark.skipif(
    not (DATA / "nrta-microdrama").is_dir() or not (DATA / "twitch-streamers").is_dir(),
    reason="the source data of the sample is not beside this checkout",
)


def _table(name: str) -> list[Row]:
    with (SAMPLE / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


SUBJECTS = _table("subjects.csv")
DRAMAS = [row for row in SUBJECTS if row["kind"] == "drama"]
ROOMS = [row for row in SUBJECTS if row["kind"] == "room"]
REAL = [row for row in DRAMAS if row["id"] < "t-1001"]
BY_ID = {row["id"]: row for row in SUBJECTS}
CLIPS = {row["candidate_id"]: row["subject_id"] for row in _table("candidates.csv")}
ALIASES = {row["tag"]: row["theme"] for row in _table("aliases.csv")}
HOME: dict[str, Any] = json.loads((SAMPLE / "home.json").read_text("utf-8"))


def _synthesize(data: Path, out: Path) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(synthetic.command)
    result = CliRunner().invoke(app, ["--data", str(data), "--out", str(out)])
    return result.exit_code, result.output


def _themes(row: Row) -> set[str]:
    return {ALIASES.get(tag, tag) for tag in row["themes"].split("|")}


def _is_licensed(row: Row) -> bool:
    return (row["document"], row["document_status"]) == ("licence", "verified")


def _may_lead(row: Row) -> bool:
    return _is_licensed(row) and row["recheck"] == "passed" and not row["document_until"]


def _is_current(row: Row) -> bool:
    ends = row["restriction_until"] or "9999"
    return bool(row["restriction_from"]) and row["restriction_from"] <= TODAY <= ends


@needs_sources
def test_regenerating_gives_the_shipped_files_byte_for_byte(tmp_path: Path) -> None:
    code, output = _synthesize(DATA, tmp_path / "new")
    assert code == 0, output
    made = sorted((tmp_path / "new").iterdir())
    by_hand = {"README.md", "dates.csv"}
    assert {path.name for path in made} | by_hand == {p.name for p in SAMPLE.iterdir()}
    for path in made:
        assert path.read_bytes() == (SAMPLE / path.name).read_bytes(), path.name


@needs_sources
def test_another_seed_gives_other_dramas_and_the_same_real_titles() -> None:
    files = synthetic.build(DATA, seed=7, titles=20, room_count=5)
    rows = list(csv.DictReader(files["subjects.csv"].decode().splitlines()))
    assert rows[: len(REAL)] == REAL
    assert rows[len(REAL) :] != SUBJECTS[len(REAL) : len(rows)]


def test_missing_sources_are_named(tmp_path: Path) -> None:
    code, output = _synthesize(tmp_path, tmp_path / "new")
    assert code == 2
    assert "--data" in output
    assert not (tmp_path / "new").exists()


def test_draws_are_the_same_on_every_machine() -> None:
    draw = Draw(1, "test")
    assert [draw.below(1000) for _ in range(5)] == [923, 358, 248, 476, 401]
    assert draw.shuffled("abcdef") == list("bdafce")
    assert draw.day(date(2026, 1, 1), date(2026, 12, 31)) == date(2026, 3, 16)


def test_names_run_on_as_sequels_and_never_repeat() -> None:
    names = Names(Draw(1, "test"), taken=["ac"])
    found = [names.compose("key", ["a", "b"], ["c"]) for _ in range(4)]
    assert len(set(found)) == 4
    assert "ac" not in found
    assert {"bc", "ac2", "bc2"} < set(found)


def test_every_subject_can_be_read() -> None:
    facts = read_facts(SUBJECTS, Vocabulary(ALIASES))
    assert len(facts) == len(SUBJECTS)
    assert set(SUBJECTS[0]) <= {"id", *TEXT_COLUMNS, *COLUMNS}
    assert tuple(SUBJECTS[0]) == synthetic.SUBJECT_COLUMNS


def test_the_sample_is_small_plain_text() -> None:
    files = sorted(SAMPLE.iterdir())
    assert sum(path.stat().st_size for path in files) < 1_200_000
    for path in files:
        text = path.read_bytes()
        assert b"\r" not in text, path.name
        assert text.decode("utf-8").endswith("\n"), path.name


def test_ids_and_titles_are_unique() -> None:
    assert len(BY_ID) == len(SUBJECTS)
    assert len(CLIPS) == len(_table("candidates.csv"))
    assert not CLIPS.keys() & BY_ID.keys()
    titles = Counter((row["kind"], row["title"]) for row in SUBJECTS)
    assert titles.most_common(1)[0][1] == 1


def test_every_clip_leads_to_a_drama() -> None:
    assert {BY_ID[subject]["kind"] for subject in CLIPS.values()} == {"drama"}
    a_drama = Counter(CLIPS.values())
    assert set(a_drama.values()) == {1, 2, 3}
    assert 0.45 < len(a_drama) / len(DRAMAS) < 0.55
    assert all(clip.isdecimal() for clip in CLIPS)
    assert {len(clip) for clip in CLIPS} >= {7, 8, 19}


def test_an_alias_leads_to_a_canonical_theme_in_one_step() -> None:
    assert len(ALIASES) == len(_table("aliases.csv"))
    assert not set(ALIASES) & set(ALIASES.values())
    assert {ALIASES[tag] for tag in ("总裁", "豪门", "豪门恩怨")} == {"霸总"}
    used = {tag for row in DRAMAS for tag in row["themes"].split("|")}
    assert used >= {"霸总", "总裁", "豪门", "豪门恩怨"}, "synonyms stay as uploaders write them"
    assert set(ALIASES) <= used, "an alias nobody uses"


@pytest.mark.parametrize(
    ("case", "least", "most"),
    [
        (lambda row: row["document"] == "licence", 0.12, 0.25),
        (_is_licensed, 0.10, 0.20),
        (lambda row: _is_licensed(row) and row["recheck"] == "passed", 0.03, 0.08),
        (lambda row: row["document"] == "bureau_filing", 0.15, 0.28),
        (lambda row: row["document"] == "platform_filing", 0.42, 0.58),
        (lambda row: row["themes"] == "", 0.02, 0.08),
        (lambda row: bool(row["plan_listed_on"]), 0.02, 0.10),
        (lambda row: _themes(row) & {"霸总"} != set(), 0.05, 0.20),
    ],
    ids=["licence", "licensed", "rechecked", "bureau", "platform", "no theme", "listed", "霸总"],
)
def test_shares_of_dramas_are_as_stated(
    case: Callable[[Row], bool], least: float, most: float
) -> None:
    assert least < sum(map(case, DRAMAS)) / len(DRAMAS) < most


def test_official_labels_follow_the_filings_of_december_2023() -> None:
    filed = {"都市": 26, "农村": 2, "科幻": 1, "传记": 1, "传奇": 6}
    found = Counter(tag for row in DRAMAS for tag in row["themes"].split("|") if tag in filed)
    for label, count in filed.items():
        share, expected = found[label] / found.total(), count / sum(filed.values())
        assert abs(share - expected) < 0.03, label


CASES: dict[str, Callable[[Row], bool]] = {
    "no document": lambda row: row["document"] == "none",
    "nothing known of a document": lambda row: row["kind"] == "drama" and not row["document"],
    "truncated number": lambda row: row["document_number"] == "网微剧备字",
    "number in other brackets": lambda row: row["document_number"].startswith("("),
    "revoked": lambda row: row["document_status"] == "revoked",
    "claimed only": lambda row: row["document_status"] == "claimed",
    "status unknown": lambda row: bool(row["document"][4:] and not row["document_status"]),
    "expired": lambda row: "" < row["document_until"] < TODAY,
    "expires later": lambda row: row["document_until"] > TODAY,
    "not yet valid": lambda row: row["document_from"] > TODAY,
    "licensed without recheck": lambda row: _is_licensed(row) and row["recheck"] == "none",
    "recheck pending": lambda row: _is_licensed(row) and row["recheck"] == "pending",
    "recheck refused": lambda row: _is_licensed(row) and row["recheck"] == "refused",
    "recheck unknown": lambda row: _is_licensed(row) and not row["recheck"],
    "self-declared plan": lambda row: row["plan"] == "travel" and not row["plan_listed_on"],
    "listed plan": lambda row: row["plan"] == "heritage" and bool(row["plan_listed_on"]),
    "support lapsed": lambda row: "" < row["support_until"] < TODAY,
    "support not begun": lambda row: row["support_from"] > TODAY,
    "two names of one theme": lambda row: len(_themes(row)) < len(row["themes"].split("|")),
    "anchor worse than room": lambda row: "" < row["room_grade"] < row["anchor_grade"],
    "anchor unrated": lambda row: bool(row["room_grade"] and not row["anchor_grade"]),
    "unrated room": lambda row: row["kind"] == "room" and not row["room_grade"],
    "stale rating": lambda row: "" < row["rated_on"] < STALE,
    "rating without a day": lambda row: bool(row["room_grade"] and not row["rated_on"]),
    "restriction past": lambda row: "" < row["restriction_until"] < TODAY,
    "restriction current": lambda row: _is_current(row) and row["restriction"] == "stop",
    "restriction future": lambda row: row["restriction_from"] > TODAY,
    "restriction unknown": lambda row: row["kind"] == "room" and not row["restriction"],
    "sunk": lambda row: _is_current(row) and row["restriction"] == "sink",
    "to rectify": lambda row: _is_current(row) and row["restriction"] == "rectify",
    "closed": lambda row: _is_current(row) and row["restriction"] == "closed",
    "video": lambda row: row["kind"] == "video",
}


@pytest.mark.parametrize("name", CASES)
def test_every_awkward_case_is_there_more_than_once(name: str) -> None:
    assert sum(map(CASES[name], SUBJECTS)) > 1


def test_made_up_numbers_cannot_be_taken_for_real_ones() -> None:
    numbers = [row["document_number"] for row in SUBJECTS if row["document_number"]]
    serial = re.compile(r"第99\d{6}号$")  # of eight digits; real ones have three to six
    assert all(serial.search(number) or number == "网微剧备字" for number in numbers)
    made = [number for number in numbers if serial.search(number)]
    assert len(set(made)) == len(made)


def test_nothing_made_up_is_to_a_real_titles_disadvantage() -> None:
    assert len(REAL) == 49
    for row in REAL:
        assert row["document_number"] == ""
        assert (row["document"], row["document_status"]) in {("licence", "verified"), ("", "")}
        assert row["recheck"] in {"passed", ""}
        assert bool(row["document"]) == bool(row["support"])
    assert sum(row["plan"] == "travel" and bool(row["plan_listed_on"]) for row in REAL) == 29


def test_the_page_names_known_ids_but_for_two() -> None:
    offered = [candidate["id"] for candidate in HOME["candidates"]]
    assert len(offered) == len(set(offered)) == 120
    unknown = [key for key in offered if key not in BY_ID and key not in CLIPS]
    assert len(unknown) == 2
    assert sum(key in CLIPS for key in offered) > 30


def test_the_page_is_ordered_like_a_recommenders() -> None:
    utilities = [candidate["utility"] for candidate in HOME["candidates"]]
    assert utilities == sorted(set(utilities), reverse=True)
    assert 0 < utilities[-1] < utilities[0] <= 10
    assert (HOME["surface"], HOME["terminal"], HOME["slot_count"]) == ("home", "phone", 10)


def test_the_page_shows_what_the_service_is_for() -> None:
    offered = [(BY_ID.get(CLIPS.get(c["id"], c["id"])), c["kind"]) for c in HOME["candidates"][:45]]
    rows = [row for row, _ in offered if row]
    top = rows[:11]
    assert sum(row["kind"] == "drama" and not _may_lead(row) for row in top) >= 4
    assert any(row["document"] == "none" for row in top)
    assert sum("霸总" in _themes(row) and _may_lead(row) for row in rows[:20]) >= 4
    assert {row["restriction"] for row in rows if _is_current(row)} >= {"stop", "closed", "sink"}
    assert any(row["room_grade"] == "d" and row["restriction"] == "none" for row in rows)
    assert sum(row["support"] == "national" and row in REAL for row in rows[20:]) >= 4
    assert any(row and row["kind"] != kind for row, kind in offered), "a kind declared wrongly"


def test_the_readme_explains_every_file_and_column() -> None:
    readme = (SAMPLE / "README.md").read_text("utf-8")
    names = [*synthetic.SUBJECT_COLUMNS, *(path.name for path in SAMPLE.iterdir())]
    assert [name for name in names if f"`{name}`" not in readme] == ["README.md"]
