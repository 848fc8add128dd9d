"""Decisions as bytes: what is written by hand is what protobuf itself would write."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from constraints.decision import Cause, Plain, SlotState, Void
from constraints.effects import Duty
from constraints.govern import govern
from loadtests.client import to_message
from loadtests.process import serving
from loadtests.traffic import traffic
from ranker import wire
from ranker.audit import records
from ranker.serving.decode import decode
from ranker.serving.encode import encode
from ranker.settings import Settings
from ranker.v1 import decision_pb2, log_pb2
from ranker.v1 import rerank_pb2 as pb
from tests import chance
from tests.serving import request, served
from tests.test_rule_contract import MIXTURES, policy_for

NAMES = (
    (Cause, decision_pb2.Cause, "CAUSE"),
    (Void, decision_pb2.VoidCause, "VOID_CAUSE"),
    (Duty, decision_pb2.Duty, "DUTY"),
    (SlotState, decision_pb2.SlotState, "SLOT_STATE"),
)


@pytest.mark.parametrize(("ours", "theirs", "prefix"), NAMES)
def test_numbers_of_words_are_those_of_the_contract(ours: Any, theirs: Any, prefix: str) -> None:
    told = {f"{prefix}_{one.name}": one.value for one in ours}
    assert dict(theirs.items()) == told | {f"{prefix}_UNSPECIFIED": 0}


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 16_383, 16_384, 2**21, 2**32 - 1, 2**63])
def test_whole_numbers_are_written_as_protobuf_does(value: int) -> None:
    head = wire.tag(pb.RerankResponse.INSTANT_US_FIELD_NUMBER, wire.VARINT)
    assert wire.number(head, value) == pb.RerankResponse(instant_us=value).SerializeToString()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e300, 5e-324])
def test_fractions_are_written_as_protobuf_does(value: float) -> None:
    head = wire.tag(decision_pb2.Decision.WORTH_FIELD_NUMBER, wire.FIXED64)
    assert wire.double(head, value) == decision_pb2.Decision(worth=value).SerializeToString()
    head = wire.tag(decision_pb2.Placement.UTILITY_FIELD_NUMBER, wire.FIXED32)
    short = float(np.float32(value) if value < 1e38 else np.float32(3))
    assert wire.single(head, short) == decision_pb2.Placement(utility=short).SerializeToString()


@pytest.mark.parametrize("value", ["", "a", "微短剧", "x" * 127, "x" * 128, "剧" * 10_000])
def test_texts_are_written_as_protobuf_does(value: str) -> None:
    head = wire.tag(pb.RerankResponse.PAGE_TOKEN_FIELD_NUMBER, wire.BYTES)
    assert wire.text(head, value) == pb.RerankResponse(page_token=value).SerializeToString()


def test_lists_of_numbers_are_written_as_protobuf_does() -> None:
    head = wire.tag(decision_pb2.Decision.EMPTY_SLOTS_FIELD_NUMBER, wire.BYTES)
    for slots in ([], [0], [0, 5, 200], list(range(300))):
        told = decision_pb2.Decision(empty_slots=slots).SerializeToString()
        assert wire.packed(head, slots) == told


def test_replies_and_records_are_canonical(tmp_path: Path) -> None:
    """Read and written again by protobuf, every byte is the same."""
    source = traffic(60, 3, Path("/nowhere"))
    seen: set[str] = set()
    with (
        serving(tmp_path / "data") as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        call: Any = channel.unary_unary("/ranker.v1.RerankService/Rerank")
        for number, page in enumerate(source.pages):
            few = 6 if number % 5 == 0 else len(page["ids"])  # so few leave slots empty
            message = to_message(
                page | {name: page[name][:few] for name in ("ids", "utilities", "kinds")}
            )
            message.slot_count = number % 30 + 1
            message.terminal = ("phone", "tv", "")[number % 3]
            message.surface = ("home", "theatre", "live", "search")[number % 4]
            raw = call(message.SerializeToString(), timeout=30)
            reply = pb.RerankResponse.FromString(raw)
            assert reply.SerializeToString(deterministic=True) == raw
            seen |= {field.name for field, _ in reply.decision.ListFields()}
    assert seen >= {"placements", "moves", "blocked", "blocked_count", "citations", "worth"}
    assert seen >= {"relaxed", "empty_slots"}


@pytest.mark.parametrize("id_of", [lambda i: i * 7**20 % 2**64, lambda i: f"剧-{i}" * (i % 9 + 1)])
def test_the_kernel_writes_what_the_words_say(id_of: Any) -> None:
    """Placements, moves and who is blocked, from rows of numbers and from words: the same bytes."""
    size = 0
    for seed in range(60):
        case = chance.instance("encode", seed, count_max=60, slots_max=20)
        policy = policy_for(MIXTURES, seed)
        ids = [id_of(i) for i in range(len(case.candidates.facts))]
        if not ids:
            continue
        message = pb.RerankRequest(surface="home", slot_count=1)
        column = "ids" if isinstance(ids[0], int) else "string_ids"
        getattr(message.columns, column).extend(ids)
        message.columns.utilities.extend([1.0] * len(ids))
        asked = decode(message.SerializeToString(), Settings())
        themes = [f"theme {number}" if number % 5 else "" for number in range(200)]
        decision = govern(case.candidates, case.page, policy)
        words = replace(decision, parts=Plain(decision.parts.words, decision.blocked_count))
        marks: Any = {"seam_unverified": False, "facts_strict": False}
        ours, theirs = (encode(one, asked, policy, themes, **marks) for one in (decision, words))
        assert ours == theirs, seed
        size += len(ours.above)
    assert size > 60_000


def test_a_record_holds_the_decision_that_was_answered(tmp_path: Path) -> None:
    from ranker.audit.checking import read_records

    with served(tmp_path) as app:
        reply = app.rerank(request(reserved=[pb.ReservedSlot(slot=1, id="ad")]))
        folder = app.server.log.folder
    (stored,) = [one for one in read_records(folder) if one.envelope.decision_id]
    body = log_pb2.DecisionBody.FromString(stored.body)
    told = decision_pb2.Decision.FromString(body.decision)
    assert told.SerializeToString(deterministic=True) == body.decision
    del reply.decision.citations[:]
    assert told == reply.decision
    states = [one.state for one in told.placements]
    assert stored.envelope.filled_count == states.count(decision_pb2.SLOT_STATE_FILLED)
    assert stored.envelope.empty_count == len(told.empty_slots)
    assert stored.envelope.blocked_count == told.blocked_count
    assert states[1] == decision_pb2.SLOT_STATE_RESERVED


def test_whatever_writes_a_decision_is_part_of_the_engine() -> None:
    """A decision that comes out otherwise is told from one that other code wrote."""
    import ast

    folder = Path(records.__file__).parents[1] / "serving"
    patterns = [name for place, names in records._DECIDING if place == folder for name in names]
    known = {path.name for pattern in patterns for path in folder.glob(pattern)}
    for name in known:
        for node in ast.walk(ast.parse((folder / name).read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "ranker.serving":
                assert {f"{one.name}.py" for one in node.names} <= known | {"page_token.py"}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "ranker.serving."
            ):
                module = f"{str(node.module).rpartition('.')[2]}.py"
                assert module in known | {"page_token.py"}


def test_records_and_replies_are_written_as_protobuf_does(tmp_path: Path) -> None:
    from ranker.audit.checking import read_records

    fields: tuple[dict[str, Any], ...] = (
        {"request_id": "r", "viewer_id": "微", "session_id": "s"},
        {"reserved": [pb.ReservedSlot(slot=1, id="ad")], "tail_ids": ["a", ""]},
        {"slot_count": 9, "first_slot": 9},
    )
    with served(tmp_path) as app:
        rerank = app.server.service.rerank
        replies = [rerank(request(**one).SerializeToString()) for one in fields]
        folder = app.server.log.folder
    for raw in replies:
        assert pb.RerankResponse.FromString(raw).SerializeToString(deterministic=True) == raw
    decided = [one for one in read_records(folder) if one.envelope.decision_id]
    assert len(decided) == len(fields)
    for stored in decided:
        body = log_pb2.DecisionBody.FromString(stored.body)
        assert body.SerializeToString(deterministic=True) == stored.body
        assert stored.envelope.SerializeToString(deterministic=True) == stored.raw
