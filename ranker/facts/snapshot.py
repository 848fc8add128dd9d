"""A snapshot: the fact store at one revision, as columns that requests gather rows from."""

import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import xxhash
from numpy.typing import NDArray

import constraints
from constraints.errors import SettingsError
from constraints.fact_text import read_facts
from constraints.facts import Facts, IntArray, WordArray, subject_keys
from constraints.terms import Kind
from constraints.vocabulary import Vocabulary
from ranker.facts import aliases
from ranker.facts.columns import open_columns, save_columns
from ranker.facts.id_index import IdIndex
from ranker.facts.listings import Entries
from ranker.facts.store import FactStore
from ranker.telemetry import alarm, note

FOLDER: Final = "snapshots"
PARTIAL_S_MAX: Final = 3_600  # LIMIT: a snapshot still unfinished after this is a killed writer's
_NAME: Final = re.compile(r"(\d+)-[0-9a-f]{12}-[0-9a-f]{8}")


@cache
def code() -> str:
    """Return a digest of the code that reads facts: what other code saved is built anew."""
    law = Path(constraints.__file__).parent
    names = ("facts", "fact_text", "record_facts", "record_number", "terms", "vocabulary")
    sources = [law / f"{name}.py" for name in names]
    sources += [law / "record_numbers.toml", law / "tropes.toml"]
    sources += sorted(Path(__file__).parent.glob("*.py"))
    return xxhash.xxh3_64_hexdigest(b"".join(path.read_bytes() for path in sources))


def folder_of(data_dir: Path, revision: int, digest: str) -> Path:
    """Return where a snapshot is saved."""
    return data_dir / FOLDER / f"{revision}-{digest[:12]}-{code()[:8]}"


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Immutable; one snapshot serves a whole request.

    Its columns may be mapped from files, and so shared by all processes that open them.

    Attributes:
        revision, digest: of the store it was built from; the digest is hex.
        facts: n rows, and below them one for each kind of which nothing else is known: nobody
            registered it, the kind is its caller's word. Labels have no more places a row than
            some row needs.
        index: id → row, of subjects and of the candidates that stand for them.
        themes: names of themes by number.
    """

    revision: int
    digest: str
    facts: Facts
    index: IdIndex
    themes: Vocabulary

    @classmethod
    def build(cls, store: FactStore, revision: int | None = None) -> Self:
        """Build the snapshot of a revision, the newest unless given.

        INVARIANT: theme numbers follow the sorted ids of subjects, so equal revisions give equal
        snapshots.
        """
        at = store.head().revision if revision is None else revision
        themes = Vocabulary(aliases.in_force(store.state("alias", at)))
        subjects = store.state("subject", at)
        entries = Entries(store.state("listing", at).values())
        facts = read_facts((entries.joined(k, row) for k, row in subjects.items()), themes)
        facts = facts.with_columns(subject=subject_keys(subjects))
        row_of = {key: row for row, key in enumerate(subjects)}
        for key, candidate in store.state("candidate", at).items():
            row_of[key] = row_of[candidate["subject_id"]]
        index = IdIndex.build([*row_of], np.array([*row_of.values()], np.int32))
        return cls(at, store.digest(at).hex(), with_declared(facts), index, themes)

    @classmethod
    def load(cls, store: FactStore, data_dir: Path, revision: int | None = None) -> Self:
        """Open the saved snapshot of a revision, or build and save it; older ones are removed.

        A damaged one is built anew and raises an alarm. Where nothing can be saved, what was
        built serves as well, from this process's own memory.

        Args:
            store: the facts.
            data_dir: folder of the snapshots' folder.
            revision: the newest unless given.
        """
        at = store.head().revision if revision is None else revision
        digest = store.digest(at).hex()
        folder = folder_of(data_dir, at, digest)
        try:
            if folder.is_dir():
                return cls.open(folder, digest)
        except SettingsError as error:
            if folder.is_dir():  # else another process has just removed it
                alarm("SNAPSHOT_DAMAGED", "a saved snapshot is built anew", fault=str(error))
                shutil.rmtree(folder, ignore_errors=True)
        built = cls.build(store, at)
        try:
            folder.parent.mkdir(exist_ok=True)
            built.save(folder)
        except (SettingsError, OSError) as error:
            if not folder.is_dir():  # else another process was faster
                note("snapshot not saved", fault=str(error))
                return built
        _remove_older(folder, at)
        try:
            return cls.open(folder, digest)
        except SettingsError:  # removed already by a process with newer facts
            return built

    def save(self, folder: Path) -> None:
        """Write the snapshot into a folder that is there whole or not at all.

        Raises:
            SettingsError: the folder cannot be written or is there already.
        """
        told = {
            "revision": self.revision,
            "digest": self.digest,
            "aliases": self.themes.aliases,
            "themes": self.themes.names[1:],
            "code": code(),
        }
        save_columns(folder, self.columns(), told)

    @classmethod
    def open(cls, folder: Path, digest: str | None = None) -> Self:
        """Map the snapshot of a folder; every byte is compared with its digest.

        Args:
            folder: written by `save`.
            digest: hex digest its revision must have.

        Raises:
            SettingsError: it is damaged, of another history, or written by other code.
        """
        columns, told = open_columns(folder)
        if told.get("code") != code():
            raise SettingsError(f"{folder}: was written by another version")
        if digest not in (None, told["digest"]):
            raise SettingsError(f"{folder}: is of another history, digest {told['digest']}")
        facts = Facts(*(columns[f.name] for f in fields(Facts)))
        themes = Vocabulary()
        for name in told["themes"]:
            themes.number(name)
        themes.aliases = told["aliases"]
        return cls(told["revision"], told["digest"], facts, IdIndex.open(columns), themes)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return all columns by name, of facts and of the index."""
        return {f.name: getattr(self.facts, f.name) for f in fields(Facts)} | self.index.columns()

    def rows(self, ids: Sequence[str] | WordArray, kinds: IntArray | None = None) -> IntArray:
        """Return the rows of candidates.

        Args:
            ids: n ids as text, or as an array of numbers.
            kinds: (n,) kinds the caller declares; they count only where nothing is registered.

        Returns:
            (n,) int32 rows of `facts`.
        """
        unknown = len(self.facts) - len(Kind)
        if isinstance(ids, np.ndarray):
            rows = self.index.rows_of_numbers(ids, unknown)
        else:
            rows = self.index.rows_of_texts(ids, unknown)
        if kinds is None:
            return rows
        return np.where(rows < unknown, rows, unknown + kinds.astype(np.int32))

    def ids(self, rows: IntArray, most: int) -> list[str]:
        """Return ids of some rows, at most so many."""
        return self.index.ids_of(rows, most)


def with_declared(facts: Facts) -> Facts:
    """Add a row for each kind of which nothing else is known, and drop unused places of labels."""
    declared = Facts.unknown(len(Kind)).with_columns(kind=np.array([*Kind], np.uint8))
    return Facts.concatenate([facts, declared]).narrowed()


def _remove_older(folder: Path, revision: int) -> None:
    """Remove what a new snapshot replaces; processes that still map it are not disturbed."""
    for path in folder.parent.iterdir():
        name = _NAME.fullmatch(path.name)
        is_older = name is not None and int(name[1]) <= revision and path != folder
        if is_older or (path.suffix == ".partial" and _age_s(path) > PARTIAL_S_MAX):
            shutil.rmtree(path, ignore_errors=True)


def _age_s(path: Path) -> float:
    """Return seconds since a path last changed, 0 where another process removed it."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
