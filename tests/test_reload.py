"""Policies and facts change while the server runs: never half, never a bad one, never silently."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from constraints.errors import PolicyError
from ranker.serving.state import State
from ranker.settings import Settings
from ranker.v1 import rerank_pb2 as pb
from tests.serving import (
    METHOD,
    NOT_SERVING,
    SERVING,
    Fault,
    Served,
    fill,
    put,
    request,
    served,
    settled,
    shown,
)

SURFACE = "[surface.home]\nfirst_screen_slots = { phone = 2 }\n"
CAP = """
[[rules]]
id = "one-theme"
type = "theme_cap"
source = "PLATFORM"
most_on_page = 1
"""
FIRST = """
[[rules]]
id = "first-screen"
type = "licensed_first_screen"
source = "FS-01"
"""
OFF = 'mode = "off"\n'
LENIENT, STRICT = SURFACE + CAP + OFF + FIRST + OFF, SURFACE + CAP + FIRST
ASKED = request(["filed-0", "lead-0", "lead-6", "lead-1"], slot_count=3)
PAGES = {LENIENT: ["filed-0", "lead-0", "lead-6"], STRICT: ["lead-0", "lead-1", "filed-0"]}
BAD = {
    "one-theme.toml: rules.0.most_on_page: must be at least 1": CAP.replace("1", "0"),
    "one-theme.toml: rules.0.most_on_pag: is not a field here; did you mean `most_on_page`?": (
        CAP.replace("most_on_page", "most_on_pag")
    ),
    "one-theme.toml: rules.0.source: `NOWHERE` is no row of": CAP.replace("PLATFORM", "NOWHERE"),
    "one-theme.toml: is not TOML: ": CAP + "}",
    "one-theme.toml: is not UTF-8 text": CAP.encode("utf-16"),
    "one-theme.toml: surface.home: surface `home` already stands in home.toml": SURFACE,
    "one-theme.toml: is not TOML: a number has too many digits": CAP.replace(
        "= 1", f"= {'9' * 5_000}"
    ),
}


def _write(folder: Path, text: str | bytes, name: str = "home.toml") -> None:
    folder.mkdir(exist_ok=True)
    new = folder / "new"
    new.write_bytes(text if isinstance(text, bytes) else text.encode())
    new.rename(folder / name)


def _alarmed(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.fields for record in caplog.records if record.levelname == "ERROR"]


def _settle(app: Served) -> None:
    """Look twice: files count once two looks found them the same."""
    app.server.state.refresh()
    app.server.state.refresh()


def _in_use(app: Served) -> str:
    return app.rerank(ASKED).policy_digest


def test_there_is_no_server_without_a_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="policies: there is no such folder"):
        State(Settings(data_dir=tmp_path, policy_dir=tmp_path / "policies"))


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_policy_is_alarmed_with_its_place_and_the_last_good_one_stays(
    tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "policies"
    _write(folder, LENIENT)
    with served(tmp_path, policy_dir=folder) as app:
        good = _in_use(app)
        _write(folder, BAD[fault], "one-theme.toml")
        for _ in range(3):
            app.server.state.refresh()
        (alarm,) = _alarmed(caplog)
        assert alarm["reason"] == "POLICY_REFUSED"
        assert alarm["fault"].startswith(fault)
        assert "\n" not in alarm["fault"]
        assert _in_use(app) == good
        _write(folder, CAP.replace("one-theme", "another"), "one-theme.toml")
        _settle(app)
        assert _in_use(app) != good, "mended"
        assert len(_alarmed(caplog)) == 1


def test_a_rule_that_is_gone_is_refused_until_it_is_switched_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "policies"
    _write(folder, STRICT)
    with served(tmp_path, policy_dir=folder) as app:
        _write(folder, SURFACE + CAP)
        _settle(app)
        assert shown(app.rerank(ASKED)) == PAGES[STRICT]
        (alarm,) = _alarmed(caplog)
        assert alarm["fault"] == (
            'policies: rule first-screen: is gone; a rule ends by mode = "off" or by its date until'
        )
        _write(folder, LENIENT)
        _settle(app)
        assert shown(app.rerank(ASKED)) == PAGES[LENIENT]


def test_a_half_written_policy_is_never_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    _write(folder, STRICT)
    with served(tmp_path, policy_dir=folder) as app:
        (folder / "home.toml").write_text(LENIENT, encoding="utf-8")
        app.server.state.refresh()
        assert shown(app.rerank(ASKED)) == PAGES[STRICT]
        (folder / "home.toml").write_text(STRICT, encoding="utf-8")
        _settle(app)
        assert shown(app.rerank(ASKED)) == PAGES[STRICT]


def test_a_policy_folder_that_vanishes_leaves_the_last_good_policy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "policies"
    _write(folder, STRICT)
    with served(tmp_path, policy_dir=folder) as app:
        (folder / "home.toml").unlink()
        folder.rmdir()
        _settle(app)
        assert shown(app.rerank(ASKED)) == PAGES[STRICT]
    assert [alarm["reason"] for alarm in _alarmed(caplog)] == ["POLICY_REFUSED"]


def test_a_good_policy_is_in_force_within_the_poll_time(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    _write(folder, LENIENT)
    with served(tmp_path, policy_dir=folder, poll_s=0.02) as app:
        assert shown(app.rerank(ASKED)) == PAGES[LENIENT]
        old = _in_use(app)
        _write(folder, "# a comment is no new policy\n" + LENIENT)
        time.sleep(0.1)
        assert _in_use(app) == old
        _write(folder, STRICT)
        until = time.monotonic() + 2
        while _in_use(app) == old:
            assert time.monotonic() < until
        assert shown(app.rerank(ASKED)) == PAGES[STRICT]
        assert _in_use(app) == app.server.state.in_use().policy.digest


def test_fifty_reloads_under_load_neither_fail_nor_mix(tmp_path: Path) -> None:
    folder, over, digests = tmp_path / "policies", threading.Event(), dict[str, str]()
    _write(folder, LENIENT)

    def client(address: str) -> list[pb.RerankResponse]:
        replies, data = [], ASKED.SerializeToString()
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary(METHOD)
            while not over.is_set():
                replies.append(pb.RerankResponse.FromString(call(data, timeout=10)))
        return replies

    with served(tmp_path, policy_dir=folder) as app, ThreadPoolExecutor(3) as pool:
        state = app.server.state
        clients = [pool.submit(client, app.server.address) for _ in range(3)]
        snapshots = {state.in_use().snapshot.revision: state.in_use().snapshot.digest}
        try:
            for round_ in range(50):
                policy = [STRICT, LENIENT][round_ % 2]
                _write(folder, policy)
                put(tmp_path, "id", {"video": {"kind": "video", "title": f"{round_}"}})
                _settle(app)
                using = state.in_use()
                digests[using.policy.digest] = policy
                snapshots[using.snapshot.revision] = using.snapshot.digest
        finally:
            over.set()
        replies = [reply for future in clients for reply in future.result()]
    assert len(digests) == 2
    assert len(snapshots) == 51
    assert len(replies) > 50
    for reply in replies:
        assert shown(reply) == PAGES[digests[reply.policy_digest]]
        assert snapshots[reply.facts_revision] == reply.facts_digest
    assert {reply.policy_digest for reply in replies} == set(digests)


def _aging(app: Served, **limits: float) -> list[float]:
    """Let a clock of ours tell the server the age of its facts, from the time it has now."""
    now, told = [1_000.0], app.server.settings.model_dump() | limits
    app.server.service.state = State(Settings(**told), lambda: now[0])
    return now


def test_facts_grow_old_by_degrees_until_nothing_is_decided_by_them(tmp_path: Path) -> None:
    asked = request(["lead-0", "best", "room-a", "video"], slot_count=3)
    with served(tmp_path) as app:
        now = _aging(app, age_s_strict=300, age_s_max=3600)
        fresh = app.rerank(asked)
        assert shown(fresh) == ["lead-0", "best", "room-a"]
        now[0] += 300
        at_limit = app.rerank(asked)
        assert (at_limit.facts_age_ms, at_limit.decision) == (300_000, fresh.decision)
        now[0] += 0.001
        old = app.rerank(asked)
        assert old.decision.facts_strict
        assert shown(old) == ["video", "room-a", ""], "no licence is known, no grade is good"
        now[0] += 3_299.999
        assert app.rerank(asked).decision == old.decision
        now[0] += 0.001
        assert app.fault(asked) == Fault("UNAVAILABLE", "FACTS_TOO_OLD", "")
        app.server.service.state.refresh()
        assert app.rerank(asked).decision == fresh.decision


def _garbage(folder: Path) -> None:
    for path in folder.glob("facts.sqlite*"):
        path.unlink()
    (folder / "facts.sqlite").write_bytes(b"no database " * 1_000)


def _nothing(folder: Path) -> None:
    for path in folder.glob("facts.sqlite*"):
        path.unlink()


@pytest.mark.parametrize("spoil", [_garbage, _nothing])
def test_facts_that_cannot_be_confirmed_are_alarmed_and_grow_old(
    tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path)
    now = [0.0]
    state = State(Settings(data_dir=tmp_path, age_s_strict=10, age_s_max=20), lambda: now[0])
    snapshot = state.in_use().snapshot
    spoil(tmp_path)
    now[0] = 11.0
    state.refresh()
    assert state.in_use().snapshot is snapshot
    assert (state.in_use().facts_age_s, state.in_use().facts_strict) == (11.0, True)
    assert [alarm["reason"] for alarm in _alarmed(caplog)] == ["FACTS_UNREADABLE"]


def test_a_log_that_takes_records_again_is_found_out_without_a_call(tmp_path: Path) -> None:
    with served(tmp_path, poll_s=0.05) as app:
        log = app.server.log
        settled(log)
        kept = os.dup(log._writer._file)
        os.dup2(broken := os.open("/dev/full", os.O_WRONLY), log._writer._file)
        assert app.fault(request()).reason == "DECISION_LOG_FAILED"
        assert app.health() == NOT_SERVING
        os.dup2(kept, log._writer._file)
        os.close(kept)
        os.close(broken)
        _eventually(lambda: app.health() == SERVING)
        assert app.rerank(request()).receipt.sequence in (2, 3), "counters may stand between"


def test_facts_too_old_to_use_make_the_server_say_so(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        state = app.server.state
        state._now_s = lambda: time.monotonic() + 3_601
        app.server._tend()
        assert app.health() == NOT_SERVING
        assert app.fault(request()).reason == "FACTS_TOO_OLD"
        state.refresh()
        app.server._tend()
        assert app.health() == SERVING


def _eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)
