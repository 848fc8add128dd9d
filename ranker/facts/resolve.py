"""What a request offers, as rows of a catalogue: registered ones, then what the caller sent."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from constraints.catalogue import Catalogue
from constraints.errors import FactError, RequestError
from constraints.fact_text import read_facts
from constraints.facts import Facts, FloatArray, IntArray, WordArray, subject_keys
from constraints.offer import Candidates, Offer
from constraints.page import Page
from constraints.policy import Policy
from constraints.rule import Day
from constraints.terms import Kind
from constraints.vocabulary import Vocabulary
from ranker.facts.snapshot import Snapshot

JOINED_MAX: Final = 16  # LIMIT: titles that join what a caller offers
COUNTED_MAX: Final = 256  # LIMIT: titles a rule may want offered, the first of the catalogue


class Source(NamedTuple):
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

    def carried(self) -> dict[int, str]:
        """Return row → id of those that a rule in force wants offered though nobody does."""
        found: dict[int, str] = {}
        for place, rule in self.policy.carrying:
            if rule.applies(self.page) and rule.group_effects(self.page):
                found |= self._counted(place)
        return found

    def _counted(self, place: int) -> dict[int, str]:
        asked = (self.policy, self.snapshot, place, self.page.day)
        if self.catalogue is None:
            return _counted_by(*asked)
        found: dict[int, str] = self.catalogue.cached(_counted_by, *asked)
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


def _counted_by(policy: Policy, snapshot: Snapshot, place: int, day: Day) -> dict[int, str]:
    """Find the registered rows that a rule counts on a day, each with its own id.

    It is looked up once a day and snapshot: a request only leaves out who is there already.
    """
    facts = snapshot.facts
    counted = (policy.compiled[place].rows(facts, day) != 0) & (facts.subject != 0)
    rows = np.flatnonzero(counted)[:COUNTED_MAX]
    if not len(rows):
        return {}
    ids = snapshot.ids(rows, len(facts) * 8)  # clips stand for some of them, too
    by_key = dict(zip(subject_keys(ids).tolist(), ids, strict=True))
    own = facts.subject[rows].tolist()
    return {row: by_key[key] for row, key in zip(rows.tolist(), own, strict=True)}


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
    joined = _joining(source, rows, standing_rows)
    if joined:
        rows = np.concatenate([rows, np.array([*joined], rows.dtype)])
        utility = np.concatenate([utility, np.zeros(len(joined), utility.dtype)])
        inline = [*inline, *({} for _ in joined)] if inline else inline
    if source.catalogue is not None and not inline:
        offer = Offer(source.catalogue, rows, utility, standing_rows, at)
        return Resolved(offer, snapshot.themes, tuple(joined.values()))
    facts, others = (snapshot.facts.take(each).widened() for each in (rows, standing_rows))
    if source.is_strict:
        facts, others = facts.aged(), others.aged()
    facts, themes = _with_inline(facts, inline, snapshot.themes)
    candidates = Candidates(utility, facts, others, at)
    offer = candidates.offer(source.policy.compiled, source.page.day)
    return Resolved(offer, themes, tuple(joined.values()))


def _joining(source: Source, rows: IntArray, standing_rows: IntArray) -> dict[int, str]:
    """Return row → id of those that join: carried, and neither offered nor standing."""
    carried = source.carried()
    if not carried:
        return carried
    there = {*rows.tolist(), *standing_rows.tolist()}
    return dict(islice(((r, i) for r, i in carried.items() if r not in there), JOINED_MAX))


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
