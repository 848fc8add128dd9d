"""Compares the rules of a page with one another: shadowed, redundant, conflicting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, permutations, product
from typing import Final

import numpy as np

from constraints.analyze.findings import Finding, Kind, finding
from constraints.analyze.pages import Asked, asked_on, implied, is_void_cap
from constraints.analyze.universe import Told as Row
from constraints.analyze.universe import (
    Universe,
    conditions_of,
    is_readable,
    meeting,
    rows_of,
    texts_read,
    values_of,
)
from constraints.analyze.witness import case_file
from constraints.effects import HARD
from constraints.page import Page
from constraints.policy import Policy

TRIED_MAX: Final = 12  # rows from which a counterexample is looked for
WORDS: Final = {
    Kind.SHADOWED: ("凡其所限，均已被 {b} 所限", "whatever it keeps out, {b} keeps out"),
    Kind.REDUNDANT: ("凡其所求，{b} 均已更严地要求", "whatever it asks, {b} asks as strictly"),
    Kind.CONFLICTING: ("与 {b} 不能同时成立", "cannot hold beside {b}"),
}
Relation = tuple[Kind, str, str]


@dataclass(eq=False)
class Told:
    """What pages have shown of pairs of rules.

    Attributes:
        holds: relation → a page and row on which it does.
        fails: relations that some page refutes; a conflict needs but one page.
        beside: kind and rule → rules in force on every page on which it does something.
    """

    holds: dict[Relation, tuple[Page, int]] = field(default_factory=dict)
    fails: set[Relation] = field(default_factory=set)
    beside: dict[tuple[Kind, str], set[str]] = field(default_factory=dict)

    def narrow(self, kind: Kind, a: Asked, asked: list[Asked]) -> None:
        """Note which rules are in force beside one that does something."""
        ids = {one.rule.id for one in asked}
        self.beside.setdefault((kind, a.rule.id), ids).intersection_update(ids)

    def tell(self, kind: Kind, a: str, b: str, page: Page, row: int) -> None:
        """Note that a relation holds on a page."""
        self.holds.setdefault((kind, a, b), (page, row))

    def findings(self, policy: Policy, universe: Universe, day: int) -> Iterator[Finding]:
        """Yield what holds wherever it must, once a pair."""
        done: set[tuple[Kind, frozenset[str]]] = set()
        for relation, (page, row) in sorted(self.holds.items(), key=lambda told: told[0]):
            kind, a, b = relation
            pair = kind, frozenset((a, b))
            if relation in self.fails or pair in done or b not in self.beside.get((kind, a), {b}):
                continue
            if _refuted(relation, page, universe, policy, row):
                continue
            done.add(pair)
            zh, en = WORDS[kind]
            rules = {rule.id: rule for rule in policy.compiled}
            # Each row of the law needs a rule of its own, even where another row forbids more.
            apart = kind == Kind.SHADOWED and rules[a].source != rules[b].source
            yield finding(
                kind,
                (a, b),
                zh.format(b=f"`{b}`"),
                en.format(b=f"`{b}`"),
                _witness(relation, page, universe.told[row], policy),
                "note" if apart else "",
            )


def _witness(relation: Relation, page: Page, row: Row, policy: Policy) -> str:
    kind, a, b = relation
    return case_file(f"{a} {kind} beside {b}", page, (row,), policy)


def _refuted(relation: Relation, page: Page, universe: Universe, policy: Policy, row: int) -> bool:
    """Look for rows that refute a relation: those rule a decides, with what b reads altered."""
    _, a, b = relation
    rules = {rule.id: rule for rule in policy.compiled}
    if rules[a].model_copy(update={"id": b}) == rules[b]:
        return False
    verdicts = rules[a].rows(universe.facts, page.day)
    at = [row, *np.flatnonzero(verdicts)[:: max(1, int((verdicts > 0).sum()) // TRIED_MAX)]]
    columns = texts_read(rules[b], page.day)
    told: dict[Row, None] = {}
    for index in at:
        base = dict(universe.told[index])
        for column in sorted(columns):
            for text in values_of(column, (rules[a], rules[b]), page.day):
                told[tuple(sorted((base | {column: text}).items()))] = None
        for each in conditions_of(rules[b]):
            for met in meeting(each, page.day):
                told[tuple(sorted((base | met).items()))] = None
    for index in at[:5]:
        base = dict(universe.told[index])
        for one, other in combinations(columns, 2):
            texts = (values_of(n, (rules[a], rules[b]), page.day)[:8] for n in (one, other))
            for x, y in product(*texts):
                told[tuple(sorted((base | {one: x, other: y}).items()))] = None
    if not told:
        return False
    more = rows_of((row for row in told if is_readable(dict(row), page.day)), page.day)
    asked = [one for one in asked_on(page, policy, more, {}) if one.rule.id in (a, b)]
    again = Told()
    for check in CHECKS:
        check(asked, again)
    return relation not in again.holds and relation in again.fails


def shadowed(asked: list[Asked], told: Told) -> None:
    """Compare whom rules keep out, and where."""
    blockers = [one for one in asked if one.blocked.any()]
    for a in blockers:
        rows = np.flatnonzero(a.blocked)
        mine = a.blocked[rows]
        for b in asked:
            if a is b:
                continue
            relation = Kind.SHADOWED, a.rule.id, b.rule.id
            if relation in told.fails:
                continue
            if b in blockers and not (mine & ~b.blocked[rows]).any():
                told.tell(*relation, a.page, int(rows[0]))
            else:
                told.fails.add(relation)
        told.narrow(Kind.SHADOWED, a, asked)


def redundant(asked: list[Asked], told: Told) -> None:
    """Compare caps with caps, floors with floors, and duties with duties."""
    for a in asked:
        if not (a.caps or a.floors or a.duties.any()):
            continue
        for b in asked:
            relation = Kind.REDUNDANT, a.rule.id, b.rule.id
            if a is b or relation in told.fails:
                continue
            if _adds_nothing(a, b):
                told.tell(*relation, a.page, int(np.argmax(a.verdicts > 0)))
            else:
                told.fails.add(relation)
        told.narrow(Kind.REDUNDANT, a, asked)


def _adds_nothing(a: Asked, b: Asked) -> bool:
    if a.blocked.any() or a.sunk.any() or a.pins or (a.weight != 1).any():
        return False
    if (a.duties & ~b.duties).any() or a.rule.labels != b.rule.labels:
        return False
    if a.caps and (a.counts & ~b.counts).any():
        return False
    if a.floors and (b.counts & ~a.counts).any():
        return False
    caps = all(any(implied(c, d) for d in b.caps) or is_void_cap(c, a.page) for c in a.caps)
    floors = all(
        any(g.least >= f.least and not g.slots & ~f.slots and g.level <= f.level for g in b.floors)
        for f in a.floors
    )
    return caps and floors


def conflicting(asked: list[Asked], told: Told) -> None:
    """Find pairs that cannot both have their way on the page."""
    pinning = [one for one in asked if one.pins]
    for a, b in permutations(pinning, 2):
        if any(b.pins.get(slot, who) != who for slot, who in a.pins.items()):
            told.tell(Kind.CONFLICTING, a.rule.id, b.rule.id, a.page, int(np.argmax(a.verdicts)))
    for a in asked:
        if a.pins or a.floors or (a.weight > 1).any():
            _thwarted(a, asked, told)


def _thwarted(a: Asked, asked: list[Asked], told: Told) -> None:
    """Find who keeps out, or sinks, all whom a rule raises, pins or asks for."""
    page = a.page
    raised = a.weight > 1
    pinned = np.zeros(len(a.verdicts), np.bool_)
    if a.pins:
        pinned = a.verdicts > 0
    slots = np.uint64(page.slots)
    for b in asked:
        if a is b:
            continue
        for rows in (raised, pinned):
            if rows.any():
                out = (b.blocked & slots) == slots
                if rows is pinned:
                    out = (b.blocked & np.uint64(sum(1 << s for s in a.pins))) != 0
                relation = Kind.CONFLICTING, a.rule.id, b.rule.id
                if (out | b.sunk)[rows].all():
                    told.tell(*relation, page, int(np.argmax(rows)))
                elif (b.blocked.any() or b.sunk.any()) and rows is raised:
                    told.fails.add(relation)
        for floor in a.floors:
            places = np.uint64(floor.slots) & ~b.blocked[a.counts]
            left = int(np.bitwise_or.reduce(places)).bit_count() if len(places) else 0
            capped = any(
                cap.level == HARD
                and not cap.window_slots
                and not b.rule.labels
                and not floor.slots & ~cap.slots
                and cap.most < floor.least
                for cap in b.caps
            )
            over = capped and not (a.counts & ~b.counts).any()
            if a.counts.any() and (over or left < min(floor.least, floor.slots.bit_count())):
                row = int(np.argmax(a.counts))
                told.tell(Kind.CONFLICTING, a.rule.id, b.rule.id, page, row)


CHECKS: Final[tuple[Callable[[list[Asked], Told], None], ...]] = (shadowed, redundant, conflicting)
