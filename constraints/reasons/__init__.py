"""Says why candidates stand where they stand: in words of `decision`, or as rows of numbers.

`reference` finds it out in plain Python for any page; `compiled` for all but the rare ones, with
the same result. From below: `tables` (what rules ask, laid out), `rows`, `because`.
"""

from typing import Any, NamedTuple

import numpy as np

from constraints.catalogue import Column
from constraints.decision import Parts, Placement, Plain, SlotState, Words
from constraints.facts import FloatArray, IntArray, WordArray
from constraints.offer import Offer
from constraints.page import Page
from constraints.reasons.reference import Reasons
from constraints.reasons.rows import Told
from constraints.reasons.tables import Named, Tables, tables_of
from constraints.shape import Shape
from constraints.steering import Steering

try:
    from constraints.jit import straight
    from constraints.reasons.compiled import tell
    from constraints.reasons.finding import effects_by_class

    tell = straight(tell)
except ImportError:  # without numba
    tell = None


class Asked(NamedTuple):
    """A page as `tell` reads it; see `Program` and `Steering`."""

    tail_count: int
    open: np.uint64
    order: IntArray
    eligible: WordArray
    tier: IntArray
    group_start: IntArray
    group_of: IntArray
    occupied: WordArray
    class_of: IntArray
    weight: FloatArray
    group_label: IntArray
    group_family: IntArray
    effect_start: IntArray
    effect: IntArray


def told(slate: IntArray, steering: Steering, offer: Offer, page: Page) -> Parts:
    """Say why, of a slate without pins of which nothing was withdrawn."""
    if tell is None:
        reasons = Reasons(steering, offer.utility, slate.tolist(), {})
        return plain(reasons, offer, page)
    p, catalogue = steering.program, offer.catalogue
    tables, names, effects = catalogue.cached(_laid_out, steering.shape, catalogue.steer)
    asked = Asked(
        p.tail_count,
        np.uint64(p.open),
        p.order,
        p.eligible,
        p.tier,
        p.group_start,
        p.group_of,
        p.occupied,
        steering.class_of,
        steering.weight,
        steering.group_label,
        steering.group_family,
        *effects,
    )
    rows = tell(
        slate,
        offer.laid.utility,
        offer.laid.rows,
        catalogue.is_registered,
        asked,
        steering.asked.tables,
        tables,
    )
    return Told(rows, names, page, slate)


def _laid_out(shape: Shape, column: Column) -> tuple[Tables, Named, tuple[IntArray, IntArray]]:
    tables, names = tables_of(shape)
    return tables, names, effects_by_class(column.verdicts, tables)


def plain(reasons: Reasons, offer: Offer, page: Page) -> Plain:
    """Say why, of any slate."""
    moves = reasons.moves()
    blocked, blocked_count = reasons.blocked()
    return Plain(Words(_placements(reasons, offer, page), moves, blocked), blocked_count)


def _placements(reasons: Reasons, offer: Offer, page: Page) -> tuple[Placement, ...]:
    first_screen, placements = page.first_screen, list[Placement]()
    # Single numbers are read quicker through these than from arrays.
    utility, weight = offer.utility.data, reasons.steering.weight.data
    registered: Any = offer.catalogue.facts.is_registered.data
    for slot, candidate in enumerate(reasons.slate):
        on_screen = bool(first_screen >> slot & 1)
        if candidate < 0:
            state = SlotState.RESERVED if page.reserved >> slot & 1 else SlotState.EMPTY
            placements.append(Placement(slot, state, on_screen))
            continue
        received = utility[candidate]
        placements.append(
            Placement(
                slot,
                SlotState.FILLED,
                on_screen,
                candidate,
                received,
                received * weight[candidate],
                registered[offer.rows[candidate]],
                reasons.own(candidate),
                reasons.duties(candidate),
            )
        )
    return tuple(placements)
