"""Decided again: equal on any day, in any process, and where it is not, why."""

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranker.audit.checking import read_records
from ranker.audit.log import FOLDER, DecisionLog
from ranker.audit.records import Record, Stored, engine, record
from ranker.audit.replay import Replayer, Verdict
from ranker.policies import kept
from ranker.v1 import decision_pb2 as out
from ranker.v1 import log_pb2
from ranker.v1 import rerank_pb2 as pb
from tests import make
from tests.commands import spawn
from tests.serving import CLIPS, NOW_US, POLICY, SUBJECTS, Served, put, request, served

DECISIONS = int(os.environ.get("REPLAY_DECISIONS", "90"))
HASH_SEEDS = int(os.environ.get("REPLAY_SEEDS", "2"))
ZONES = ("Asia/Shanghai", "America/Los_Angeles", "Pacific/Chatham")
DAY_US = 86_400_000_000
IDS = (*SUBJECTS, *CLIPS, "nobody", "12345678901234567890")


def asked(rng: np.random.Generator) -> pb.RerankRequest:
    """Draw a request: any surface, any terminal, ads, a page above, facts sent along."""
    chosen = [str(key) for key in rng.choice(IDS, rng.integers(1, len(IDS)), replace=False)]
    slots = int(rng.integers(1, 12))
    fields: dict[str, Any] = {
        "surface": str(rng.choice(["home", "theatre", "live", "search"])),
        "terminal": str(rng.choice(["phone", "tv", "fridge", ""])),
        "slot_count": slots,
        "viewer_class": int(rng.integers(0, 4)),
        "request_id": f"r-{rng.integers(1 << 40)}",
    }
    if rng.random() < 0.3:
        fields["personalised"] = False
    if rng.random() < 0.4:
        fields["tail_ids"] = [str(key) for key in rng.choice(IDS, rng.integers(1, 8))]
    if rng.random() < 0.2:
        fields["first_slot"] = 4  # without a token: judged as the first, and said so
    if slots > 1 and rng.random() < 0.3:
        fields["reserved"] = [pb.ReservedSlot(slot=0, id="lead-1")]
    wanted = rng.random(len(chosen)).round(2).tolist()  # rounded: ties, too
    one = request(chosen, wanted, in_rows=bool(rng.random() < 0.5), **fields)
    if one.WhichOneof("candidates") == "rows" and rng.random() < 0.5:
        for row in one.rows.rows:
            row.facts.themes = str(rng.choice(["甜宠", "悬疑|全新", ""]))
    return one


def converse(app: Served, rng: np.random.Generator, count: int) -> None:
    """Ask for pages, and sometimes for the page below."""
    for _ in range(count):
        one = asked(rng)
        reply = app.rerank(one)
        if reply.page_token and one.slot_count < 9 and not one.first_slot and not one.reserved:
            one.page_token, one.first_slot = reply.page_token, one.slot_count
            del one.tail_ids[:]
            app.rerank(one)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log over three days, two policies, three revisions of the facts, two of them too old."""
    folder = tmp_path_factory.mktemp("replay") / "data"
    rng, clock, aged_s = np.random.default_rng(11), [NOW_US], [0.0]
    with served(folder, now_us=lambda: clock[0], inline_facts=True) as app:
        state = app.server.state
        real = state._now_s
        state._now_s = lambda: real() + aged_s[0]
        converse(app, rng, DECISIONS // 3)
        clock[0] += DAY_US
        put(folder, "id", {"lead-1": make.drama(document="none"), "late": make.drama()})
        state.refresh()
        converse(app, rng, DECISIONS // 3)
        text = POLICY.replace("most_in_window = 2", "most_in_window = 1")
        (folder / "policies" / "test.toml").write_text(text, encoding="utf-8")
        state.refresh()
        state.refresh()
        clock[0] += DAY_US
        converse(app, rng, DECISIONS // 6)
        aged_s[0] = 1_000.0  # facts count as too old
        converse(app, rng, DECISIONS // 6)
    return folder


@pytest.fixture
def copy(logged: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(logged, tmp_path / "data"))


def decisions(folder: Path) -> list[Stored]:
    kind = log_pb2.RECORD_KIND_DECISION
    return [one for one in read_records(folder / FOLDER) if one.envelope.kind == kind]


def verdicts(folder: Path, *more: str, code: int = 0, **environment: str) -> dict[str, int]:
    done = spawn("replay", "--data-dir", folder, "--json", *more, **environment)
    assert (done.code, done.err) == (code, "")
    told: dict[str, int] = json.loads(done.out)["verdicts"]
    return {verdict: count for verdict, count in told.items() if count}


def rewritten(folder: Path, change: Any) -> Path:
    """Write every decision into a log of its own, changed."""
    stored = decisions(folder)
    shutil.rmtree(folder / FOLDER)
    log = DecisionLog(folder)
    for one in stored:
        log.append(change(one))
    log.close()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(HASH_SEEDS))
def test_all_come_out_equal_under_any_hash_seed_in_any_zone(logged: Path, seed: int) -> None:
    stored = decisions(logged)
    assert len({one.envelope.policy_digest for one in stored}) == 2
    assert len({one.envelope.facts_revision for one in stored}) == 2
    assert len(stored) > DECISIONS
    bodies = [log_pb2.DecisionBody.FromString(one.body) for one in stored]
    assert {body.facts_strict for body in bodies} == {True, False}
    assert any(body.first_slot for body in bodies)
    zone = {"PYTHONHASHSEED": str(seed), "TZ": ZONES[seed % len(ZONES)]}
    told = verdicts(logged, "--workers", str(seed % 2 + 1), **zone)
    assert told == {"EXACT": len(stored)}


def test_a_policy_that_was_not_kept_is_missed(copy: Path) -> None:
    stored = decisions(copy)
    gone = stored[0].envelope.policy_digest
    shutil.rmtree(copy / kept.FOLDER / gone.hex())
    replayed = [Replayer(copy).replay(one) for one in stored[:1]]
    assert replayed[0].verdict == Verdict.POLICY_MISSING
    assert gone.hex() in replayed[0].told
    told = verdicts(copy)
    assert told["POLICY_MISSING"] == sum(one.envelope.policy_digest == gone for one in stored)
    assert set(told) == {"POLICY_MISSING", "EXACT"}


def test_a_policy_kept_under_the_digest_of_another_counts_as_missing(copy: Path) -> None:
    for folder in (copy / kept.FOLDER).glob("*/"):
        (folder / "test.toml").write_text(POLICY.replace("0.6", "0.7"), encoding="utf-8")
    assert set(verdicts(copy)) == {"POLICY_MISSING"}


def test_facts_of_another_history_are_missed(copy: Path) -> None:
    for path in copy.glob("facts.sqlite*"):
        path.unlink()
    put(copy, "id", {"lead-1": make.drama()})
    assert set(verdicts(copy)) == {"FACTS_MISSING"}
    with sqlite3.connect(copy / "facts.sqlite") as store:
        assert store.execute("SELECT count(*) FROM change").fetchone() == (1,)


def changed(one: Stored, engine_of: str) -> Record:
    """Swap the first two filled slots, and say which engine did that."""
    body = log_pb2.DecisionBody.FromString(one.body)
    decision = out.Decision.FromString(body.decision)
    filled = [p for p in decision.placements if p.state == out.SLOT_STATE_FILLED][:2]
    if len(filled) == 2:
        filled[0].id, filled[1].id = filled[1].id, filled[0].id
    decision.blocked_count += 1
    body.decision = decision.SerializeToString(deterministic=True)
    told = {
        name: getattr(one.envelope, name)
        for name in ("decision_id", "surface", "policy_digest", "facts_revision", "facts_digest")
    }
    raw = body.SerializeToString(deterministic=True)
    made = record(one.envelope.kind, one.envelope.instant_us, raw, **told)
    envelope = log_pb2.Envelope.FromString(made.told)
    envelope.engine = engine_of
    return Record.of(envelope, raw)


def test_another_result_by_the_same_code_is_an_alarm(copy: Path) -> None:
    rewritten(copy, lambda one: changed(one, engine()))
    done = spawn("replay", "--data-dir", copy, "--lang", "en")
    assert done.code == 1
    assert "DIVERGED" in done.out
    assert "slot 0: `" in done.out
    assert set(verdicts(copy, code=1)) == {"DIVERGED"}


def test_another_result_by_other_code_is_told_apart(copy: Path) -> None:
    rewritten(copy, lambda one: changed(one, "slotwarden/0.0.1+0123456789abcdef"))
    assert set(verdicts(copy)) == {"ENGINE_DIFFERS"}


def test_one_day_one_surface_some_or_just_one_are_decided_again(logged: Path) -> None:
    stored = [one.envelope for one in decisions(logged)]
    home = sum(one.surface == "home" for one in stored)
    assert verdicts(logged, "--surface", "home") == {"EXACT": home}
    first_day = sum(one.instant_us == NOW_US for one in stored)
    assert verdicts(logged, "--day", "2026-11-24") == {"EXACT": first_day}
    assert verdicts(logged, "-n", "3") == {"EXACT": 3}
    assert verdicts(logged, stored[4].decision_id, str(stored[6].sequence)) == {"EXACT": 2}
    done = spawn("replay", "--data-dir", logged, "--surface", "nowhere")
    assert done.fault() == "no such decision"


def test_a_draft_tells_what_it_would_have_changed(logged: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.mkdir()
    text = POLICY.replace('stop = ["e"]', 'stop = ["c", "d", "e"]').replace("\nsink", "\n# sink")
    (draft / "draft.toml").write_text(text.replace("demote = ", "# "), encoding="utf-8")
    done = spawn("replay", "--data-dir", logged, "--policy", draft, "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["decisions"] == len(decisions(logged))
    assert 0 < told["decisions_unlike"] <= told["decisions"]
    assert 0 < told["slots_changed"] < told["slots"]
    rooms = next(row for row in told["class"] if row["name"] == "room")
    assert rooms["after"] < rooms["before"], "rooms graded c and d are shown no more"
    shown = spawn("replay", "--data-dir", logged, "--policy", draft).out
    assert "曝光 · 类别 直播间" in shown
    assert "让出效用 · 规则 room-rating" in shown


def test_a_draft_that_changes_nothing_says_so(logged: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.mkdir()
    (draft / "draft.toml").write_text(POLICY, encoding="utf-8")
    told = json.loads(
        spawn(
            "replay", "--data-dir", logged, "--policy", draft, "--day", "2026-11-24", "--json"
        ).out
    )
    assert (told["decisions_unlike"], told["slots_changed"]) == (0, 0)
    assert told["worth"]["before"] == told["worth"]["after"]
