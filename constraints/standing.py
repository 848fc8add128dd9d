"""Where each title may stand on a day, and what becomes of that from one day to another.

Everything here is what the judging halves of the rules demand of one title alone; caps and floors,
which ask several titles at once, are told as rules that begin, end or ask something else.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from constraints.demands import Barred, Below, Demand, Fixed, Shown, WeightAtMost
from constraints.effects import Duty
from constraints.facts import Facts
from constraints.page import Page
from constraints.policy import Policy
from constraints.rule import Day

SLOTS_BELOW: Final = 4  # slots of the pages looked at below their first screen


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules in force demand of one title on one page, were it alone.

    Attributes:
        barred: rule id → word of the slots it may not take, never 0.
        sunk: rules that sink it.
        factors: rule id → largest factor on its utility, never 1.
        duties: what it must be shown with → the rule.
    """

    barred: Mapping[str, int]
    sunk: tuple[str, ...]
    factors: Mapping[str, float]
    duties: Mapping[Duty, str]

    @property
    def closed(self) -> int:
        """Word of the slots some rule bars."""
        word = 0
        for slots in self.barred.values():
            word |= slots
        return word

    @property
    def factor(self) -> float:
        """Product of all factors, unclipped."""
        return float(np.prod([*self.factors.values()])) if self.factors else 1.0


def standings(facts: Facts, page: Page, policy: Policy) -> list[Standing]:
    """Ask every rule in force on a page about each of n titles."""
    told = [Standing({}, (), {}, {}) for _ in range(len(facts))]
    for rule in policy.rules_for(page).values():
        demands = rule.demands(page)
        if not demands:
            continue
        for row, verdict in enumerate(rule.judged(facts, page.day).tolist()):
            if verdict:
                told[row] = _with(told[row], rule.id, verdict, demands)
    return told


def _with(one: Standing, rule_id: str, verdict: int, demands: tuple[Demand, ...]) -> Standing:
    barred, factors, duties = dict(one.barred), dict(one.factors), dict(one.duties)
    sunk = one.sunk
    for demand in demands:
        match demand:
            case Barred() if verdict in demand.verdicts and demand.slots:
                barred[rule_id] = barred.get(rule_id, 0) | demand.slots
            case Below() if verdict in demand.verdicts:
                sunk += (rule_id,)
            case WeightAtMost() if demand.largest.get(verdict, 1.0) != 1:
                factors[rule_id] = demand.largest[verdict]
            case Shown() if verdict in demand.duty_of:
                duties[demand.duty_of[verdict]] = rule_id
    return Standing(barred, sunk, factors, duties)


class What(StrEnum):
    """What becomes of a title, or of a rule."""

    BEGINS = "begins"
    ENDS = "ends"
    COUNTS = "counts otherwise"
    CLOSED = "may stand nowhere"
    OPENED = "may stand"
    SCREEN_CLOSED = "may not stand on the first screen"
    SCREEN_OPENED = "may stand on the first screen"
    SINKS = "sinks"
    RISES = "sinks no more"
    WEIGHED = "is weighed otherwise"
    OWES = "must be shown with"
    OWES_NO_MORE = "need not be shown with"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two days.

    Attributes:
        what: became of whom.
        rule_ids: by which rules.
        surfaces: where.
        rows: titles, none where a rule itself begins, ends or counts otherwise.
        before, after: factors or duties, as text; else empty.
    """

    what: What
    rule_ids: tuple[str, ...]
    surfaces: tuple[str, ...]
    rows: tuple[int, ...] = ()
    before: str = ""
    after: str = ""


def first_page(policy: Policy, surface: str, day: Day) -> Page:
    """Return the first page of a surface on the terminal with the largest first screen."""
    told = policy.surface(surface)
    sizes = told.first_screen_slots
    terminal = max(sizes, key=lambda name: sizes[name], default="")
    screen = told.first_screen(terminal)
    count = min(screen + SLOTS_BELOW, told.slot_count_max)
    return Page(surface, terminal, day, count, screen, is_recommended=told.is_recommended)


def changes(facts: Facts, policy: Policy, before: Day, after: Day) -> list[Change]:
    """Tell what differs between two days over one catalogue, on every surface.

    Returns:
        First what begins, ends or counts otherwise, then what becomes of titles.
    """
    found: dict[tuple[What, tuple[str, ...], tuple[int, ...], str, str], list[str]] = {}
    rules: list[Change] = []
    for surface in policy.surfaces:
        pages = [first_page(policy, surface, day) for day in (before, after)]
        rules += _of_rules(policy, *pages)
        by_change = defaultdict[tuple[What, tuple[str, ...], str, str], list[int]](list)
        pairs = zip(*(standings(facts, page, policy) for page in pages), strict=True)
        for row, (old, new) in enumerate(pairs):
            for change in _of_title(old, new, pages[0]):
                by_change[change].append(row)
        for (what, rule_ids, old_text, new_text), rows in by_change.items():
            key = (what, rule_ids, tuple(rows), old_text, new_text)
            found.setdefault(key, []).append(surface)
    titles = [
        Change(what, ids, tuple(where), rows, old, new)
        for (what, ids, rows, old, new), where in found.items()
    ]
    return [*_merged(rules), *sorted(titles, key=lambda change: (change.rule_ids, change.rows))]


def _of_rules(policy: Policy, old: Page, new: Page) -> Iterator[Change]:
    before = {rule.id: rule for rule in policy.rules_for(old).values()}
    after = {rule.id: rule for rule in policy.rules_for(new).values()}
    for rule_id in sorted(before.keys() | after.keys()):
        if rule_id not in before:
            yield Change(What.BEGINS, (rule_id,), (new.surface,))
        elif rule_id not in after:
            yield Change(What.ENDS, (rule_id,), (new.surface,))
        elif _counting(before[rule_id].demands(old)) != _counting(after[rule_id].demands(new)):
            yield Change(What.COUNTS, (rule_id,), (new.surface,))


def _counting(demands: tuple[Demand, ...]) -> list[Demand]:
    """Return what is demanded of several titles at once."""
    alone = (Barred, Below, WeightAtMost, Shown, Fixed)
    return [demand for demand in demands if not isinstance(demand, alone)]


def _merged(told: list[Change]) -> list[Change]:
    """Put the surfaces of the same change of a rule together."""
    surfaces = defaultdict[tuple[tuple[str, ...], What], list[str]](list)
    for change in told:
        surfaces[change.rule_ids, change.what] += change.surfaces
    return [Change(what, ids, tuple(where)) for (ids, what), where in sorted(surfaces.items())]


def _of_title(
    old: Standing, new: Standing, page: Page
) -> Iterator[tuple[What, tuple[str, ...], str, str]]:
    lost = page.slots & new.closed & ~old.closed
    won = page.slots & old.closed & ~new.closed
    if lost:
        nowhere = not page.slots & ~new.closed
        what = What.CLOSED if nowhere else What.SCREEN_CLOSED
        yield what, _responsible(new.barred, old.barred, lost), "", ""
    if won:
        was_nowhere = not page.slots & ~old.closed
        what = What.OPENED if was_nowhere else What.SCREEN_OPENED
        yield what, _responsible(old.barred, new.barred, won), "", ""
    if bool(old.sunk) != bool(new.sunk):
        yield What.SINKS if new.sunk else What.RISES, new.sunk or old.sunk, "", ""
    if old.factors != new.factors and not _nowhere(old, new, page):
        ids = sorted({*old.factors, *new.factors} - _same(old.factors, new.factors))
        yield What.WEIGHED, tuple(ids), f"×{old.factor:.4g}", f"×{new.factor:.4g}"
    for owing, other, what in ((new, old, What.OWES), (old, new, What.OWES_NO_MORE)):
        for duty in owing.duties.keys() - other.duties.keys():
            yield what, (owing.duties[duty],), "", duty.name.lower()


def _nowhere(old: Standing, new: Standing, page: Page) -> bool:
    return not page.slots & ~new.closed and not page.slots & ~old.closed


def _same(old: Mapping[str, float], new: Mapping[str, float]) -> set[str]:
    return {name for name, factor in old.items() if new.get(name) == factor}


def _responsible(
    barring: Mapping[str, int], other: Mapping[str, int], slots: int
) -> tuple[str, ...]:
    """Name the rules that bar slots on one of the days and not on the other."""
    return tuple(
        rule_id for rule_id, word in barring.items() if word & slots & ~other.get(rule_id, 0)
    )
