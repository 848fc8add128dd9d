"""The policy, the facts and their catalogue in use, and the thread that keeps them the newest."""

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from constraints.catalogue import Catalogue, compile_catalogue
from constraints.errors import FactsUnavailableError, PolicyError
from constraints.page import Page
from constraints.policy import Policy
from ranker.clock import day_at
from ranker.clock import now_us as clock
from ranker.facts import id_index
from ranker.facts.resolve import Source
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore
from ranker.policies.folder import PolicyFolder
from ranker.policies.kept import keep
from ranker.settings import Settings
from ranker.telemetry import FACTS_AGE, FACTS_REVISION, QUARANTINED, RELOADS, alarm, note

NAMED_MAX: Final = 10  # LIMIT: quarantined ids an alarm names; all are counted


class InUse(NamedTuple):
    """What one request decides by, from its beginning to its end.

    Attributes:
        facts_age_s: seconds since the snapshot was last confirmed to be the newest.
        facts_strict: it is so old that facts a source may have changed count as unknown.
        catalogue: the snapshot's facts, aged where strict, compiled for the policy; None while the
            aged ones are not compiled yet.
    """

    policy: Policy
    snapshot: Snapshot
    facts_age_s: float
    facts_strict: bool
    catalogue: Catalogue | None

    def source(self, page: Page) -> Source:
        """Return what the candidates of a page are judged by."""
        return Source(self.snapshot, self.facts_strict, self.catalogue, self.policy, page)


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held together and replaced by one reference swap.

    Attributes:
        confirmed_s: when the snapshot was last known to be the newest.
        catalogue: its facts compiled for the policy.
        aged: its facts aged, compiled; only while it is too old.
    """

    policy: Policy
    snapshot: Snapshot
    confirmed_s: float
    catalogue: Catalogue
    aged: Catalogue | None = None


class State:
    """Holds policy, snapshot and catalogue; replaces all by one reference swap.

    Args:
        settings: where they come from, and how old facts may be.
        monotonic_s: clock for ages.
        now_us: clock for the day, microseconds since 1970 (UTC).

    Raises:
        PolicyError: there is no policy to start with.
        SettingsError: it cannot be kept for those who will decide again what it decided.
    """

    def __init__(
        self,
        settings: Settings,
        monotonic_s: Callable[[], float] = time.monotonic,
        now_us: Callable[[], int] = clock,
    ) -> None:
        self._settings = settings
        self._now_s, self.now_us = monotonic_s, now_us
        self._stop = threading.Event()
        self._folder = PolicyFolder(settings.policy_dir)
        self._fault = ""  # what was last reported of a policy that was refused
        policy = self._folder.policy
        keep(settings.data_dir, self._folder.texts, policy.digest)
        id_index.warm()
        with FactStore(settings.data_dir) as store:
            confirmed_s = self._now_s()
            snapshot = Snapshot.load(store, settings.data_dir)
        self._held = _Held(policy, snapshot, confirmed_s, self._compiled(policy, snapshot))
        gc.freeze()  # what is loaded stays: collections need not look at it with every page
        note("facts loaded", revision=snapshot.revision, digest=snapshot.digest)
        note("policy loaded", digest=policy.digest, rules=len(policy.rules))
        self._thread = threading.Thread(target=self._watch, name="refresh", daemon=True)

    def in_use(self) -> InUse:
        """Return what one request decides by.

        Raises:
            FactsUnavailableError: the facts are too old to decide by.
        """
        held = self._held
        age_s = self._age_s(held)
        if age_s > self._settings.age_s_max:
            raise FactsUnavailableError(f"facts are {age_s:.0f} s old")
        is_strict = age_s > self._settings.age_s_strict
        catalogue = held.aged if is_strict else held.catalogue
        return InUse(held.policy, held.snapshot, age_s, is_strict, catalogue)

    @property
    def is_usable(self) -> bool:
        """The facts are not too old to decide by."""
        return self._age_s(self._held) <= self._settings.age_s_max

    def _age_s(self, held: _Held) -> float:
        return max(self._now_s() - held.confirmed_s, 0.0)

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
            try:
                self._after_look()
            except Exception as error:  # noqa: BLE001 -- this thread must live
                alarm("NOT_TENDED", "what is done each second failed", fault=repr(error))

    def refresh(self) -> None:
        """Look once for newer facts, a newer policy, a new day; keep the last good on any fault."""
        self._refresh_policy()
        try:
            self._refresh_facts()
        except Exception as error:  # noqa: BLE001 -- this thread must live to report the age
            RELOADS.labels("facts", "failed").inc()
            alarm("FACTS_UNREADABLE", "the fact store cannot be read", fault=repr(error))
        try:
            self._refresh_day()
        except Exception as error:  # noqa: BLE001 -- the same; requests compile their own rows
            alarm("DAY_NOT_COMPILED", "the day's changes were not compiled", fault=repr(error))
        FACTS_AGE.set(self._age_s(self._held))

    def _refresh_policy(self) -> None:
        try:
            if not self._folder.look():
                return
            policy, held = self._folder.policy, self._held
            keep(self._settings.data_dir, self._folder.texts, policy.digest)
            catalogue = self._compiled(policy, held.snapshot)
        except Exception as error:  # noqa: BLE001 -- whatever a file holds, this thread must live
            fault = str(error) if isinstance(error, PolicyError) else repr(error)
            if fault != self._fault:
                self._fault = fault
                RELOADS.labels("policy", "refused").inc()
                alarm("POLICY_REFUSED", "the last good policy stays in force", fault=fault)
            return
        self._fault = ""
        self._held = _Held(policy, held.snapshot, held.confirmed_s, catalogue)
        RELOADS.labels("policy", "loaded").inc()
        note("policy loaded", digest=policy.digest, rules=len(policy.rules))

    def _refresh_facts(self) -> None:
        begun_s, held = self._now_s(), self._held
        with FactStore(self._settings.data_dir) as store:
            head = store.head()
            if store.digest(held.snapshot.revision).hex() != held.snapshot.digest:
                raise LookupError("the fact store does not continue the facts in use")
            if head.revision != held.snapshot.revision:
                snapshot = Snapshot.load(store, self._settings.data_dir, head.revision)
                catalogue = self._compiled(held.policy, snapshot)
                held = _Held(held.policy, snapshot, begun_s, catalogue)
                gc.collect()  # what is frozen is never looked at again, garbage neither
                gc.freeze()
                RELOADS.labels("facts", "loaded").inc()
                note("facts loaded", revision=head.revision, digest=head.digest.hex())
        self._held = replace(held, confirmed_s=begun_s, aged=None)
        FACTS_REVISION.set(held.snapshot.revision)

    def _refresh_day(self) -> None:
        """Compile for a new day what may have changed, and aged facts when they are needed."""
        held, day = self._held, day_at(self.now_us())
        if held.catalogue.day != day:
            catalogue = self._watched(held.catalogue.advanced(day), held.snapshot)
            self._held = held = replace(held, catalogue=catalogue, aged=None)
        if held.aged is None and self._age_s(held) > self._settings.age_s_strict:
            aged = compile_catalogue(held.policy.compiled, held.snapshot.facts.aged(), day)
            self._held = replace(held, aged=aged)

    def _compiled(self, policy: Policy, snapshot: Snapshot) -> Catalogue:
        day = day_at(self.now_us())
        return self._watched(compile_catalogue(policy.compiled, snapshot.facts, day), snapshot)

    def _watched(self, catalogue: Catalogue, snapshot: Snapshot) -> Catalogue:
        """Raise an alarm once for a catalogue with rows in quarantine."""
        rows = catalogue.quarantined
        QUARANTINED.set(len(rows))
        if len(rows):
            alarm(
                "ROWS_QUARANTINED",
                "the halves of a rule disagree on rows; they are shown nowhere",
                rows=len(rows),
                first=snapshot.ids(rows, NAMED_MAX),
            )
        return catalogue
