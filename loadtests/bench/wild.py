"""Pages of any kind the engine's form allows, lawful or hopeless, to prove the engine on.

5 to 2,000 candidates, 1 to 50 slots, 0 to 40 rules. Beside pages much like those of the bench:
`mixed`, `infeasible` (caps and floors that cannot be met together), `few` (about as many candidates
as slots, down to one), `labels` (up to 12 themes a candidate), `tail` (up to 40 positions above),
`ties` (few different utilities, all zero or all equal at times).
"""

from typing import Any, Final, NamedTuple

import numpy as np

from constraints.kernel import Tables
from constraints.program import DISCOUNT, UNCAPPED, UTILITY_BITS
from loadtests.bench import drawing
from loadtests.bench.lay import Shape
from loadtests.bench.pages import REGIMES, TAIL, first_screen
from loadtests.bench.sketch import FAMILY, OWN, SPAN, SUNK, Habit, Kind, Outline, grouped, worth

KINDS: Final = {
    "loose": Kind(worth_least=2**19),
    "tight": Kind(worth_least=2**19),
    "edge": Kind(worth_least=2**19),
    "mixed": Kind(),
    "infeasible": Kind(is_hopeless=True),
    "few": Kind(is_scarce=True),
    "labels": Kind(themes_max=12),
    "tail": Kind(tail_max=40),
    "ties": Kind(is_tied=True),
}
_NAMES: Final = tuple(KINDS)
CANDIDATES_MAX: Final = 2000
SLOTS_MAX: Final = 50
_SMALL: Final = (60, 12)  # the same of pages for slow methods


class WildPage(NamedTuple):
    """A page, and how many rules it is under: each counts one or more things of its groups."""

    tables: Tables
    rule_count: int


def kind_of(number: int) -> str:
    """Return the kind of the page of a number."""
    return _NAMES[number % len(_NAMES)]


def draw(number: int, *, is_small: bool = False) -> WildPage:
    """Draw the page of a number: its size and all the rest depend on nothing else.

    Args:
        number: 0 or more.
        is_small: at most 60 candidates and 12 slots, for slow methods.
    """
    name = kind_of(number)
    kind, random = KINDS[name], drawing.begin(number)
    most, slots_max = _SMALL if is_small else (CANDIDATES_MAX, SLOTS_MAX)
    if name in REGIMES:
        o = drawing.outline(random, kind, (20, most), (5, slots_max))
        o = _without_reserved(o, 0 if name == "loose" else TAIL)
        habit, (families, spans) = _known_habit(name, o.slot_count), _known_law(name, o)
    else:
        o = drawing.outline(random, kind, (5, most), (1, slots_max))
        habit, (families, spans) = drawing.habit(random, o), drawing.law(random, kind, o)
    words, tier = drawing.places(random, o, habit)
    labels = drawing.labels(random, families, tier, o)
    utility = drawing.utilities(random, kind, worth(labels, families, o))
    start, group_of, occupied, span_start, rows = grouped(labels, families, spans, o)
    counted = spans[rows]
    found = Tables(
        slot_count=o.slot_count,
        tail_count=o.tail_count,
        open=np.uint64(o.open),
        order=np.argsort(-utility, kind="stable").astype(np.int32),
        utility=_scaled(utility * (words != 0)),
        eligible=words << np.uint64(o.tail_count),
        tier=tier,
        group_start=start,
        group_of=group_of,
        occupied=occupied,
        span_start=span_start,
        level=counted["level"].copy(),
        least=counted["least"].copy(),
        most=counted["most"].copy(),
        mask=counted["mask"].copy(),
        window=counted["window"].copy(),
        discount=DISCOUNT,
    )
    return WildPage(found, len(families))


def _scaled(utility: Any) -> Any:
    """Scale by a power of two: the largest has UTILITY_BITS bits."""
    return utility << max(UTILITY_BITS - int(utility.max(initial=0)).bit_length(), 0)


def _without_reserved(o: Outline, tail_count: int) -> Outline:
    """Return the outline of a page with all slots open below a tail of a given length."""
    every = (1 << o.slot_count) - 1
    return Outline(o.candidate_count, o.slot_count, tail_count, every, np.arange(tail_count))


def _known_habit(name: str, slot_count: int) -> Habit:
    """Say who may stand where in a regime; see `pages`."""
    if name == "loose":
        return Habit(0, 0, 0, 0, 0, 0, 0, True)
    return Habit(first_screen(slot_count), 300, 0, 0, 100, 1, 3, True)


def _known_law(name: str, o: Outline) -> tuple[Any, Any]:
    """Say what is counted in a regime, by families and spans; see `pages`."""
    total, is_edge = o.slot_count, name == "edge"
    shape = Shape(total, o.tail_count, o.open, o.standing_at)
    whole, half = shape.slots(0, total), shape.slots(0, total // 2)
    screen, floor = shape.slots(0, first_screen(total)), total // 10 + is_edge
    families = [
        (drawing.THEMES, 1000, 1, 3, OWN, 0, 1),
        (max(o.candidate_count // 4, 1), 1000, 1, 1, OWN, 0, 0),
        (6, 150, 1, 1, OWN, 100, 0),  # categories of live rooms
        (1, 0, 1, 1, 2, 0, 0),  # all rooms
        (1, 200, 1, 1, OWN, 100, 0),  # sensitive
        (1, 80, 1, 1, OWN, -100, 0),  # supported
        (1, 100, 1, 1, OWN, -100, 0),  # newcomer
        (1, 50, 1, 1, OWN, -100, 0),  # heritage
        (1, 0, 1, 1, SUNK, 0, 0),
    ]
    if name == "loose":
        spans = [
            (0, 0, 0, 3, 6, shape.every),
            (1, 0, 0, 2, 0, whole),
            (3, 0, 0, 1, 0, screen),
            (4, 2, 0, total // 4, 0, whole),
            (5, 1, total // 10, UNCAPPED, 0, whole),
        ]
        return np.array(families, FAMILY), np.array(spans, SPAN)
    spans = [
        (0, 0, 0, 1, 4 if is_edge else 3, shape.every),
        (0, 3, 0, total // 4 if is_edge else 3 * total // 10, 0, whole),
        (0, 0, 0, 1 if is_edge else 2, 0, screen),
        (1, 0, 0, 1 if is_edge else 2, 0, whole),
        (1, 4, 0, 1, 8, shape.every),
        (2, 5, 0, 1, 6, shape.every),
        (3, 0, 0, total // 5, 0, whole),
        (3, 3, 0, 1, 0, screen),
        (4, 0, 0, floor, 0, whole),
        (5, 1, floor, UNCAPPED, 0, whole),
        (5, 2, 1, UNCAPPED, 0, screen),
        (6, 3, 1 + is_edge * total // 20, UNCAPPED, 0, whole),
        (7, 4, 1, UNCAPPED, 0, half),
        (8, 1, 0, 0, 0, whole),
    ]
    return np.array(families, FAMILY), np.array(spans, SPAN)
