"""Finds out why candidates stand where they stand, by comparing with the page by utility alone."""

from dataclasses import replace
from itertools import islice, takewhile
from operator import itemgetter
from typing import Any, Final

import numpy as np

from constraints.decision import BLOCKED_MAX, Blocked, Cause, Move, Owed, Reason
from constraints.effects import HARD, LEVEL_MAX
from constraints.facts import FloatArray, IntArray
from constraints.reasons.because import Because
from constraints.rule import Rule, Violation
from constraints.steering import Steering

OVERTAKEN_MAX: Final = 20  # LIMIT: candidates asked whether a floor's title overtook them


def best(utility: FloatArray, count: int) -> IntArray:
    """Return the `count` largest, the largest first, ties by index: (count,) int64 or fewer."""
    some = np.arange(len(utility))
    if 0 < count < len(utility):
        least = np.partition(utility, len(utility) - count)[len(utility) - count]
        some = np.flatnonzero(utility >= least)
    return some[np.argsort(-utility[some], kind="stable")][:count]


class Reasons:
    """Answers why for one finished slate.

    Args:
        steering: what steered the slate.
        utility: (n,) as received.
        slate: (K,) final candidates by slot.
        withdrawn: hard violations the verifier emptied, with the candidates they concerned.
    """

    def __init__(
        self,
        steering: Steering,
        utility: FloatArray,
        slate: list[int],
        withdrawn: dict[int, Violation],
    ) -> None:
        program = steering.program
        self.steering, self.program, self.shape = steering, program, steering.shape
        self.utility, self.slate, self.withdrawn = utility, slate, withdrawn
        self.slot_of = {c: slot for slot, c in enumerate(slate) if c >= 0}
        self._deciding: dict[int, Reason] = {}
        # Single numbers are read quicker through these than from arrays.
        self._received: Any = utility.data
        self._weight: Any = steering.weight.data
        self._class_of, self._label = steering.class_of.data, steering.group_label.data
        self._start, self._group_of = program.group_start.data, program.group_of.data
        self._family, self._occupied = steering.group_family.data, program.occupied.data
        self._noted = steering.asked.noted
        self._keepers = self._find_keepers()
        self._standing: dict[int, int] = {}  # group → positions of its members on this page
        for candidate, slot in self.slot_of.items():
            position = 1 << self.program.tail_count + slot
            for group in self._groups(candidate):
                self._standing[group] = self._standing.get(group, 0) | position

    def moves(self) -> tuple[Move, ...]:
        """List the candidates held back from the slot their utility would give them."""
        found, open_slots = [], self.program.open
        wanted = [slot for slot in range(self.program.slot_count) if open_slots >> slot & 1]
        by_utility = best(self.utility, self.program.slot_count).tolist()
        for slot, candidate in zip(wanted, by_utility, strict=False):
            now = self.slot_of.get(candidate, -1)
            if not 0 <= now <= slot:
                reasons = self._held_back(candidate, slot)
                if reasons:
                    self._deciding[candidate] = reasons[0]
                found.append(Move(candidate, slot, now, reasons))
        return tuple(found)

    def blocked(self) -> tuple[tuple[Blocked, ...], int]:
        """List the candidates that may stand nowhere on the page, most useful first."""
        if not self.program.open:  # the caller fills every slot itself: no rule's doing
            return (), 0
        nowhere = np.flatnonzero(self.program.eligible == 0)
        listed = nowhere[best(self.utility[nowhere], BLOCKED_MAX)]
        classes = self.steering.class_of[listed].tolist()
        named = {one: self._nowhere(self._because_of(one)) for one in set(classes)}
        pairs = zip(listed.tolist(), classes, strict=True)
        return tuple([Blocked(c, *named[one]) for c, one in pairs]), len(nowhere)

    def _nowhere(self, because: Because) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return rule ids and sources of what keeps candidates of a class out of every slot."""
        ids, sources = because.blocked(self.program.open)
        if not self._keepers:
            return ids, sources
        kept = (r for slot, pins in self._keepers.items() if not because.barred(slot) for r in pins)
        pins = dict.fromkeys((r.rule_id, r.source) for r in kept)
        return (*ids, *(pin[0] for pin in pins)), (*sources, *(pin[1] for pin in pins))

    def own(self, candidate: int) -> tuple[Reason, ...]:
        """List the rules that pinned, weighed, sank or floored a candidate on the page."""
        because, slot = self._because(candidate), self.slot_of[candidate]
        pins = self.pinned_at(candidate, slot) if self.home_of(candidate) == slot else ()
        floors = self._floors(candidate, slot)
        if floors and self._overtakes(candidate, slot):
            served = [Reason(rule.id, Cause.FLOOR, source=rule.source) for rule in floors]
            return (*pins, *because.weights, *because.sinks, *served)
        return pins + because.weights + because.sinks

    def duties(self, candidate: int) -> tuple[Owed, ...]:
        """List what a candidate must be shown with."""
        return self._because(candidate).duties

    def home_of(self, candidate: int) -> int:
        """Return the slot a pin gives a candidate, -1 for none."""
        if self.steering.home is None:
            return -1
        position = int(self.steering.home[candidate]).bit_length() - 1
        return position - self.program.tail_count if position >= 0 else -1

    def pinned_at(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        """List the pins of a candidate to a slot."""
        return tuple(self._because(candidate).pins.get(slot, ()))

    def barred(self, candidate: int, slot: int) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
        """Return what blocks a candidate from a slot, and what sinks it."""
        because = self._because(candidate)
        return because.barred(slot), because.sinks

    def no_room(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        """Say why a candidate is not in a slot that is open to it alone."""
        violation = self.withdrawn.get(candidate)
        if violation is not None:
            return (Reason(violation.rule_id, Cause.WITHDRAWN, group=violation.group, slot=slot),)
        return tuple(self._caps(candidate, slot, 1 << slot, softest=HARD))

    def _find_keepers(self) -> dict[int, list[Reason]]:
        """Return slot → the pins that keep it for whom they name."""
        found: dict[int, dict[Reason, None]] = {}
        home = self.steering.home
        pinned = [] if home is None else np.flatnonzero(home).tolist()
        for candidate in pinned:
            slot = self.home_of(candidate)
            found.setdefault(slot, {}).update(dict.fromkeys(self.pinned_at(candidate, slot)))
        return {slot: [*found[slot]] for slot in sorted(found)}

    def _strayed(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        """Say which pins keep a candidate out of a slot: its own, or those of others."""
        home = self.home_of(candidate)
        if home < 0:
            by = self.slate[slot]
            kept = self._keepers.get(slot, ())
            return tuple(Reason(r.rule_id, Cause.KEPT, 1.0, -1, by, r.source, slot) for r in kept)
        if home == slot:
            return ()
        return tuple(replace(r, slot=slot) for r in self.pinned_at(candidate, home))

    def _because(self, candidate: int) -> Because:
        return self._because_of(self._class_of[candidate])

    def _because_of(self, one: int) -> Because:
        """Look up what is asked of a class, once for all pages of the shape."""
        known: Because | None = self._noted.get(one)
        if known is None:
            known = self._noted[one] = Because(one, self.shape, self.steering.asked)
        return known

    def _held_back(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        violation = self.withdrawn.get(candidate)
        if violation is not None:
            return (Reason(violation.rule_id, Cause.WITHDRAWN, group=violation.group),)
        found = self._at(candidate, slot)
        if found and found[0].cause in (Cause.BLOCKED, Cause.KEPT):
            found += self._below_the_block(candidate, slot)
        return found

    def _at(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        """Say why a candidate does not stand in a slot."""
        first, last = self._because(candidate).kept_out(slot)
        pins = self._strayed(candidate, slot) if self._keepers else ()
        found = (*first, *pins, *self._caps(candidate, slot), *last)
        return found or self._displaced(candidate, slot) or self._arranged(candidate, slot)

    def _below_the_block(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        """Say why it does not stand in the first slot its block leaves it, if it does not."""
        word = int(self.program.eligible[candidate]) >> self.program.tail_count
        open_slots = [s for s in range(slot, self.program.slot_count) if word >> s & 1]
        if not open_slots or self.slot_of.get(candidate) == open_slots[0]:
            return ()
        return self._at(candidate, open_slots[0])

    def _displaced(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        """Ask the one who stands there why it does: its weight, a floor, or its own reason."""
        other = self.slate[slot]
        if other < 0:
            return ()
        if self._scored(other) < self._scored(candidate):
            floors = dict.fromkeys((r.id, r.source) for r in self._floors(other, slot))
            return tuple(
                Reason(rule_id, Cause.FLOOR, 1.0, -1, other, source, slot)
                for rule_id, source in floors
            )
        raised = [reason for reason in self._because(other).weights if reason.ratio > 1]
        came_down = self._deciding.get(other)
        # Worth more as received, it comes from a slot above: then its boost decided nothing here.
        if raised and not (came_down and self._received[other] > self._received[candidate]):
            return tuple(
                Reason(r.rule_id, Cause.DISPLACED, r.ratio, r.group, other, r.source, slot)
                for r in raised
            )
        if came_down is None:
            return ()
        rule_id, group, source = came_down.rule_id, came_down.group, came_down.source
        return (Reason(rule_id, Cause.DISPLACED, 1.0, group, other, source, slot),)

    def _arranged(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        """Say which cap the whole page would break if it stood there.

        The search may leave a slot to one worth less, because the page is worth more so: then one
        more of its group beside all who stand on the page is too many, or the one who stands there
        could not stand where it does now.
        """
        other, now = self.slate[slot], self.slot_of.get(candidate, -1)
        spared = (1 << slot) | (1 << now if now >= 0 else 0)
        found = self._caps(candidate, slot, spared)
        if found or other < 0 or now < 0:
            return tuple(found)
        held = [*self._because(other).kept_out(now)[0], *self._caps(other, now, spared)]
        return tuple(
            Reason(r.rule_id, Cause.DISPLACED, 1.0, r.group, other, r.source, slot) for r in held
        )

    def _scored(self, candidate: int) -> float:
        return float(self._received[candidate] * self._weight[candidate])

    def _groups(self, candidate: int) -> list[int]:
        return self._group_of[self._start[candidate] : self._start[candidate + 1]].tolist()

    def _floors(self, candidate: int, slot: int) -> list[Rule]:
        """List the floors that would be unmet if a candidate did not stand in its slot."""
        position, spans = self.program.tail_count + slot, self.steering.asked.spans
        return [
            self.shape.rules[span.rule]
            for group in self._groups(candidate)
            for span in spans[self._family[group]]
            if span.least
            and span.mask >> position & 1
            and (self._taken(group) & span.mask).bit_count() <= span.least
        ]

    def _taken(self, group: int) -> int:
        """Return the positions where members of a group stand."""
        return self._occupied[group] | self._standing.get(group, 0)

    def _overtakes(self, candidate: int, slot: int) -> bool:
        """Tell whether a more useful candidate that nothing kept out of the slot stands lower."""
        position = self.program.tail_count + slot
        eligible, tier = self.program.eligible.data, self.program.tier.data
        later = (
            other
            for other in takewhile(lambda other: other != candidate, self.program.order.data)
            if not 0 <= self.slot_of.get(other, -1) < slot
            and eligible[other] >> position & 1
            and not tier[other]
        )
        return any(not self._caps(other, slot) for other in islice(later, OVERTAKEN_MAX))

    def _caps(
        self, candidate: int, slot: int, spared: int = 0, softest: int = LEVEL_MAX
    ) -> list[Reason]:
        """List the caps up to a level that are full at a slot, hard ones first.

        They are counted with those who stand above it, or, where slots are spared, with all who
        stand in others.
        """
        position, found = self.program.tail_count + slot, []
        others = ~(spared << self.program.tail_count) if spared else (1 << position) - 1
        spans = self.steering.asked.spans
        for group in self._groups(candidate):
            taken = self._occupied[group] | (self._standing.get(group, 0) & others)
            have = taken.bit_count()
            for level, _, most, mask, window, rule in spans[self._family[group]] if have else ():
                if (
                    level <= softest
                    and have >= most
                    and _is_full(most, mask, window, taken, position)
                ):
                    found.append((level, rule, group))
        ordered = dict.fromkeys(entry[1:] for entry in sorted(found, key=itemgetter(0, 1)))
        return [
            Reason(rule.id, Cause.CAPPED, 1.0, self._label[group], -1, rule.source, slot)
            for rule, group in ((self.shape.rules[number], group) for number, group in ordered)
        ]


def _is_full(most: int, mask: int, window: int, taken: int, position: int) -> bool:
    """Tell whether one more at a position is more than a span takes."""
    if not window:
        return bool(mask >> position & 1) and (taken & mask).bit_count() >= most
    run = (1 << window) - 1 << max(0, position - window + 1)
    for _ in range(min(window, position + 1)):
        if (taken & run).bit_count() >= most:
            return True
        run <<= 1
    return False
