"""Finds the pins that do not hold on a finished page, and says why."""

import numpy as np

from constraints.catalogue import QUARANTINED
from constraints.decision import Reason, Void, VoidPin
from constraints.facts import IntArray, subject_keys
from constraints.offer import Offer
from constraints.page import Page
from constraints.reasons.reference import Reasons
from constraints.shape import Pinned


def void_pins(reasons: Reasons, offer: Offer, page: Page) -> tuple[VoidPin, ...]:
    """List every pin of a rule in force that does not hold on the page, by slot and rule."""
    steering = reasons.steering
    found = []
    for pin in steering.shape.pins:
        column = steering.asked.verdicts[:, steering.shape.columns[pin.rule]]
        named: IntArray = np.flatnonzero(column[steering.class_of] == pin.verdict)
        if not len(named):
            named = _in_quarantine(pin, steering.class_of, offer)
        if reasons.slate[pin.slot] not in named:
            candidate, void, because = _why(pin, named, reasons, page)
            rule_id = steering.shape.rules[pin.rule].id
            found.append(VoidPin(rule_id, pin.slot, pin.subject, void, candidate, because))
    return tuple(found)


def _in_quarantine(pin: Pinned, class_of: IntArray, offer: Offer) -> IntArray:
    """Find who is meant among those whose verdicts count for nothing."""
    held = np.flatnonzero(class_of == QUARANTINED)
    subjects = offer.catalogue.facts.subject[offer.rows[held]]
    found: IntArray = held[subjects == subject_keys([pin.subject])[0]]
    return found


def _why(
    pin: Pinned, named: IntArray, reasons: Reasons, page: Page
) -> tuple[int, Void, tuple[Reason, ...]]:
    """Say of the most useful candidate that a pin names why it is not in its slot."""
    if not len(named):
        return -1, Void.NOT_OFFERED, ()
    candidate = int(named[np.argmax(reasons.utility[named])])
    if page.reserved >> pin.slot & 1:
        return candidate, Void.RESERVED, ()
    blocks, sinks = reasons.barred(candidate, pin.slot)
    if blocks:
        return candidate, Void.BLOCKED, blocks
    if sinks:
        return candidate, Void.SUNK, sinks
    home = reasons.home_of(candidate)
    if home != pin.slot:
        return candidate, Void.PINNED_ABOVE, reasons.pinned_at(candidate, home)
    if reasons.slate[pin.slot] >= 0:
        return candidate, Void.TAKEN, reasons.pinned_at(reasons.slate[pin.slot], home)
    return candidate, Void.NO_ROOM, reasons.no_room(candidate, pin.slot)
