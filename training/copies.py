"""Finds titles that may be one work in several copies: proposals, never facts."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from training.likeness import Titled, by_characters

TITLES_MAX: Final = 100_000  # LIMIT: titles compared
CHUNK: Final = 512
NEARLY_SAME_MIN: Final = 0.75


@dataclass(frozen=True, slots=True)
class DuplicateProposal:
    """A title that may be one work with others; all of a cluster have one name.

    Attributes:
        duplicate: id of the first of them.
        similarity: 0 to 1, to the nearest of them.
        nearest: title of that one.
    """

    id: str
    duplicate: str
    title: str
    nearest: str
    similarity: float


def propose_duplicates(
    subjects: Sequence[Titled],
    *,
    nearly_same_min: float = NEARLY_SAME_MIN,
    tick: Callable[[int], None] | None = None,
) -> list[DuplicateProposal]:
    """Propose titles that may be one work, cluster by cluster.

    Args:
        subjects: titles; their tags do not matter.
        nearly_same_min: least similarity of two titles of a cluster that are joined, 0 to 1.
        tick: told the number of titles compared, every `CHUNK`.

    Raises:
        NoLibraryError: scikit-learn is missing.
        ValueError: there are more titles than TITLES_MAX.
    """
    told = [one for one in subjects if one.title]
    if len(told) > TITLES_MAX:
        raise ValueError(f"has more than {TITLES_MAX} titles")
    if len(told) < 2:
        return []
    table = by_characters([f" {_plain(one.title)} " for one in told], (2, 3))
    heads = list(range(len(told)))  # each points to an earlier one of its cluster, or to itself
    nearest: dict[int, tuple[float, int]] = {}
    for i, j, alike in _near(table, nearly_same_min, tick):
        first, second = sorted((_head(heads, i), _head(heads, j)))
        heads[second] = first
        for one, other in ((i, j), (j, i)):
            nearest[one] = max(nearest.get(one, (0.0, other)), (alike, other))
    order = sorted(nearest, key=lambda i: (_head(heads, i), i))
    return [
        DuplicateProposal(
            told[i].id,
            told[_head(heads, i)].id,
            told[i].title,
            told[nearest[i][1]].title,
            round(nearest[i][0], 3),
        )
        for i in order
    ]


def _plain(title: str) -> str:
    """Return a title without marks and spaces, wide letters as narrow ones, all small."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", title)).casefold()


def _near(
    table: Any, least: float, tick: Callable[[int], None] | None
) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of rows that are at least so alike, chunk by chunk, the lower index first."""
    if table is None:
        return
    count = table.shape[0]
    for start in range(0, count, CHUNK):
        alike = (table[start : start + CHUNK] @ table.T).tocoo()
        kept = (alike.data >= least) & (alike.row + start < alike.col)
        for i, j, value in zip(alike.row[kept], alike.col[kept], alike.data[kept], strict=True):
            yield int(i) + start, int(j), float(value)
        if tick is not None:
            tick(min(start + CHUNK, count))


def _head(heads: list[int], i: int) -> int:
    """Return the first of the cluster of i, and shorten the way to it."""
    while heads[i] != i:
        heads[i] = heads[heads[i]]
        i = heads[i]
    return i
