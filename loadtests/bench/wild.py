"""Pages of any kind the engine's form allows, lawful or hopeless, to prove the engine on.

5 to 2,000 candidates, 1 to 50 slots, 0 to 40 rules. Beside the regimes of the bench: `mixed`,
`infeasible` (caps and floors that cannot be met together), `few` (hardly more candidates than
slots), `labels` (up to 12 themes a candidate), `tail` (up to 40 positions above), `ties` (few
different utilities, many of them zero).
"""

from typing import Final

import numpy as np
from numpy.random import Generator

from constraints.kernel import Tables
from constraints.program import UNCAPPED
from loadtests.bench.lay import Family, FloatArray, IntArray, Shape, Span, WordArray, tables
from loadtests.bench.pages import REGIMES, Cell, page

WILD: Final = ("mixed", "infeasible", "few", "labels", "tail", "ties")
KINDS: Final = (*REGIMES, *WILD)
RULES_MAX: Final = 40
_POSITIONS_MAX: Final = 64
_THEMES: Final = 13  # a prime: steps of any width visit every theme once


def draw(number: int, *, is_small: bool = False) -> Tables:
    """Draw the page of a number: its kind, its size and all the rest.

    Args:
        number: 0 or more.
        is_small: at most 60 candidates and 12 slots, for slow methods.
    """
    rng = np.random.default_rng([99, number])
    kind = KINDS[number % len(KINDS)]
    most, slots_max = (60, 12) if is_small else (2000, 50)
    slot_count = int(rng.integers(1, slots_max + 1))
    count = int(np.exp(rng.uniform(np.log(5), np.log(most))))
    if kind in REGIMES:
        return page(kind, Cell(max(count, 20), max(slot_count, 5)), number).tables
    if kind == "few":
        count = max(int(slot_count * rng.uniform(0.3, 1.3)), 1)
    shape = _shape(rng, kind, slot_count)
    utility = _utility(rng, kind, count)
    families = _families(rng, kind, shape, count)
    tier = rng.random(count) < rng.choice([0.0, 0.1, 0.5])
    return tables(shape, utility, _slots(rng, shape, count), tier, families)


def _shape(rng: Generator, kind: str, slot_count: int) -> Shape:
    """Draw tail and reserved slots."""
    tail_max = min(40 if kind == "tail" else 7, _POSITIONS_MAX - slot_count)
    tail_count = int(rng.integers(0, tail_max + 1))
    is_open = rng.random(slot_count) > rng.choice([0.0, 0.0, 0.2])
    reserved = tail_count + np.flatnonzero(~is_open)
    word = sum(1 << int(slot) for slot in np.flatnonzero(is_open))
    return Shape(slot_count, tail_count, word, np.concatenate([np.arange(tail_count), reserved]))


def _utility(rng: Generator, kind: str, count: int) -> FloatArray:
    if kind == "ties":
        few: FloatArray = rng.integers(0, rng.integers(1, 5), count).astype(np.float64)
        return few
    return rng.gamma(2.0, 1.0, count)


def _slots(rng: Generator, shape: Shape, count: int) -> WordArray:
    """Draw who may stand where: removals, first screens, lists of slots, and pins."""
    every = (1 << shape.slot_count) - 1
    screen = (1 << int(rng.integers(0, shape.slot_count + 1))) - 1
    some = int(rng.integers(0, every, endpoint=True, dtype=np.uint64))
    words = np.array([every, every & ~screen, 0, some], np.uint64)
    slots = words[rng.choice(4, count, p=[0.6, 0.25, 0.05, 0.1])]
    pins = rng.permutation(min(count, shape.slot_count))[: rng.integers(0, 3)]
    for candidate, slot in zip(pins, rng.permutation(shape.slot_count), strict=False):
        slots &= ~np.uint64(1 << int(slot))
        slots[candidate] = 1 << int(slot)
    return slots


def _families(rng: Generator, kind: str, shape: Shape, count: int) -> list[Family]:
    found = []
    for _ in range(int(rng.integers(0, RULES_MAX + 1))):
        labels, standing = _labels(rng, kind, count, len(shape.standing_at))
        spans = tuple(_span(rng, kind, shape) for _ in range(rng.integers(1, 3)))
        found.append(Family(labels, spans, standing))
    return found


def _labels(rng: Generator, kind: str, count: int, standing: int) -> tuple[IntArray, IntArray]:
    """Draw who is in which group of a family, and what already stands: -1 none."""
    total = count + standing
    match rng.choice(["one", "some", "producers", "themes"], p=[0.5, 0.3, 0.05, 0.15]):
        case "one":
            labels = np.where(rng.random(total) < rng.uniform(0.02, 0.6), 0, -1)[:, None]
        case "some":
            labels = rng.integers(-1, rng.integers(2, 8), (total, 1))
        case "producers":
            labels = rng.integers(0, max(count // 4, 1), (total, 1))
        case _:
            width = 12 if kind == "labels" else 3
            step = rng.integers(1, _THEMES, (total, 1))
            themes = (rng.integers(0, _THEMES, (total, 1)) + step * np.arange(width)) % _THEMES
            has = np.arange(width) < rng.integers(0, width + 1, (total, 1))
            labels = np.where(has, themes, -1)
    return labels[:count], labels[count:]


def _span(rng: Generator, kind: str, shape: Shape) -> Span:
    """Draw a cap on a range, a cap in windows, or a floor."""
    level = int(rng.integers(0, 7))
    first, last = sorted(rng.integers(0, shape.slot_count + 1, 2).tolist())
    mask = shape.slots(first, last) if rng.random() < 0.5 else shape.slots(0, shape.slot_count)
    if rng.random() < 0.2:  # a range may reach back into the tail
        mask |= shape.every & ~shape.slots(0, shape.slot_count)
    is_hopeless = kind == "infeasible"
    most = int(rng.integers(0, 2 if is_hopeless else 5))
    match rng.choice(["range", "window", "floor"]):
        case "range":
            return Span(level, most=most, mask=mask)
        case "window":
            width = int(rng.integers(1, shape.slot_count + shape.tail_count + 3))
            return Span(level, most=max(most, not is_hopeless), window=width)
        case _:
            least = int(rng.integers(1, shape.slot_count + 2 if is_hopeless else 4))
            return Span(max(level, 1), least, UNCAPPED, mask)
