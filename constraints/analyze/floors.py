"""Floors that cannot all be met beside the hard rules of a page, with a minimal core, by z3."""

from importlib import import_module
from typing import Any

import numpy as np

from constraints.analyze.pages import Asked
from constraints.effects import HARD


def solver_library() -> Any:
    """Return z3, or None where the extra `analyze` is not installed."""
    try:
        z3 = import_module("z3")
    except ImportError:
        return None
    return z3


def core_of(asked: list[Asked], z3: Any) -> tuple[str, ...]:
    """Return a minimal set of rules that no slate of the page keeps, empty where one keeps all.

    A slate is how many of each class of rows stand in each run of slots that rules tell apart.
    LIMIT: caps on labels and windows are left out: neither bounds a page by itself.
    """
    page = asked[0].page
    floors = [one for one in asked if one.floors]
    if not floors:
        return ()
    caps = [
        (one, cap)
        for one in asked
        for cap in one.caps
        if cap.level == HARD and not cap.window_slots and not one.rule.labels
    ]
    blocks = [one for one in asked if one.blocked.any()]
    members = [one.counts for one in (*floors, *(one for one, _ in caps))]
    table = np.stack([*members, *(one.blocked for one in blocks)]).astype(np.uint64)
    classes = np.unique(table.T[np.stack([f.counts for f in floors]).any(axis=0)], axis=0)
    words = [f.slots for one in floors for f in one.floors] + [cap.slots for _, cap in caps]
    words += [int(word) for word in np.unique(classes[:, len(members) :])]
    regions = _regions(page.slot_count, words)
    s, tracked = z3.Solver(), {}
    s.set(random_seed=1)
    s.set("core.minimize", True)
    n = [[z3.Int(f"n{c}_{r}") for r in range(len(regions))] for c in range(len(classes))]
    s.add([v >= 0 for row in n for v in row])
    for r, region in enumerate(regions):
        s.add(z3.Sum([row[r] for row in n]) <= region.bit_count())

    def track(rule_id: str, claims: list[Any]) -> None:
        mark = z3.Bool(rule_id)
        tracked[rule_id] = mark
        for claim in claims:
            s.add(z3.Implies(mark, claim))

    def total(member: int, slots: int) -> Any:
        return z3.Sum(
            [z3.IntVal(0)]
            + [
                n[c][r]
                for c in range(len(classes))
                if classes[c, member]
                for r, region in enumerate(regions)
                if region & slots
            ]
        )

    for at, one in enumerate(floors):
        track(one.rule.id, [total(at, f.slots) >= f.least for f in one.floors])
    for at, (one, cap) in enumerate(caps, start=len(floors)):
        track(one.rule.id, [total(at, cap.slots) <= cap.most])
    for at, one in enumerate(blocks, start=len(members)):
        barred = [
            n[c][r] == 0
            for c in range(len(classes))
            for r, region in enumerate(regions)
            if int(classes[c, at]) & region
        ]
        track(one.rule.id, barred)
    if s.check(*tracked.values()) != z3.unsat:
        return ()
    return _minimal(s, [str(mark) for mark in s.unsat_core()], tracked, z3)


def _minimal(s: Any, core: list[str], tracked: dict[str, Any], z3: Any) -> tuple[str, ...]:
    """Leave out of a core, one by one, what it does not need."""
    for each in sorted(core):
        rest = [name for name in core if name != each]
        if s.check(*(tracked[name] for name in rest)) == z3.unsat:
            core = rest
    return tuple(sorted(core))


def _regions(count: int, words: list[int]) -> list[int]:
    """Part the slots into runs that no word tells apart."""
    found: dict[tuple[int, ...], int] = {}
    for slot in range(count):
        mark = tuple(word >> slot & 1 for word in words)
        found[mark] = found.get(mark, 0) | 1 << slot
    return list(found.values())
