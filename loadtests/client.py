"""Calls the service as a feed service does: one channel, columns of candidates, one call a page."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import grpc

from loadtests.pages import Page
from ranker.v1 import decision_pb2, rerank_pb2
from ranker.v1.rerank_pb2_grpc import RerankServiceStub

Reply: TypeAlias = dict[str, Any]

METHOD: Final = "/ranker.v1.RerankService/Rerank"
TIMEOUT_S: Final = 30.0
SERVER_US: Final = "slotwarden-server-us"
"""Trailing metadata: microseconds a call was in the server."""
_MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024


def to_message(page: Page) -> rerank_pb2.RerankRequest:
    """Write a page as a request; ids travel as numbers where all of them are."""
    columns = rerank_pb2.CandidateColumns(
        utilities=page["utilities"],
        kinds=[_enum("CANDIDATE_KIND", kind) for kind in page["kinds"]],
    )
    if all(_is_number(one) for one in page["ids"]):
        columns.ids.extend(int(one) for one in page["ids"])
    else:
        columns.string_ids.extend(page["ids"])
    return rerank_pb2.RerankRequest(
        surface=page["surface"],
        terminal=page["terminal"],
        slot_count=page["slot_count"],
        first_slot=page["first_slot"],
        page_token=page["page_token"],
        tail_ids=page["tail_ids"],
        session_id=page["session_id"],
        reserved=[rerank_pb2.ReservedSlot(slot=slot, id=one) for slot, one in page["reserved"]],
        viewer_class=_enum("VIEWER_CLASS", page["viewer_class"]),
        personalised=page["personalised"],
        request_id=page["name"],
        columns=columns,
    )


def to_dict(reply: rerank_pb2.RerankResponse) -> Reply:
    """Read a reply into plain dicts, for a judge that knows no messages.

    Returns:
        The fields of `RerankResponse` and of its `Decision` side by side, under their names, but:
        states and causes are words, citations are rule ids, the receipt is origin and sequence.
    """
    decision = reply.decision
    return {
        "placements": [
            {
                "slot": one.slot,
                "state": _word(decision_pb2.SlotState, one.state),
                "candidate": one.candidate,
                "id": one.id,
                "utility": one.utility,
                "scored": one.scored,
                "unregistered": one.unregistered,
                "reasons": _reasons(one.reasons),
                "duties": [
                    decision_pb2.Duty.Name(owed.duty).removeprefix("DUTY_").lower()
                    for owed in one.duties
                ],
            }
            for one in decision.placements
        ],
        "moves": [
            {
                "candidate": one.candidate,
                "id": one.id,
                "wanted_slot": one.wanted_slot,
                "shown": one.shown,
                "slot": one.slot,
                "reasons": _reasons(one.reasons),
            }
            for one in decision.moves
        ],
        "blocked": [
            {"candidate": one.candidate, "id": one.id, "rule_ids": list(one.rule_ids)}
            for one in decision.blocked
        ],
        "blocked_count": decision.blocked_count,
        "relaxed": _findings(decision.relaxed),
        "withdrawn": _findings(decision.withdrawn),
        "empty_slots": list(decision.empty_slots),
        "citations": [one.rule_id for one in decision.citations],
        "seam_unverified": decision.seam_unverified,
        "facts_strict": decision.facts_strict,
        "policy_digest": reply.policy_digest,
        "facts_revision": reply.facts_revision,
        "origin": reply.receipt.origin,
        "sequence": reply.receipt.sequence,
        "decision_id": reply.decision_id,
        "page_token": reply.page_token,
        "instant_us": reply.instant_us,
    }


class Client:
    """One caller with one channel.

    Args:
        address: host and port of the server.
    """

    def __init__(self, address: str) -> None:
        options = [("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX)]
        self._channel = grpc.insecure_channel(address, options)
        self._stub = RerankServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def call(self, page: Page) -> tuple[Reply, float]:
        """Ask for a page.

        Returns:
            The reply, and the milliseconds from message to message.

        Raises:
            grpc.RpcError: the server refused, or failed.
        """
        message = to_message(page)
        begun = time.perf_counter()
        reply = self._stub.Rerank(message, timeout=TIMEOUT_S)
        return to_dict(reply), (time.perf_counter() - begun) * 1000


def shown_ids(page: Page, reply: Mapping[str, Any]) -> list[str]:
    """Return what now stands in each slot of a page, "" for none of ours."""
    reserved = dict(page["reserved"])
    return [reserved.get(one["slot"], one["id"]) for one in reply["placements"]]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text)) == text


def _enum(prefix: str, word: str) -> Any:
    return getattr(rerank_pb2, f"{prefix}_{word.upper() or 'UNSPECIFIED'}")


def _word(enum: Any, value: int) -> str:
    return str(enum.Name(value)).rpartition("_")[2].lower()


def _reasons(reasons: Iterable[decision_pb2.Reason]) -> list[dict[str, Any]]:
    return [
        {
            "rule_id": one.rule_id,
            "cause": _word(decision_pb2.Cause, one.cause),
            "ratio": one.ratio,
            "group": one.group,
            "by_id": one.by_id,
        }
        for one in reasons
    ]


def _findings(findings: Iterable[decision_pb2.Finding]) -> list[dict[str, Any]]:
    return [
        {
            "rule_id": one.rule_id,
            "level": one.level,
            "count": one.count,
            "group": one.group,
            "slots": list(one.slots),
        }
        for one in findings
    ]
