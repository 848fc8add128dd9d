"""Rows of a decision: its slots, who was blocked, who was moved, and what was found."""

from typing import Any, Final

from ranker.audit.records import Stored
from ranker.audit.segments import day_of
from ranker.audit.tables.schema import DATE, MANY, SURFACE, Row, Rows, Table
from ranker.v1 import decision_pb2 as out
from ranker.v1 import log_pb2
from ranker.v1 import rerank_pb2 as pb

SLOTS: Final = Table(
    "slots",
    head={
        "decision_id": "text",
        "sequence": "int",
        "instant_us": "int",
        "request_id": "text",
        "terminal": "text",
        "viewer_class": "text",
        "personalised": "bool",
        "facts_revision": "int",
        "policy_digest": "text",
        "facts_strict": "bool",
        "seam_unverified": "bool",
        "candidate_count": "int",
        "blocked_count": "int",
        "first_slot": "int",
    },
    row={
        "slot": "int",
        "first_screen": "bool",
        "state": "text",
        "candidate": "text",
        "utility": "real",
        "scored": "real",
        "unregistered": "bool",
        "joined": "bool",
        "deciding_rule": "text",
        "rule_ids": "text",
        "sources": "text",
        "causes": "text",
        "duties": "text",
    },
    by=(DATE, SURFACE),
)
_HEAD: Final[dict[str, Any]] = {
    "decision_id": "text",
    "sequence": "int",
    "instant_us": "int",
    "facts_revision": "int",
    "policy_digest": "text",
}
BLOCKED: Final = Table(
    "blocked",
    head=_HEAD,
    row={"candidate": "text", "rule_ids": "text", "sources": "text"},
    by=(DATE, SURFACE),
)
MOVES: Final = Table(
    "moves",
    head=_HEAD,
    row={
        "candidate": "text",
        "wanted_slot": "int",
        "shown": "bool",
        "slot": "int",
        "deciding_rule": "text",
        "cause": "text",
        "source": "text",
        "ratio": "real",
        "group_name": "text",
        "by_candidate": "text",
        "rule_ids": "text",
    },
    by=(DATE, SURFACE),
)
FINDINGS: Final = Table(
    "findings",
    head=_HEAD,
    row={
        "outcome": "text",
        "rule_id": "text",
        "level": "int",
        "amount": "int",
        "group_name": "text",
        "slots": "text",
    },
    by=(DATE, SURFACE),
)


def _words(enum: Any, prefix: str) -> dict[int, str]:
    return {number: name.removeprefix(prefix).lower() for name, number in enum.items()}


_STATES: Final = _words(out.SlotState, "SLOT_STATE_")
_CAUSES: Final = _words(out.Cause, "CAUSE_")
_DUTIES: Final = _words(out.Duty, "DUTY_")
_VIEWERS: Final = _words(pb.ViewerClass, "VIEWER_CLASS_") | {pb.VIEWER_CLASS_UNSPECIFIED: "unknown"}


def read_decision(stored: Stored, into: Rows) -> None:
    """Add the rows of a decision."""
    envelope = stored.envelope
    body = log_pb2.DecisionBody.FromString(stored.body)
    decision = out.Decision.FromString(body.decision)
    request = pb.RerankRequest.FromString(body.request)
    folder = (day_of(envelope.instant_us)[0], envelope.surface)
    key = (envelope.decision_id, envelope.sequence, envelope.instant_us)
    using = (envelope.facts_revision, envelope.policy_digest.hex())
    asked = (
        envelope.request_id,
        request.terminal,
        _VIEWERS.get(request.viewer_class, "unknown"),
        request.personalised if request.HasField("personalised") else True,
    )
    judged = (body.facts_strict, body.seam_unverified)
    first = body.first_slot
    counts = (envelope.candidate_count, envelope.blocked_count, first)
    into.add(
        SLOTS,
        folder,
        (*key, *asked, *using, *judged, *counts),
        [_slot(placement, first) for placement in decision.placements],
    )
    head = (*key, *using)
    into.add(BLOCKED, folder, head, [_blocked(one) for one in decision.blocked])
    into.add(MOVES, folder, head, [_move(move, first) for move in decision.moves])
    for outcome in ("relaxed", "shadow", "withdrawn"):
        found = getattr(decision, outcome)
        into.add(FINDINGS, folder, head, [_finding(outcome, one, first) for one in found])


def _slot(placement: Any, first: int) -> Row:
    """Return a row of a slot; a slot that is not filled has no candidate, utility or duty."""
    where = (first + placement.slot, placement.first_screen, _STATES[placement.state])
    if placement.state != out.SLOT_STATE_FILLED:
        return (*where, None, None, None, False, False, None, "", "", "", "")
    reasons = placement.reasons
    return (
        *where,
        placement.id,
        placement.utility,
        placement.scored,
        placement.unregistered,
        placement.joined,
        reasons[0].rule_id if reasons else None,
        *_reasons(reasons),
        MANY.join([_DUTIES[owed.duty] for owed in placement.duties]),
    )


def _reasons(reasons: Any) -> tuple[str, str, str]:
    """Return rules, sources and causes; the n-th of each belong together."""
    if not reasons:
        return ("", "", "")
    return (
        MANY.join([reason.rule_id for reason in reasons]),
        MANY.join([reason.source for reason in reasons]),
        MANY.join([_CAUSES[reason.cause] for reason in reasons]),
    )


def _blocked(one: Any) -> Row:
    return (one.id, MANY.join(one.rule_ids), MANY.join(one.sources))


def _move(move: Any, first: int) -> Row:
    slot = first + move.slot if move.shown else None
    where = (move.id, first + move.wanted_slot, move.shown, slot)
    if not move.reasons:
        return (*where, None, None, None, None, None, None, "")
    why = move.reasons[0]
    return (
        *where,
        why.rule_id,
        _CAUSES[why.cause],
        why.source,
        why.ratio,
        why.group or None,
        why.by_id or None,
        MANY.join([reason.rule_id for reason in move.reasons]),
    )


def _finding(outcome: str, one: Any, first: int) -> Row:
    slots = MANY.join([str(first + slot) for slot in one.slots])
    return (outcome, one.rule_id, one.level, one.count, one.group or None, slots)
