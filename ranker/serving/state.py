"""The policy and the facts in use, and the thread that keeps both the newest."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from constraints.errors import FactsUnavailableError, PolicyError
from constraints.policy import Policy
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore
from ranker.policies.folder import PolicyFolder
from ranker.settings import Settings
from ranker.telemetry import FACTS_AGE, FACTS_REVISION, RELOADS, alarm, note


@dataclass(frozen=True, slots=True)
class InUse:
    """What one request decides by, from its beginning to its end.

    Attributes:
        facts_age_s: seconds since the snapshot was last confirmed to be the newest.
        facts_strict: it is so old that facts a source may have changed count as unknown.
    """

    policy: Policy
    snapshot: Snapshot
    facts_age_s: float
    facts_strict: bool


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """A snapshot, and when it was last known to be the newest; replaced together."""

    snapshot: Snapshot
    confirmed_s: float


class State:
    """Holds policy and snapshot; replaces each by one reference swap.

    Args:
        settings: where they come from, and how old facts may be.
        monotonic_s: clock for ages.

    Raises:
        PolicyError: there is no policy to start with.
    """

    def __init__(
        self, settings: Settings, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._now_s = monotonic_s
        self._stop = threading.Event()
        self._folder = PolicyFolder(settings.policy_dir)
        self._fault = ""  # what was last reported of a policy that was refused
        self._policy = self._folder.policy
        with FactStore(settings.data_dir) as store:
            confirmed_s = self._now_s()
            self._facts = _Confirmed(Snapshot.build(store), confirmed_s)
        snapshot = self._facts.snapshot
        note("facts loaded", revision=snapshot.revision, digest=snapshot.digest)
        note("policy loaded", digest=self._policy.digest, rules=len(self._policy.rules))
        self._thread = threading.Thread(target=self._watch, name="refresh", daemon=True)

    def in_use(self) -> InUse:
        """Return policy and facts for one request.

        Raises:
            FactsUnavailableError: the facts are too old to decide by.
        """
        facts = self._facts
        age_s = self._age_s(facts)
        if age_s > self._settings.age_s_max:
            raise FactsUnavailableError(f"facts are {age_s:.0f} s old")
        return InUse(self._policy, facts.snapshot, age_s, age_s > self._settings.age_s_strict)

    @property
    def is_usable(self) -> bool:
        """The facts are not too old to decide by."""
        return self._age_s(self._facts) <= self._settings.age_s_max

    def _age_s(self, facts: "_Confirmed") -> float:
        return max(self._now_s() - facts.confirmed_s, 0.0)

    def start(self, after_look: Callable[[], None] = lambda: None) -> None:
        """Begin to look for newer facts and policies, and call `after_look` after each look."""
        self._after_look = after_look
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._settings.poll_s):
            self.refresh()
            self._after_look()

    def refresh(self) -> None:
        """Look once for newer facts and a newer policy; on any fault keep the last good ones."""
        self._refresh_policy()
        try:
            self._refresh_facts()
        except Exception as error:  # noqa: BLE001 -- this thread must live to report the age
            RELOADS.labels("facts", "failed").inc()
            alarm("FACTS_UNREADABLE", "the fact store cannot be read", fault=repr(error))
        FACTS_AGE.set(self._age_s(self._facts))

    def _refresh_policy(self) -> None:
        try:
            is_newer = self._folder.look()
        except Exception as error:  # noqa: BLE001 -- whatever a file holds, this thread must live
            fault = str(error) if isinstance(error, PolicyError) else repr(error)
            if fault != self._fault:
                self._fault = fault
                RELOADS.labels("policy", "refused").inc()
                alarm("POLICY_REFUSED", "the last good policy stays in force", fault=fault)
            return
        if is_newer:
            self._fault = ""
            self._policy = self._folder.policy
            RELOADS.labels("policy", "loaded").inc()
            note("policy loaded", digest=self._policy.digest, rules=len(self._policy.rules))

    def _refresh_facts(self) -> None:
        begun_s, snapshot = self._now_s(), self._facts.snapshot
        with FactStore(self._settings.data_dir) as store:
            head = store.head()
            if store.digest(snapshot.revision).hex() != snapshot.digest:
                raise LookupError("the fact store does not continue the facts in use")
            if head.revision != snapshot.revision:
                snapshot = Snapshot.build(store, head.revision)
                RELOADS.labels("facts", "loaded").inc()
                note("facts loaded", revision=head.revision, digest=head.digest.hex())
        self._facts = _Confirmed(snapshot, begun_s)
        FACTS_REVISION.set(snapshot.revision)
