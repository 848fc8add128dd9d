"""The path of one request: decode, policy, facts, govern, log, encode."""

import base64
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import numpy as np

from constraints.decision import Decision, SlotState
from constraints.effects import Cap
from constraints.errors import FactError, RequestError, UnknownSurfaceError
from constraints.facts import Facts, Vocabulary, day_of
from constraints.govern import Candidates, Solver, govern
from constraints.page import POSITIONS_MAX, Page
from constraints.policy import Policy
from constraints.solve import solve
from ranker.audit.log import DecisionLog
from ranker.serving import page_token
from ranker.serving.codec import Asked, decode, encode
from ranker.serving.page_token import Seam
from ranker.serving.state import InUse, State
from ranker.settings import Settings
from ranker.telemetry import RULES, SLOTS, UNREGISTERED, alarm
from ranker.v1 import rerank_pb2 as pb

SHANGHAI: Final = timezone(timedelta(hours=8))  # no summer time since 1991; a date is its midnight


class RerankService:
    """Decides pages.

    Args:
        settings: limits and ages.
        state: policy and facts in use.
        log: where decisions are recorded before they are answered.
        keys: key ring of page tokens.
        solver: fills slots; another is given only to test what a wrong one can do.
        now_us: clock, microseconds since 1970 (UTC).
    """

    def __init__(
        self,
        settings: Settings,
        state: State,
        log: DecisionLog,
        keys: list[bytes],
        *,
        solver: Solver = solve,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.settings, self.state, self.log, self.keys = settings, state, log, keys
        self.solver, self.now_us = solver, now_us

    def rerank(self, data: bytes) -> bytes:
        """Answer one request.

        Raises:
            GovernanceError: one of ours; see `status.py` for what the caller gets.
        """
        asked = decode(data, self.settings)
        now_us = self.now_us()
        using = self.state.in_use()
        page, seam_unverified = self._page(asked, using, now_us)
        facts, themes = self._facts(asked, using)
        decision = govern(Candidates(asked.utility, facts), page, using.policy, solver=self.solver)
        message = encode(
            decision,
            asked,
            using.policy,
            themes.names,
            seam_unverified=seam_unverified,
            facts_strict=using.facts_strict,
        )
        reply = pb.RerankResponse(
            decision_id=uuid.uuid4().hex,
            policy_digest=using.policy.digest,
            facts_revision=using.snapshot.revision,
            facts_digest=using.snapshot.digest,
            facts_age_ms=int(using.facts_age_s * 1000),
            page_token=self._next_token(asked, page, decision, using.policy, now_us),
            instant_us=now_us,
        )
        decided = message.SerializeToString(deterministic=True)
        reply.receipt.origin = self.log.origin
        reply.receipt.sequence = self.log.append(_record(asked, page, reply, decided))
        reply.decision.CopyFrom(message)
        _count(asked.surface, decision)
        return reply.SerializeToString(deterministic=True)

    def _page(self, asked: Asked, using: InUse, now_us: int) -> tuple[Page, bool]:
        """Describe the page; True when its place below another could not be proved."""
        policy, snapshot = using.policy, using.snapshot
        expected = asked.expected_policy_digest
        if expected and expected != policy.digest:
            raise UnknownSurfaceError(
                f"expected_policy_digest: the policy in force is {policy.digest}",
                reason="POLICY_DIGEST_MISMATCH",
                field="expected_policy_digest",
            )
        surface = policy.surface(asked.surface)
        if asked.slot_count > surface.slot_count_max:
            raise RequestError(
                f"slot_count: is {asked.slot_count}, `{asked.surface}` has at most"
                f" {surface.slot_count_max}",
                reason="SLOT_COUNT_OUT_OF_RANGE",
                field="slot_count",
            )
        first_slot, tail_ids = self._seam(asked, now_us)
        standing = {at - len(tail_ids): key for at, key in enumerate(tail_ids) if key}
        standing |= {slot: key for slot, key in asked.reserved.items() if key}
        facts = snapshot.gather(list(standing.values()))
        page = Page(
            surface=asked.surface,
            terminal=asked.terminal,
            day=day_of(datetime.fromtimestamp(now_us / 1e6, UTC).astimezone(SHANGHAI).date()),
            slot_count=asked.slot_count,
            first_screen_slots=surface.first_screen(asked.terminal),
            first_slot=first_slot,
            is_recommended=surface.is_recommended,
            viewer_class=asked.viewer_class,
            is_personalised=asked.is_personalised,
            reserved=sum(1 << slot for slot in asked.reserved),
            tail_count=len(tail_ids),
            standing=facts.aged() if using.facts_strict else facts,
            standing_at=tuple(standing),
        )
        return page, bool(asked.first_slot) and not asked.page_token

    def _seam(self, asked: Asked, now_us: int) -> tuple[int, tuple[str, ...]]:
        """Return the first slot and the ids above it, from the token if there is one."""
        if not asked.page_token:
            return 0, asked.tail_ids
        seam = page_token.read(asked.page_token, self.keys, now_us / 1e6)
        here = (asked.surface, asked.terminal, asked.session_id, asked.first_slot)
        if here != (seam.surface, seam.terminal, seam.session_id, seam.first_slot):
            raise RequestError(
                "page_token: belongs to another surface, terminal, session or first_slot",
                reason="PAGE_TOKEN_MISMATCH",
                field="page_token",
            )
        tail_ids = seam.tail_ids[-(POSITIONS_MAX - asked.slot_count) :]
        if asked.tail_ids and asked.tail_ids != tail_ids:
            raise RequestError(
                "tail_ids: differ from those of the page_token; leave them out",
                reason="TAIL_IDS_DIFFER",
                field="tail_ids",
            )
        return seam.first_slot, tail_ids

    def _facts(self, asked: Asked, using: InUse) -> tuple[Facts, Vocabulary]:
        """Return the candidates' facts, and the names of the themes in them."""
        snapshot, themes = using.snapshot, using.snapshot.themes
        facts = snapshot.gather(asked.ids, asked.kinds)
        if using.facts_strict:
            facts = facts.aged()
        if not asked.inline:
            return facts, themes
        if not self.settings.inline_facts:
            raise RequestError(
                "candidates.facts: this server takes no facts from callers",
                reason="INLINE_FACTS_REFUSED",
                field="candidates.facts",
            )
        return _with_inline(facts, asked, themes)

    def _next_token(
        self, asked: Asked, page: Page, decision: Decision, policy: Policy, now_us: int
    ) -> str:
        """Sign what the page below this one must know."""
        look_back = max(
            (
                effect.window_slots - 1
                for rule in policy.rules_for(page)
                for effect in rule.group_effects(page)
                if isinstance(effect, Cap)
            ),
            default=0,
        )
        here = [""] * page.slot_count
        for slot, key in asked.reserved.items():
            here[slot] = key
        for placement in decision.placements:
            if placement.candidate >= 0:
                here[placement.slot] = asked.id_text(placement.candidate)
        seam = Seam(
            asked.surface,
            asked.terminal,
            asked.session_id,
            page.first_slot + page.slot_count,
            tuple(here[-max(look_back, 1) :]),
            policy.digest,
            now_us // 1_000_000 + self.settings.page_token_s_max,
        )
        return page_token.sign(seam, self.keys)


def _with_inline(facts: Facts, asked: Asked, themes: Vocabulary) -> tuple[Facts, Vocabulary]:
    """Put callers' facts where nothing is registered; a registered row always wins."""
    themes = themes.copy()
    rows = []
    for index, row in enumerate(asked.inline):
        try:
            rows.append(Facts.from_rows([row], themes, is_registered=False))
        except FactError as error:
            field = f"candidates.facts[{index}].{error.column}"
            raise RequestError(
                f"{field}: {error.fault}", reason="INLINE_FACT_INVALID", field=field
            ) from None
    both = Facts.concatenate([facts, *rows])
    here = np.arange(len(facts))
    given = np.array([any(row.values()) for row in asked.inline])
    use = ~facts.is_registered & given
    return both.take(np.where(use, here + len(facts), here)), themes


def _record(
    asked: Asked, page: Page, reply: pb.RerankResponse, decided: bytes
) -> dict[str, object]:
    """Build the line of the decision log: enough to decide again, nothing about the viewer."""
    return {
        "decision_id": reply.decision_id,
        "request_id": asked.message.request_id,
        "instant_us": reply.instant_us,
        "surface": asked.surface,
        "terminal": asked.terminal,
        "first_slot": page.first_slot,
        "policy_digest": reply.policy_digest,
        "facts_revision": reply.facts_revision,
        "facts_digest": reply.facts_digest,
        "facts_age_ms": reply.facts_age_ms,
        "tail_count": page.tail_count,
        "standing_at": page.standing_at,
        "request": base64.b64encode(asked.message.SerializeToString(deterministic=True)).decode(),
        "decision": base64.b64encode(decided).decode(),
    }


def _count(surface: str, decision: Decision) -> None:
    states = [placement.state for placement in decision.placements]
    for state in SlotState:
        if state in states:
            SLOTS.labels(surface, state.name.lower()).inc(states.count(state))
    unregistered = sum(not placement.is_registered for placement in decision.placements)
    if unregistered:
        UNREGISTERED.labels(surface).inc(unregistered)
    for outcome in ("relaxed", "shadow", "withdrawn"):
        for violation in getattr(decision, outcome):
            RULES.labels(violation.rule_id, outcome).inc(violation.count)
    for move in decision.moves:
        for reason in move.reasons[:1]:
            RULES.labels(reason.rule_id, "decided").inc()
    if decision.solver_failed:
        alarm("SOLVER_FAILED", "the solver raised or returned no slate", surface=surface)
    if decision.withdrawn:
        rules = sorted({violation.rule_id for violation in decision.withdrawn})
        alarm("SLOTS_WITHDRAWN", "the verifier emptied slots", surface=surface, rules=rules)
