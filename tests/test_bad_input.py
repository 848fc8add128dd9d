"""Every kind of bad input has its code, its stable reason and its field, and harms nobody else."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from ranker.v1 import rerank_pb2 as pb
from tests.serving import METHOD, Fault, Served, request, served, shown

IDS = ["lead-0", "lead-1", "boss-0"]
LIMIT = 262_144
COLUMNS = "candidates.columns"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("bad"), inline_facts=True) as running:
        yield running
        assert shown(running.rerank(request(IDS, slot_count=1))) == ["lead-0"], "it still answers"


def _columns(keys: list[Any] = IDS, /, **columns: Any) -> pb.RerankRequest:
    asked = request(keys)
    for name, values in columns.items():
        asked.columns.ClearField(name)
        getattr(asked.columns, name).extend(values)
    return asked


def _rows(*rows: pb.CandidateRow) -> pb.RerankRequest:
    return _empty(rows=pb.CandidateRows(rows=rows))


def _features(*features: tuple[str, list[float]]) -> pb.RerankRequest:
    return _columns(features=[pb.FeatureColumn(name=n, values=v) for n, v in features])


def _facts(index: int, **row: str) -> pb.RerankRequest:
    rows = [pb.FactRow() for _ in IDS]
    rows[index] = pb.FactRow(**row)
    return _columns(facts=rows)


def _reserved(*slots: int, key: str = "") -> pb.RerankRequest:
    return request(IDS, reserved=[pb.ReservedSlot(slot=slot, id=key) for slot in slots])


def _empty(**fields: Any) -> pb.RerankRequest:
    return pb.RerankRequest(surface="home", slot_count=1, **fields)


three = [3.0, 2.0, 1.0]
BAD: dict[str, tuple[pb.RerankRequest, str, str]] = {
    "no surface": (request(surface=""), "SURFACE_MISSING", "surface"),
    "long surface": (request(surface="x" * 65), "TEXT_TOO_LONG", "surface"),
    "odd surface": (request(surface="ho\nme"), "TEXT_NOT_PRINTABLE", "surface"),
    "long terminal": (request(terminal="x" * 65), "TEXT_TOO_LONG", "terminal"),
    "long session": (request(session_id="x" * 129), "TEXT_TOO_LONG", "session_id"),
    "odd session": (request(session_id="\x00"), "TEXT_NOT_PRINTABLE", "session_id"),
    "long request id": (request(request_id="x" * 129), "TEXT_TOO_LONG", "request_id"),
    "odd request id": (request(request_id="\x1b[31m"), "TEXT_NOT_PRINTABLE", "request_id"),
    "long digest": (
        request(expected_policy_digest="0" * 65), "TEXT_TOO_LONG", "expected_policy_digest"
    ),
    "no slots": (request(slot_count=0), "SLOT_COUNT_OUT_OF_RANGE", "slot_count"),
    "51 slots": (request(slot_count=51), "SLOT_COUNT_OUT_OF_RANGE", "slot_count"),
    "4 billion slots": (request(slot_count=2**32 - 1), "SLOT_COUNT_OUT_OF_RANGE", "slot_count"),
    "no such viewer": (request(viewer_class=4), "ENUM_VALUE_UNKNOWN", "viewer_class"),
    "negative viewer": (request(viewer_class=-1), "ENUM_VALUE_UNKNOWN", "viewer_class"),
    "long tail": (request(tail_ids=["x"] * 61), "TAIL_TOO_LONG", "tail_ids"),
    "long tail id": (request(tail_ids=["", "x" * 129]), "TEXT_TOO_LONG", "tail_ids[1]"),
    "odd tail id": (request(tail_ids=["\u202e"]), "TEXT_NOT_PRINTABLE", "tail_ids[0]"),
    "no candidates": (_empty(), "CANDIDATES_MISSING", "candidates"),
    "no columns": (
        _empty(columns=pb.CandidateColumns()), "CANDIDATE_COUNT_OUT_OF_RANGE", COLUMNS
    ),
    "no rows": (
        _empty(rows=pb.CandidateRows()), "CANDIDATE_COUNT_OUT_OF_RANGE", "candidates.rows"
    ),
    "utilities alone": (
        _columns([], utilities=three), "CANDIDATE_COUNT_OUT_OF_RANGE", COLUMNS
    ),
    "both kinds of ids": (_columns(ids=[1, 2, 3]), "IDS_AMBIGUOUS", f"{COLUMNS}.ids"),
    "a text twice": (
        _columns(["a", "b", "a"]), "CANDIDATE_IDS_REPEATED", f"{COLUMNS}.ids[2]"
    ),
    "a number twice": (_columns([5, 5, 6]), "CANDIDATE_IDS_REPEATED", f"{COLUMNS}.ids[1]"),
    "an empty id": (_columns(["a", ""]), "CANDIDATE_ID_EMPTY", f"{COLUMNS}.ids[1]"),
    "a long id": (_columns(["x" * 129]), "TEXT_TOO_LONG", f"{COLUMNS}.ids[0]"),
    "an odd id": (_columns(["a\tb"]), "TEXT_NOT_PRINTABLE", f"{COLUMNS}.ids[0]"),
    "a row without id": (
        _rows(pb.CandidateRow(utility=1)), "CANDIDATE_ID_EMPTY", "candidates.rows.ids[0]"
    ),
    "few utilities": (
        _columns(utilities=[1, 2]), "COLUMN_LENGTHS_DIFFER", f"{COLUMNS}.utilities"
    ),
    "no utilities": (_columns(utilities=[]), "COLUMN_LENGTHS_DIFFER", f"{COLUMNS}.utilities"),
    "few kinds": (_columns(kinds=[1, 1]), "COLUMN_LENGTHS_DIFFER", f"{COLUMNS}.kinds"),
    "many kinds": (_columns(kinds=[1] * 4), "COLUMN_LENGTHS_DIFFER", f"{COLUMNS}.kinds"),
    "no such kind": (_columns(kinds=[0, 0, 4]), "ENUM_VALUE_UNKNOWN", f"{COLUMNS}.kinds"),
    "negative kind": (_columns(kinds=[0, -1, 0]), "ENUM_VALUE_UNKNOWN", f"{COLUMNS}.kinds"),
    "no such row's kind": (
        _rows(pb.CandidateRow(id="a", kind=9)), "ENUM_VALUE_UNKNOWN", "candidates.rows.kinds"
    ),
    "few facts": (_columns(facts=[pb.FactRow()]), "COLUMN_LENGTHS_DIFFER", f"{COLUMNS}.facts"),
    "65 features": (
        _features(*((str(i), three) for i in range(65))),
        "TOO_MANY_FEATURES",
        f"{COLUMNS}.features",
    ),
    "a feature without name": (
        _features(("", three)), "FEATURE_NAME_INVALID", f"{COLUMNS}.features[0].name"
    ),
    "a feature twice": (
        _features(("f", three), ("f", three)),
        "FEATURE_NAME_INVALID",
        f"{COLUMNS}.features[1].name",
    ),
    "a long feature name": (
        _features(("f" * 65, three)), "TEXT_TOO_LONG", f"{COLUMNS}.features[0].name"
    ),
    "a short feature": (
        _features(("f", [1.0])), "COLUMN_LENGTHS_DIFFER", f"{COLUMNS}.features[0].values"
    ),
    "a feature that is no number": (
        _features(("f", [0.0, float("nan"), 0.0])),
        "FEATURE_NOT_FINITE",
        f"{COLUMNS}.features[0].values",
    ),
    "reserved out of range": (_reserved(4), "RESERVED_SLOT_INVALID", "reserved[0].slot"),
    "reserved twice": (_reserved(0, 1, 0), "RESERVED_SLOT_INVALID", "reserved[2].slot"),
    "all reserved": (_reserved(0, 1, 2, 3), "NO_OPEN_SLOT", "reserved"),
    "long reserved id": (_reserved(0, key="x" * 129), "TEXT_TOO_LONG", "reserved[0].id"),
    "odd reserved id": (_reserved(0, key="\n"), "TEXT_NOT_PRINTABLE", "reserved[0].id"),
    "long token": (request(page_token="x" * 100_000), "TEXT_TOO_LONG", "page_token"),
}  # fmt: skip
INLINE = {
    "kind": "drum",
    "document": "licensed",
    "document_from": "01/09/2026",
    "support_until": "2026-02-30",
    "rated_on": "2026-9-1",
    "restriction": "STOP\nPED",
    "recheck": "霸" * 512,
    "themes": "|".join(f"t{i}" for i in range(13)),
    "plan": "x" * 100_000,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_field_is_named_with_a_stable_reason(app: Served, name: str) -> None:
    asked, reason, field = BAD[name]
    assert app.fault(asked) == Fault("INVALID_ARGUMENT", reason, field)


@pytest.mark.parametrize("column", INLINE)
def test_a_bad_fact_sent_along_is_named_by_candidate_and_column(app: Served, column: str) -> None:
    fault = app.fault(_facts(2, **{column: INLINE[column]}))
    assert fault == Fault(
        "INVALID_ARGUMENT", "INLINE_FACT_INVALID", f"candidates.facts[2].{column}"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1.0, -1e-45])
def test_a_utility_must_be_finite_and_not_negative(app: Served, value: float) -> None:
    for asked, place in (
        (request(IDS, [1.0, value, 2.0]), COLUMNS),
        (request(IDS, [1.0, value, 2.0], in_rows=True), "candidates.rows"),
    ):
        expected = Fault("INVALID_ARGUMENT", "UTILITY_OUT_OF_RANGE", f"{place}.utilities[1]")
        assert app.fault(asked) == expected


def test_minus_zero_is_zero_and_extreme_utilities_keep_their_order(app: Served) -> None:
    reply = app.rerank(request(IDS, [-0.0, 1e-45, 3.4e38], slot_count=3))
    assert shown(reply) == ["boss-0", "lead-1", "lead-0"]
    small = app.rerank(request(IDS, [-0.0, 1e-45, 3e-45], slot_count=3))
    assert shown(small) == ["boss-0", "lead-1", "lead-0"]
    assert str(small.decision.placements[2].utility) == "0.0"


def test_the_number_of_candidates_is_limited_to_exactly_the_limit(app: Served) -> None:
    for count in (1, 1_999, 2_000):
        assert len(shown(app.rerank(request(range(count))))) == 4
    expected = Fault("INVALID_ARGUMENT", "CANDIDATE_COUNT_OUT_OF_RANGE", COLUMNS)
    assert app.fault(request(range(2_001))) == expected


def test_a_surface_the_policy_does_not_know_is_a_failed_precondition(app: Served) -> None:
    expected = Fault("FAILED_PRECONDITION", "NO_POLICY_FOR_SURFACE", "surface")
    assert app.fault(request(surface="no`where")) == expected


def _padded(size: int) -> bytes:
    """Return a good request of `size` bytes; the padding is a field nobody knows."""
    good = request(IDS).SerializeToString()
    length = size - len(good) - 2 - 3
    assert 2**14 <= length < 2**21, "a varint of three bytes"
    varint = bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14])
    return good + b"\xfa\x7f" + varint + b"p" * length


def test_the_number_of_bytes_is_limited_to_exactly_the_limit(app: Served) -> None:
    assert app.send(_padded(LIMIT))
    expected = Fault("RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE", "request")
    assert app.fault(_padded(LIMIT + 1)) == expected
    assert app.fault(bytes(9 * 2**20)).code == "RESOURCE_EXHAUSTED", "gRPC's own limit"
    call = app.channel.unary_unary(METHOD)
    with pytest.raises(grpc.RpcError) as caught:
        call(bytes(9 * 2**20), timeout=10, compression=grpc.Compression.Gzip)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
