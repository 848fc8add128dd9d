"""Records beside decisions: what changed how we decide, and counters that must balance."""

import threading
from collections import Counter
from contextlib import suppress

from constraints.errors import OverloadedError, SettingsError
from ranker.audit.log import DecisionLog
from ranker.audit.records import record
from ranker.serving.state import InUse, State
from ranker.v1 import log_pb2 as pb


class Books:
    """Writes start, stop, changes of policy and facts, and the counters of calls.

    Args:
        log: where to.
        state: its clock.
    """

    def __init__(self, log: DecisionLog, state: State) -> None:
        self.log, self.state = log, state
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._calls: Counter[str] = Counter()
        self._told = 0  # calls that the last heartbeat knew of
        self._policy = self._facts = ""

    def count(self, reason: str) -> None:
        """Count a call by how it ended; `OK` where it was answered."""
        with self._lock:
            self._calls[reason] += 1

    def begin(self, using: InUse) -> None:
        """Record the start.

        Raises:
            SettingsError: the log cannot take it.
        """
        self._policy, self._facts = using.policy.digest, using.snapshot.digest
        after = f"policy {self._policy} facts {using.snapshot.revision} {self._facts}"
        try:
            self.log.control("start", "", after)
        except OverloadedError as error:
            raise SettingsError(f"{self.log.folder}: {error}") from None

    def write(self, using: InUse) -> None:
        """Record what changed since the last time, and the counters if they moved."""
        with self._writing, suppress(OverloadedError):  # the log said so itself; it is tried again
            if using.policy.digest != self._policy:
                self.log.control("policy", self._policy, using.policy.digest)
                self._policy = using.policy.digest
            if using.snapshot.digest != self._facts:
                told = f"revision {using.snapshot.revision}"
                self.log.control("facts", self._facts, using.snapshot.digest, told)
                self._facts = using.snapshot.digest
            self._beat()

    def end(self) -> None:
        """Record the last counters, and the stop."""
        with suppress(OverloadedError):
            self._beat()
            self.log.control("stop", "", f"after record {self.log.sequence}")

    def _beat(self) -> None:
        with self._lock:
            calls = dict(self._calls)
        received = sum(calls.values())
        if received == self._told:
            return
        answered = calls.pop("OK", 0)
        body = pb.HeartbeatBody(received=received, answered=answered, refused=calls)
        raw = body.SerializeToString(deterministic=True)
        self.log.append(record(pb.RECORD_KIND_HEARTBEAT, self.state.now_us(), raw))
        self._told = received
