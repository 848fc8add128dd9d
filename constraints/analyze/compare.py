"""Compares two policies surface by surface: which lets more stand, and where."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from constraints.analyze.pages import Asked, asked_on, implied, pages_of
from constraints.analyze.universe import Universe, universe_of
from constraints.analyze.witness import case_file
from constraints.effects import HARD
from constraints.facts import IntArray, WordArray
from constraints.page import Page
from constraints.policy import Policy


class Verdict(StrEnum):
    """What the second policy is beside the first; hard rules first, then the soft ones.

    DIFFERS: hard rules allow the same, and weights, sinks, pins, duties or soft bounds do not.
    """

    EQUIVALENT = "equivalent"
    DIFFERS = "differs"
    STRICTER = "stricter"
    LOOSER = "looser"
    INCOMPARABLE = "incomparable"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(slots=True)
class Change:
    """The verdict on a surface, with a case that shows it, written for the second policy."""

    surface: str
    verdict: Verdict
    witness: str = ""


def compare(before: Policy, after: Policy, day: int) -> list[Change]:
    """Tell for each surface what `after` is beside `before`, on one day."""
    universe = universe_of((*before.compiled, *after.compiled), day)
    found = [Change(n, Verdict.ADDED) for n in after.surfaces if n not in before.surfaces]
    caches: tuple[dict[tuple[str, int], IntArray], dict[tuple[str, int], IntArray]] = ({}, {})
    pages = {p: None for each in (before, after) for p in pages_of(each, day)}
    for name in before.surfaces:
        if name not in after.surfaces:
            found.append(Change(name, Verdict.REMOVED))
            continue
        change, marks = Change(name, Verdict.EQUIVALENT), set[Verdict]()
        for page in (p for p in pages if p.surface == name):
            old = asked_on(page, before, universe, caches[0])
            new = asked_on(page, after, universe, caches[1])
            for mark, row in _marks(old, new, page, universe):
                if mark not in marks and not (mark == Verdict.DIFFERS and marks):
                    title = f"{name}: the second policy is {mark}"
                    change.witness = case_file(title, page, (universe.told[row],), after)
                marks.add(mark)
        change.verdict = _sum(marks)
        found.append(change)
    return sorted(found, key=lambda each: each.surface)


def _sum(marks: set[Verdict]) -> Verdict:
    if {Verdict.STRICTER, Verdict.LOOSER} <= marks:
        return Verdict.INCOMPARABLE
    order = (Verdict.STRICTER, Verdict.LOOSER, Verdict.DIFFERS)
    return next((each for each in order if each in marks), Verdict.EQUIVALENT)


def _marks(
    old: list[Asked], new: list[Asked], page: Page, universe: Universe
) -> list[tuple[Verdict, int]]:
    found = []
    was, now = _blocked(old, universe), _blocked(new, universe)
    for mark, more in ((Verdict.STRICTER, now & ~was), (Verdict.LOOSER, was & ~now)):
        if more.any():
            found.append((mark, int(np.argmax(more != 0))))
    for mark, loose, tight in ((Verdict.STRICTER, old, new), (Verdict.LOOSER, new, old)):
        found += [(mark, row) for row in _uncovered(tight, loose)]
    if not found and _soft(old) != _soft(new):
        found.append((Verdict.DIFFERS, 0))
    return found


def _blocked(asked: list[Asked], universe: Universe) -> WordArray:
    blocked = np.zeros(len(universe.told), np.uint64)
    for one in asked:
        blocked |= one.blocked
    return blocked


def _uncovered(caps: list[Asked], by: list[Asked]) -> list[int]:
    """Return a row of each hard cap that no cap of the other policy implies."""
    return [
        int(np.argmax(one.counts))
        for one in caps
        for cap in one.caps
        if cap.level == HARD
        and one.counts.any()
        and not any(
            implied(cap, other) and not (one.counts & ~each.counts).any()
            for each in by
            if each.rule.labels == one.rule.labels
            for other in each.caps
        )
    ]


def _soft(asked: list[Asked]) -> tuple[object, ...]:
    weight: Any = 1.0
    sunk: Any = False
    duties: Any = 0
    groups = set()
    pins = set()
    for one in asked:
        weight, sunk, duties = weight * one.weight, sunk | one.sunk, duties | one.duties
        pins |= set(one.pins.items())
        counts = one.counts.tobytes()
        groups |= {(one.rule.labels, counts, each) for each in (*one.caps, *one.floors)}
    parts = (np.round(weight, 9), sunk, duties)
    return *(np.asarray(part).tobytes() for part in parts), frozenset(groups), frozenset(pins)
