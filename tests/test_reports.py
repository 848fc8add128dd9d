"""Reports, on a log of real decisions, against a recount of the records by plain code."""

import json
import re
import zipfile
from collections import Counter
from datetime import date
from functools import cache
from html.parser import HTMLParser
from math import isclose
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ranker.audit.checkpoint import CHECKPOINT
from ranker.audit.log import FOLDER
from ranker.audit.reports.computing import REPORTS, Computed, compute
from ranker.audit.reports.writing import as_page
from ranker.audit.tables.rotating import rotate
from ranker.v1 import decision_pb2 as out
from ranker.v1 import exposure_pb2
from ranker.v1 import rerank_pb2 as pb
from tests import make
from tests.commands import spawn
from tests.logged import Decided, decisions
from tests.serving import CLIPS, NOW_US, POLICY, SUBJECTS, put, request, served

DAY_US = 86_400_000_000
RULES = """
[surface.minors]

[[rules]]
id = "no-harm"
type = "fact_required"
source = "MIN-01"
surfaces = ["home"]
of = { minor_impact = ["conduct"] }

[[rules]]
id = "show-ai"
type = "must_show"
source = "AI-01"
duty = "ai_generated"
of = { ai_generated = ["yes"] }

[[rules]]
id = "takedown"
type = "fact_required"
source = "LIC-08"
of = { listings = ["takedown"] }
"""
MORE: dict[str, make.Row] = {
    "machine": make.drama(themes="科幻", ai_generated="yes", ai_label="all", title="机器"),
    "harmful": make.drama(themes="校园", minor_impact="conduct", title="有害"),
    "pool": make.drama(themes="童话", minors_pool="yes", title="童话"),
    "gone": make.drama(themes="都市", title="下线的剧"),
}
BOSSES = tuple(key for key in SUBJECTS if key.startswith("boss"))  # all of one theme
IDS = (*BOSSES, *(key for key in SUBJECTS if key not in BOSSES), *CLIPS, *MORE, "nobody")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of two weeks: pages, an order, a restriction lifted, and what was reported as shown."""
    folder, now = tmp_path_factory.mktemp("reports") / "data", [NOW_US]
    folder.mkdir()
    (folder / "rules").mkdir()
    for name, text in (("test.toml", POLICY), ("more.toml", RULES)):
        (folder / "rules" / name).write_text(text, encoding="utf-8")
    options: dict[str, Any] = {"policy_dir": folder / "rules", "now_us": lambda: now[0]}
    with served(folder, **options) as app:
        app.server.reporter.now_us = lambda: now[0]
        put(folder, "id", MORE, NOW_US)
        put(folder, "id", {"room-b": {"restriction": "stop"}}, NOW_US)
        app.server.state.refresh()
        for week in range(2):
            now[0] = NOW_US + 7 * week * DAY_US
            if week:
                put(folder, "id", {"room-b": {"restriction": "none"}}, now[0])
                order = {"list": "takedown", "member": "gone", "order_ref": "〔2026〕9号"}
                lifted = order | {"member": "lead-2", "from": "2026-11-20", "until": "2026-11-22"}
                put(folder, "listing_id", {"t-1": order, "t-2": lifted}, now[0])
                app.server.state.refresh()
            for count in (4, 6, 10):
                now[0] += 1_000_000
                reply = app.rerank(request(IDS, slot_count=count))
                shown = [
                    exposure_pb2.Exposure(
                        decision_id=reply.decision_id, slot=slot, shown_at_us=now[0] + 5
                    )
                    for slot in range(3)
                ]
                shown[0].id = "nobody" if count == 10 else ""
                if count == 4:  # below the page that was decided, on the first screen perhaps
                    shown.append(
                        exposure_pb2.Exposure(
                            decision_id=reply.decision_id,
                            slot=count,
                            id="stranger",
                            shown_at_us=now[0] + 5,
                        )
                    )
                told = exposure_pb2.ReportRequest(exposures=shown)
                app.server.reporter.report(told.SerializeToString())
                app.rerank(request(IDS[::-1], slot_count=count, surface="theatre"))
            app.rerank(request(["room-a", "room-b", "room-c"], surface="live", slot_count=3))
            app.rerank(
                request(["pool", "lead-1"], surface="minors", viewer_class=pb.VIEWER_CLASS_MINOR)
            )
    rotate(folder)
    return folder


@cache
def report(folder: Path, name: str, *more: str) -> dict[str, Any]:
    days = ("--from", "2026-11-01", "--until", "2026-12-31")
    done = spawn("report", name, "--data-dir", folder, "--json", *days, *more)
    assert (done.code, done.err) == (0, "")
    told: dict[str, Any] = json.loads(done.out)
    return told


@cache
def computed(folder: Path, name: str) -> Computed:
    return compute(folder, name, date(2026, 11, 1), date(2026, 12, 31))


def figures(told: dict[str, Any]) -> dict[str, float]:
    return {each["en"]: each["value"] for part in told["sections"] for each in part["figures"]}


def rows(told: dict[str, Any], section: str) -> list[dict[str, Any]]:
    (found,) = [part["rows"] for part in told["sections"] if part["section"] == section]
    return list(found)


def of(key: str) -> make.Row:
    return {**SUBJECTS, **MORE}.get(CLIPS.get(key, {}).get("subject_id", key), {})


def is_drama(key: str) -> bool:
    return of(key).get("kind", "drama") == "drama"


def filled(folder: Path) -> list[tuple[Decided, Any]]:
    return [
        (decided, placement)
        for decided in decisions(folder)
        for placement in decided.message.placements
        if placement.state == out.SLOT_STATE_FILLED
    ]


def test_every_report_is_listed_computed_and_answers_to_articles(folder: Path) -> None:
    listed = spawn("report").out
    note = (folder / FOLDER / CHECKPOINT).read_text()
    for name in REPORTS:
        assert name in listed
        told = report(folder, name)
        assert told["checkpoint"] == note
        assert told["basis"]
        assert figures(told), name


def test_the_first_screen_register_is_what_stood_there(folder: Path) -> None:
    told = report(folder, "first-screen")
    stood = [p.id for _, p in filled(folder) if p.first_screen and is_drama(p.id)]
    assert figures(told)["places on first screens"] == len(stood) > 20
    assert figures(told)["dramas"] == len({CLIPS.get(k, {}).get("subject_id", k) for k in stood})
    assert sum(row["placed"] for row in rows(told, "titles")) == len(stood)
    unlicensed = {k for k in stood if of(k).get("document") != "licence"}
    assert figures(told)["unlicensed dramas (must be 0)"] == len(unlicensed)
    first = rows(told, "titles")[0]
    assert any(row["title"] for row in rows(told, "titles"))
    assert first["document_number"]
    assert re.fullmatch(r"[0-9a-f]{32}", first["decision_id"])


def test_what_was_shown_and_not_decided_is_in_the_register(folder: Path) -> None:
    told = report(folder, "first-screen")
    assert figures(told)["shown, and not decided (must be 0)"] == 4
    assert {row["candidate"] for row in rows(told, "undecided")} == {"nobody", "stranger"}
    asked = ("audit", "query", "exposures", "mismatched", "--data-dir", folder, "--json")
    listed = json.loads(spawn(*asked).out)["rows"]
    assert sorted(row["candidate"] for row in listed) == ["nobody", "nobody", *["stranger"] * 2]
    kept = [p for d, p in filled(folder) if d.surface == "home" and p.slot < 3 and p.first_screen]
    reported = sum(is_drama(p.id) for p in kept) - 2
    assert figures(told)["impressions reported"] == reported
    missed = [each for part in told["sections"] for each in part["figures"] if each["missed"]]
    assert "shown, and not decided (must be 0)" in {each["en"] for each in missed}


def test_a_report_says_how_much_it_is_of(folder: Path) -> None:
    """A page nobody decided has no share of anything, and is not taken for one without faults."""
    made = [d for d, p in filled(folder) if d.surface == "home"]
    assert report(folder, "phase-out", "--surface", "home")["decisions"] == len(
        {d.id for d in made}
    )
    none = report(folder, "phase-out", "--surface", "Home")
    assert none["decisions"] == 0
    shares = [
        f["value"] for part in none["sections"] for f in part["figures"] if "share" in f["en"]
    ]
    assert shares
    assert set(shares) == {None}


def test_the_curve_has_a_point_a_week(folder: Path) -> None:
    found = rows(report(folder, "phase-out"), "weeks")
    assert [row["week"] for row in found] == ["2026-11-23", "2026-11-30"]
    assert all(0 <= row["share"] <= 1 for row in found)


def test_themes_are_counted_with_their_synonyms_as_one(folder: Path) -> None:
    told = report(folder, "themes", "--surface", "theatre")
    counted: Counter[str] = Counter()
    total = 0
    for decided, placement in filled(folder):
        if decided.surface == "theatre" and is_drama(placement.id):
            total += 1
            tag = of(placement.id).get("themes", "") or "unknown"
            counted[{"总裁": "霸总"}.get(tag, tag)] += 1
    found = {row["theme"]: row["placed"] for row in rows(told, "themes")}
    assert found == counted
    largest = max(counted.values()) / total
    assert isclose(figures(told)["share of the largest theme"], largest)
    displaced = sum(
        move.reasons[0].cause == out.CAUSE_CAPPED
        for decided in decisions(folder)
        for move in decided.message.moves
    )
    told = report(folder, "themes")
    assert figures(told)["times held back"] == displaced > 0


def test_support_is_held_against_the_page_by_utility_alone(folder: Path) -> None:
    told = report(folder, "support")
    placed = baseline = 0
    for decided in decisions(folder):
        wanted = {move.id for move in decided.message.moves}
        gone = {move.id for move in decided.message.moves if not move.shown}
        open_slots = [p for p in decided.message.placements if p.state != out.SLOT_STATE_RESERVED]
        held = [p for p in open_slots if p.state == out.SLOT_STATE_FILLED]
        held.sort(key=lambda p: -p.utility)
        alone = {p.id for p in held[: len(open_slots) - len(gone)]} | gone
        assert wanted <= alone
        placed += sum(of(p.id).get("support") == "national" for p in held)
        baseline += sum(of(key).get("support") == "national" for key in alone)
    assert figures(told)["places of supported titles"] == placed > 0
    assert figures(told)["places by utility alone"] == baseline
    (title,) = rows(told, "titles")
    assert (title["subject_id"], title["class"]) == ("best", "national")


def test_live_rooms_by_grade_and_restrictions(folder: Path) -> None:
    told = report(folder, "live")
    kept = [p.id for _, p in filled(folder) if p.id.startswith("room-")]
    found = {row["room_grade"]: 0 for row in rows(told, "grades")}
    for row in rows(told, "grades"):
        found[row["room_grade"]] += row["placed"]
    assert found == Counter(key.removeprefix("room-") for key in kept)
    assert figures(told)["places of rooms of grade e (must be 0)"] == 0
    changes = [(row["before"], row["after"]) for row in rows(told, "restrictions")]
    assert changes == [("none", "stop"), ("stop", "none")]
    assert (figures(told)["applied"], figures(told)["lifted"]) == (1, 1)
    assert figures(told)["times kept away (at most 50 a decision)"] > 0


def test_an_order_is_followed_to_the_last_impression(folder: Path) -> None:
    told = report(folder, "takedown")
    lifted, row = sorted(rows(told, "orders"), key=lambda row: str(row["until_day"] or "none"))
    assert (lifted["subject_id"], lifted["after_order"]) == ("lead-2", 0), "it lawfully came back"
    assert lifted["placed"] > 0
    stood = [d for d, p in filled(folder) if p.id == "gone"]
    assert (row["subject_id"], row["title"], row["order_ref"]) == (
        "gone",
        "下线的剧",
        "〔2026〕9号",
    )
    assert (row["placed"], row["after_order"]) == (len(stood), 0)
    assert len(stood) > 0
    assert figures(told)["that stood somewhere after it was received"] == 0


def test_minors_and_marks_of_ai(folder: Path) -> None:
    told = report(folder, "minors")
    blocked = sum("no-harm" in one.rule_ids for d in decisions(folder) for one in d.message.blocked)
    assert figures(told)["times kept away (at most 50 a decision)"] == blocked > 0
    pages = [p.id for d, p in filled(folder) if d.surface == "minors"]
    assert figures(told)["places on their pages"] == len(pages)
    outside = sum(of(key).get("minors_pool") != "yes" for key in pages)
    assert figures(told)["places in minors' mode from outside the pool (must be 0)"] == outside
    told = report(folder, "ai")
    mark = out.DUTY_AI_GENERATED
    owed = sum(any(one.duty == mark for one in p.duties) for _, p in filled(folder))
    assert figures(told)["places that owe a mark"] == owed > 0


class _Page(HTMLParser):
    """Collects links, anchors, and what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.links, self.ids, self.fetched = list[str](), set[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids.add(told.get("id") or "")
        if tag == "a":
            self.links.append(told.get("href") or "")
        elif "src" in told or "href" in told or tag == "script":
            self.fetched.append(tag)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_page_stands_alone_and_its_figures_lead_to_their_rows(
    folder: Path, tmp_path: Path, lang: str
) -> None:
    for name in REPORTS:
        page, text = _Page(), as_page(computed(folder, name), lang)
        page.feed(text)
        assert page.links, name
        assert {link.removeprefix("#") for link in page.links} <= page.ids
        assert not page.fetched
        assert "@page" in text
        assert (folder / FOLDER / CHECKPOINT).read_text().splitlines()[0] in text
        for drawn in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            ET.fromstring(drawn)
    path = tmp_path / "themes.html"
    where = ("--data-dir", folder, "--lang", lang, "--from", "2026-11-01", "--until", "2026-12-31")
    assert spawn("report", "themes", "--out", path, *where).code == 0
    assert path.read_text(encoding="utf-8") == as_page(computed(folder, "themes"), lang)
    assert "<svg" in path.read_text(encoding="utf-8")


def test_a_workbook_has_a_sheet_a_section_linked_from_its_summary(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "report.xlsx"
    days = ("--from", "2026-11-01", "--until", "2026-12-31")
    done = spawn("report", "first-screen", "--out", path, "--data-dir", folder, *days)
    assert (done.code, done.out.strip()) == (0, str(path))
    with zipfile.ZipFile(path) as book:
        sheets = book.read("xl/workbook.xml").decode()
        summary = book.read("xl/worksheets/sheet1.xml").decode()
        strings = book.read("xl/sharedStrings.xml").decode()
        assert any(name.startswith("xl/charts/") for name in book.namelist())
    assert re.findall(r'<sheet name="(\w+)"', sheets) == [
        "摘要",
        "titles",
        "documents",
        "undecided",
    ]
    assert "location=\"'titles'!A1\"" in summary
    assert "发行许可证" in strings
    assert "首屏登记" in strings
    assert (folder / FOLDER / CHECKPOINT).read_text().splitlines()[0] in strings


def test_what_cannot_be_reported_is_said(folder: Path, tmp_path: Path) -> None:
    where = ("--data-dir", folder)
    assert (
        "`first-scren` is no report; did you mean `first-screen`?"
        in spawn("report", "first-scren", *where).fault()
    )
    assert (
        "must end in .xlsx, .html, .json"
        in spawn("report", "ai", "--out", tmp_path / "a.pdf", *where).fault()
    )
    backwards = ("--from", "2026-12-01", "--until", "2026-11-01")
    assert "from: must not be after until" in spawn("report", "ai", *backwards, *where).fault()
    none = spawn("report", "ai", "--data-dir", tmp_path)
    assert "there are no tables yet" in none.fault()
