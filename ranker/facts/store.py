"""The fact store: an append-only table of changes. History is the store.

A snapshot is the table up to a revision; its digest is SHA-256(previous digest ‖ change).
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias

from constraints.errors import SettingsError

Entity: TypeAlias = Literal["subject", "candidate", "alias", "listing"]
Row: TypeAlias = Mapping[str, str]
_NO_DIGEST: Final = bytes(32)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS change (
    revision INTEGER PRIMARY KEY,
    at_us    INTEGER NOT NULL,             -- microseconds since 1970, UTC
    actor    TEXT NOT NULL,                -- who, or which file
    entity   TEXT NOT NULL,                -- subject, candidate, alias or listing
    id       TEXT NOT NULL,
    before   TEXT,                         -- JSON, NULL when it is new
    after    TEXT NOT NULL,                -- JSON
    digest   BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS change_of ON change (entity, id, revision);
CREATE TRIGGER IF NOT EXISTS change_stays BEFORE UPDATE ON change
    BEGIN SELECT RAISE(ABORT, 'changes are append-only'); END;
CREATE TRIGGER IF NOT EXISTS change_remains BEFORE DELETE ON change
    BEGIN SELECT RAISE(ABORT, 'changes are append-only'); END;
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest revision and its digest; revision 0 is the empty store."""

    revision: int
    digest: bytes


class FactStore:
    """A fact store in one SQLite file.

    Use one object a thread. Several processes may read while one writes.

    Args:
        data_dir: folder of the file `facts.sqlite`; made when missing.

    Raises:
        SettingsError: the file cannot be opened, or is something else.
    """

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.path = data_dir / "facts.sqlite"
        try:
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise SettingsError(f"{self.path}: is no fact store we may write: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def head(self) -> Head:
        """Return the newest revision."""
        found = self._db.execute(
            "SELECT revision, digest FROM change ORDER BY revision DESC LIMIT 1"
        ).fetchone()
        return Head(*found) if found else Head(0, _NO_DIGEST)

    def digest(self, revision: int) -> bytes:
        """Return the digest of the store as of a revision.

        Raises:
            LookupError: there is no such revision.
        """
        if revision == 0:
            return _NO_DIGEST
        found = self._db.execute(
            "SELECT digest FROM change WHERE revision = ?", (revision,)
        ).fetchone()
        if found is None:
            raise LookupError(f"the fact store has no revision {revision}")
        digest: bytes = found[0]
        return digest

    def state(self, entity: Entity, revision: int | None = None) -> dict[str, dict[str, str]]:
        """Return every row of an entity as of a revision (the newest unless given), by id."""
        limit = self.head().revision if revision is None else revision
        rows = self._db.execute(
            "SELECT id, after FROM change WHERE revision IN"
            " (SELECT max(revision) FROM change WHERE entity = ? AND revision <= ? GROUP BY id)"
            " ORDER BY id",
            (entity, limit),
        )
        return {key: json.loads(after) for key, after in rows}

    def titles(self) -> dict[str, str]:
        """Return the title of every subject, and of every candidate that stands for one."""
        names = {key: row.get("title", "") for key, row in self.state("subject").items()}
        for key, row in self.state("candidate").items():
            names[key] = names.get(row["subject_id"], "")
        return names

    def apply(self, changes: Iterable[tuple[Entity, str, Row]], *, actor: str, at_us: int) -> int:
        """Append changes, all or none; a row that changes nothing is left out.

        Args:
            changes: entity, id and columns that change; columns not named keep their value.
            actor: who changes, for the record.
            at_us: when, microseconds since 1970 (UTC).

        Returns:
            How many rows changed.
        """
        with self._transaction():
            head = self.head()
            revision, digest = head.revision, head.digest
            for entity, key, columns in changes:
                before = self._newest(entity, key)
                after = {**(json.loads(before) if before else {}), **columns}
                text = _canonical({name: after[name] for name in sorted(after) if after[name]})
                if text == before:
                    continue
                revision += 1
                record = [revision, at_us, actor, entity, key, before, text]
                digest = hashlib.sha256(digest + _canonical(record).encode()).digest()
                self._db.execute(
                    "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*record, digest]
                )
            return revision - head.revision

    def check(self) -> int:
        """Recompute every digest and the chain of before and after.

        Returns:
            The first revision that does not follow from the one before it, 0 when all do.
        """
        digest, expected, newest = _NO_DIGEST, 1, dict[tuple[str, str], str]()
        for *record, kept in self._db.execute("SELECT * FROM change ORDER BY revision"):
            revision, _, _, entity, key, before, after = record
            digest = hashlib.sha256(digest + _canonical(record).encode()).digest()
            if (revision, before, kept) != (expected, newest.get((entity, key)), digest):
                return expected
            newest[entity, key] = after
            expected += 1
        return 0

    def _newest(self, entity: Entity, key: str) -> str | None:
        found = self._db.execute(
            "SELECT after FROM change WHERE entity = ? AND id = ? ORDER BY revision DESC LIMIT 1",
            (entity, key),
        ).fetchone()
        return found[0] if found else None

    def changed_us(self, key: str) -> int:
        """Return when a subject last changed, by its id or a candidate's, 0 for an unknown one."""
        alias = self._newest("candidate", key)
        subject = json.loads(alias)["subject_id"] if alias else key
        found = self._db.execute(
            "SELECT max(at_us) FROM change WHERE entity = 'subject' AND id = ?", (subject,)
        ).fetchone()
        return int(found[0] or 0)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
