"""Decisions to messages: indices become ids, groups become names, rules bring their sources."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from constraints.decision import Cause, Decision, Reason, SlotState, Void
from constraints.effects import Duty
from constraints.law import law_rows
from constraints.policy import Policy
from constraints.rule import Rule, Violation
from constraints.vocabulary import shown_name
from ranker.serving.decode import Asked
from ranker.v1 import decision_pb2 as out

_STATES: Final[dict[SlotState, Any]] = {
    state: out.SlotState.Value(f"SLOT_STATE_{state.name}") for state in SlotState
}
_VOIDS: Final[dict[Void, Any]] = {v: out.VoidCause.Value(f"VOID_CAUSE_{v.name}") for v in Void}
_DUTIES: Final[dict[Duty, Any]] = {d: out.Duty.Value(f"DUTY_{d.name}") for d in Duty}
_CAUSES: Final[dict[Cause, Any]] = {c: out.Cause.Value(f"CAUSE_{c.name}") for c in Cause}


def encode(
    decision: Decision,
    asked: Asked,
    policy: Policy,
    themes: Sequence[str],
    *,
    seam_unverified: bool,
    facts_strict: bool,
) -> tuple[out.Decision, list[out.Citation]]:
    """Turn a decision into its message, and the citations that belong into it.

    Args:
        decision: what was decided.
        asked: gives candidates their ids.
        policy: gives rules their sources.
        themes: name of each theme number; a group of any other rule has no name.
        seam_unverified: the page was judged as the first of its surface.
        facts_strict: facts were too old to trust.
    """
    writer, offered = Writer(asked, policy, themes), len(asked.ids) - asked.joined
    message = out.Decision(
        placements=[
            out.Placement(
                slot=p.slot,
                state=_STATES[p.state],
                candidate=max(p.candidate, 0),
                id=asked.id_text(p.candidate) if p.candidate >= 0 else "",
                utility=p.utility,
                scored=p.scored,
                unregistered=not p.is_registered,
                joined=p.candidate >= offered,
                first_screen=p.is_first_screen,
                reasons=writer.reasons(p.reasons),
                duties=[
                    out.OwedDuty(
                        duty=_DUTIES[o.duty],
                        rule_id=writer.cite(o.rule_id, o.source),
                        source=o.source,
                    )
                    for o in p.duties
                ],
            )
            for p in decision.placements
        ],
        moves=[
            out.Move(
                candidate=m.candidate,
                id=asked.id_text(m.candidate),
                wanted_slot=m.wanted,
                shown=m.slot >= 0,
                slot=max(m.slot, 0),
                reasons=writer.reasons(m.reasons),
            )
            for m in decision.moves
        ],
        blocked=[
            out.BlockedCandidate(
                candidate=b.candidate,
                id=asked.id_text(b.candidate),
                rule_ids=writer.cite_all(b.rule_ids, b.sources),
                sources=b.sources,
            )
            for b in decision.blocked
        ],
        blocked_count=decision.blocked_count,
        void_pins=[
            out.VoidPin(
                rule_id=writer.cite(pin.rule_id),
                slot=pin.slot,
                subject_id=pin.subject,
                cause=_VOIDS[pin.void],
                id=asked.id_text(pin.candidate) if pin.candidate >= 0 else "",
                reasons=writer.reasons(pin.reasons),
            )
            for pin in decision.void_pins
        ],
        relaxed=writer.findings(decision.relaxed),
        shadow=writer.findings(decision.shadow),
        withdrawn=writer.findings(decision.withdrawn),
        rounds=decision.rounds,
        worth=decision.worth,
        free_bound=decision.free_bound,
        proved_best=decision.is_proved_best,
        empty_slots=[p.slot for p in decision.placements if p.state == SlotState.EMPTY],
        seam_unverified=seam_unverified,
        facts_strict=facts_strict,
    )
    return message, writer.citations()


class Writer:
    """Writes reasons and findings, and collects the rules they name with their sources."""

    def __init__(self, asked: Asked, policy: Policy, themes: Sequence[str]) -> None:
        self.asked, self.themes = asked, themes
        self.policy, self.rules = policy, _rules_of(policy)
        self.cited: set[tuple[str, str]] = set()
        self._seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()

    def cite(self, rule_id: str, source: str = "") -> str:
        """Note that a rule is named, for a row of the law; its own unless told."""
        if rule_id in self.rules:
            self.cited.add((rule_id, source or self.rules[rule_id].source))
        return rule_id

    def cite_all(self, rule_ids: tuple[str, ...], sources: tuple[str, ...]) -> tuple[str, ...]:
        """Note that rules are named, each for a row of the law; many candidates name the same."""
        if (rule_ids, sources) not in self._seen:
            self._seen.add((rule_ids, sources))
            self.cited.update(zip(rule_ids, sources, strict=True))
        return rule_ids

    def _group(self, rule_id: str, group: int) -> str:
        rule = self.rules.get(rule_id)
        if group < 0 or rule is None or not rule.labels:
            return ""
        return shown_name(self.themes[group]) or "unknown"

    def reasons(self, reasons: Iterable[Reason]) -> list[out.Reason]:
        """Write reasons."""
        return [
            out.Reason(
                rule_id=self.cite(r.rule_id, r.source),
                cause=_CAUSES[r.cause],
                ratio=r.ratio,
                group=self._group(r.rule_id, r.group),
                by_id=self.asked.id_text(r.by) if r.by >= 0 else "",
                source=r.source,
                slot=max(r.slot, 0),
            )
            for r in reasons
        ]

    def findings(self, violations: Iterable[Violation]) -> list[out.Finding]:
        """Write what a judge found."""
        return [
            out.Finding(
                rule_id=self.cite(v.rule_id),
                level=v.level,
                count=v.count,
                group=self._group(v.rule_id, v.group),
                slots=v.slots,
            )
            for v in violations
        ]

    def citations(self) -> list[out.Citation]:
        """Write every rule named so far with each row of the law it was named for."""
        return [_citation(self.policy, *named) for named in sorted(self.cited)]


@lru_cache(4)
def _rules_of(policy: Policy) -> dict[str, Rule]:
    return {rule.id: rule for rule in policy.rules}


@lru_cache(4_096)
def _citation(policy: Policy, rule_id: str, source: str) -> out.Citation:
    rule, row = _rules_of(policy)[rule_id], law_rows()[source]
    return out.Citation(
        rule_id=rule_id,
        rule_type=rule.type,
        source=source,
        citation_zh=row.citation("zh"),
        citation_en=row.citation("en"),
        quote_zh=row.quote_zh,
        quote_en=row.quote_en,
        order_ref=rule.order_ref or "",
    )
