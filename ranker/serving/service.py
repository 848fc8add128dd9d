"""The path of one request: decode, policy, facts, govern, log, encode."""

import time
import uuid
from collections import Counter as Counts
from collections.abc import Callable
from functools import partial
from typing import Final

from constraints.decision import Decision
from constraints.errors import DeadlineError
from constraints.govern import Solver, decide
from constraints.offer import Offer
from constraints.program import Program
from constraints.solve import Solution, solve
from constraints.terms import Kind
from ranker.audit.log import DecisionLog
from ranker.audit.records import Record, record
from ranker.audit.shown import ANYTHING, Decided, Shown
from ranker.audit.viewers import Marked, ViewerKeys
from ranker.clock import now_us as clock
from ranker.facts.resolve import resolve
from ranker.serving.certifying import Certifier
from ranker.serving.decode import Asked, decode
from ranker.serving.encode import Encoded, encode
from ranker.serving.pace import LEAST_S, Pace
from ranker.serving.paging import Placed, build_page, next_token
from ranker.serving.state import State
from ranker.serving.wire import BYTES, sized, tag
from ranker.settings import Settings
from ranker.telemetry import (
    BLOCKED,
    BOUND,
    COMPILED_ANEW,
    RULES,
    SLOTS,
    UNREGISTERED,
    WORTH,
    Laps,
    alarm,
    series,
)
from ranker.tracing import Trace
from ranker.v1 import log_pb2
from ranker.v1 import rerank_pb2 as pb

_DECISION: Final = tag(pb.RerankResponse.DECISION_FIELD_NUMBER, BYTES)


class RerankService:
    """Decides pages.

    Args:
        settings: limits and ages.
        state: policy and facts in use.
        log: where decisions are recorded before they are answered.
        keys: key ring of page tokens.
        solver: fills slots; another is given only to test what a wrong one can do.
        now_us: clock, microseconds since 1970 (UTC).
        shown: is told what each page decided, for those who report what was shown.
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        log: DecisionLog,
        keys: list[bytes],
        *,
        solver: Solver = solve,
        now_us: Callable[[], int] = clock,
        shown: Shown | None = None,
    ) -> None:
        self._shown = shown
        self.settings, self.state, self.log, self.keys = settings, state, log, keys
        self.solver, self.now_us = solver, now_us
        self.pace = Pace(settings.quality)
        self.certifier = Certifier(settings.certify_share)
        self.viewers = ViewerKeys(settings.data_dir)

    def rerank(self, data: bytes, left_s: float | None = None, trace: Trace | None = None) -> bytes:
        """Answer one request.

        Args:
            data: a `RerankRequest`.
            left_s: seconds until the caller's deadline, None where it set none.
            trace: of the call, where it is sampled.

        Raises:
            GovernanceError: one of ours; see `status.py` for what the caller gets.
        """
        begun_s, lap = time.perf_counter(), trace or Laps()
        if left_s is not None and left_s < LEAST_S:
            raise DeadlineError("the deadline leaves no time to decide a lawful page")
        asked = decode(data, self.settings)
        now_us = self.now_us()
        using = self.state.in_use()
        placed = build_page(asked, using.policy, self.keys, now_us)
        page = placed.page
        lap("decode")
        source = using.source(page)
        offer, themes, joined = resolve(
            source, asked.ids, asked.utility, asked.kinds, asked.inline, placed.standing
        )
        asked = asked.with_joined(joined)
        lap("facts")
        spent_s = time.perf_counter() - begun_s
        rounds = self.pace.rounds(None if left_s is None else left_s - spent_s)
        decision_id = uuid.uuid4().hex
        solver = partial(self._solve, decision_id, asked.surface)
        decision = decide(offer, page, using.policy, rounds=rounds, solver=solver)
        lap("govern")
        if decision.compiled_anew or offer.catalogue is not using.catalogue:
            COMPILED_ANEW.inc()
        encoded = encode(
            decision,
            asked,
            using.policy,
            themes.names,
            seam_unverified=placed.seam_unverified,
            facts_strict=using.facts_strict,
        )
        lap("encode")
        expires_s = now_us // 1_000_000 + self.settings.page_token_s_max
        reply = pb.RerankResponse(
            decision_id=decision_id,
            policy_digest=using.policy.digest,
            facts_revision=using.snapshot.revision,
            facts_digest=using.snapshot.digest,
            facts_age_ms=int(using.facts_age_s * 1000),
            page_token=""
            if placed.seam_unverified
            else next_token(asked, placed, decision, using.policy, self.keys, expires_s),
            instant_us=now_us,
        )
        viewer = self.viewers.mark(asked.viewer_id, now_us)
        kept = _record(asked, placed, offer, viewer, reply, decision, encoded, using.facts_strict)
        sequence = self.log.append(kept)
        if self._shown is not None:
            self._shown.note(sequence, decision_id, Decided(now_us, _ids(asked, decision)))
        lap("record")
        reply.receipt.origin, reply.receipt.sequence = self.log.origin, sequence
        _count(asked.surface, decision)
        raw = sized(_DECISION, encoded.cited) + reply.SerializeToString(deterministic=True)
        lap("reply")
        if trace is not None:
            offered = len(asked.ids)
            trace.tell(decision_id=decision_id, surface=asked.surface, candidates=offered)
        return raw

    def _solve(self, decision_id: str, surface: str, program: Program, rounds: int) -> Solution:
        """Run the solver, learn how long it takes, and offer its page for a certificate."""
        begun_s = time.perf_counter()
        found = self.solver(program, rounds)
        self.pace.learn(found.rounds, time.perf_counter() - begun_s)
        self.certifier.offer(decision_id, surface, program, found)
        return found


def _ids(asked: Asked, decision: Decision) -> list[str | None]:
    """Return what a decision put into each slot of its page."""
    return [
        asked.id_text(one) if one >= 0 else (ANYTHING if slot in asked.reserved else "")
        for slot, one in enumerate(decision.slate)
    ]


def _record(
    asked: Asked,
    placed: Placed,
    offer: Offer,
    viewer: Marked,
    reply: pb.RerankResponse,
    decision: Decision,
    encoded: Encoded,
    facts_strict: bool,
) -> Record:
    """Build the record: enough to decide again, and of the viewer's id its HMAC alone."""
    body = log_pb2.DecisionBody(
        request=asked.message.SerializeToString(deterministic=True),
        decision=encoded.decision,
        first_slot=placed.page.first_slot,
        tail_ids=placed.tail_ids,
        seam_unverified=placed.seam_unverified,
        facts_strict=facts_strict,
        viewer_hmac=viewer.hmac,
    )
    return record(
        log_pb2.RECORD_KIND_DECISION,
        reply.instant_us,
        body.SerializeToString(deterministic=True),
        decision_id=reply.decision_id,
        request_id=asked.message.request_id,
        surface=asked.surface,
        policy_digest=bytes.fromhex(reply.policy_digest),
        facts_revision=reply.facts_revision,
        facts_digest=bytes.fromhex(reply.facts_digest),
        facts_age_ms=reply.facts_age_ms,
        candidate_count=len(asked.ids),
        filled_count=_filled(decision),
        empty_count=len(decision.parts.empty_slots),
        blocked_count=decision.blocked_count,
        moved_count=decision.parts.moved_count,
        relaxed_count=len(decision.relaxed),
        withdrawn_count=len(decision.withdrawn),
        viewer_key_id=viewer.key_id,
        live=bool((offer.catalogue.facts.kind[offer.rows] == Kind.ROOM).any()),
    )


def _filled(decision: Decision) -> int:
    return sum(one >= 0 for one in decision.slate)


def _count(surface: str, decision: Decision) -> None:
    parts = decision.parts
    filled, empty = _filled(decision), len(parts.empty_slots)
    counts = (filled, empty, len(parts.slate) - filled - empty)
    for state, count in zip(("filled", "empty", "reserved"), counts, strict=True):
        if count:
            series(SLOTS, surface, state).inc(count)
    if parts.unregistered_count:
        UNREGISTERED.labels(surface).inc(parts.unregistered_count)
    for outcome in ("relaxed", "shadow", "withdrawn"):
        for violation in getattr(decision, outcome):
            RULES.labels(violation.rule_id, outcome).inc(violation.count)
    for rule_id, count in Counts(parts.deciding).items():
        series(RULES, rule_id, "decided").inc(count)
    if decision.blocked_count:
        series(BLOCKED, surface).inc(decision.blocked_count)
    series(WORTH, surface).inc(decision.worth)
    series(BOUND, surface).inc(max(decision.free_bound, 0.0))
    if decision.solver_failed:
        alarm("SOLVER_FAILED", "the solver raised or returned no slate", surface=surface)
    if decision.withdrawn:
        rules = sorted({violation.rule_id for violation in decision.withdrawn})
        alarm("SLOTS_WITHDRAWN", "the verifier emptied slots", surface=surface, rules=rules)
