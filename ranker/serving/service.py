"""The path of one request: decode, policy, facts, govern, log, encode."""

import os
import time
from collections.abc import Callable
from functools import partial

from constraints.errors import DeadlineError
from constraints.govern import Solver, decide
from constraints.program import Program
from constraints.solve import Solution, solve
from ranker.audit.log import DecisionLog
from ranker.audit.shown import Decided, Shown
from ranker.audit.viewers import ViewerKeys
from ranker.clock import now_us as clock
from ranker.facts.resolve import resolve
from ranker.serving import counting
from ranker.serving.certifying import Certifier
from ranker.serving.decode import decode
from ranker.serving.encode import encode
from ranker.serving.pace import LEAST_S, Pace
from ranker.serving.paging import build_page, next_token
from ranker.serving.replying import Stamp, ids_on, recorded, replied, reportable
from ranker.serving.state import State
from ranker.settings import Settings
from ranker.telemetry import COMPILED_ANEW, Laps
from ranker.tracing import Trace


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
        lap = trace or Laps()
        try:
            return self._answer(data, left_s, lap, trace)
        finally:
            lap.over()

    def _answer(self, data: bytes, left_s: float | None, lap: Laps, trace: Trace | None) -> bytes:
        begun_s = time.perf_counter()
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
        decision_id = os.urandom(16).hex()
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
        ids = ids_on(asked, decision)
        expires_s = now_us // 1_000_000 + self.settings.page_token_s_max
        token = ""
        if not placed.seam_unverified:
            token = next_token(asked, placed, ids, using.policy, self.keys, expires_s)
        by = Stamp(decision_id, now_us, using)
        viewer = self.viewers.mark(asked.viewer_id, now_us)
        kept = recorded(by, asked, placed, offer, viewer, decision, encoded)
        sequence = self.log.append(kept)
        if self._shown is not None:
            self._shown.note(sequence, decision_id, Decided(now_us, reportable(asked, ids)))
        lap("record")
        counting.note(asked.surface, decision, decision_id)
        raw = replied(by, encoded, token, self.log.origin, sequence)
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
