"""Whether both halves of a rule say the same, of rows and of pages."""

from typing import Any

from constraints.analyze.pages import Asked
from constraints.demands import Barred, Below, Fixed, Least, Most, Shown, WeightAtMost
from constraints.effects import Block, Cap, Pin, Show, Sink, Weight
from constraints.page import Page


def asks_differ(one: Asked) -> bool:
    """Tell whether effects and demands of a page are not the same."""
    return _steered(one) != _demanded(one)


def _steered(one: Asked) -> set[Any]:
    found: set[Any] = set()
    blocked: dict[int, int] = {}
    for verdict, effects in one.effects.items():
        for effect in effects:
            match effect:
                case Block(slots):
                    blocked[verdict] = blocked.get(verdict, 0) | slots
                case Pin(slot):
                    found.add(("pin", verdict, slot))
                case Sink():
                    found.add(("sink", verdict))
                case Weight(ratio) if ratio != 1:
                    found.add(("weight", verdict, ratio))
                case Show(duty):
                    found.add(("show", verdict, duty))
    found |= {("block", verdict, word) for verdict, word in blocked.items() if word}
    counted = frozenset(one.rule.counted)
    for cap in one.caps:
        found.add(("cap", counted, cap.most, cap.level, _largest(_runs(cap, one.page), cap.most)))
    return found | {("floor", counted, f.least, f.slots, f.level) for f in one.floors}


def _demanded(one: Asked) -> set[Any]:
    found: set[Any] = set()
    blocked: dict[int, int] = {}
    for demand in one.rule.demands(one.page):
        match demand:
            case Barred(verdicts, slots):
                for verdict in verdicts:
                    blocked[verdict] = blocked.get(verdict, 0) | slots
            case Fixed(slot_of):
                found |= {("pin", verdict, slot) for verdict, slot in slot_of.items()}
            case Below(verdicts):
                found |= {("sink", verdict) for verdict in verdicts}
            case WeightAtMost(largest):
                found |= {("weight", v, ratio) for v, ratio in largest.items() if ratio != 1}
            case Shown(duty_of):
                found |= {("show", verdict, duty) for verdict, duty in duty_of.items()}
            case Most(verdicts, most, runs, level):
                found.add(("cap", frozenset(verdicts), most, level, _largest(runs, most)))
            case Least(verdicts, least, slots, level):
                found.add(("floor", frozenset(verdicts), least, slots, level))
    return found | {("block", verdict, word) for verdict, word in blocked.items() if word}


def _runs(cap: Cap, page: Page) -> list[int]:
    if cap.window_slots:
        first, width = -page.tail_count, cap.window_slots
        starts = range(first, max(first, page.slot_count - width) + 1)
        return [page.run(start, start + width) for start in starts]
    above = ((1 << cap.above) - 1) << page.tail_count - cap.above
    return [cap.slots << page.tail_count | above]


def _largest(runs: Any, most: int) -> frozenset[int]:
    """Return the runs that no other holds, and that are longer than what they allow."""
    words = {word for word in runs if word.bit_count() > most}
    return frozenset(w for w in words if not any(w != o and not w & ~o for o in words))
