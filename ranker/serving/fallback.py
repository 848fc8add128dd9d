"""Fallback slates: first pages decided ahead, signed, and soon over."""

from typing import Final

from google.protobuf.message import DecodeError

from constraints.errors import OverloadedError, RequestError
from ranker.audit.checkpoint import Signer
from ranker.audit.segments import day_of
from ranker.serving.service import RerankService
from ranker.settings import Settings
from ranker.v1 import decision_pb2 as out
from ranker.v1 import rerank_pb2 as pb

SIGNED: Final = b"slotwarden-fallback/v1\n"
"""Stands before a slate where it is signed: no other signature of the key is one of a slate."""
WRAP_BYTES: Final = 16  # of the message around a request


class Fallbacks:
    """Answers `FallbackSlate`.

    Args:
        service: decides, and records the decision, as for any page.
        signer: key of the log.
        settings: limits.
    """

    def __init__(self, service: RerankService, signer: Signer, settings: Settings) -> None:
        self._service, self._signer, self._settings = service, signer, settings

    def slate(self, data: bytes, left_s: float | None = None) -> bytes:
        """Answer a `FallbackSlateRequest`.

        Args:
            data: the request.
            left_s: seconds until the caller's deadline, None where it set none.

        Raises:
            RequestError: naming the field at fault.
            GovernanceError: as Rerank.
        """
        asked = self._parsed(data)
        reply = pb.RerankResponse.FromString(
            self._service.rerank(asked.SerializeToString(), left_s)
        )
        lasts_us = self._settings.fallback_s_max * 1_000_000
        midnight_us = day_of(reply.instant_us)[1]  # what is dated changes with the day
        slate = pb.FallbackSlate(
            surface=asked.surface,
            terminal=asked.terminal,
            viewer_class=asked.viewer_class,
            personalised=asked.personalised if asked.HasField("personalised") else True,
            slots=[
                pb.FallbackSlot(
                    slot=p.slot,
                    id=p.id,
                    duties=sorted({owed.duty for owed in p.duties}),
                    reserved=p.state == out.SLOT_STATE_RESERVED,
                )
                for p in reply.decision.placements
            ],
            decided_us=reply.instant_us,
            expires_us=min(reply.instant_us + lasts_us, midnight_us),
            decision_id=reply.decision_id,
            policy_digest=reply.policy_digest,
            receipt=reply.receipt,
        )
        raw = slate.SerializeToString(deterministic=True)
        return pb.FallbackSlateResponse(
            slate=raw,
            signature=self._signer.sign_bytes(SIGNED + raw),
            key=self._signer.verifier_key,
        ).SerializeToString(deterministic=True)

    def _parsed(self, data: bytes) -> pb.RerankRequest:
        if len(data) > self._settings.request_bytes_max + WRAP_BYTES:
            fault = f"request: has {len(data)} bytes, too many"
            raise OverloadedError(fault, reason="REQUEST_TOO_LARGE", field="request")
        try:
            asked = pb.FallbackSlateRequest.FromString(data)
        except DecodeError:
            fault = "request: is not a FallbackSlateRequest"
            raise RequestError(fault, reason="MALFORMED_MESSAGE", field="request") from None
        if asked.request.first_slot or asked.request.page_token or asked.request.tail_ids:
            fault = "request.first_slot: a fallback slate is a first page"
            raise RequestError(fault, reason="NOT_A_FIRST_PAGE", field="request.first_slot")
        return asked.request
