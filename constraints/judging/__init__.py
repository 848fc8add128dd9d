"""What rules demand on one shape of page, as tables that a judge reads. Made once, looked up then.

It shares no code with what builds slates, and reads only what `Rule.judged` said of rows.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from constraints.catalogue import LABELS, QUARANTINED, Column
from constraints.demands import Barred, Below, Demand, Fixed, Least, Most, Shown, WeightAtMost
from constraints.effects import Duty
from constraints.facts import BoolArray, FloatArray, IntArray, WordArray
from constraints.page import Page
from constraints.policy import Policy, by_shape
from constraints.rule import Rule

VERDICTS: Final = 256
# What a finding may be about, in the order in which one rule's are told.
MALFORMED, BARRED, STRAYED, RAISED, CROWDED, LACKING, ABOVE, UNMARKED = range(8)
OF_NO_RULE: Final = -1


class Tables(NamedTuple):
    """What r rules demand; those in force come first, then those in shadow.

    Rules are numbered in this order. Words are of slots but for `run`, which are of positions.

    Attributes:
        tail_count: of the page.
        enforced: number of rules in force.
        column: (r,) int64 their columns in a catalogue's verdicts.
        barred: (r, VERDICTS) uint64 slots closed to a verdict.
        sunk: (r, VERDICTS) bool.
        fixer, fixed, fixed_slot: (k,) int64 rules that fix, the verdict and its slot.
        weigher: (w,) int64 rules that bound weights; limit: (w, VERDICTS) float64.
        counter, labels: (q,) int64 rules that cap, and index into LABELS, -1 for one group.
        counts: (q, VERDICTS) bool.
        cap_start: (q + 1,) int64 the caps of each counter; most, cap_level: (p,) int64.
        run_start: (p + 1,) int64 the runs of each cap; run: (u,) uint64.
        floor, least, floor_level: (f,) int64; floor_slots: (f,) uint64.
        serves: (f, VERDICTS) bool.
        shower: (d,) int64 rules that have something shown, a row of `Watched.owed` each.
    """

    tail_count: int
    enforced: int
    column: IntArray
    barred: WordArray
    sunk: BoolArray
    fixer: IntArray
    fixed: IntArray
    fixed_slot: IntArray
    weigher: IntArray
    limit: FloatArray
    counter: IntArray
    labels: IntArray
    counts: BoolArray
    cap_start: IntArray
    most: IntArray
    cap_level: IntArray
    run_start: IntArray
    run: WordArray
    floor: IntArray
    least: IntArray
    floor_level: IntArray
    floor_slots: WordArray
    serves: BoolArray
    shower: IntArray


class Watched(NamedTuple):
    """What makes a class worth a closer look: (c,) arrays by class.

    Attributes:
        barred: uint64 slots that some rule closes to it, all of them when in quarantine.
        sinks: uint8, 1 where a rule in force sinks it, 2 where one in shadow does.
        fixed: (2, c) uint64 slots to which rules in force, and those in shadow, fix it, and in
            which rules in force let it stand.
        owed: (d, c) int64 word of what it must be shown with, a row for each of `Tables.shower`.
    """

    barred: WordArray
    sinks: IntArray
    fixed: WordArray
    owed: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """The tables of a page shape, with the rules they speak of.

    Attributes:
        rules, weighers: rules in the order of the tables, and the ids of those that bound weights.
        duties: rule, verdict and duty of what is to be shown.
    """

    rules: tuple[Rule, ...]
    weighers: tuple[str, ...]
    tables: Tables
    page_slots: int
    duties: tuple[tuple[int, int, Duty], ...]


@by_shape
def bench_of(policy: Policy, page: Page) -> Bench:
    """Return what a policy demands on pages like one."""
    enforced, shadow = policy.rules_for(page), policy.rules_for(page, "shadow")
    rules = (*enforced.values(), *shadow.values())
    builder = _Builder(len(rules))
    for at, rule in enumerate(rules):
        for demand in rule.demands(page):
            builder.add(at, rule, demand)
    tables = Tables(
        tail_count=page.tail_count,
        enforced=len(enforced),
        column=np.array([*enforced, *shadow], np.int64),
        **builder.columns(),
    )
    weighers = tuple(rules[w].id for w in builder.weigher)
    return Bench(rules, weighers, tables, page.slots, tuple(builder.duties))


def watched_of(bench: Bench, column: Column) -> Watched:
    """Look up what is demanded of every class of verdicts."""
    t = bench.tables
    barred = np.zeros(len(column.verdicts), np.uint64)
    closed = barred.copy()  # by rules in force: what one in shadow says frees nobody of a pin
    fixed = np.zeros((2, len(column.verdicts)), np.uint64)
    sinks = np.zeros(len(column.verdicts), np.uint8)
    for rule in np.flatnonzero(t.barred.any(axis=1)):
        words = t.barred[rule][column.by_rule[t.column[rule]]]
        barred |= words
        if rule < t.enforced:
            closed |= words
    for rule in np.flatnonzero(t.sunk.any(axis=1)):
        sinks |= t.sunk[rule][column.by_rule[t.column[rule]]] * np.uint8(
            1 if rule < t.enforced else 2
        )
    barred[QUARANTINED] = bench.page_slots
    for fixer, verdict, slot in zip(t.fixer, t.fixed, t.fixed_slot, strict=True):
        named = column.by_rule[t.column[fixer]] == verdict
        fixed[int(fixer >= t.enforced), named & (sinks & 1 == 0)] |= np.uint64(1 << int(slot))
    owed = np.zeros((len(bench.duties), len(column.verdicts)), np.int64)
    for row, (shower, verdict, duty) in enumerate(bench.duties):
        owed[row, column.by_rule[t.column[shower]] == verdict] = duty.word
    return Watched(barred, sinks, fixed & ~closed, owed)


class _Builder:
    """Lays demands out in tables."""

    def __init__(self, rules: int) -> None:
        self.barred = np.zeros((rules, VERDICTS), np.uint64)
        self.sunk = np.zeros((rules, VERDICTS), np.bool_)
        self.fixes: list[tuple[int, int, int]] = []
        self.weigher: list[int] = []
        self.limits: list[FloatArray] = []
        self.counters: dict[tuple[int, frozenset[int]], list[Most]] = {}
        self.labels: dict[int, int] = {}
        self.floors: list[tuple[int, Least]] = []
        self.duties: list[tuple[int, int, Duty]] = []

    def add(self, at: int, rule: Rule, demand: Demand) -> None:
        """Take up one demand of the rule numbered `at`."""
        match demand:
            case Barred(verdicts, slots):
                self.barred[at, [*verdicts]] |= np.uint64(slots)
            case Fixed(slot_of):
                self.fixes.extend((at, verdict, slot) for verdict, slot in slot_of.items())
            case Below(verdicts):
                self.sunk[at, [*verdicts]] = True
            case WeightAtMost(largest):
                limit = np.ones(VERDICTS)
                limit[[*largest]] = [*largest.values()]
                self.weigher.append(at)
                self.limits.append(limit)
            case Most(verdicts):
                self.counters.setdefault((at, frozenset(verdicts)), []).append(demand)
                self.labels[at] = LABELS.index(rule.labels) if rule.labels else -1
            case Least():
                self.floors.append((at, demand))
            case Shown(duty_of):
                self.duties.extend((at, verdict, duty) for verdict, duty in duty_of.items())

    def columns(self) -> dict[str, Any]:
        """Return the tables by name."""
        caps = [cap for counted in self.counters.values() for cap in counted]
        rules = [at for at, _ in self.counters]
        floors = [floor for _, floor in self.floors]
        fixes = np.array(self.fixes, np.int64).reshape(len(self.fixes), 3).T.copy()
        limit = np.array(self.limits).reshape(len(self.limits), VERDICTS)
        return {
            "barred": self.barred,
            "sunk": self.sunk,
            "fixer": fixes[0],
            "fixed": fixes[1],
            "fixed_slot": fixes[2],
            "weigher": np.array(self.weigher, np.int64),
            "limit": limit,
            "counter": np.array(rules, np.int64),
            "labels": np.array([self.labels[at] for at in rules], np.int64),
            "counts": _sets([verdicts for _, verdicts in self.counters]),
            "cap_start": _starts([len(counted) for counted in self.counters.values()]),
            "most": np.array([cap.most for cap in caps], np.int64),
            "cap_level": np.array([cap.level for cap in caps], np.int64),
            "run_start": _starts([len(cap.runs) for cap in caps]),
            "run": np.array([run for cap in caps for run in cap.runs], np.uint64),
            "floor": np.array([at for at, _ in self.floors], np.int64),
            "least": np.array([floor.least for floor in floors], np.int64),
            "floor_level": np.array([floor.level for floor in floors], np.int64),
            "floor_slots": np.array([floor.slots for floor in floors], np.uint64),
            "serves": _sets([floor.verdicts for floor in floors]),
            "shower": np.array([rule for rule, _, _ in self.duties], np.int64),
        }


def _sets(verdicts: Any) -> BoolArray:
    """Turn k sets of verdicts into (k, VERDICTS) bool."""
    table = np.zeros((len(verdicts), VERDICTS), np.bool_)
    for row, members in enumerate(verdicts):
        table[row, [*members]] = True
    return table


def _starts(lengths: list[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))]).astype(np.int64)
