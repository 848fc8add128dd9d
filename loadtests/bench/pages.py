"""Pages to bench the engine on, drawn anew from (regime, cell, seed): the same on any machine.

`loose` has five rules and no tail. `tight` and `edge` have thirteen over 12 Zipf themes, 1 to 3 a
candidate: caps on page, window and first screen, four floors; a tail of 7, 30 % that may not stand
on the first screen, 10 % sunk, a pin. On `edge` the caps leave hardly any room.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from constraints.kernel import Tables
from loadtests.bench.lay import Family, FloatArray, IntArray, Shape, Span, tables

REGIMES: Final = ("loose", "tight", "edge")
THEMES: Final = 12
TAIL: Final = 7
FEATURES: Final = 128  # themes, and a taste beside them: as long as embeddings often are


class Cell(NamedTuple):
    """How many candidates for how many slots."""

    candidates: int
    slots: int

    def __str__(self) -> str:
        return f"{self.candidates}x{self.slots}"


CELLS: Final = (Cell(500, 10), Cell(500, 20), Cell(1000, 20))
SMALL: Final = Cell(100, 20)


class BenchPage(NamedTuple):
    """A page, and what those see of it who do not know its rules.

    Attributes:
        tables: the page in the engine's form.
        utility: (n,) float64, expected worth, > 0.
        themes: (n, 3) int themes, -1 none.
        feature: (n, FEATURES) float32 rows of length 1.
        window: (most, width): at most so many of a theme in any so many positions.
    """

    tables: Tables
    utility: FloatArray
    themes: IntArray
    feature: NDArray[np.float32]
    window: tuple[int, int]


class Crowd(NamedTuple):
    """What is true of n candidates, or of what stands above the page; -1 none.

    Attributes:
        themes: (n, 3) int.
        producer: (n,) int.
        room: (n,) int live category of rooms.
        supported, newcomer, heritage, sensitive: (n,) int 0 for those that are, else -1.
    """

    themes: IntArray
    producer: IntArray
    room: IntArray
    supported: IntArray
    newcomer: IntArray
    heritage: IntArray
    sensitive: IntArray


def page(regime: str, cell: Cell, seed: int) -> BenchPage:
    """Draw a page."""
    rng = np.random.default_rng([REGIMES.index(regime), *cell, seed])
    producers = cell.candidates // 4
    crowd = draw_crowd(rng, cell.candidates, producers)
    above = draw_crowd(rng, 0 if regime == "loose" else TAIL, producers)
    return under_law(rng, regime, cell.slots, crowd, above, draw_utility(rng, crowd))


def under_law(
    rng: Generator, regime: str, slot_count: int, crowd: Crowd, above: Crowd, utility: FloatArray
) -> BenchPage:
    """Put candidates under the law of a regime.

    Args:
        rng: draws who is unlicensed, sunk and pinned.
        regime: one of REGIMES.
        slot_count: K.
        crowd: the candidates.
        above: what stands above the page, nearest last.
        utility: (n,) float64, finite, >= 0.
    """
    tail_count = len(above.producer)
    shape = Shape(slot_count, tail_count, (1 << slot_count) - 1, np.arange(tail_count))
    slots, tier = _places(rng, crowd, shape, is_loose=regime == "loose")
    window, families = _law(regime, shape, crowd, above, tier)
    return BenchPage(
        tables=tables(shape, utility, slots, tier, families),
        utility=utility,
        themes=crowd.themes,
        feature=_feature(rng, crowd),
        window=window,
    )


def _zipf(rng: Generator, count: int, width: int) -> IntArray:
    """Draw `count` times the order of all themes, the popular ones early; the first `width`."""
    weight = 1.0 / np.arange(1, THEMES + 1)
    key = rng.random((count, THEMES)) ** (1 / weight)
    return np.argsort(-key, axis=1)[:, :width]


def draw_crowd(rng: Generator, count: int, producers: int) -> Crowd:
    """Draw candidates: 12 Zipf themes, 1 to 3 each, and what else is true of them."""
    themes = _zipf(rng, count, 3)
    labels = rng.choice(3, count, p=[0.4, 0.4, 0.2])
    themes = np.where(np.arange(3) <= labels[:, None], themes, -1)
    is_room = rng.random(count) < 0.15

    def some(share: float) -> IntArray:
        return np.where(rng.random(count) < share, 0, -1)

    return Crowd(
        themes=themes,
        producer=rng.integers(0, producers, count),
        room=np.where(is_room, rng.integers(0, 6, count), -1),
        supported=some(0.08),
        newcomer=some(0.10),
        heritage=some(0.05),
        sensitive=some(0.20),
    )


def draw_utility(rng: Generator, crowd: Crowd) -> FloatArray:
    """Draw what a ranker would say: popular themes and rooms are liked, those with floors less."""
    liked = rng.normal(0.0, 0.1, THEMES) - 0.02 * np.arange(THEMES)
    mean = np.where(crowd.themes >= 0, liked[crowd.themes], 0.0).max(axis=1)
    mean += 0.1 * (crowd.room >= 0) + 0.1 * (crowd.sensitive >= 0)
    mean -= 0.1 * ((crowd.supported >= 0) | (crowd.newcomer >= 0) | (crowd.heritage >= 0))
    found: FloatArray = np.exp(rng.normal(mean, 0.22))
    return found


def _places(
    rng: Generator, crowd: Crowd, shape: Shape, *, is_loose: bool
) -> tuple[NDArray[np.uint64], IntArray]:
    """Say who may stand where, as words of slots, and who is sunk."""
    count = len(crowd.producer)
    slots = np.full(count, shape.open, np.uint64)
    if is_loose:
        return slots, np.zeros(count, np.uint8)
    unlicensed = rng.random(count) < 0.3
    slots[unlicensed] &= ~np.uint64((1 << first_screen(shape.slot_count)) - 1)
    tier = (rng.random(count) < 0.1).astype(np.uint8)
    pin = np.uint64(1) << np.uint64(rng.integers(3, shape.slot_count))
    pinned = rng.choice(np.flatnonzero(~unlicensed & (tier == 0) & (crowd.themes[:, 2] < 0)))
    slots &= ~pin
    slots[pinned] = pin
    return slots, tier


def first_screen(slot_count: int) -> int:
    """Return how many slots are seen without scrolling."""
    return 4 if slot_count <= 10 else 6


def _law(
    regime: str, shape: Shape, crowd: Crowd, above: Crowd, tier: IntArray
) -> tuple[tuple[int, int], list[Family]]:
    """Say what is counted; also the window of themes, for peers that know such a rule."""
    total = shape.slot_count
    whole = shape.slots(0, total)
    screen = shape.slots(0, first_screen(total))
    rooms = np.where(crowd.room >= 0, 0, -1)
    rooms_above = np.where(above.room >= 0, 0, -1)

    def family(labels: IntArray, standing: IntArray, *spans: Span) -> Family:
        if labels.ndim == 1:
            labels, standing = labels[:, None], standing[:, None]
        return Family(labels, spans, standing)

    if regime == "loose":
        return (3, 6), [
            family(crowd.themes, above.themes, Span(0, most=3, window=6)),
            family(crowd.producer, above.producer, Span(0, most=2, mask=whole)),
            family(rooms, rooms_above, Span(0, most=1, mask=screen)),
            family(crowd.sensitive, above.sensitive, Span(2, most=total // 4, mask=whole)),
            family(crowd.supported, above.supported, Span(1, total // 10, mask=whole)),
        ]
    is_edge = regime == "edge"
    window = (1, 4) if is_edge else (1, 3)
    page_most = total // 4 if is_edge else 3 * total // 10
    floor = total // 10 + is_edge
    half = shape.slots(0, total // 2)
    return window, [
        family(
            crowd.themes,
            above.themes,
            Span(0, most=window[0], window=window[1]),
            Span(3, most=page_most, mask=whole),
            Span(0, most=1 if is_edge else 2, mask=screen),
        ),
        family(
            crowd.producer,
            above.producer,
            Span(0, most=1 if is_edge else 2, mask=whole),
            Span(4, most=1, window=8),
        ),
        family(
            rooms,
            rooms_above,
            Span(0, most=total // 5, mask=whole),
            Span(3, most=1, mask=screen),
        ),
        family(crowd.room, above.room, Span(5, most=1, window=6)),
        family(crowd.sensitive, above.sensitive, Span(0, most=floor, mask=whole)),
        family(
            crowd.supported,
            above.supported,
            Span(1, floor, mask=whole),
            Span(2, 1, mask=screen),
        ),
        family(crowd.newcomer, above.newcomer, Span(3, 1 + is_edge * total // 20, mask=whole)),
        family(crowd.heritage, above.heritage, Span(4, 1, mask=half)),
        Family(np.where(tier, 0, -1)[:, None], (Span(1, most=0, mask=whole),)),
    ]


def _feature(rng: Generator, crowd: Crowd) -> NDArray[np.float32]:
    """Describe candidates as an embedding would: their themes, and a taste of their own."""
    count = len(crowd.producer)
    feature = np.zeros((count, THEMES + 1), np.float32)
    folded = np.where(crowd.themes >= 0, crowd.themes % THEMES, THEMES)  # real data has more
    np.put_along_axis(feature, folded, 1.0, axis=1)
    taste = rng.normal(0.0, 0.8 / np.sqrt(FEATURES - THEMES), (count, FEATURES - THEMES))
    feature = np.concatenate([feature[:, :THEMES], taste], axis=1, dtype=np.float32)
    feature /= np.linalg.norm(feature, axis=1, keepdims=True)
    return feature
