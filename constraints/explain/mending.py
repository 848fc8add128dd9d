"""What would have to be told otherwise for the rules to let a title stand, or to bar it."""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import combinations, islice, product
from operator import or_
from typing import Final

import numpy as np

from constraints.columns_read import columns_read
from constraints.demands import Barred, Below
from constraints.explain.trials import GRAVE, Edit, edits_of, with_edits
from constraints.facts import Facts, IntArray, put
from constraints.page import Page
from constraints.policy import Policy
from constraints.rule import Rule

TOGETHER_MAX: Final = 4  # LIMIT: facts told otherwise for one rule
TRIALS_MAX: Final = 4_000  # LIMIT: ways tried to satisfy one rule
WAYS_MAX: Final = 40  # LIMIT: ways to satisfy a rule that are weighed against each other
STEPS_MAX: Final = 24  # LIMIT: rules satisfied one after the other


class Mender:
    """Tries facts of one row against the hard rules of a page.

    Args:
        one: the row.
        page: the page.
        policy: the policy in force.
    """

    def __init__(self, one: Facts, page: Page, policy: Policy) -> None:
        self._one, self._page = one, page
        self.rules = list(policy.rules_for(page).values())
        self._bars = [_words(rule, page, Barred) for rule in self.rules]
        sinks = [_words(rule, page, Below) for rule in self.rules]
        self._held = [bars | sunk for bars, sunk in zip(self._bars, sinks, strict=True)]
        self._reads = [columns_read(rule.judged, one, page.day) for rule in self.rules]

    def closed(self, table: Facts) -> IntArray:
        """Return the word of slots that rules bar of each row: (n,) uint64."""
        word = np.zeros(len(table), np.uint64)
        for rule, bars in zip(self.rules, self._bars, strict=True):
            if bars.any():
                word |= bars[rule.judged(table, self._page.day)]
        return word

    def barring(self, table: Facts) -> Iterator[tuple[Rule, int]]:
        """Yield the rules that bar the first row from some slot, with their verdict."""
        for rule, bars in zip(self.rules, self._bars, strict=True):
            verdict = int(rule.judged(table, self._page.day)[0])
            if bars[verdict]:
                yield rule, verdict

    def _word(self, place: int, table: Facts) -> IntArray:
        """Return the word of slots a rule bars, or sinks from, of each row."""
        held = self._held[place]
        if not held.any():
            return np.zeros(len(table), np.uint64)
        return held[self.rules[place].judged(table, self._page.day)]

    def openings(self, wanted: int) -> Iterator[tuple[Edit, ...]]:
        """Yield edits that leave none, and then that leave only some, of the wanted slots closed.

        The fewest slots first are those of the whole page.
        """
        for all_of_them in (False, True):
            found = self._opening(wanted, all_of_them=all_of_them)
            if found:
                yield found

    def _opening(self, wanted: int, *, all_of_them: bool) -> tuple[Edit, ...]:
        """Satisfy one rule after the other, then take back what was not needed after all."""
        edits: dict[str, Edit] = {}
        for _ in range(STEPS_MAX):
            now = with_edits(self._one, 0, [*edits.values()])
            if self._is_open(now, wanted, all_of_them=all_of_them):
                return self._needed([*edits.values()], wanted, all_of_them=all_of_them)
            step = self._best_step(now, wanted)
            if step is None:
                return ()
            edits |= {edit.column: edit for edit in step}
        return ()

    def _is_open(self, table: Facts, wanted: int, *, all_of_them: bool) -> bool:
        words = (int(self._word(place, table)[0]) for place in range(len(self.rules)))
        closed = reduce(or_, words, 0) & wanted
        return not closed if all_of_them else closed != wanted

    def _needed(self, edits: list[Edit], wanted: int, *, all_of_them: bool) -> tuple[Edit, ...]:
        for edit in list(edits):
            fewer = [other for other in edits if other is not edit]
            told = with_edits(self._one, 0, fewer)
            if self._is_open(told, wanted, all_of_them=all_of_them):
                edits = fewer
        return tuple(edits)

    def _best_step(self, now: Facts, wanted: int) -> tuple[Edit, ...] | None:
        """Return the edits that satisfy some rule and leave the fewest others in the way."""
        best: tuple[tuple[int, int, int], tuple[Edit, ...]] | None = None
        for place in range(len(self.rules)):
            if not int(self._word(place, now)[0]) & wanted:
                continue
            for edits in self._ways(place, now, wanted):
                left = self._in_the_way(with_edits(now, 0, edits), wanted)
                key = (left, len(edits), sum(edit.column in GRAVE for edit in edits))
                if best is None or key < best[0]:
                    best = key, edits
        return best[1] if best else None

    def _in_the_way(self, table: Facts, wanted: int) -> int:
        words = (int(self._word(place, table)[0]) for place in range(len(self.rules)))
        return sum(bool(word & wanted) for word in words)

    def _ways(self, place: int, now: Facts, wanted: int) -> list[tuple[Edit, ...]]:
        """Return the ways, of as few edits as can be, to satisfy one rule."""
        options = [edits_of(name, now, self.rules, self._page) for name in self._reads[place]]
        options = [edits for edits in options if edits]
        for size in range(1, min(len(options), TOGETHER_MAX) + 1):
            ways = [
                edits for columns in combinations(options, size) for edits in product(*columns)
            ][:TRIALS_MAX]
            word = self._word(place, variants(now, ways))
            found = [
                way for way, bars in zip(ways, word.tolist(), strict=True) if not bars & wanted
            ]
            if found:
                return found[:40]
        return []

    def closings(self, slot: int) -> Iterator[tuple[Edit, ...]]:
        """Yield single edits that would close a slot that is open, papers before the title."""
        reads = dict.fromkeys(name for names in self._reads for name in names)
        edits = [e for name in reads for e in edits_of(name, self._one, self.rules, self._page)]
        edits.sort(key=lambda edit: edit.column in GRAVE)
        words = self.closed(variants(self._one, [(edit,) for edit in edits])).tolist()
        found = (edit for edit, word in zip(edits, words, strict=True) if word >> slot & 1)
        yield from ((edit,) for edit in islice(found, 8))


def _words(rule: Rule, page: Page, kind: type[Barred] | type[Below]) -> IntArray:
    """Return verdict → word of the slots it bars, or all where it sinks: (256,) uint64."""
    words = np.zeros(256, np.uint64)
    for demand in rule.demands(page):
        if isinstance(demand, kind):
            slots = demand.slots if isinstance(demand, Barred) else page.slots
            for verdict in demand.verdicts:
                words[verdict] |= np.uint64(slots)
    return words


def variants(one: Facts, ways: Sequence[Sequence[Edit]]) -> Facts:
    """Return the one row so many times, each told otherwise by the edits of a way."""
    table = one.take(np.zeros(len(ways), np.int64))
    changed = {
        name: getattr(table, name).copy() for way in ways for name in {e.column for e in way}
    }
    for row, way in enumerate(ways):
        for edit in way:
            put(changed[edit.column], row, edit.value)
    return table.with_columns(**changed)
