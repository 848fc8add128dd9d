"""What a request offers, as rows of a catalogue: registered ones, then what the caller sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from constraints.catalogue import Catalogue
from constraints.errors import FactError, RequestError
from constraints.fact_text import read_facts
from constraints.facts import Facts, FloatArray, IntArray, WordArray
from constraints.offer import Candidates, Offer
from constraints.rule import Day, Rule
from constraints.terms import Kind
from constraints.vocabulary import Vocabulary
from ranker.facts.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Source:
    """What a request is judged by.

    Attributes:
        snapshot: what is registered; a registered row always wins.
        is_strict: it is too old: facts its source may have changed count as unknown.
        catalogue: its facts, aged where strict, compiled ahead; None where they are not yet.
        rules, day: what they are compiled for where nothing was compiled ahead.
    """

    snapshot: Snapshot
    is_strict: bool
    catalogue: Catalogue | None
    rules: Sequence[Rule]
    day: Day


def resolve(
    source: Source,
    ids: Sequence[str] | WordArray,
    utility: FloatArray,
    kinds: IntArray | None,
    inline: Sequence[Mapping[str, str]],
    standing: Mapping[int, str],
) -> tuple[Offer, Vocabulary]:
    """Return what is offered, and the names of the themes in it.

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
    if source.catalogue is not None and not inline:
        return Offer(source.catalogue, rows, utility, standing_rows, at), snapshot.themes
    facts, others = (snapshot.facts.take(each).widened() for each in (rows, standing_rows))
    if source.is_strict:
        facts, others = facts.aged(), others.aged()
    facts, themes = _with_inline(facts, inline, snapshot.themes)
    return Candidates(utility, facts, others, at).offer(source.rules, source.day), themes


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
