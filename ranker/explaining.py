"""Explains a candidate of a page: for the command line and for `ExplainService` alike."""

import threading
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError

from constraints.errors import OverloadedError, RequestError, quoted
from constraints.explain import Change, Explanation, Verdict, explain
from constraints.explain.trials import value_of
from constraints.explain.words import issuers_named, value_text
from constraints.facts import Facts, IntArray
from constraints.offer import Candidates, Offer
from constraints.policy import Policy
from ranker.explained_words import said
from ranker.facts.resolve import resolve
from ranker.facts.store import FactStore
from ranker.serving.decode import Asked, decode
from ranker.serving.encode import Writer
from ranker.serving.paging import build_page
from ranker.serving.state import InUse, State
from ranker.settings import Settings
from ranker.v1 import explain_pb2 as pb

BYTES_MAX: Final = 257 * 1024  # LIMIT: a request of Rerank, and an id
_VERDICTS: Final[dict[Verdict, Any]] = {v: pb.Verdict.Value(f"VERDICT_{v.name}") for v in Verdict}


class Explainer:
    """Explains one candidate at a time.

    Args:
        settings: limits and ages.
        state: policy and facts in use, and the clock.
        keys: key ring of page tokens.
    """

    def __init__(self, settings: Settings, state: State, keys: list[bytes]) -> None:
        self.settings, self.state, self.keys = settings, state, keys
        self._busy = threading.Lock()

    def explain(self, data: bytes) -> pb.ExplainResponse:
        """Answer an `ExplainRequest`.

        Raises:
            OverloadedError: another explanation is under way.
            GovernanceError: as Rerank does.
        """
        if not self._busy.acquire(blocking=False):
            raise OverloadedError("one explanation at a time", reason="EXPLAINING")
        try:
            return self._explain(data)
        finally:
            self._busy.release()

    def _explain(self, data: bytes) -> pb.ExplainResponse:
        message = _parse(data)
        asked = decode(message.request.SerializeToString(), self.settings)
        using, now_us = self.state.in_use(), self.state.now_us()
        placed = build_page(asked, using.policy, self.keys, now_us)
        source = using.source(placed.page)
        offer, themes, joined = resolve(
            source, asked.ids, asked.utility, asked.kinds, asked.inline, placed.standing
        )
        asked = asked.with_joined(joined)
        candidate = _place(asked, message.candidate_id)
        candidates = _as_candidates(offer)
        found = explain(candidates, placed.page, using.policy, candidate)
        reply = _encode(found, asked, using.policy, themes.names, candidates.facts)
        reply.facts_changed_us = self._changed_us(message.candidate_id)
        _age(reply, using, now_us)
        for lang in ("zh", "en"):
            setattr(reply, f"said_{lang}", said(reply, message.candidate_id, lang))
        return reply

    def _changed_us(self, candidate_id: str) -> int:
        with FactStore(self.settings.data_dir) as store:
            return store.changed_us(candidate_id)


def _parse(data: bytes) -> pb.ExplainRequest:
    if len(data) > BYTES_MAX:
        raise RequestError(f"the request is larger than {BYTES_MAX} bytes", reason="TOO_LARGE")
    try:
        message = pb.ExplainRequest.FromString(data)
    except DecodeError:
        raise RequestError("the request is no ExplainRequest", reason="MALFORMED") from None
    if not message.candidate_id:
        raise RequestError("candidate_id: is missing", field="candidate_id")
    return message


def _place(asked: Asked, candidate_id: str) -> int:
    for place in range(len(asked.ids)):
        if asked.id_text(place) == candidate_id:
            return place
    fault = f"candidate_id: `{quoted(candidate_id)}` is not offered"
    raise RequestError(fault, field="candidate_id")


def _as_candidates(offer: Offer) -> Candidates:
    """Take the rows of an offer out of their catalogue, so that one may be told otherwise."""

    def taken(rows: IntArray) -> Facts:
        return offer.catalogue.facts.take(np.asarray(rows)).widened()

    standing = taken(offer.standing_rows)
    return Candidates(offer.utility, taken(offer.rows), standing, offer.standing_at)


def _age(reply: pb.ExplainResponse, using: InUse, now_us: int) -> None:
    reply.policy_digest, reply.instant_us = using.policy.digest, now_us
    reply.facts_revision = using.snapshot.revision
    reply.facts_age_ms = int(using.facts_age_s * 1000)


def _encode(
    found: Explanation, asked: Asked, policy: Policy, themes: list[str], facts: Facts
) -> pb.ExplainResponse:
    writer, issuers = Writer(asked, policy, themes), issuers_named(policy.rules)
    reply = pb.ExplainResponse(
        verdict=_VERDICTS[found.verdict],
        shown=found.slot >= 0,
        slot=max(found.slot, 0),
        reasons=writer.reasons(found.reasons),
        facts=[
            pb.FactUsed(
                rule_id=used.rule_id,
                column=used.column,
                value=value_text(used.column, used.value, issuers),
            )
            for used in found.used
        ],
        cost=found.cost,
    )
    if found.change is not None:
        one = facts.take(np.array([found.candidate]))
        reply.change.CopyFrom(_change(found.change, one, issuers))
        if found.change.rule_id:
            writer.cite(found.change.rule_id)
    reply.citations.extend(writer.citations())
    return reply


def _change(change: Change, one: Facts, issuers: dict[int, str]) -> pb.SmallestChange:
    told = pb.SmallestChange(
        facts=[
            pb.FactChange(
                column=edit.column,
                before=value_text(edit.column, value_of(one, edit.column), issuers),
                after=value_text(edit.column, edit.value, issuers),
            )
            for edit in change.edits
        ],
        rule_id=change.rule_id,
        shown=change.slot >= 0,
        slot=max(change.slot, 0),
    )
    if change.utility is not None:
        told.utility = change.utility
    return told
