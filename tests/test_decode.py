"""Requests read by the kernel are read as protobuf reads them, and what is odd is left to it."""

from typing import Any

import numpy as np
import pytest

from constraints.errors import RequestError
from ranker.serving import decode as decoding
from ranker.serving.decode import Asked, decode
from ranker.settings import Settings
from ranker.v1 import rerank_pb2 as pb
from ranker.wire import BYTES, sized, tag, varint

pytest.importorskip("numba", reason="there is no kernel without numba")
SETTINGS = Settings()
COLUMNS = tag(pb.RerankRequest.COLUMNS_FIELD_NUMBER, BYTES)
IDS = tag(pb.CandidateColumns.IDS_FIELD_NUMBER, BYTES)
UTILITIES = tag(pb.CandidateColumns.UTILITIES_FIELD_NUMBER, BYTES)
ODD = (0, 1, 127, 128, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


def _message(rng: np.random.Generator, count: int) -> pb.RerankRequest:
    ids = {
        *rng.choice(np.array(ODD, np.uint64), 2).tolist(),
        *rng.integers(0, 2**63, count).tolist(),
    }
    utilities = rng.lognormal(1.0, 2.0, len(ids)).tolist()
    utilities[0] = float(rng.choice([0.0, -0.0, 1e-45, 3e38, 1.0]))
    message = pb.RerankRequest(surface="home", terminal="phone", slot_count=9)
    message.columns.ids.extend(ids)
    message.columns.utilities.extend(utilities)
    if rng.random() < 0.5:
        message.viewer_id, message.session_id, message.page_token = "who", "when", "where"
    if rng.random() < 0.5:
        message.request_id, message.personalised = "微短剧", bool(rng.random() < 0.5)
        message.first_slot, message.expected_policy_digest = int(rng.integers(2**20)), "0" * 9
        message.viewer_class = int(rng.integers(4))  # type: ignore[assignment]
    if rng.random() < 0.2:
        message.reserved.add(slot=3, id="x")
        message.tail_ids.extend(["a", ""])
    return message


def _told(asked: Asked) -> dict[str, Any]:
    found = {name: getattr(asked, name) for name in Asked._fields}
    for name in ("ids", "utility"):
        column = np.asarray(found[name])
        found[name] = column.dtype.str, column.tobytes()  # which tells 0.0 from -0.0
    found["inline"] = [*found["inline"]]
    found["said"] = pb.RerankRequest.FromString(found["kept"])
    return found


def _read(data: bytes, kernel: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(decoding, "kernel", kernel)
    try:
        return _told(decode(data, SETTINGS))
    except RequestError as error:
        return str(error), error.reason, error.field


def _both(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read with the kernel and without; both must say the same."""
    ours, kernel = _read(data, decoding.kernel, monkeypatch), decoding.kernel
    theirs = _read(data, None, monkeypatch)
    monkeypatch.setattr(decoding, "kernel", kernel)
    assert _but_for_order(ours) == _but_for_order(theirs)
    return ours


def _but_for_order(told: Any) -> Any:
    """Leave out the bytes kept, whose fields stand as the caller wrote them."""
    return {**told, "kept": None} if isinstance(told, dict) else told


def test_a_plain_request_is_read_as_protobuf_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        message = _message(rng, int(rng.choice([1, 2, 9, 500, 1_500])))
        data = message.SerializeToString()
        assert (decoding._plain(data, SETTINGS) is not None) == (not message.reserved)
        told = _both(data, monkeypatch)
        for name in ("viewer_id", "session_id", "page_token"):
            assert told[name] == getattr(message, name)
            message.ClearField(name)  # type: ignore[arg-type]
        assert told["kept"] == message.SerializeToString(deterministic=True)


def test_what_is_not_plain_is_left_to_protobuf(monkeypatch: pytest.MonkeyPatch) -> None:
    head = pb.RerankRequest(surface="home", slot_count=2).SerializeToString()
    one, worth = sized(IDS, b"\x01"), sized(UTILITIES, np.float32(1).tobytes())
    plain = sized(COLUMNS, one + worth)
    assert decoding._plain(head + plain, SETTINGS) is not None
    assert decoding._plain(plain + head, SETTINGS) is not None
    rows = pb.RerankRequest()
    rows.rows.rows.add(id="a", utility=1.0)
    nan, below = (sized(UTILITIES, np.float32(x).tobytes()) for x in (np.nan, -1.0))
    told = {
        "columns twice": head + plain + plain,
        "rows behind": head + plain + rows.SerializeToString(),
        "unpacked": head + sized(COLUMNS, IDS[:0] + tag(1, 0) + b"\x01" + worth),
        "utilities first": head + sized(COLUMNS, worth + one),
        "texts": pb.RerankRequest(
            surface="home", slot_count=1, columns=pb.CandidateColumns(string_ids=["a"])
        ).SerializeToString(),
        "an unknown field": head + sized(COLUMNS, one + worth + tag(99, 0) + b"\x01"),
        "longer than needed": head + sized(COLUMNS, sized(IDS, b"\x81\x00") + worth),
        "above 64 bits": head + sized(COLUMNS, sized(IDS, b"\xff" * 9 + b"\x02") + worth),
        "no number": head + sized(COLUMNS, one + nan),
        "below zero": head + sized(COLUMNS, one + below),
        "twice": head + sized(COLUMNS, sized(IDS, b"\x01\x01") + worth + worth),
        "lengths differ": head + sized(COLUMNS, sized(IDS, b"\x01\x02") + worth),
        "same twice": head
        + sized(COLUMNS, sized(IDS, b"\x05\x05") + sized(UTILITIES, b"\0\0\x80?" * 2)),
        "nothing": head + sized(COLUMNS, b""),
        "a group": head + tag(40, 3) + tag(40, 4) + plain,
        "cut": (head + plain)[:-1],
        "a slot below zero": head + tag(4, 0) + b"\xff" * 9 + b"\x01" + plain,
        "a field twice": head + tag(4, 0) + b"\x01" + tag(4, 0) + b"\x02" + plain,
        "no text": head + sized(tag(7, 2), b"\xff") + plain,
        "a control character": head + sized(tag(7, 2), b"\n") + plain,
        "a long text": head + sized(tag(7, 2), b"x" * 200) + plain,
        "no surface": plain,
        "no such viewer": head + tag(9, 0) + b"\x09" + plain,
        "too many slots": head[:-1] + b"\x7f" + plain,
    }
    for what, data in told.items():
        assert decoding._plain(data, SETTINGS) is None, what
        _both(data, monkeypatch)


def test_changed_bytes_are_never_read_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, plain = np.random.default_rng(6), 0
    for _ in range(3_000):
        data = bytearray(_message(rng, 4).SerializeToString())
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(data)))
            match rng.integers(3):
                case 0:
                    data[at] = int(rng.integers(256))
                case 1:
                    del data[at]
                case _:
                    data[at:at] = varint(int(rng.integers(300)))
        plain += decoding._plain(bytes(data), SETTINGS) is not None
        _both(bytes(data), monkeypatch)
    assert plain > 150, "many are still plain, and read by the kernel"
