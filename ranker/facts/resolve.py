"""What a request offers, as rows of a catalogue: registered ones, then what the caller sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from constraints.catalogue import Catalogue
from constraints.errors import FactError, RequestError
from constraints.fact_text import read_facts
from constraints.facts import Facts, FloatArray, IntArray, WordArray, subject_keys
from constraints.offer import Candidates, Offer
from constraints.page import Page
from constraints.policy import Policy
from constraints.rule import Rule
from constraints.terms import Kind
from constraints.vocabulary import Vocabulary
from ranker.facts.snapshot import Snapshot

JOINED_MAX: Final = 16  # LIMIT: titles that join what a caller offers
COUNTED_MAX: Final = 256  # LIMIT: titles a rule may want offered, the first of the catalogue
_NO_ROWS: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Source:
    """What a request is judged by.

    Attributes:
        snapshot: what is registered; a registered row always wins.
        is_strict: it is too old: facts its source may have changed count as unknown.
        catalogue: its facts, aged where strict, compiled ahead; None where they are not yet.
        policy, page: by what, and for which page.
    """

    snapshot: Snapshot
    is_strict: bool
    catalogue: Catalogue | None
    policy: Policy
    page: Page

    def carried(self) -> IntArray:
        """Return the rows that a rule in force wants offered though nobody does: (c,) int."""
        found = [
            self._counted(place, rule)
            for place, rule in self.policy.carrying
            if rule.applies(self.page) and rule.group_effects(self.page)
        ]
        return np.unique(np.concatenate(found)) if found else _NO_ROWS

    def _counted(self, place: int, rule: Rule) -> IntArray:
        facts = self.snapshot.facts
        if self.catalogue is None:
            counted = (rule.rows(facts, self.page.day) != 0) & (facts.subject != 0)
            return np.flatnonzero(counted)[:COUNTED_MAX]
        rows: IntArray = self.catalogue.cached(_counted_by, self.catalogue, place)
        counted = rule.rows(facts.take(rows), self.page.day) != 0
        return np.asarray(rows[counted])

    def ids(self, rows: IntArray) -> tuple[str, ...]:
        """Return the id under which each row is registered."""
        told = tuple(rows.tolist())
        if self.catalogue is None or not told:
            return _ids_of(self.snapshot, told)
        found: tuple[str, ...] = self.catalogue.cached(_ids_of, self.snapshot, told)
        return found


class Resolved(NamedTuple):
    """What is offered, with the names of the themes in it.

    Attributes:
        offer: what the caller offers, and behind it what joins it.
        themes: names of groups.
        joined: ids of what joins it, at utility 0.
    """

    offer: Offer
    themes: Vocabulary
    joined: tuple[str, ...]


def _counted_by(catalogue: Catalogue, place: int) -> IntArray:
    """Find the registered rows to which a rule gives a verdict."""
    column = catalogue.steer
    counted = column.verdicts[column.class_of, place] != 0
    return np.flatnonzero(counted & (catalogue.facts.subject != 0))[:COUNTED_MAX]


def _ids_of(snapshot: Snapshot, rows: tuple[int, ...]) -> tuple[str, ...]:
    """Find the id of the subject of each row, among all that stand for it."""
    if not rows:
        return ()
    ids = snapshot.ids(np.array(rows), len(snapshot.facts) * 8)
    by_key = dict(zip(subject_keys(ids).tolist(), ids, strict=True))
    return tuple(by_key[key] for key in snapshot.facts.subject[list(rows)].tolist())


def resolve(
    source: Source,
    ids: Sequence[str] | WordArray,
    utility: FloatArray,
    kinds: IntArray | None,
    inline: Sequence[Mapping[str, str]],
    standing: Mapping[int, str],
) -> Resolved:
    """Return what is offered, with what the rules in force want offered beside it.

    Args:
        source: where facts come from.
        ids: n ids, as text or as an array of numbers.
        utility: (n,) float32.
        kinds: (n,) declared kinds, or None.
        inline: n rows of text the caller sent along, or empty.
        standing: place → id of what stands by others' doing.

    Raises:
        RequestError: an inline value cannot be read; it names candidate and column.
    """
    snapshot, at = source.snapshot, tuple(standing)
    rows, standing_rows = snapshot.rows(ids, kinds), snapshot.rows([*standing.values()])
    more = _joining(source, rows, standing_rows)
    joined = source.ids(more)
    if joined:
        rows = np.concatenate([rows, more]).astype(rows.dtype)
        utility = np.concatenate([utility, np.zeros(len(more), utility.dtype)])
        inline = [*inline, *({} for _ in more)] if inline else inline
    if source.catalogue is not None and not inline:
        offer = Offer(source.catalogue, rows, utility, standing_rows, at)
        return Resolved(offer, snapshot.themes, joined)
    facts, others = (snapshot.facts.take(each).widened() for each in (rows, standing_rows))
    if source.is_strict:
        facts, others = facts.aged(), others.aged()
    facts, themes = _with_inline(facts, inline, snapshot.themes)
    candidates = Candidates(utility, facts, others, at)
    offer = candidates.offer(source.policy.compiled, source.page.day)
    return Resolved(offer, themes, joined)


def _joining(source: Source, rows: IntArray, standing_rows: IntArray) -> IntArray:
    """Return the rows that join: carried, and neither offered nor standing."""
    carried = source.carried()
    if not len(carried):
        return carried
    there = np.isin(carried, np.concatenate([rows, standing_rows]))
    return carried[~there][:JOINED_MAX]


def _with_inline(
    facts: Facts, inline: Sequence[Mapping[str, str]], known: Vocabulary
) -> tuple[Facts, Vocabulary]:
    """Put what the caller sent in place of what nobody registered."""
    if not inline:
        return facts, known
    themes = known.copy()
    sent = Facts.concatenate([_row(index, row, themes) for index, row in enumerate(inline)])
    sent = sent.with_columns(kind=np.where(sent.kind == Kind.UNKNOWN, facts.kind, sent.kind))
    here = np.arange(len(facts))
    has_facts = np.array([any(row.values()) for row in inline])
    chosen = np.where(~facts.is_registered & has_facts, here + len(facts), here)
    return Facts.concatenate([facts, sent]).take(chosen), themes


def _row(index: int, row: Mapping[str, str], themes: Vocabulary) -> Facts:
    try:
        return read_facts([row], themes, is_registered=False)
    except FactError as error:
        field = f"candidates.facts[{index}].{error.column}"
        raise RequestError(
            f"{field}: {error.fault}", reason="INLINE_FACT_INVALID", field=field
        ) from None
