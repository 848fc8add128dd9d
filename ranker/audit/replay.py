"""Decides again what the log says was decided: by the same policy, facts, rounds and instant."""

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from constraints.catalogue import Catalogue, compile_catalogue
from constraints.errors import GovernanceError
from constraints.govern import decide
from constraints.policy import Policy
from ranker.audit.records import Stored, engine
from ranker.clock import day_at
from ranker.facts.resolve import Source, resolve
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore
from ranker.policies.kept import kept
from ranker.serving.decode import decode
from ranker.serving.encode import encode
from ranker.serving.paging import place
from ranker.settings import Settings
from ranker.v1 import decision_pb2 as out
from ranker.v1 import log_pb2

_POLICIES: Final = 16  # LIMIT: policies held at a time
_SNAPSHOTS: Final = 2  # LIMIT: revisions of the facts held at a time; records come in their order


class Verdict(StrEnum):
    """What became of a decision that was decided again."""

    EXACT = "EXACT"  # the same, byte by byte
    ENGINE_DIFFERS = "ENGINE_DIFFERS"  # another, but by other code than it was decided by
    POLICY_MISSING = "POLICY_MISSING"  # the policy of its digest is not kept
    FACTS_MISSING = "FACTS_MISSING"  # the fact store does not hold that revision, or another one
    KEY_DESTROYED = "KEY_DESTROYED"  # nobody can tell any more whether it was about that viewer
    BODY_DELETED = "BODY_DELETED"  # its time of retention is over
    DIVERGED = "DIVERGED"  # another, by the same code from the same inputs: an alarm


class Replayed(NamedTuple):
    """A decision decided again.

    Attributes:
        sequence: of its record; decision_id: its id.
        told: what differs or is missing, in English; empty where nothing does.
        logged: what was answered.
        again: what is decided now; None where it cannot be.
        utility: of the candidates, as received; empty where it cannot be decided.
    """

    sequence: int
    decision_id: str
    verdict: Verdict
    told: str
    logged: out.Decision
    again: out.Decision | None
    utility: Sequence[float] = ()


class Replayer:
    """Decides decisions of one log again, best in the order of their records.

    Args:
        data_dir: folder of the facts and of the policies that were in force.
        draft: decide by this policy instead, to see what it would change.
        destroyed: months whose decisions are asked for by a viewer that they cannot be linked to.
    """

    def __init__(
        self, data_dir: Path, draft: Policy | None = None, destroyed: Collection[str] = ()
    ) -> None:
        self._data_dir, self.draft, self._destroyed = data_dir, draft, destroyed
        self._settings = Settings(
            data_dir=data_dir,
            inline_facts=True,
            request_bytes_max=4_194_304,
            candidate_count_max=10_000,
        )
        self._policy: Callable[[str], Policy | None] = lru_cache(_POLICIES)(
            lambda digest: kept(data_dir, digest)
        )
        self.snapshot: Callable[[int, bytes], Snapshot | None] = lru_cache(_SNAPSHOTS)(self._built)
        self._catalogue = lru_cache(_SNAPSHOTS)(_compiled)

    def _built(self, revision: int, digest: bytes) -> Snapshot | None:
        """Build the snapshot of a revision, if the store's history is the one of the digest."""
        with FactStore(self._data_dir) as store:
            try:
                if store.digest(revision) != digest:
                    return None
            except LookupError:
                return None
            return Snapshot.build(store, revision)

    def replay(self, stored: Stored) -> Replayed:
        """Decide a decision again and compare.

        Args:
            stored: a record of a decision.
        """
        envelope = stored.envelope
        body = log_pb2.DecisionBody.FromString(stored.body)
        logged = out.Decision.FromString(body.decision)

        def found(verdict: Verdict, told: str, *again: Any) -> Replayed:
            where = (envelope.sequence, envelope.decision_id)
            return Replayed(*where, verdict, told, logged, *again or (None,))

        if envelope.viewer_key_id in self._destroyed:
            return found(Verdict.KEY_DESTROYED, f"key {envelope.viewer_key_id}")
        if stored.is_deleted:
            return found(Verdict.BODY_DELETED, "its time was over")
        policy = self.draft or self._policy(envelope.policy_digest.hex())
        if policy is None:
            return found(Verdict.POLICY_MISSING, f"policy {envelope.policy_digest.hex()}")
        snapshot = self.snapshot(envelope.facts_revision, envelope.facts_digest)
        if snapshot is None:
            told = f"revision {envelope.facts_revision}, digest {envelope.facts_digest.hex()}"
            return found(Verdict.FACTS_MISSING, told)
        is_ours = envelope.engine == engine()
        other = Verdict.DIVERGED if is_ours else Verdict.ENGINE_DIFFERS
        try:
            raw, utility = self._again(envelope.instant_us, body, logged.rounds, policy, snapshot)
        except GovernanceError as error:
            return found(other, str(error))
        if raw == body.decision:
            return found(Verdict.EXACT, "", logged, utility)
        again = out.Decision.FromString(raw)
        by = "" if is_ours else f"; decided by {envelope.engine}"
        return found(other, _difference(logged, again) + by, again, utility)

    def _again(
        self,
        instant_us: int,
        body: log_pb2.DecisionBody,
        rounds: int,
        policy: Policy,
        snapshot: Snapshot,
    ) -> tuple[bytes, list[float]]:
        asked = decode(body.request, self._settings)
        if self.draft:
            asked = asked._replace(expected_policy_digest="")
        placed = place(
            asked,
            policy,
            body.first_slot,
            tuple(body.tail_ids),
            instant_us,
            seam_unverified=body.seam_unverified,
        )
        catalogue = self._catalogue(policy, snapshot, day_at(instant_us), body.facts_strict)
        source = Source(snapshot, body.facts_strict, catalogue, policy, placed.page)
        offer, themes, joined = resolve(
            source, asked.ids, asked.utility, asked.kinds, asked.inline, placed.standing
        )
        encoded = encode(
            decide(offer, placed.page, policy, rounds=rounds),
            asked.with_joined(joined),
            policy,
            themes.names,
            seam_unverified=placed.seam_unverified,
            facts_strict=body.facts_strict,
        )
        return encoded.decision, asked.utility.tolist()


def _compiled(policy: Policy, snapshot: Snapshot, day: int, is_strict: bool) -> Catalogue:
    facts = snapshot.facts.aged() if is_strict else snapshot.facts
    return compile_catalogue(policy.compiled, facts, day)


def _difference(logged: out.Decision, again: out.Decision) -> str:
    """Say where two decisions first differ: in a slot, or in what is said of them."""
    for before, after in zip(logged.placements, again.placements, strict=False):
        if (before.id, before.state) != (after.id, after.state):
            return f"slot {before.slot}: `{before.id}`, now `{after.id}`"
    differing = [
        field.name
        for field in out.Decision.DESCRIPTOR.fields
        if getattr(logged, field.name) != getattr(again, field.name)
    ]
    return f"the same slots, but other {', '.join(differing)}"
