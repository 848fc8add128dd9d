"""What the refresh thread compiles ahead: for each day, policy and snapshot, and aged facts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from prometheus_client import REGISTRY

from constraints.facts import Facts
from constraints.rule import Day, Rule, Verdicts
from constraints.terms import Kind
from ranker.clock import day_at
from ranker.serving.state import State
from ranker.settings import Settings
from tests import make
from tests.serving import NOW_US, POLICY, Served, fill, put, request, served, shown
from tests.test_determinism import MIDNIGHT_US

SUBJECTS = {
    "ends": make.drama(document_until="2026-08-31"),
    "begins": make.drama(document_from="2026-09-01"),
    "always": make.drama(),
}


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"slotwarden_{name}", labels) or 0.0


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Return a state whose clocks stand still, at `state.now` seconds."""
    fill(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "test.toml").write_text(POLICY, encoding="utf-8")
    now = [0.0]
    settings = Settings(data_dir=tmp_path, policy_dir=tmp_path / "policies")
    state = State(settings, lambda: now[0], lambda: NOW_US)
    state.now = now  # type: ignore[attr-defined]
    return state


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, subjects=SUBJECTS, now_us=lambda: MIDNIGHT_US - 1) as running:
        yield running


def asked(app: Served) -> list[str]:
    """Ask for a page, and check that all it decides by belongs together."""
    using = app.server.state.in_use()
    assert using.catalogue is not None
    assert using.catalogue.rules is using.policy.compiled
    return shown(app.rerank(request([*SUBJECTS], slot_count=3)))


def test_rows_that_change_at_midnight_are_compiled_for_the_page_until_the_thread_has(
    app: Served,
) -> None:
    before = count("compiled_anew_total")
    assert asked(app) == ["ends", "always", ""]
    assert count("compiled_anew_total") == before
    app.server.service.now_us = app.server.state.now_us = lambda: MIDNIGHT_US
    assert asked(app) == ["begins", "always", ""]
    assert count("compiled_anew_total") == before + 1
    held = app.server.state.in_use().catalogue
    app.server.state.refresh()
    now = app.server.state.in_use().catalogue
    assert now is not held
    assert now.day == held.day + 1
    assert now.facts is held.facts
    assert asked(app) == ["begins", "always", ""]
    assert count("compiled_anew_total") == before + 1


def test_a_page_without_the_rows_that_change_needs_nothing_compiled(app: Served) -> None:
    before = count("compiled_anew_total")
    app.server.service.now_us = lambda: MIDNIGHT_US
    assert shown(app.rerank(request(["always"], slot_count=1))) == ["always"]
    assert count("compiled_anew_total") == before


def test_new_facts_bring_their_catalogue(app: Served, tmp_path: Path) -> None:
    put(tmp_path, "id", {"always": make.drama(document="none"), "new": make.drama()})
    app.server.state.refresh()
    assert asked(app) == ["ends", "", ""]
    assert shown(app.rerank(request(["new"], slot_count=1))) == ["new"]


def test_a_new_policy_brings_its_catalogue(app: Served, tmp_path: Path) -> None:
    path = tmp_path / "policies" / "test.toml"
    off = POLICY.replace('id = "record-number"', 'id = "record-number"\nmode = "off"')
    path.write_text(off.replace('id = "first-screen-licence"', 'id = "first-screen-licence"\n'
                                'mode = "shadow"'), encoding="utf-8")  # fmt: skip
    for _ in range(3):
        app.server.state.refresh()
    assert asked(app) == ["ends", "begins", "always"]


def _break_store(state: State) -> None:
    for path in state._settings.data_dir.glob("facts.sqlite*"):
        path.unlink()


def test_aged_facts_are_compiled_when_they_are_first_needed_and_dropped_after(state: State) -> None:
    settings, now = state._settings, state.now
    fresh = state.in_use()
    assert not fresh.facts_strict
    assert (fresh.catalogue.facts.document > 0).any()
    now[0] = settings.age_s_strict + 1
    using = state.in_use()
    assert using.facts_strict
    assert using.catalogue is None, "until then requests compile their own rows"
    kept = state._settings.data_dir / "facts.sqlite"
    content = kept.read_bytes()
    _break_store(state)
    state.refresh()
    using = state.in_use()
    assert using.facts_strict
    assert not using.catalogue.facts.document.any()
    state.refresh()
    assert state.in_use().catalogue is using.catalogue, "compiled once"
    _break_store(state)
    kept.write_bytes(content)
    state.refresh()
    assert state.in_use().catalogue is fresh.catalogue


def test_strict_pages_are_the_same_before_and_after_aged_facts_are_compiled(tmp_path: Path) -> None:
    with served(tmp_path, age_s_strict=1e-9) as app:
        before = count("compiled_anew_total")
        app.server.state._held = replace(app.server.state._held, aged=None)
        first = app.rerank(request())
        assert first.decision.facts_strict
        assert count("compiled_anew_total") == before + 1
        app.server.state._refresh_day()
        second = app.rerank(request())
        assert count("compiled_anew_total") == before + 1
    assert second.decision == first.decision


class Torn(Rule):
    """A rule whose halves disagree on rooms, or that fails."""

    type: Literal["torn"] = "torn"
    fails: bool = False

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        if self.fails:
            raise ZeroDivisionError
        return (facts.kind == Kind.ROOM).view("uint8")


def _with_rule(state: State, rule: Rule) -> None:
    """Let the state go on with a policy that has one more rule."""
    held = state._held
    policy = replace(held.policy, rules=(*held.policy.rules, rule))
    state._held = replace(held, policy=policy)


def test_rows_in_quarantine_raise_one_alarm_a_catalogue(
    state: State, caplog: pytest.LogCaptureFixture
) -> None:
    _with_rule(state, Torn(id="torn", source="PLATFORM"))
    before = count("alarms_total", reason="ROWS_QUARANTINED")
    put(state._settings.data_dir, "id", {"new": make.drama()})
    for _ in range(3):
        state.refresh()
    assert count("alarms_total", reason="ROWS_QUARANTINED") == before + 1
    told = caplog.records[-1].fields
    assert told["rows"] == 6, "five rooms, and whoever is said to be one"
    assert "room-a" in told["first"]
    assert count("quarantined_rows") == 6


def test_facts_that_a_rule_cannot_judge_leave_the_last_good_ones(state: State) -> None:
    good = state.in_use()
    _with_rule(state, Torn(id="torn", source="PLATFORM", fails=True))
    before = count("alarms_total", reason="FACTS_UNREADABLE")
    put(state._settings.data_dir, "id", {"new": make.drama()})
    state.refresh()
    assert count("alarms_total", reason="FACTS_UNREADABLE") == before + 1
    assert state.in_use().snapshot is good.snapshot
    assert state.in_use().catalogue is good.catalogue


def test_a_day_that_cannot_be_compiled_leaves_the_thread_alive(state: State) -> None:
    good = state.in_use()
    rule = Torn(id="torn", source="PLATFORM", fails=True)
    held = state._held
    state._held = replace(held, catalogue=replace(held.catalogue, rules=(rule,)))
    before = count("alarms_total", reason="DAY_NOT_COMPILED")
    state.now_us = lambda: NOW_US + 86_400_000_000
    state.refresh()
    assert count("alarms_total", reason="DAY_NOT_COMPILED") == before + 1
    assert state.in_use().snapshot is good.snapshot
    assert state.in_use().catalogue.day == day_at(NOW_US)
