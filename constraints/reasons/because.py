"""What rules ask of one class of candidates, as reasons: made once a class and shape of page."""

from dataclasses import replace

from constraints.catalogue import QUARANTINE, QUARANTINED
from constraints.decision import Cause, Owed, Reason
from constraints.effects import Block, Pin, Show, Sink, Weight
from constraints.shape import Asked, Shape


class Because:
    """What rules ask of one class of candidates on one shape of page; made once, then looked up.

    Attributes:
        weights, sinks: reasons of what weighs and sinks it.
        duties: what it must be shown with, and why.
        pins: slot → reasons of what pins it there.
    """

    def __init__(self, one: int, shape: Shape, asked: Asked) -> None:
        blocks: list[tuple[int, Reason]] = []
        sinks: list[Reason] = []
        weights: list[Reason] = []
        duties: list[Owed] = []
        self.pins: dict[int, list[Reason]] = {}
        if one == QUARANTINED:
            blocks.append((shape.page.slots, Reason(QUARANTINE, Cause.BLOCKED)))
        told = asked.verdicts[one].tolist()
        for rule, column, effects in zip(shape.rules, shape.columns, shape.effects, strict=True):
            verdict = told[column]
            if verdict not in effects:  # most rules say nothing of most classes
                continue
            source = rule.source_of(verdict)
            for effect in effects[verdict]:
                match effect:
                    case Block(slots):
                        blocks.append((slots, Reason(rule.id, Cause.BLOCKED, source=source)))
                    case Pin(slot):
                        reason = Reason(rule.id, Cause.PINNED, source=source, slot=slot)
                        self.pins.setdefault(slot, []).append(reason)
                    case Sink():
                        sinks.append(Reason(rule.id, Cause.SUNK, source=source))
                    case Weight(ratio) if ratio != 1:
                        weights.append(Reason(rule.id, Cause.WEIGHTED, ratio, source=source))
                    case Show(duty):
                        duties.append(Owed(duty, rule.id, source))
        self.weights, self.sinks, self._blocks = tuple(weights), tuple(sinks), blocks
        self.duties = tuple(duties)
        self._named: tuple[int, tuple[tuple[str, ...], tuple[str, ...]]] = 0, ((), ())
        self._kept_out: dict[int, tuple[list[Reason], list[Reason]]] = {}

    def blocked(self, open_slots: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return rule ids and sources of the blocks on open slots."""
        if self._named[0] != open_slots:  # one word alone is kept: callers choose which are open
            named = [reason for slots, reason in self._blocks if slots & open_slots]
            told = tuple(r.rule_id for r in named), tuple(r.source for r in named)
            self._named = open_slots, told
        return self._named[1]

    def barred(self, slot: int) -> tuple[Reason, ...]:
        """Return the blocks on a slot."""
        found = (replace(reason, slot=slot) for slots, reason in self._blocks if slots >> slot & 1)
        return tuple(dict.fromkeys(found))

    def kept_out(self, slot: int) -> tuple[list[Reason], list[Reason]]:
        """Return the blocks and sinks that keep it out of a slot, and the weights that do."""
        known = self._kept_out.get(slot)
        if known is None:
            sinks = (replace(reason, slot=slot) for reason in self.sinks)
            first = [*dict.fromkeys([*self.barred(slot), *sinks])]
            last = [replace(reason, slot=slot) for reason in self.weights if reason.ratio < 1]
            known = self._kept_out[slot] = first, last
        return known
