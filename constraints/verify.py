"""Judges the finished slate from raw facts. It shares nothing with what built the slate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Final

import numpy as np

from constraints.effects import HARD
from constraints.facts import BoolArray, Facts, FloatArray, IntArray
from constraints.page import Page
from constraints.rule import Rule, Shown, Violation

SLATE: Final = "slate"
"""Rule id of violations of what any slate must be: offered candidates, each once, in open slots."""


def verify(
    slate: IntArray,
    facts: Facts,
    weights: Mapping[str, FloatArray],
    page: Page,
    rules: Sequence[Rule],
) -> list[Violation]:
    """Judge a slate by every rule's own judging half.

    Args:
        slate: (K,) int candidate of each slot, -1 for none; values may be anything.
        facts: n rows, the candidates, raw.
        weights: rule id → (n,) float64, the factors the decision claims.
        page: the page.
        rules: the rules in force on it.

    Returns:
        Every violation, hard (level 0) and soft. When the slate itself is malformed, only that.
    """
    malformed = list(_malformed(slate, len(facts), page))
    if malformed:
        return malformed
    shown = _shown(slate, facts, weights)
    found = [violation for rule in rules for violation in rule.check(shown, page)]
    found.extend(_out_of_order(shown, page, rules))
    return found


def _shown(slate: IntArray, facts: Facts, weights: Mapping[str, FloatArray]) -> Shown:
    filled: BoolArray = slate >= 0
    stands = slate[filled]
    rows = Facts.unknown(len(slate))
    for column in fields(Facts):
        getattr(rows, column.name)[filled] = getattr(facts, column.name)[stands]
    claimed = {rule: np.ones(len(slate)) for rule in weights}
    for rule, factors in claimed.items():
        factors[filled] = weights[rule][stands]
    return Shown(rows, filled, claimed)


def _malformed(slate: IntArray, count: int, page: Page) -> Iterator[Violation]:
    seen: set[int] = set()
    for slot, candidate in enumerate(slate.tolist()):
        if candidate == -1:
            continue
        closed = bool(page.reserved >> slot & 1)
        if candidate in seen or closed or not 0 <= candidate < count:
            yield Violation(SLATE, HARD, (slot,), 1)
        seen.add(candidate)


def _out_of_order(shown: Shown, page: Page, rules: Sequence[Rule]) -> Iterator[Violation]:
    """Find sunk placements with an unsunk one below them."""
    sunk_by = [(rule.id, rule.sinks(shown.facts, page) & shown.is_filled) for rule in rules]
    sunk = np.zeros(len(shown.facts), np.bool_)
    for _, placements in sunk_by:
        sunk |= placements
    normal = np.flatnonzero(shown.is_filled & ~sunk)
    last_normal = int(normal[-1]) if len(normal) else -1
    for rule_id, placements in sunk_by:
        for slot in np.flatnonzero(placements[:last_normal] if last_normal >= 0 else []):
            yield Violation(rule_id, HARD, (int(slot),), 1)
