"""What a draft policy would have changed, on decisions that were really made."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from math import log2
from typing import Final

from constraints.terms import Document, Kind
from constraints.vocabulary import shown_name
from ranker.audit.replay import Replayed
from ranker.facts.snapshot import Snapshot
from ranker.v1 import decision_pb2 as out

UNREGISTERED: Final = "unregistered"


def _discount(slot: int) -> float:
    """Return the share of attention of a slot, from 0 on its page."""
    return 1 / log2(slot + 2)


@dataclass(slots=True)
class Impact:
    """Sums over decisions; two of them add up. Exposure is the discount 1 / log2(slot + 2).

    Attributes:
        decisions: how many were decided by the draft; unlike: how many of them differ.
        slots: filled or empty, of all pages; changed: those that hold another candidate.
        worth_before, worth_after: utility as received times discount, over all slots.
        counts: what, "before" or "after" → how many or how much. What is a pair: of `empty` and
            "", `class` and its name, `theme` and its name (exposure), `relaxed` and the rule
            (violations), `held` and the rule (utility times discount that candidates lost for it).
    """

    decisions: int = 0
    unlike: int = 0
    slots: int = 0
    changed: int = 0
    worth_before: float = 0.0
    worth_after: float = 0.0
    counts: defaultdict[tuple[str, str, str], float] = field(
        default_factory=lambda: defaultdict(float)
    )

    def add(self, other: "Impact") -> None:
        """Add what others found."""
        for each in fields(self):
            if each.name != "counts":
                told = getattr(self, each.name) + getattr(other, each.name)
                setattr(self, each.name, told)
        for key, value in other.counts.items():
            self.counts[key] += value

    def take(self, one: Replayed, snapshot: Snapshot) -> None:
        """Add a decision that was decided again."""
        if one.again is None:
            return
        before, after = one.logged.placements, one.again.placements
        changed = sum(a.id != b.id for a, b in zip(before, after, strict=True))
        self.decisions += 1
        self.unlike += changed > 0
        self.slots += sum(p.state != out.SLOT_STATE_RESERVED for p in after)
        self.changed += changed
        self.worth_before += sum(p.utility * _discount(p.slot) for p in before)
        self.worth_after += sum(p.utility * _discount(p.slot) for p in after)
        for when, decision in (("before", one.logged), ("after", one.again)):
            for what, name, much in _told(decision, snapshot, one.utility):
                self.counts[what, name, when] += much


def _told(
    decision: out.Decision, snapshot: Snapshot, utility: Sequence[float]
) -> Iterator[tuple[str, str, float]]:
    yield "empty", "", len(decision.empty_slots)
    filled = [p for p in decision.placements if p.state == out.SLOT_STATE_FILLED]
    rows = snapshot.rows([p.id for p in filled])
    facts = snapshot.facts.take(rows)
    for place, one in enumerate(filled):
        much = _discount(one.slot)
        if one.unregistered:
            yield "class", UNREGISTERED, much
            continue
        kind, document = Kind(facts.kind[place]), Document(facts.document[place])
        is_drama = kind in (Kind.UNKNOWN, Kind.DRAMA)
        yield "class", (document if is_drama else kind).name.lower(), much
        groups = {int(theme) for theme in facts.themes[place] if theme > 0}
        for theme in groups or {0}:
            yield "theme", shown_name(snapshot.themes.names[theme]) or "unknown", much
    for finding in decision.relaxed:
        yield "relaxed", finding.rule_id, finding.count
    for move in decision.moves:
        kept = _discount(move.slot) if move.shown else 0.0
        worth = utility[move.candidate] if move.candidate < len(utility) else 0.0
        for reason in move.reasons[:1]:
            yield "held", reason.rule_id, worth * max(_discount(move.wanted_slot) - kept, 0.0)
