"""Snapshots of the fact store, and the server that takes up each new one."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from constraints.fact_text import COLUMNS
from constraints.terms import Kind
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import Entity, FactStore, Head, Row
from ranker.serving.state import State
from ranker.settings import Settings
from tests import make
from tests.serving import ALIASES, CLIPS, SUBJECTS, fill, put, request, served, shown

Change = tuple[Entity, str, Row]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FactStore]:
    with FactStore(tmp_path) as opened:
        yield opened


def _apply(store: FactStore, changes: list[Change]) -> int:
    return store.apply(changes, actor="a test", at_us=1)


def test_two_stores_told_the_same_have_the_same_digest(tmp_path: Path) -> None:
    for name in ("one", "two"):
        fill(tmp_path / name)
    with FactStore(tmp_path / "one") as one, FactStore(tmp_path / "two") as two:
        assert one.head() == two.head()
        assert one.head().revision == len(ALIASES) + len(SUBJECTS) + len(CLIPS)
        first, second = Snapshot.build(one), Snapshot.build(two)
    _same(first, second)
    put(tmp_path / "two", "id", {"video": {"kind": "video", "title": "x"}})
    assert _head(tmp_path / "two") != _head(tmp_path / "one")


def _head(folder: Path) -> Head:
    with FactStore(folder) as store:
        return store.head()


def _same(first: Snapshot, second: Snapshot) -> None:
    assert (first.revision, first.digest) == (second.revision, second.digest)
    assert first.themes.names == second.themes.names
    assert first.themes.aliases == second.themes.aliases
    assert first.themes.copy().number("悬疑") == second.themes.copy().number("悬疑")
    ours, theirs = first.columns(), second.columns()
    assert {"is_registered", *COLUMNS} < set(ours)
    assert list(ours) == list(theirs)
    for name, column in ours.items():
        np.testing.assert_array_equal(column, theirs[name], name, strict=True)


def test_a_snapshot_of_an_old_revision_is_what_it_was_then(tmp_path: Path) -> None:
    fill(tmp_path)
    with FactStore(tmp_path) as store:
        then = Snapshot.build(store)
        put(tmp_path, "id", {"new": make.drama(themes="新"), "lead-0": make.room()})
        put(tmp_path, "tag", {"悬疑": {"theme": "甜宠"}})
        _same(Snapshot.build(store, then.revision), then)
        now = Snapshot.build(store)
    assert now.revision == then.revision + 3
    assert now.digest != then.digest


def _within(seconds: float, happened: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_new_facts_are_served_within_the_poll_time_and_no_call_fails(tmp_path: Path) -> None:
    with served(tmp_path, poll_s=0.05) as app:
        asked = request(["lead-0", "boss-0", "boss-1"], slot_count=2)
        old = app.rerank(asked).facts_revision
        put(tmp_path, "id", {"lead-0": {"kind": "drama", "document_status": "revoked"}})
        _within(1.0, lambda: app.rerank(asked).facts_revision == old + 1)
        reply = app.rerank(asked)
        assert shown(reply) == ["boss-0", "boss-1"]
        assert reply.facts_digest == _head(tmp_path).digest.hex()


def test_a_number_means_the_id_written_without_leading_zeros(store: FactStore) -> None:
    _apply(store, [("subject", key, {"kind": "video"}) for key in ("007", "7", "0", "٧", "-1")])
    snapshot = Snapshot.build(store)
    zeros, seven = snapshot.rows(["007", "7"])
    unknown = len(snapshot.facts) - len(Kind)
    assert zeros != seven
    numbers = np.array([7, 0, 1, 2**64 - 1], np.uint64)
    assert snapshot.rows(numbers).tolist() == [seven, *snapshot.rows(["0"]), unknown, unknown]


def test_a_new_alias_makes_two_themes_one(tmp_path: Path) -> None:
    leads = [f"lead-{i}" for i in (0, 6, 1, 7, 2, 8, 3, 4)]  # two of each theme, and two more
    with served(tmp_path) as app:
        asked = request(leads, slot_count=6)
        assert shown(app.rerank(asked)) == leads[:6]
        put(tmp_path, "tag", {"悬疑": {"theme": "甜宠"}})
        app.server.state.refresh()
        reply = app.rerank(asked)
    assert shown(reply) == ["lead-0", "lead-6", "lead-2", "lead-8", "lead-3", "lead-4"]
    groups = {reason.group for move in reply.decision.moves for reason in move.reasons}
    assert groups == {"甜宠"}


def test_a_store_that_lost_its_history_is_never_taken_for_newer(tmp_path: Path) -> None:
    now = [0.0]
    fill(tmp_path)
    state = State(Settings(data_dir=tmp_path), lambda: now[0])
    snapshot = state.in_use().snapshot
    for path in tmp_path.glob("facts.sqlite*"):
        path.unlink()
    for again in (lambda: None, lambda: put(tmp_path, "id", {"other": {"kind": "video"}})):
        again()
        now[0] += 1
        state.refresh()
        assert state.in_use().snapshot is snapshot
        assert state.in_use().facts_age_s == now[0]
    fill(tmp_path, {f"x{i}": {"kind": "video"} for i in range(snapshot.revision)})
    state.refresh()
    assert state.in_use().snapshot is snapshot, "as many revisions, another history"


def test_readers_go_on_while_an_import_is_writing(store: FactStore, tmp_path: Path) -> None:
    _apply(store, [("subject", key, {"kind": "video"}) for key in "ab"])
    state = State(Settings(data_dir=tmp_path))

    def slowly() -> Iterator[Change]:
        yield "subject", "c", {"kind": "video"}
        begun = time.monotonic()
        state.refresh()
        assert time.monotonic() - begun < 1
        assert state.in_use().snapshot.revision == 2

    assert store.apply(slowly(), actor="a test", at_us=1) == 1
    state.refresh()
    assert state.in_use().snapshot.revision == 3


def test_a_declared_kind_counts_only_where_nothing_is_registered(store: FactStore) -> None:
    _apply(store, [("subject", "7", {"kind": "video"})])
    snapshot = Snapshot.build(store)
    kinds = np.array([1, 2, 0, 3], np.int32)
    for ids in (["7", "x", "y", "z"], np.array([7, 8, 9, 10], np.uint64)):
        facts = snapshot.facts.take(snapshot.rows(ids, kinds))
        assert facts.kind.tolist() == [3, 2, 0, 3]
        assert facts.is_registered.tolist() == [True, False, False, False]
        assert snapshot.facts.take(snapshot.rows(ids)).kind.tolist() == [3, 0, 0, 0]
        assert snapshot.rows(ids, kinds).dtype == snapshot.rows(ids).dtype == np.int32
    assert snapshot.rows([]).tolist() == []
    assert snapshot.ids(np.array([0]), 5) == ["7"]
