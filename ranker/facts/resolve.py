"""The facts of a request's candidates: registered rows first, then what the caller sent along."""

from collections.abc import Mapping, Sequence

import numpy as np

from constraints.errors import FactError, RequestError
from constraints.facts import Facts, IntArray, Kind
from constraints.vocabulary import Vocabulary
from ranker.facts.snapshot import Snapshot


def resolve(
    snapshot: Snapshot,
    ids: Sequence[str] | Sequence[int],
    kinds: IntArray | None,
    inline: Sequence[Mapping[str, str]],
    *,
    is_strict: bool,
) -> tuple[Facts, Vocabulary]:
    """Return the facts of n candidates, and the names of the themes in them.

    Args:
        snapshot: what is registered; a registered row always wins.
        ids: n ids.
        kinds: (n,) declared kinds, or None.
        inline: n rows of text the caller sent along, or empty.
        is_strict: the snapshot is too old: facts its source may have changed count as unknown.

    Raises:
        RequestError: an inline value cannot be read; it names candidate and column.
    """
    facts = snapshot.gather(ids, kinds)
    if is_strict:
        facts = facts.aged()
    if not inline:
        return facts, snapshot.themes
    themes = snapshot.themes.copy()
    sent = Facts.concatenate([_row(index, row, themes) for index, row in enumerate(inline)])
    sent = sent.with_columns(kind=np.where(sent.kind == Kind.UNKNOWN, facts.kind, sent.kind))
    here = np.arange(len(facts))
    has_facts = np.array([any(row.values()) for row in inline])
    chosen = np.where(~facts.is_registered & has_facts, here + len(facts), here)
    return Facts.concatenate([facts, sent]).take(chosen), themes


def _row(index: int, row: Mapping[str, str], themes: Vocabulary) -> Facts:
    try:
        return Facts.from_rows([row], themes, is_registered=False)
    except FactError as error:
        field = f"candidates.facts[{index}].{error.column}"
        raise RequestError(
            f"{field}: {error.fault}", reason="INLINE_FACT_INVALID", field=field
        ) from None
