"""Seeded random programs in the engine's form: anything it may hold, lawful or hopeless."""

import random
from dataclasses import dataclass

import numpy as np

from constraints.effects import HARD, LEVEL_MAX
from constraints.page import POSITIONS_MAX, SLOTS_MAX
from constraints.program import UNCAPPED, Program, Spans
from tests import chance


@dataclass(frozen=True)
class Size:
    """At most so many of each; drawn from 1, or 0 where none is possible."""

    slots: int = 12
    tail: int = 10
    candidates: int = 30
    groups: int = 8
    memberships: int = 3


SMALL = Size()
TINY = Size(slots=4, tail=2, candidates=5, groups=3)
LARGE = Size(slots=SLOTS_MAX, tail=POSITIONS_MAX, candidates=120, groups=12)


def program(*names: object, size: Size = SMALL) -> Program:
    """Draw a program. A LARGE one has tail and slots that together fill the word of 64."""
    rng = chance.seeded("program", *names)
    slot_count = rng.randint(1, size.slots)
    tail_count = rng.randint(0, min(size.tail, POSITIONS_MAX - slot_count))
    if size is LARGE and rng.random() < 0.5:
        slot_count = rng.randint(30, SLOTS_MAX)
        tail_count = POSITIONS_MAX - slot_count
    count = rng.randint(0, size.candidates)
    group_count = rng.randint(0, size.groups)
    every = (1 << slot_count) - 1
    open_slots = every & ~(_sparse(rng, slot_count) if rng.random() < 0.4 else 0)
    closed = (every & ~open_slots) << tail_count | (1 << tail_count) - 1
    width = tail_count + slot_count
    eligible = [_eligible(rng, width) for _ in range(count)]
    members = [_members(rng, group_count, size.memberships) for _ in range(count)]
    utility = _utilities(rng, count)
    start = np.cumsum([0, *(len(groups) for groups in members)])
    return Program(
        slot_count=slot_count,
        tail_count=tail_count,
        open=open_slots,
        order=np.argsort(-utility, kind="stable").astype(np.int32),
        utility=utility,
        eligible=np.array(eligible, np.uint64),
        tier=np.array([rng.random() < 0.2 for _ in range(count)], np.uint8),
        group_start=start.astype(np.int32),
        group_of=np.array([group for groups in members for group in groups], np.int32),
        occupied=np.array([_word(rng, width) & closed for _ in range(group_count)], np.uint64),
        spans=_spans(rng, group_count, width),
    )


def runs(program: Program) -> list[tuple[int, int, int]]:
    """List (group, span, word) for every range and every run of every window."""
    found, spans = [], program.spans
    width = program.tail_count + program.slot_count
    for group in range(len(program.occupied)):
        for span in range(spans.start[group], spans.start[group + 1]):
            length = int(spans.window[span])
            if not length:
                found.append((group, span, int(spans.mask[span])))
            for first in range(max(width - length, 0) + 1) if length else ():
                word = sum(1 << p for p in range(first, min(first + length, POSITIONS_MAX)))
                found.append((group, span, word))
    return found


def _word(rng: random.Random, width: int) -> int:
    return rng.getrandbits(width) if width else 0


def _sparse(rng: random.Random, width: int) -> int:
    return _word(rng, width) & _word(rng, width)


def _eligible(rng: random.Random, width: int) -> int:
    """Draw the positions of a candidate: all, none, a suffix, or any."""
    every = (1 << width) - 1
    below = every & ~((1 << rng.randint(0, width)) - 1)
    return rng.choice([every, every, every, below, _word(rng, width), 0])


def _members(rng: random.Random, group_count: int, most: int) -> list[int]:
    return sorted(rng.sample(range(group_count), rng.randint(0, min(most, group_count))))


def _utilities(rng: random.Random, count: int) -> np.ndarray:
    """Draw utilities: all different, or few values with many ties and zeros."""
    if rng.random() < 0.5:
        return np.array([rng.randint(0, 3) for _ in range(count)], np.int64)
    return np.array([rng.randint(0, 2**38) for _ in range(count)], np.int64)


def _spans(rng: random.Random, group_count: int, width: int) -> Spans:
    """Draw up to three spans a group: ranges, windows, floors, at any level they may have."""
    rows, start = [], [0]
    for _ in range(group_count):
        for _ in range(rng.randint(0, 3)):
            level, most = rng.randint(HARD, LEVEL_MAX), rng.choice([0, 1, 1, 2, 3])
            mask = rng.choice([(1 << width) - 1, _word(rng, width), _sparse(rng, width)])
            match rng.choice(["range", "window", "floor"]):
                case "range":
                    rows.append((level, 0, most, mask, 0))
                case "window":
                    rows.append((level, 0, most, (1 << width) - 1, rng.randint(1, width + 2)))
                case "floor":
                    rows.append((max(level, 1), rng.randint(1, 3), UNCAPPED, mask, 0))
        start.append(len(rows))
    column = [np.array([row[k] for row in rows], np.int32) for k in (0, 1, 2, 4)]
    level, least, most, window = column
    return Spans(
        np.array(start, np.int32),
        level,
        least,
        most,
        np.array([row[3] for row in rows], np.uint64),
        window,
        np.zeros(len(rows), np.int32),
    )
