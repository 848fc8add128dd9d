"""Finds out why candidates stand where they stand, by comparing with the page by utility alone."""

from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np

from constraints.decision import BLOCKED_MAX, Blocked, Cause, Move, Reason
from constraints.effects import Block, Sink, Weight
from constraints.facts import FloatArray
from constraints.program import UNCAPPED, Program
from constraints.rule import Rule, Violation

OVERTAKEN_MAX: Final = 20  # LIMIT: candidates asked whether a floor's title overtook them


def unconstrained(program: Program, utility: FloatArray) -> list[int]:
    """Return the page by received utility alone: candidate of each open slot, -1 elsewhere."""
    best = iter(np.argsort(-utility, kind="stable")[: program.slot_count].tolist())
    return [
        next(best, -1) if program.open >> slot & 1 else -1 for slot in range(program.slot_count)
    ]


class Reasons:
    """Answers why for one finished slate.

    Args:
        program: what steered the slate.
        utility: (n,) as received.
        slate: (K,) final candidates by slot.
        withdrawn: hard violations the verifier emptied, with the candidates they concerned.
    """

    def __init__(
        self,
        program: Program,
        utility: FloatArray,
        slate: list[int],
        withdrawn: dict[int, Violation],
    ) -> None:
        self.program = program
        self.utility = utility
        self.scored = utility * program.weight
        self.slate = slate
        self.withdrawn = withdrawn
        self.wanted = unconstrained(program, utility)
        self.slot_of = {c: slot for slot, c in enumerate(slate) if c >= 0}
        self._deciding: dict[int, Reason] = {}
        self._standing: dict[int, int] = {}  # group → positions of its members on this page
        for candidate, slot in self.slot_of.items():
            for group in self._groups(candidate):
                position = 1 << program.tail_count + slot
                self._standing[group] = self._standing.get(group, 0) | position

    def moves(self) -> tuple[Move, ...]:
        """List the candidates held back from the slot their utility would give them."""
        found = []
        for slot, candidate in enumerate(self.wanted):
            now = self.slot_of.get(candidate, -1)
            if candidate >= 0 and not 0 <= now <= slot:
                reasons = self._held_back(candidate, slot)
                if reasons:
                    self._deciding[candidate] = reasons[0]
                found.append(Move(candidate, slot, now, reasons))
        return tuple(found)

    def blocked(self, utility: FloatArray) -> tuple[tuple[Blocked, ...], int]:
        """List the candidates that may stand nowhere on the page, most useful first."""
        if not self.program.open:  # the caller fills every slot itself: no rule's doing
            return (), 0
        nowhere = np.flatnonzero(self.program.eligible == 0)
        listed = nowhere[np.argsort(-utility[nowhere], kind="stable")][:BLOCKED_MAX]
        page = self.program.open
        found = []
        for candidate in listed.tolist():
            reasons = self._blocks(candidate, page)
            rule_ids = tuple(reason.rule_id for reason in reasons)
            sources = tuple(reason.source for reason in reasons)
            found.append(Blocked(candidate, rule_ids, sources))
        return tuple(found), len(nowhere)

    def own(self, candidate: int) -> tuple[Reason, ...]:
        """List the rules that weighed, sank or floored a candidate on the page."""
        slot = self.slot_of[candidate]
        floors = self._floors(candidate, slot)
        served = [
            Reason(rule.id, Cause.FLOOR, source=rule.source)
            for rule in floors
            if self._overtakes(candidate, slot)
        ]
        return (*self._weights(candidate), *self._sinks(candidate), *served)

    def _held_back(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        violation = self.withdrawn.get(candidate)
        if violation is not None:
            return (Reason(violation.rule_id, Cause.WITHDRAWN, group=violation.group),)
        found = self._at(candidate, slot)
        if found and found[0].cause == Cause.BLOCKED:
            found += self._below_the_block(candidate, slot)
        return found

    def _at(self, candidate: int, slot: int) -> tuple[Reason, ...]:
        """Say why a candidate does not stand in a slot."""
        found = self._kept_out(candidate, slot) or self._displaced(candidate, slot)
        return tuple(replace(reason, slot=slot) for reason in dict.fromkeys(found))

    def _kept_out(self, candidate: int, slot: int) -> list[Reason]:
        return [
            *self._blocks(candidate, 1 << slot),
            *self._sinks(candidate),
            *self._caps(candidate, slot),
            *(reason for reason in self._weights(candidate) if reason.ratio < 1),
        ]

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
        raised = [reason for reason in self._weights(other) if reason.ratio > 1]
        if self.scored[other] < self.scored[candidate]:
            floors = self._floors(other, slot)
            return tuple(
                Reason(rule.id, Cause.FLOOR, by=other, source=rule.source) for rule in floors
            )
        came_down = self._deciding.get(other)
        # Worth more as received, it comes from a slot above: then its boost decided nothing here.
        if raised and not (came_down and self.utility[other] > self.utility[candidate]):
            return tuple(replace(r, cause=Cause.DISPLACED, by=other) for r in raised)
        if came_down is not None:
            return (replace(came_down, cause=Cause.DISPLACED, ratio=1.0, by=other),)
        return ()

    def _blocks(self, candidate: int, slots: int) -> list[Reason]:
        return [
            Reason(step.rule.id, Cause.BLOCKED, source=step.rule.source_of(verdict))
            for step in self.program.steering
            for verdict in (int(step.verdicts[candidate]),)
            for effect in step.effects.get(verdict, ())
            if isinstance(effect, Block) and effect.slots & slots
        ]

    def _sinks(self, candidate: int) -> list[Reason]:
        return [
            Reason(step.rule.id, Cause.SUNK, source=step.rule.source_of(verdict))
            for step in self.program.steering
            for verdict in (int(step.verdicts[candidate]),)
            if any(isinstance(effect, Sink) for effect in step.effects.get(verdict, ()))
        ]

    def _weights(self, candidate: int) -> list[Reason]:
        return [
            Reason(step.rule.id, Cause.WEIGHTED, effect.ratio, source=step.rule.source_of(verdict))
            for step in self.program.steering
            for verdict in (int(step.verdicts[candidate]),)
            for effect in step.effects.get(verdict, ())
            if isinstance(effect, Weight) and effect.ratio != 1
        ]

    def _groups(self, candidate: int) -> list[int]:
        start = self.program.group_start
        groups: list[int] = self.program.group_of[start[candidate] : start[candidate + 1]].tolist()
        return groups

    def _floors(self, candidate: int, slot: int) -> list[Rule]:
        """List the floors that a candidate serves in a slot."""
        spans, position = self.program.spans, self.program.tail_count + slot
        return [
            self.program.steering[spans.rule[span]].rule
            for group in self._groups(candidate)
            for span in range(spans.start[group], spans.start[group + 1])
            if spans.least[span] > 0 and int(spans.mask[span]) >> position & 1
        ]

    def _overtakes(self, candidate: int, slot: int) -> bool:
        """Tell whether a more useful candidate that nothing kept out of the slot stands lower."""
        program = self.program
        better = program.order[: np.flatnonzero(program.order == candidate)[0]]
        bit = np.uint64(1 << program.tail_count + slot)
        may = (program.eligible[better] & bit != 0) & (program.tier[better] == 0)
        later = (c for c in better[may].tolist() if not 0 <= self.slot_of.get(c, -1) < slot)
        return any(not self._caps(c, slot) for c in islice(later, OVERTAKEN_MAX))

    def _caps(self, candidate: int, slot: int) -> list[Reason]:
        """List the caps that were full at `slot` when it was its turn, hard ones first."""
        spans, found = self.program.spans, []
        for group in self._groups(candidate):
            above = (1 << self.program.tail_count + slot) - 1
            taken = int(self.program.occupied[group]) | (self._standing.get(group, 0) & above)
            for span in range(spans.start[group], spans.start[group + 1]):
                if spans.most[span] < UNCAPPED and self._is_full(span, taken, slot):
                    rule = self.program.steering[spans.rule[span]].rule
                    number = self.program.group_name[group][1]
                    reason = Reason(rule.id, Cause.CAPPED, group=number, source=rule.source)
                    found.append((int(spans.level[span]), reason))
        ordered = [reason for _, reason in sorted(found, key=lambda pair: pair[0])]
        return list(dict.fromkeys(ordered))

    def _is_full(self, span: int, taken: int, slot: int) -> bool:
        spans, position = self.program.spans, self.program.tail_count + slot
        width, most = int(spans.window[span]), int(spans.most[span])
        if not width:
            mask = int(spans.mask[span])
            return bool(mask >> position & 1) and (taken & mask).bit_count() >= most
        run = (1 << width) - 1
        first, last = max(0, position - width + 1), position
        return any((taken & run << start).bit_count() >= most for start in range(first, last + 1))
