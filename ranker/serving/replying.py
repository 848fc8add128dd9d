"""A decided page to bytes: the record the log keeps of it, and the reply."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from constraints.decision import Decision
from constraints.offer import Offer
from constraints.terms import Kind
from ranker.audit.records import ENVELOPE, Record, engine
from ranker.audit.shown import ANYTHING
from ranker.audit.viewers import Marked
from ranker.serving.decode import Asked
from ranker.serving.encode import Encoded
from ranker.serving.paging import Placed
from ranker.serving.state import InUse
from ranker.v1 import log_pb2
from ranker.v1 import rerank_pb2 as pb
from ranker.wire import data, number, sized, tags, text, varint

_BODY: Final = tags(log_pb2.DecisionBody)
_REPLY: Final = tags(pb.RerankResponse)
_RECEIPT: Final = tags(pb.Receipt)
_ROOM: Final = bytes([Kind.ROOM])


class Stamp(NamedTuple):
    """Which decision it is, when it was made, and by what."""

    decision_id: str
    now_us: int
    using: InUse

    @property
    def facts_age_ms(self) -> int:
        """Milliseconds since the facts were confirmed newest."""
        return int(self.using.facts_age_s * 1000)


def ids_on(asked: Asked, decision: Decision) -> list[str]:
    """Return the ids of those a decision put into the slots of its page, empty for nobody."""
    slate = decision.slate
    ids = asked.id_texts(slate)
    if -1 in slate:
        ids = [key if one >= 0 else "" for key, one in zip(ids, slate, strict=True)]
    return ids


def reportable(asked: Asked, ids: Sequence[str]) -> Sequence[str | None]:
    """Return what reports of a page may say was shown; see `Shown`."""
    if not asked.reserved:
        return ids
    return [ANYTHING if slot in asked.reserved else key for slot, key in enumerate(ids)]


def recorded(
    by: Stamp,
    asked: Asked,
    placed: Placed,
    offer: Offer,
    viewer: Marked,
    decision: Decision,
    encoded: Encoded,
) -> Record:
    """Build the record: enough to decide again, and of the viewer's id its HMAC alone."""
    using, of = by.using, _BODY
    body = b"".join(
        (
            of["decision"],  # never empty: every slot has its placement
            varint(len(encoded.above) + len(encoded.below)),
            encoded.above,
            encoded.below,
            number(of["first_slot"], placed.page.first_slot),
            *_tail(placed.tail_ids),
            number(of["seam_unverified"], placed.seam_unverified),
            number(of["facts_strict"], using.facts_strict),
            data(of["request"], asked.kept),
            data(of["viewer_hmac"], viewer.hmac),
        )
    )
    of, parts = ENVELOPE, decision.parts
    told = b"".join(
        (
            number(of["kind"], log_pb2.RECORD_KIND_DECISION),
            number(of["instant_us"], by.now_us),
            data(of["body_sha256"], hashlib.sha256(body).digest()),
            number(of["body_bytes"], len(body)),
            text(of["engine"], engine()),
            data(of["decision_id"], by.decision_id.encode()),
            data(of["request_id"], asked.request_id.encode()),
            text(of["surface"], asked.surface),
            _kept_by(using.policy.digest, using.snapshot.revision, using.snapshot.digest),
            number(of["facts_age_ms"], by.facts_age_ms),
            _counts(
                len(asked.ids),
                parts.filled_count,
                len(parts.empty_slots),
                parts.blocked_count,
                parts.moved_count,
                len(decision.relaxed),
                len(decision.withdrawn),
            ),
            text(of["viewer_key_id"], viewer.key_id),
            number(of["live"], _ROOM in offer.catalogue.facts.kind.take(offer.rows).tobytes()),
        )
    )
    return Record(log_pb2.RECORD_KIND_DECISION, told, body)


@lru_cache(16)
def _kept_by(policy: str, revision: int, facts: str) -> bytes:
    of = ENVELOPE
    return (
        data(of["policy_digest"], bytes.fromhex(policy))
        + number(of["facts_revision"], revision)
        + data(of["facts_digest"], bytes.fromhex(facts))
    )


@lru_cache(16)
def _told_by(policy: str, revision: int, facts: str) -> bytes:
    of = _REPLY
    return (
        data(of["policy_digest"], policy.encode())
        + number(of["facts_revision"], revision)
        + data(of["facts_digest"], facts.encode())
    )


@lru_cache(4_096)
def _counts(*counts: int) -> bytes:
    names = ("candidate", "filled", "empty", "blocked", "moved", "relaxed", "withdrawn")
    pairs = zip(names, counts, strict=True)
    return b"".join([number(ENVELOPE[f"{name}_count"], count) for name, count in pairs])


def _tail(ids: Sequence[str]) -> list[bytes]:
    return [sized(_BODY["tail_ids"], one.encode()) for one in ids]


def replied(by: Stamp, encoded: Encoded, token: str, origin: str, sequence: int) -> bytes:
    """Write a `RerankResponse`.

    Args:
        by: the decision.
        encoded: its message.
        token: of the next page, empty where there is none.
        origin: of the log.
        sequence: of the record.
    """
    using, of = by.using, _REPLY
    receipt = text(_RECEIPT["origin"], origin) + number(_RECEIPT["sequence"], sequence)
    return b"".join(
        (
            of["decision"],
            varint(sum(map(len, encoded))),
            *encoded,
            data(of["decision_id"], by.decision_id.encode()),
            _told_by(using.policy.digest, using.snapshot.revision, using.snapshot.digest),
            number(of["facts_age_ms"], by.facts_age_ms),
            sized(of["receipt"], receipt),
            data(of["page_token"], token.encode()),
            number(of["instant_us"], by.now_us),
        )
    )
