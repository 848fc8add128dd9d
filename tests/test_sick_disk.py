"""Disks that fail, fill up or crawl: what is acknowledged is kept, and the books balance."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from ranker.audit.checking import check, read_records
from ranker.audit.log import FOLDER
from ranker.audit.reconcile import runs
from ranker.v1 import log_pb2
from ranker.v1 import rerank_pb2 as pb
from tests.commands import SLOTWARDEN
from tests.serving import METHOD, fill, request

ROOT = Path(__file__).parents[1]

SICK_DISK = """
import errno, json, os, sys
from pathlib import Path
if sys.argv[2] == "python":  # the machine's own call, failing once
    sync, calls = os.fdatasync, []
    def failing(file):
        calls.append(file)
        if len(calls) == 4:
            raise OSError(errno.EIO, "sick")
        sync(file)
    os.fdatasync = failing
from ranker.audit.log import DecisionLog
from ranker.audit.records import record
from ranker.v1 import log_pb2
from constraints.errors import OverloadedError

log = DecisionLog(Path(sys.argv[1]), durability="disk")
told = []
for number in range(6):
    try:
        log.append(record(log_pb2.RECORD_KIND_DECISION, 1, b"x"))
        told.append((number, "kept", log.path.name[-6:]))
    except OverloadedError:
        told.append((number, "refused", log.is_healthy))
        log.probe()
        told.append((number, "probed", log.is_healthy))
log.close()
print(json.dumps(told))
"""
STRACE = shutil.which("strace")


@pytest.mark.parametrize(
    "by",
    [
        "python",
        pytest.param("kernel", marks=pytest.mark.skipif(not STRACE, reason="needs strace")),
    ],
)
def test_a_disk_that_fails_is_not_believed_again_for_that_file(tmp_path: Path, by: str) -> None:
    command = [sys.executable, "-c", SICK_DISK, str(tmp_path), by]
    if by == "kernel":
        fault = "inject=fdatasync:error=EIO:when=4"  # the first is that of the segment's header
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", fault]
        command = [*strace, *command]
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if by == "kernel" and "not permitted" in done.stderr.lower():
        pytest.skip("this machine does not let strace trace")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.strip().splitlines()[-1])
    refused = [one[0] for one in told if one[1] == "refused"]
    assert len(refused) == 1
    assert [refused[0], "refused", False] in told
    assert [refused[0], "probed", True] in told
    names = [one[2] for one in told if one[1] == "kept"]
    assert len(set(names)) == 2, "what follows stands in another file"
    assert check(tmp_path / FOLDER).faults == ()


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.serving import NOT_SERVING, SERVING, request, served

with served(Path(sys.argv[1])) as app:
    log = app.server.log
    acknowledged = [app.rerank(request()).receipt.sequence for _ in range(3)]
    for spare in (0, 1, 700):
        limit = log.path.stat().st_size + spare
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
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    acknowledged = json.loads(done.stdout)
    told = {one.envelope.sequence: one.envelope.kind for one in read_records(tmp_path / FOLDER)}
    assert list(told) == list(range(1, len(told) + 1))
    decided = [n for n, kind in told.items() if kind == log_pb2.RECORD_KIND_DECISION]
    assert decided == acknowledged


SMALL_DISK = """
import sys, time
from pathlib import Path
from tests.serving import NOT_SERVING, SERVING, request, served

with served(Path(sys.argv[1]), poll_s=0.1) as app:
    acknowledged, refused_s, noticed_s = [], None, None
    while refused_s is None:
        begun_s = time.monotonic()
        try:
            acknowledged.append(app.rerank(request()).receipt.sequence)
        except Exception:
            refused_s = begun_s
    while app.health() != NOT_SERVING:
        assert time.monotonic() - refused_s < 1, "it says so within a second"
    for _ in range(20):
        fault = app.fault(request())
        assert fault == ("RESOURCE_EXHAUSTED", "DECISION_LOG_FAILED", ""), fault
    log = app.server.log
    ballast = Path(sys.argv[1]) / "log" / "ballast"
    ballast.unlink()
    until_s = time.monotonic() + 5
    while app.health() != SERVING:
        assert time.monotonic() < until_s, "there is space again"
        time.sleep(0.05)
    acknowledged.append(app.rerank(request()).receipt.sequence)
print(acknowledged)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose log stands on a disk of 1 MiB, half of it taken."""
    log = tmp_path / FOLDER
    log.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(log)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        (log / "ballast").write_bytes(b"x" * 600_000)
        yield tmp_path
    finally:
        subprocess.run(["umount", "-l", str(log)], check=True)


def test_a_disk_of_one_megabyte_fills_up_and_nothing_acknowledged_is_lost(small_disk: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", SMALL_DISK, str(small_disk)]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    acknowledged = json.loads(done.stdout)
    told = {one.envelope.sequence: one.envelope.kind for one in read_records(small_disk / FOLDER)}
    assert list(told) == list(range(1, len(told) + 1))
    decided = [n for n, kind in told.items() if kind == log_pb2.RECORD_KIND_DECISION]
    assert decided == acknowledged
    assert len(acknowledged) > 100
    assert not check(small_disk / FOLDER).faults


@pytest.mark.skipif(not STRACE, reason="needs strace")
@pytest.mark.parametrize("durability", ["process", "disk"])
def test_books_balance_under_load_with_a_slow_disk(tmp_path: Path, durability: str) -> None:
    """Every sync takes 30 ms longer; replies, records, counters and numbers are the same."""
    fill(tmp_path)
    told = tmp_path / "told.json"
    slow = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=30000"]
    serve = [SLOTWARDEN, "serve", "--port", "0", "--data-dir", str(tmp_path)]
    strace = [str(STRACE), "-f", "-qq", "-o", "/dev/null", *slow]
    environment = os.environ | {"SLOTWARDEN_DURABILITY": durability}
    with (
        told.open("w") as errors,
        subprocess.Popen([*strace, *serve], stderr=errors, env=environment) as process,
    ):
        address = _address(told, process)
        until_s = time.monotonic() + 2.5
        with ThreadPoolExecutor(8) as pool:
            hands = [pool.submit(_ask, address, until_s) for _ in range(8)]
            acknowledged = sorted(number for hand in hands for number in hand.result())
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        assert process.wait(30) == 0
    records = list(read_records(tmp_path / FOLDER))
    assert [one.envelope.sequence for one in records] == list(range(1, len(records) + 1))
    kind = log_pb2.RECORD_KIND_DECISION
    assert [o.envelope.sequence for o in records if o.envelope.kind == kind] == acknowledged
    (run,) = runs(records)
    assert (run.balances, run.is_ended) == (True, True)
    assert run.answered == run.decisions == len(acknowledged) > 50


def _address(told: Path, process: "subprocess.Popen[bytes]") -> str:
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        for line in told.read_text().splitlines():
            if "not permitted" in line.lower():
                process.wait(5)
                pytest.skip("this machine does not let strace trace")
            if '"serving"' in line:
                return str(json.loads(line)["address"])
        time.sleep(0.05)
    raise AssertionError("it never served")


def _ask(address: str, until_s: float) -> list[int]:
    """Ask until it is time, and return the numbers of what was answered."""
    asked, numbers = request().SerializeToString(), []
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(METHOD)
        while time.monotonic() < until_s:
            reply = pb.RerankResponse.FromString(call(asked, timeout=10))
            numbers.append(reply.receipt.sequence)
    return numbers
