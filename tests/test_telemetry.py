"""What operators see: alarms counted and logged, counters that move with decisions, an endpoint."""

import errno
import io
import json
import logging
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from ranker.telemetry import alarm, log, log_as_json, note
from ranker.v1 import rerank_pb2 as pb
from tests.serving import request, served


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    kept = log.handlers[:], log.level, log.propagate
    stream = io.StringIO()
    log_as_json(stream)
    yield stream
    log.handlers[:], log.propagate = kept[0], kept[2]
    log.setLevel(kept[1])


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"slotwarden_{name}", labels) or 0.0


def test_an_alarm_is_one_json_line_and_one_count(lines: io.StringIO) -> None:
    before = _count("alarms_total", reason="A_TEST")
    alarm("A_TEST", "two\nlines", file="政策.toml", path=Path("x"))
    (line,) = lines.getvalue().splitlines()
    told = json.loads(line)
    assert told.pop("at").endswith("+00:00")
    assert told == {
        "level": "ERROR",
        "message": "two\nlines",
        "reason": "A_TEST",
        "file": "政策.toml",
        "path": "x",
    }
    assert "政策" in line, "people read it too"
    assert _count("alarms_total", reason="A_TEST") == before + 1


def test_a_note_is_a_line_without_a_count_and_has_its_level(lines: io.StringIO) -> None:
    note("something", digest="0")
    assert json.loads(lines.getvalue())["level"] == "INFO"
    log_as_json(lines, logging.WARNING)
    note("something else")
    assert len(lines.getvalue().splitlines()) == 1


def test_an_exception_in_the_log_stays_one_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
    (line,) = lines.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_counters_move_with_decisions(tmp_path: Path) -> None:
    names = {
        ("requests_total", ("reason", "OK")): 2,
        ("requests_total", ("reason", "SLOT_COUNT_OUT_OF_RANGE")): 1,
        ("request_seconds_count",): 3,
        ("slots_total", ("surface", "live"), ("state", "filled")): 4,
        ("slots_total", ("surface", "live"), ("state", "empty")): 1,
        ("slots_total", ("surface", "live"), ("state", "reserved")): 1,
        ("unregistered_placements_total", ("surface", "live")): 2,
        (
            "rule_decisions_total",
            ("surface", "live"),
            ("rule", "room-rating"),
            ("outcome", "decided"),
        ): 2,
    }

    def counts() -> list[float]:
        return [_count(name[0], **dict(name[1:])) for name in names]  # type: ignore[arg-type]

    asked = request(
        ["room-e", "lead-0", "stranger", "bare-0"],
        kinds=[0, 0, pb.CANDIDATE_KIND_VIDEO, 0],
        surface="live",
        slot_count=3,
    )
    with served(tmp_path) as app:
        before = counts()
        app.rerank(asked)
        asked.reserved.add(slot=2)
        app.rerank(asked)
        app.fault(request(slot_count=0))
        revision = app.server.state.in_use().snapshot.revision
        app.server.state.refresh()
    moved = [after - was for after, was in zip(counts(), before, strict=True)]
    assert dict(zip(names, moved, strict=True)) == names
    assert _count("facts_revision") == revision
    assert 0 <= _count("facts_age_seconds") < 60


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_the_metrics_endpoint_answers_while_the_server_runs(tmp_path: Path) -> None:
    port = _free_port()
    with served(tmp_path, metrics_port=port) as app:
        app.rerank(request())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        assert 'slotwarden_requests_total{reason="OK"}' in text
        assert "slotwarden_request_seconds_bucket" in text
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED, "it stopped as well"


def test_a_taken_metrics_port_is_told_by_its_number(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = f"metrics port {port} on 127.0.0.1 is taken"
        with pytest.raises(OSError, match=told), served(tmp_path, metrics_port=port):
            pass
