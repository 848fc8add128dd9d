from argparse import Namespace
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from subprocess import run
from sys import executable
from typing import Any

import pytest

from loadtests.case import EMPTY
from loadtests.data import missing, read
from loadtests.judge import Judge, Verdict
from loadtests.pages import Pages
from loadtests.realpages import main, measure
from loadtests.report import Summary
from loadtests.seeding import register
from loadtests.statute import Law, Ledger
from loadtests.traffic import DATA, ROOT
from tests import make
from tests.honest import honest_reply, reason

Page = dict[str, Any]
Reply = dict[str, Any]

needs_data = pytest.mark.skipif(
    bool(missing(DATA)), reason=f"the public data sets are not in {DATA.name} beside the checkout"
)


def _measured(solver: str, pages: int) -> dict[str, Summary]:
    return measure(
        Namespace(data=DATA, seed=1, pages=pages, solver=solver, address=None, data_dir=None)
    )


@needs_data
@pytest.mark.slow
def test_pages_of_real_data_are_lawful_and_no_worse_than_the_plain_greedy() -> None:
    for summary in _measured("kernel", 60).values():
        assert summary.examples == []
        assert summary.is_clean
        assert summary.figures["pages"] == 60
        assert summary.figures["empty slots"] > 0, "these pages are meant to be hard"
        assert any(summary.relaxed.values())


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("solver", ["random", "stale", "raising"])
def test_a_hostile_solver_cannot_make_a_reply_unlawful(solver: str) -> None:
    for summary in _measured(solver, 60).values():
        for what in ("failed calls", "hard violations", "untrue statements", "broken books"):
            assert summary.figures[what] == 0, summary.examples
        assert (summary.figures["slots withdrawn"] > 0) == (solver != "raising")


@needs_data
@pytest.mark.slow
def test_the_same_seed_builds_the_same_facts_and_pages() -> None:
    def built(seed: int) -> tuple[dict[str, bytes], list[Page]]:
        data = read(DATA)
        registry = register(data, seed, make.TODAY)
        return registry.files(), list(Pages(data, registry, seed).build("KuaiRand", 20))

    assert built(1) == built(1)
    assert built(1) != built(2)


def test_a_run_without_the_data_says_so_and_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path)]) == 2
    assert "kuairand-pure" in capsys.readouterr().err


POLICY = """
weight_range = [0.25, 2.0]
rules = [
  { id = "number", type = "record_required" },
  { id = "licence", type = "licensed_first_screen", recheck = [
    { since = 2024-02-05, value = "first_screen" }
  ] },
  { id = "registered", type = "registered_only", slots = "first_screen" },
  { id = "room", type = "room_rating", demote = { c = 0.5 }, sink = ["d"], stop = ["e"] },
  { id = "spread", type = "theme_cap", most_in_window = 1, window_slots = 2, level = 1 },
  { id = "screen", type = "theme_cap", most_on_first_screen = 1, level = 1 },
  { id = "page", type = "theme_cap", most_on_page = 3, level = 2 },
  { id = "boost", type = "supported_boost", national_ratio = 1.5, least = 1, first_slots = 3 },
]
[surface.home]
first_screen_slots = { phone = 2 }
[surface.search]
is_recommended = false
"""
SUBJECTS = {
    "good": make.drama(themes="love"),
    "fine": make.drama(themes="crime"),
    "plain": make.drama(themes="farm"),
    "more-love": make.drama(themes="love"),
    "top": make.drama(themes="space", support="national"),
    "filed": make.drama(themes="history", document="bureau_filing"),
    "unnumbered": make.drama(themes="law", document="none"),
    "revoked": make.drama(themes="law", document_status="revoked"),
    "lapsed": make.drama(themes="law", document_until="2026-11-23"),
    "to-come": make.drama(themes="law", document_from="2026-11-25"),
    "pending": make.drama(themes="travel", recheck="pending"),
    "room-a": make.room(themes="chess"),
    "room-c": make.room(themes="chess", anchor_grade="c"),
    "room-d": make.room(themes="dance", room_grade="d"),
    "room-e": make.room(themes="song", anchor_grade="e"),
    "stale": make.room(themes="quiz", rated_on="2026-08-25"),
    "rectify": make.room(themes="food", restriction="rectify"),
    "stopped": make.room(themes="game", restriction="stop", restriction_until="2026-11-24"),
    "closed": make.room(themes="talk", restriction="closed"),
    "free": make.room(themes="walk", restriction="stop", restriction_until="2026-11-23"),
}
INSTANT_US = int(datetime(2026, 11, 24, 4, tzinfo=UTC).timestamp()) * 1_000_000


def _judge() -> Judge:
    return Judge(Ledger(SUBJECTS, {"clip": "good"}, {"romance": "love"}), Law([POLICY]))


def _page(*ids: str, **changes: Any) -> Page:
    page = {
        "name": "test", "surface": "home", "terminal": "phone", "slot_count": 4, "first_slot": 0,
        "page_token": "", "session_id": "", "tail_ids": [], "reserved": [], "viewer_class": "",
        "personalised": None, "above": [], "follows": False, "ids": list(ids),
        "utilities": [float(len(ids) - at) for at in range(len(ids))], "kinds": [],
    }  # fmt: skip
    return page | changes


def _reply(page: Page, slate: list[int] | None = None) -> Reply:
    return honest_reply(_judge(), page, INSTANT_US, slate)


def _verdict(page: Page, reply: Reply) -> Verdict:
    return _judge().judge(page, reply)


def _objections(verdict: Verdict) -> list[str]:
    return [*verdict.hard, *verdict.untrue, *verdict.mismatches]


@pytest.mark.parametrize(
    "page",
    [
        _page("top", "good", "fine", "plain", "more-love"),
        _page("filed", "pending", "unnumbered", "good", "new", kinds=["", "", "", "", "video"]),
        _page("stopped", "closed", "room-e", "room-d", "stale", "rectify", "room-c", "fine"),
        _page("closed", "stopped", "room-d", "good", surface="search"),
        _page("good", "fine", reserved=[(0, "more-love"), (2, "")], tail_ids=["plain", ""]),
        _page("good", "fine", first_slot=9),
        _page("good", "fine", "plain", first_slot=1, page_token="token", above=["more-love"]),
        _page("clip", "free", "more-love", terminal="unheard of"),
        _page("unnumbered"),
    ],
    ids=lambda page: page["ids"][0],
)  # fmt: skip
def test_an_honest_reply_is_not_objected_to(page: Page) -> None:
    verdict = _verdict(page, _reply(page))

    assert _objections(verdict) == []
    assert (verdict.fillable, verdict.is_below, verdict.unexplained) == (0, False, 0)


@pytest.mark.parametrize(
    ("shown", "slot", "objection"),
    [
        ("unnumbered", 3, "number"),
        ("revoked", 3, "number"),
        ("lapsed", 3, "number"),
        ("to-come", 3, "number"),
        ("undeclared", 3, "number"),
        ("filed", 1, "licence"),
        ("pending", 0, "licence"),
        ("stranger", 1, "registered"),
        ("room-e", 3, "room"),
        ("stopped", 3, "room"),
        ("closed", 3, "room"),
        ("room-d", 1, "sunk"),
        ("rectify", 1, "sunk"),
        ("stale", 1, "sunk"),
    ],
)
def test_it_objects_to_a_placement_that_a_hard_rule_forbids(
    shown: str, slot: int, objection: str
) -> None:
    page = _page(shown, "good", "fine", "plain", kinds=["", "drama", "drama", "drama"])
    page["kinds"][0] = "video" if shown == "stranger" else ""
    slate = [1, 2, 3]
    slate.insert(slot, 0)

    hard = _verdict(page, _reply(page, slate)).hard

    assert len(hard) == 1
    assert objection in hard[0]


def test_it_objects_to_a_closed_room_even_where_nothing_is_recommended() -> None:
    page = _page("closed", "stopped", surface="search")

    hard = _verdict(page, _reply(page, [0, 1, EMPTY, EMPTY])).hard

    assert hard == ["slot 0: room"]


def test_it_objects_to_a_hard_cap_that_is_broken() -> None:
    policy = POLICY.replace("level = 1", "level = 0")
    page = _page("good", "more-love", slot_count=2)
    judge = Judge(Ledger(SUBJECTS, {}, {}), Law([policy]))

    assert "spread" in judge.judge(page, _reply(page, [0, 1])).hard[0]


def _tamper(reply: Reply, path: str, value: Any) -> None:
    """Set one value of a reply: `placements.0.id`, say."""
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner: Any = reply
    for step in parents:
        inner = inner[step]
    inner[last] = value


HONEST = _page("filed", "good", "top", "unnumbered", "fine", "room-c", "more-love",
               reserved=[(3, "")], slot_count=6)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "objection"),
    [
        ("placements.1.slot", 0, "not the slots of the page"),
        ("placements.3.state", "filled", "is the caller's"),
        ("placements.0.state", "reserved", "is reserved"),
        ("placements.0.candidate", 7, "not offered"),
        ("placements.0.id", "plain", "is not the candidate offered as"),
        ("placements.0.scored", 9.0, "scored 9.0"),
        ("placements.0.reasons", [reason("boost", "weighted", 1.6)], "boost weighs 1.6"),
        ("placements.1.reasons", [reason("boost", "weighted", 1.5)], "boost weighs 1.5"),
        ("placements.5.reasons", [], "room weighs 1.0, due is 0.5"),
        ("placements.1.reasons", [reason("room", "sunk")], "sunk is True"),
        ("placements.0.unregistered", True, "unregistered is True"),
        ("placements.0.utility", 1.0, "not the one received"),
        ("empty_slots", [2], "empty_slots"),
        ("seam_unverified", True, "seam_unverified"),
        ("blocked_count", 2, "blocked_count is 2"),
        ("blocked", [], "blocked does not list"),
        ("blocked.0.rule_ids", ["room"], "blocked `unnumbered`"),
        ("blocked.0.rule_ids", [], "blocked `unnumbered`"),
        ("moves.0.slot", 5, "move of `filed`"),
        ("moves.0.shown", False, "move of `filed`"),
        ("moves.0.reasons", [reason("number", "blocked")], "not blocked by number"),
        ("moves.0.reasons", [reason("room", "sunk")], "not sunk by room"),
        ("moves.0.reasons", [reason("spread", "capped", group="love")], "not capped by spread"),
        ("moves.0.reasons", [reason("boost", "weighted", 1.5)], "not weighted by boost"),
        ("moves.0.reasons", [reason("boost", "unspecified")], "not unspecified by boost"),
        ("citations", ["number"], "no source is cited for"),
    ],
)
def test_it_objects_to_a_reply_that_was_tampered_with(
    path: str, value: Any, objection: str
) -> None:
    reply = _reply(HONEST)
    assert _objections(_verdict(HONEST, reply)) == []

    _tamper(reply, path, value)

    assert objection in " / ".join(_objections(_verdict(HONEST, reply)))


def test_it_objects_to_a_candidate_that_stands_twice() -> None:
    page = _page("good", "fine", slot_count=2)

    assert "stands twice" in _verdict(page, _reply(page, [0, 0])).hard[0]


RELAXED = {
    "in a window": (_page("good", "more-love", "top", "fine"), [2, 3, 0, 1]),
    "on the first screen": (_page("good", "more-love", "top", slot_count=3), [0, 1, 2]),
    "on the page": (
        _page("x", "y", "z", "top", "v", slot_count=8, kinds=["video"] * 5),
        [3, EMPTY, 0, EMPTY, 1, EMPTY, 2, 4],
    ),
    "below a tail": (_page("good", "top", tail_ids=["more-love"], slot_count=2), [0, 1]),
    "on a screen that began above": (
        _page("good", "top", first_slot=1, page_token="t", above=["clip"], slot_count=2),
        [0, 1],
    ),
    "beside a reserved slot": (
        _page("top", "good", slot_count=3, reserved=[(1, "clip")]),
        [0, EMPTY, 1],
    ),
    "short of a floor": (_page("good", "fine", "plain", "top"), [0, 1, 2, 3]),
}  # fmt: skip


@pytest.mark.parametrize("where", RELAXED)
def test_it_misses_no_soft_rule_that_is_given_up_in_silence(where: str) -> None:
    page, slate = RELAXED[where]
    reply = _reply(page, slate)
    assert reply["relaxed"]
    assert _verdict(page, reply).mismatches == []

    for told in ([], [one | {"count": one["count"] + 1} for one in reply["relaxed"]],
                 [one | {"level": 6} for one in reply["relaxed"]]):  # fmt: skip
        assert _verdict(page, reply | {"relaxed": told}).mismatches


def test_it_objects_to_a_soft_rule_that_was_not_given_up() -> None:
    invented = {"rule_id": "page", "group": "love", "count": 1, "level": 2, "slots": []}

    reply = _reply(HONEST) | {"relaxed": [invented]}

    assert "the reply says 1, the judge 0" in " / ".join(_verdict(HONEST, reply).mismatches)


def test_it_reads_a_share_as_a_number_of_slots() -> None:
    policy = POLICY.replace("most_on_page = 3", "most_share_of_page = 0.25")
    policy = policy.replace("least = 1, first_slots = 3", "least_share = 0.4, first_slots = 3")
    judge = Judge(Ledger(SUBJECTS, {}, {}), Law([policy]))
    page = _page("good", "fine", "more-love")

    broken = judge.case(page, _reply(page)).breaks([0, 1, 2, EMPTY])

    assert broken == {("page", "love"): 1, ("boost", ""): 2}


def test_it_sees_an_empty_slot_that_somebody_could_lawfully_take() -> None:
    page = _page("top", "good", "fine")

    assert _verdict(page, _reply(page, [0, 1, EMPTY, EMPTY])).fillable == 1
    assert _verdict(page, _reply(page, [0, 1, 2, EMPTY])).fillable == 0


def test_it_sees_a_page_that_is_worth_less_than_the_plain_greedy_for_nothing() -> None:
    page = _page("top", "good", "fine", "plain", slot_count=2)

    assert _verdict(page, _reply(page, [0, 2])).is_below
    assert _verdict(page, _reply(page, [1, 0])).is_below, "a slot further down is worth less"
    assert not _verdict(page, _reply(page, [0, 1])).is_below


def test_it_sees_a_candidate_that_is_held_back_without_a_reason() -> None:
    reply = _reply(HONEST)
    silent = deepcopy(reply)
    silent["moves"][0]["reasons"] = []

    assert _verdict(HONEST, reply).unexplained == 0
    assert _verdict(HONEST, silent).unexplained == 1
    assert _verdict(HONEST, reply | {"moves": [], "blocked": []}).unexplained == 2


def test_it_counts_the_slots_that_the_verifier_emptied() -> None:
    emptied = [{"rule_id": "number", "slots": [1, 2], "level": 0, "group": "", "count": 2}]

    assert _verdict(HONEST, _reply(HONEST) | {"withdrawn": emptied}).withdrawn == 2


def test_facts_too_old_count_as_unknown() -> None:
    page = _page("good", "filed", "top")
    reply = _reply(page, [0, 2, EMPTY, EMPTY])

    assert len(_verdict(page, reply | {"facts_strict": True}).hard) >= 2


def test_an_alias_and_its_theme_are_one_theme_and_a_clip_is_its_title() -> None:
    ledger = Ledger({"a": make.drama(themes="romance|love")}, {"clip": "a"}, {"romance": "love"})

    assert ledger.look_up("clip", "video").kind == "drama"
    assert ledger.look_up("clip").themes == {"love"}


def test_it_refuses_a_policy_it_cannot_judge() -> None:
    for text in (
        '[[rules]]\nid = "new"\ntype = "no_such_type"',
        '[[rules]]\nid = "new"\ntype = "theme_cap"\nmost_in_the_dark = 1',
    ):
        with pytest.raises(ValueError, match="cannot judge"):
            Law([text])


def test_the_judge_shares_no_code_with_the_product() -> None:
    code = "import sys, loadtests.judge; print(*sys.modules)"

    loaded = run([executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    roots = {name.partition(".")[0] for name in loaded.stdout.split()}
    assert "loadtests" in roots
    assert not roots & {"constraints", "ranker", "numpy"}
