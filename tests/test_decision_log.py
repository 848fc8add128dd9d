"""The decision log: nothing acknowledged is lost, whatever kills the server or fills the disk."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from constraints.errors import OverloadedError, SettingsError
from ranker.audit.log import DecisionLog
from ranker.v1 import decision_pb2 as out
from ranker.v1 import rerank_pb2 as pb
from tests.commands import serving
from tests.serving import METHOD, NOW_US, fill, request, served, shown


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "decisions.jsonl").read_bytes().splitlines()]


def _written(folder: Path, *sizes: int) -> bytes:
    """Write a log with a record of each size, and return its bytes."""
    log = DecisionLog(folder)
    for size in sizes:
        log.append({"text": "页" * size})
    log.close()
    return log.path.read_bytes()


def test_numbers_go_on_after_a_restart_in_the_same_log(tmp_path: Path) -> None:
    origins = set()
    for start in range(3):
        with served(tmp_path) as app:
            for call in range(2):
                receipt = app.rerank(request()).receipt
                assert receipt.sequence == 2 * start + call + 1
                origins.add(receipt.origin)
    assert [line["sequence"] for line in _lines(tmp_path)] == list(range(7))
    assert origins == {_lines(tmp_path)[0]["origin"]}


def test_a_log_cut_at_any_byte_keeps_every_whole_record_and_says_what_it_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = _written(tmp_path, 3, 40, 20)
    for cut in range(len(whole) + 1):
        caplog.clear()
        (tmp_path / "decisions.jsonl").write_bytes(whole[:cut])
        log = DecisionLog(tmp_path)
        kept = whole[:cut].count(b"\n")
        assert log.sequence == max(kept - 1, 0)
        assert log.append({}) == max(kept, 1)
        log.close()
        prefix = whole[: whole[:cut].rfind(b"\n") + 1]
        assert log.path.read_bytes().startswith(prefix)
        assert [line["sequence"] for line in _lines(tmp_path)] == list(range(max(kept, 1) + 1))
        reasons = [record.fields["reason"] for record in caplog.records]
        assert reasons == ([] if whole[:cut] == prefix else ["DECISION_LOG_TORN"])


@pytest.mark.parametrize("cut", [0, 1, 600_000])
def test_records_longer_than_a_megabyte_are_found_and_cut_as_well(tmp_path: Path, cut: int) -> None:
    whole = _written(tmp_path, 10, 500_000, 600_000)
    (tmp_path / "decisions.jsonl").write_bytes(whole[: len(whole) - cut])
    log = DecisionLog(tmp_path)
    assert log.sequence == (2 if cut else 3)
    log.close()


@pytest.mark.parametrize("content", [b"hello", b"[1]\n", b'{"sequence":0}\n', b"{}\nrubbish\n"])
def test_a_file_that_is_no_log_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^decisions\.jsonl: is not a decision log$"):
        DecisionLog(tmp_path)
    assert path.read_bytes() == content


def test_two_servers_never_write_one_log(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        with pytest.raises(SettingsError, match="another server writes this log"), served(tmp_path):
            pass
        assert app.rerank(request()).receipt.sequence == 1


def test_a_closed_log_takes_nothing_and_writes_nowhere_else(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path)
    log.close()
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)  # takes the number that got free
    with pytest.raises(OverloadedError):
        log.append({})
    assert os.fstat(other).st_size == 0
    os.close(other)


def test_a_record_is_enough_to_decide_again_and_names_no_viewer(tmp_path: Path) -> None:
    told: dict[str, Any] = {"session_id": "viewer-4711", "request_id": "call-1"}
    with served(tmp_path) as app:
        first = app.rerank(request(slot_count=2, **told))
        asked = request(slot_count=3, first_slot=2, page_token=first.page_token, **told)
        newer = asked.SerializeToString() + b"\xfa\x7f\x0bviewer-4711"  # a field we do not know
        second = pb.RerankResponse.FromString(app.send(newer))
    record = _lines(tmp_path)[2]
    assert record["decision_id"] == second.decision_id
    assert record["request_id"] == "call-1"
    assert (record["surface"], record["terminal"]) == ("home", "phone")
    assert (record["instant_us"], record["first_slot"]) == (NOW_US, 2)
    assert record["tail_ids"] == shown(first)
    assert record["policy_digest"] == second.policy_digest
    assert record["facts_revision"] == second.facts_revision
    assert record["facts_digest"] == second.facts_digest
    assert out.Decision.FromString(base64.b64decode(record["decision"])) == second.decision
    asked.ClearField("session_id")
    asked.ClearField("page_token")
    assert pb.RerankRequest.FromString(base64.b64decode(record["request"])) == asked
    for line in _lines(tmp_path)[1:]:
        told_bytes = json.dumps(line).encode() + base64.b64decode(line["request"])
        assert b"viewer-4711" not in told_bytes


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.serving import NOT_SERVING, SERVING, request, served

with served(Path(sys.argv[1])) as app:
    path = app.server.log.path
    acknowledged = [app.rerank(request()).receipt.sequence for _ in range(3)]
    for spare in (0, 1, 700):
        limit = path.stat().st_size + spare
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for _ in range(2):
            fault = app.fault(request())
            assert fault == ("RESOURCE_EXHAUSTED", "DECISION_LOG_FAILED", ""), fault
        assert app.health() == NOT_SERVING
        free = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_FSIZE, free)
        acknowledged.append(app.rerank(request()).receipt.sequence)
        assert app.health() == SERVING
print(acknowledged)
"""


def test_a_full_disk_refuses_calls_until_there_is_space_and_loses_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", FULL_DISK, str(tmp_path)]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        command, check=False, cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([1, 2, 3, 4, 5, 6])
    assert [line["sequence"] for line in _lines(tmp_path)] == list(range(7))


def _hammer(address: str, acknowledged: list[int]) -> None:
    asked = request().SerializeToString()
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(METHOD)
        while True:
            try:
                reply = pb.RerankResponse.FromString(call(asked, timeout=5))
            except grpc.RpcError:
                return
            acknowledged.append(reply.receipt.sequence)


def test_a_server_killed_under_load_has_kept_every_decision_it_acknowledged(
    tmp_path: Path,
) -> None:
    rng, acknowledged = random.Random(3), list[int]()
    fill(tmp_path)
    for _ in range(3):
        with serving(tmp_path) as (process, address), ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(_hammer, address, acknowledged)
            before = len(acknowledged)
            while len(acknowledged) < before + 50:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL
    log = DecisionLog(tmp_path)
    log.close()
    sequences = [line["sequence"] for line in _lines(tmp_path)]
    assert sequences == list(range(len(sequences)))
    assert len(set(acknowledged)) == len(acknowledged) >= 150
    assert set(acknowledged) <= set(sequences)
