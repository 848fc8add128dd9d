"""The fact store: append-only, chained, whole or not at all; and the server that reads it."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from constraints.facts import COLUMNS
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import Entity, FactStore, Head, Row
from ranker.serving.state import State
from ranker.settings import Settings
from tests import make
from tests.serving import ALIASES, CLIPS, SUBJECTS, fill, put, request, served, shown

Change = tuple[Entity, str, Row]
CHANGES: list[Change] = [
    ("alias", "总裁", {"theme": "霸总"}),
    ("subject", "a", {"kind": "drama", "themes": "总裁", "title": "一"}),
    ("subject", "b", {"kind": "room", "room_grade": "a"}),
    ("candidate", "7", {"subject_id": "a"}),
    ("subject", "a", {"document": "licence", "title": ""}),
    ("subject", "b", {"room_grade": "e"}),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FactStore]:
    with FactStore(tmp_path) as opened:
        yield opened


def _apply(store: FactStore, changes: list[Change] = CHANGES) -> int:
    return store.apply(changes, actor="a test", at_us=1)


def _raw(store: FactStore, *statements: str) -> list[Any]:
    """Do what no code of ours would, behind its back; return the rows of the last statement."""
    with closing(sqlite3.connect(store.path)) as db, db:
        return [db.execute(statement).fetchall() for statement in statements][-1]


UNLOCK = ("DROP TRIGGER change_stays", "DROP TRIGGER change_remains")


@pytest.mark.parametrize("statement", ["UPDATE change SET actor = 'x'", "DELETE FROM change"])
def test_what_happened_cannot_be_rewritten(store: FactStore, statement: str) -> None:
    _apply(store)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        _raw(store, statement)
    assert store.check() == 0


def test_revisions_are_contiguous_and_each_change_keeps_who_when_and_what(store: FactStore) -> None:
    assert (store.head().revision, store.check()) == (0, 0)
    assert _apply(store) == len(CHANGES)
    assert _apply(store, [("subject", "c", {"kind": "video"})]) == 1
    rows = _raw(store, "SELECT * FROM change")
    assert [row[0] for row in rows] == list(range(1, 8))
    assert {row[1:3] for row in rows} == {(1, "a test")}
    before, after = rows[4][5:7]
    assert before == '{"kind":"drama","themes":"总裁","title":"一"}'
    assert after == '{"document":"licence","kind":"drama","themes":"总裁"}'


def test_columns_not_named_keep_their_value_and_an_empty_one_becomes_unknown(
    store: FactStore,
) -> None:
    _apply(store)
    assert store.state("subject") == {
        "a": {"kind": "drama", "themes": "总裁", "document": "licence"},
        "b": {"kind": "room", "room_grade": "e"},
    }


def test_a_state_is_had_as_of_any_revision(store: FactStore) -> None:
    _apply(store)
    assert store.state("subject", 1) == {}
    assert store.state("subject", 4)["b"] == {"kind": "room", "room_grade": "a"}
    assert "document" not in store.state("subject", 4)["a"]
    assert (store.state("candidate", 3), len(store.state("candidate", 4))) == ({}, 1)
    with pytest.raises(LookupError, match="revision 99"):
        store.digest(99)


def test_a_change_of_nothing_leaves_no_revision(store: FactStore) -> None:
    _apply(store)
    head = store.head()
    again: list[Change] = [
        ("subject", "a", {"document": "licence"}),
        ("subject", "b", {}),
        ("subject", "b", {"room_grade": "e", "rated_on": ""}),
        ("alias", "总裁", {"theme": "霸总"}),
    ]
    assert _apply(store, again) == 0
    assert store.head() == head


def test_changes_are_kept_all_or_none(store: FactStore) -> None:
    def broken() -> Iterator[Change]:
        yield CHANGES[1]
        raise RuntimeError("the reader failed")

    with pytest.raises(RuntimeError, match="the reader failed"):
        store.apply(broken(), actor="a test", at_us=1)
    assert store.head().revision == 0
    assert _apply(store) == len(CHANGES)


EDITS = {
    "who": "UPDATE change SET actor = 'b test' WHERE revision = 3",
    "when": "UPDATE change SET at_us = 2 WHERE revision = 3",
    "what it became": "UPDATE change SET after = '{}' WHERE revision = 3",
    "what it was": "UPDATE change SET before = after WHERE revision = 3",
    "which": "UPDATE change SET id = 'c' WHERE revision = 3",
    "of what": "UPDATE change SET entity = 'candidate' WHERE revision = 3",
    "the digest": "UPDATE change SET digest = zeroblob(32) WHERE revision = 3",
    "a row gone": "DELETE FROM change WHERE revision = 3",
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_history_is_found_at_its_revision(store: FactStore, edit: str) -> None:
    _apply(store)
    _raw(store, *UNLOCK, EDITS[edit])
    assert store.check() == 3


def test_every_changed_byte_of_a_change_is_found(store: FactStore) -> None:
    _apply(store)
    for revision, after in _raw(store, *UNLOCK, "SELECT revision, after FROM change"):
        for place in range(len(after)):
            other = after[:place] + chr(ord(after[place]) ^ 1) + after[place + 1 :]
            quoted = other.replace("'", "''")
            _raw(store, f"UPDATE change SET after = '{quoted}' WHERE revision = {revision}")
            assert store.check() == revision
        _raw(store, f"UPDATE change SET after = '{after}' WHERE revision = {revision}")
        assert store.check() == 0


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
    assert (first.row_of, first.row_of_number) == (second.row_of, second.row_of_number)
    assert first.themes.names == second.themes.names
    for name in ("is_registered", *COLUMNS):
        assert np.array_equal(getattr(first.facts, name), getattr(second.facts, name)), name


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


def test_a_new_alias_makes_two_themes_one(tmp_path: Path) -> None:
    leads = [f"lead-{i}" for i in (0, 6, 1, 7, 2, 8)]  # two of each theme
    with served(tmp_path) as app:
        asked = request(leads, slot_count=6)
        assert shown(app.rerank(asked)) == leads
        put(tmp_path, "tag", {"悬疑": {"theme": "甜宠"}})
        app.server.state.refresh()
        reply = app.rerank(asked)
    assert shown(reply)[:2] == ["lead-0", "lead-6"]
    groups = {reason.group for move in reply.decision.moves for reason in move.reasons}
    assert "甜宠" in groups
    assert {"lead-1", "lead-7"} & {move.id for move in reply.decision.moves}


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
    _apply(store)
    state = State(Settings(data_dir=tmp_path))

    def slowly() -> Iterator[Change]:
        yield "subject", "c", {"kind": "video"}
        begun = time.monotonic()
        state.refresh()
        assert time.monotonic() - begun < 1
        assert state.in_use().snapshot.revision == len(CHANGES)

    assert store.apply(slowly(), actor="a test", at_us=1) == 1
    state.refresh()
    assert state.in_use().snapshot.revision == len(CHANGES) + 1
