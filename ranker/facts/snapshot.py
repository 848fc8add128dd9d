"""A snapshot: the fact store at one revision, as columns that requests gather rows from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from constraints.facts import Facts, IntArray
from constraints.vocabulary import Vocabulary
from ranker.facts.store import FactStore


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Immutable; one snapshot serves a whole request.

    Attributes:
        revision, digest: of the store it was built from; the digest is hex.
        facts: n + 1 rows; the last is UNKNOWN and not registered.
        row_of: id → row, of subjects and of the candidates that stand for them.
        row_of_number: the same for ids that are plain decimal numbers.
        themes: names of themes by number.
    """

    revision: int
    digest: str
    facts: Facts
    row_of: Mapping[str, int]
    row_of_number: Mapping[int, int]
    themes: Vocabulary

    @classmethod
    def build(cls, store: FactStore, revision: int | None = None) -> Self:
        """Build the snapshot of a revision, the newest unless given.

        INVARIANT: theme numbers follow the sorted ids of subjects, so equal revisions give equal
        snapshots.
        """
        at = store.head().revision if revision is None else revision
        aliases = {tag: row["theme"] for tag, row in store.state("alias", at).items()}
        themes = Vocabulary(aliases)
        subjects = store.state("subject", at)
        facts = Facts.from_rows(subjects.values(), themes)
        row_of = {key: row for row, key in enumerate(subjects)}
        for key, candidate in store.state("candidate", at).items():
            row_of[key] = row_of[candidate["subject_id"]]
        numbers = {
            int(key): row
            for key, row in row_of.items()
            if key.isascii() and key.isdecimal() and (key == "0" or key[0] != "0")
        }
        table = Facts.concatenate([facts, Facts.unknown(1)])
        return cls(at, store.digest(at).hex(), table, row_of, numbers, themes)

    def gather(self, ids: Sequence[str] | Sequence[int], kinds: IntArray | None = None) -> Facts:
        """Return the facts of candidates.

        Args:
            ids: n ids, all text or all numbers.
            kinds: (n,) kinds the caller declares; they count only where nothing is registered.

        Returns:
            n rows; a candidate nobody registered is UNKNOWN but for its declared kind.
        """
        unknown = len(self.facts) - 1
        numbers = bool(ids) and isinstance(ids[0], int)
        index: Mapping[Any, int] = self.row_of_number if numbers else self.row_of
        rows = np.fromiter((index.get(key, unknown) for key in ids), np.int64, len(ids))
        facts = self.facts.take(rows)
        if kinds is None:
            return facts
        kind = np.where(facts.is_registered, facts.kind, kinds).astype(np.uint8)
        return facts.with_columns(kind=kind)
