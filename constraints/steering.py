"""Compiles an offer for a page into the engine's form, by gathering what was worked out ahead."""

import math
from typing import NamedTuple

import numpy as np

from constraints.demands import Claims
from constraints.facts import FloatArray, IntArray, WordArray
from constraints.offer import Offer
from constraints.page import Page
from constraints.policy import Policy
from constraints.program import DISCOUNT, UTILITY_BITS, Program, Spans
from constraints.shape import Asked, Shape, asked_of, shape_of

try:
    from constraints.jit import straight
    from constraints.kernel.gather import claim, gather, worth

    gather = straight(gather)
except ImportError:  # without numba
    from constraints.kernel.gather_reference import claim, gather, worth


class Steering(NamedTuple):
    """A program and where it comes from.

    Attributes:
        program: for the solver.
        shape, asked: what the rules ask, of the page and of each class.
        class_of: (n,) uint16 class of each candidate.
        weight: (n,) float64, product of all weights, clipped.
        group_label, group_family: (g,) int32, label and family of each group.
        unit: what 1 of the objective is worth, in utility in slot 0.
        home: (n,) uint64 position each candidate is pinned to, 0 where its pins are void or it has
            none; None when nothing is pinned.
    """

    program: Program
    shape: Shape
    asked: Asked
    class_of: IntArray
    weight: FloatArray
    group_label: IntArray
    group_family: IntArray
    unit: float
    home: WordArray | None = None

    def claims(self, slate: IntArray) -> Claims:
        """Return what is done to the placements of a slate; it may hold anything."""
        asked = self.asked
        return Claims(asked.weighers, *claim(slate, self.class_of, asked.factors, asked.duties))

    def worth(self, slate: IntArray) -> float:
        """Return what a slate of candidates is worth: utility after weights times discounts."""
        return float(worth(slate, self.program.utility, DISCOUNT)) * self.unit


def compile_program(offer: Offer, page: Page, policy: Policy) -> Steering:
    """Gather an offer's rows into a program.

    Args:
        offer: rows compiled for the rules of this policy, and holding on the day of the page.
        page: the page.
        policy: the policy in force.
    """
    shape, catalogue, laid = shape_of(policy, page), offer.catalogue, offer.laid
    asked: Asked = catalogue.cached(asked_of, shape, catalogue.steer)
    g = gather(
        np.uint64(page.open << page.tail_count),
        laid.rows,
        np.array(offer.utility, np.float64),
        laid.standing_rows,
        laid.standing_at,
        catalogue.steer.class_of,
        catalogue.labels,
        catalogue.label_counts,
        asked.tables,
    )
    unit = math.ldexp(1.0, math.frexp(g.largest)[1] - UTILITY_BITS) / int(DISCOUNT[0])
    eligible, utility, home = g.eligible, g.utility, None
    if asked.pinned is not None:
        eligible, home = _pinned(eligible, asked.pinned[g.class_of])
        utility = np.where(eligible != 0, utility, 0)
    spans = Spans(g.span_start, g.level, g.least, g.most, g.mask, g.window, g.rule)
    program = Program(
        slot_count=page.slot_count,
        tail_count=page.tail_count,
        open=page.open,
        order=g.order,
        utility=utility,
        eligible=eligible,
        tier=g.tier,
        group_start=g.group_start,
        group_of=g.group_of,
        occupied=g.occupied,
        spans=spans,
    )
    return Steering(
        program, shape, asked, g.class_of, g.weight, g.group_label, g.group_family, unit, home
    )


def _pinned(eligible: WordArray, pinned: WordArray) -> tuple[WordArray, WordArray]:
    """Leave the pinned their slot, the highest that is open to them, and the others the rest.

    Args:
        eligible: (n,) positions that blocks and the caller leave each.
        pinned: (n,) those of them, reserved ones included, that pins name.

    Returns:
        (n,) eligible positions, and (n,) the pinned one or 0.
    """
    open_to = eligible & pinned
    home = open_to & (~open_to + np.uint64(1))  # its lowest bit
    kept = np.bitwise_or.reduce(home, initial=np.uint64(0))
    return np.where(home != 0, home, eligible & ~kept), home
