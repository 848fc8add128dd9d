"""Certificates: how far a share of the slates we return can be from the best, off their path."""

import queue
import threading
import time
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

from prometheus_client import Counter, Histogram

from constraints import kernel
from constraints.program import DISCOUNT, Program
from constraints.solve import Solution
from ranker.telemetry import alarm, note

WAITING_MAX: Final = 64  # LIMIT: decisions that wait for a certificate; more are dropped
GAP: Final = Histogram(
    "slotwarden_optimality_gap",
    "At most so much of its worth a sampled slate lacks, 0 to 1",
    ["surface"],
    buckets=(0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
)
CERTIFICATES: Final = Counter(
    "slotwarden_certificates", "Sampled slates, by what became of their certificate", ["outcome"]
)


class _Waiting(NamedTuple):
    decision_id: str
    surface: str
    program: Program
    solution: Solution


class Certifier:
    """Proves bounds on a thread of its own; whoever offers a decision never waits for it.

    A certificate decides nothing: it is counted and noted, and no slate ever sees it. Whether a
    decision is sampled follows from its id alone.

    Args:
        share: of decisions, 0 for none to 1 for all.
        clock_s: for how long a proof takes.
    """

    def __init__(self, share: float, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self._share, self._clock_s = share, clock_s
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._work, name="certify", daemon=True)

    def start(self) -> None:
        """Compile what must be compiled, and begin."""
        if not self._share:
            return
        try:
            from constraints import certify
        except ImportError:
            self._share = 0.0
            note("nothing is certified: numba is not installed")
            return
        certify.warm()
        self._thread.start()

    def offer(self, decision_id: str, surface: str, program: Program, solution: Solution) -> None:
        """Take a decision if it is sampled, and drop it if too many wait.

        Args:
            decision_id: its hash says whether it is sampled.
            surface: as in the policy.
            program: the page.
            solution: how it was filled.
        """
        if zlib.crc32(decision_id.encode()) >= self._share * 2**32:
            return
        try:
            self._waiting.put_nowait(_Waiting(decision_id, surface, program, solution))
        except queue.Full:
            CERTIFICATES.labels("dropped").inc()

    def stop(self) -> None:
        """Finish what waits, and stop."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (one := self._waiting.get()) is not None:
            try:
                self._certify(one)
            except Exception as error:  # noqa: BLE001 -- this thread must live
                CERTIFICATES.labels("failed").inc()
                alarm("NOT_CERTIFIED", "no bound was found", fault=repr(error))

    def _certify(self, one: _Waiting) -> None:
        from constraints.certify import lagrangian_bound

        begun_s, slate = self._clock_s(), one.solution.slate
        filled = slate >= 0
        objective = int(one.program.utility[slate[filled]] @ DISCOUNT[: len(slate)][filled])
        bound = lagrangian_bound(kernel.tables(one.program), slate)
        gap = 1 - objective / bound if bound else 0.0
        GAP.labels(one.surface).observe(gap)
        CERTIFICATES.labels("certified").inc()
        note(
            "certified",
            decision_id=one.decision_id,
            surface=one.surface,
            objective=objective,
            bound=bound,
            free_bound=one.solution.free_bound,
            gap=round(gap, 6),
            rounds=one.solution.rounds,
            seconds=round(self._clock_s() - begun_s, 6),
        )
