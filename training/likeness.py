"""Finds tags that may mean one theme: proposals, never facts.

Nothing here decides. A person reads what is proposed and confirms it, or it stays a proposal.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TAGS_MAX: Final = 4_000  # LIMIT: tags compared, the most frequent ones; each pair of them is
EXAMPLES: Final = 3
STAGES: Final = 3
WEIGHTS: Final = {"name": 0.4, "titles": 0.5, "company": 0.1}
"""How much it counts that names, titles and the tags beside them are alike; chosen on the sample,
where `tests/test_suggesting.py` holds what comes of it."""
ALIKE_MIN: Final = 0.20


class NoLibraryError(Exception):
    """scikit-learn is not installed."""


@dataclass(frozen=True, slots=True)
class Titled:
    """A subject as it is read here: its id, its title and its tags, each once."""

    id: str
    title: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AliasProposal:
    """A tag that may be another name of a theme.

    Attributes:
        similarity, name, titles, company: 0 to 1: as a whole, of names, of the titles under both,
            of the tags that stand beside both.
        tag_count, theme_count, shared_count: titles under the one, the other, and both.
        examples: some titles under the tag.
    """

    tag: str
    theme: str
    similarity: float
    name: float
    titles: float
    company: float
    tag_count: int
    theme_count: int
    shared_count: int
    examples: tuple[str, ...]


def tag_count(subjects: Sequence[Titled], aliases: Mapping[str, str]) -> int:
    """Count the tags, aliases as their themes; beyond TAGS_MAX the rarest are left out."""
    return len({aliases.get(tag, tag) for one in subjects for tag in one.tags})


def propose_aliases(
    subjects: Sequence[Titled],
    aliases: Mapping[str, str],
    *,
    alike_min: float = ALIKE_MIN,
    tick: Callable[[int], None] | None = None,
) -> list[AliasProposal]:
    """Propose further aliases, the likeliest first.

    Args:
        subjects: titles with their tags.
        aliases: tag → canonical theme, confirmed already; such tags count as their themes.
        alike_min: least mean similarity within what may be one theme, 0 to 1.
        tick: told after each of `STAGES` stages how many are done.

    Returns:
        Proposals that an import accepts beside `aliases`: none leads to another alias.

    Raises:
        NoLibraryError: scikit-learn is missing.
    """
    under, beside = _gathered(subjects, aliases)
    names = sorted(sorted(under), key=lambda tag: -len(under[tag]))[:TAGS_MAX]
    if len(names) < 2:
        return []
    done = tick or (lambda _: None)
    done(1)
    parts = _likeness_of_tags(names, under, beside)
    done(2)
    whole = sum((WEIGHTS[what] * part for what, part in parts.items()), np.zeros(1))
    canonical = set(aliases.values())
    clusters = _clusters(whole, alike_min)
    done(3)
    proposals = []
    for members in clusters:
        head = min(members, key=lambda i: (names[i] not in canonical, i))
        for i in members:
            if i == head or names[i] in canonical:
                continue
            own, its = under[names[i]], {one.id for one in under[names[head]]}
            proposals.append(
                AliasProposal(
                    tag=names[i],
                    theme=names[head],
                    similarity=_rounded(whole[i, head]),
                    name=_rounded(parts["name"][i, head]),
                    titles=_rounded(parts["titles"][i, head]),
                    company=_rounded(parts["company"][i, head]),
                    tag_count=len(own),
                    theme_count=len(its),
                    shared_count=sum(one.id in its for one in own),
                    examples=tuple(one.title for one in own[:EXAMPLES]),
                )
            )
    return sorted(proposals, key=lambda p: (-p.similarity, p.tag))


def _gathered(
    subjects: Sequence[Titled], aliases: Mapping[str, str]
) -> tuple[dict[str, list[Titled]], dict[str, Counter[str]]]:
    """Gather by tag its titles, and the tags beside it; in the order of the titles' ids."""
    under: dict[str, list[Titled]] = {}
    beside: dict[str, Counter[str]] = {}
    for one in sorted(subjects, key=lambda one: one.id):
        tags = sorted({aliases.get(tag, tag) for tag in one.tags})
        for tag in tags:
            under.setdefault(tag, []).append(one)
            beside.setdefault(tag, Counter()).update(other for other in tags if other != tag)
    return under, beside


def _rounded(likeness: float) -> float:
    return round(float(likeness), 3)


def _library(module: str) -> Any:
    try:
        return import_module(f"sklearn.{module}")
    except ImportError:
        raise NoLibraryError from None


def _likeness_of_tags(
    names: Sequence[str], under: Mapping[str, list[Titled]], beside: Mapping[str, Counter[str]]
) -> dict[str, NDArray[np.float64]]:
    """Compare all tags with each other: by what → (t, t) cosines, 0 to 1."""
    titles = ["\n".join(one.title for one in under[tag]) for tag in names]
    company = [[*beside[tag].elements()] for tag in names]
    text = _library("feature_extraction.text")
    tables = {
        "name": by_characters(names, (1, 3)),
        "titles": by_characters(titles, (2, 3)),
        "company": _fitted(text.TfidfVectorizer(analyzer=list, sublinear_tf=True), company),
    }
    alone = np.eye(len(names))
    return {
        what: alone if table is None else np.asarray((table @ table.T).toarray())
        for what, table in tables.items()
    }


def by_characters(texts: Sequence[str], lengths: tuple[int, int]) -> Any:
    """Weigh runs of characters by how seldom they are; (n, runs) sparse, None without any run."""
    text = _library("feature_extraction.text")
    return _fitted(
        text.TfidfVectorizer(analyzer="char", ngram_range=lengths, sublinear_tf=True), texts
    )


def _fitted(vectorizer: Any, documents: Sequence[Any]) -> Any:
    try:
        return vectorizer.fit_transform(documents)
    except ValueError:  # no document holds anything
        return None


def _clusters(whole: NDArray[np.float64], alike_min: float) -> list[list[int]]:
    """Join what is alike on average; (t, t) similarities to clusters of two and more."""
    apart = np.clip(1 - whole, 0, None)
    np.fill_diagonal(apart, 0)
    found = _library("cluster").AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - alike_min
    )
    members: dict[int, list[int]] = {}
    for i, label in enumerate(found.fit_predict(apart).tolist()):
        members.setdefault(label, []).append(i)
    return [cluster for cluster in members.values() if len(cluster) > 1]
