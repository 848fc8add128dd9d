"""The fact store: append-only, chained, whole or not at all."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ranker.facts.store import Entity, FactStore, Row

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


def test_a_change_that_does_not_follow_from_the_last_one_is_found(store: FactStore) -> None:
    _apply(store)
    record = [7, 1, "a test", "subject", "a", '{"kind":"room"}', '{"kind":"video"}']
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(store.head().digest + text.encode()).hexdigest()
    values = ", ".join(f"'{value}'" for value in record)
    _raw(store, f"INSERT INTO change VALUES ({values}, x'{digest}')")
    assert store.check() == 7


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
