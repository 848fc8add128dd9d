"""Several workers on one port: kept running, restarted without a failed call, stopped cleanly."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from ranker.audit.checking import check, read_records
from ranker.audit.log import FOLDER
from ranker.audit.logs import home_of, homes_of
from ranker.audit.reconcile import runs
from ranker.client import Client
from ranker.v1 import exposure_pb2, log_pb2
from ranker.v1 import rerank_pb2 as pb
from tests.commands import SLOTWARDEN, spawn
from tests.serving import METHOD, fill, request

REPEATED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""What a server that is being stopped says of calls it had no time for."""


class Fleet:
    """A supervisor and its workers, and the lines they wrote."""

    def __init__(self, process: "subprocess.Popen[str]", lines: list[dict[str, Any]]) -> None:
        self.process, self.lines = process, lines
        self.address = str(self.wait("serving", lambda line: "workers" in line)["address"])

    def wait(self, message: str, fits: Any = lambda line: True, since: int = 0) -> dict[str, Any]:
        until_s = time.monotonic() + 60
        while time.monotonic() < until_s:
            for line in self.lines[since:]:
                if line["message"] == message and fits(line):
                    return line
            assert self.process.poll() is None, self.lines
            time.sleep(0.02)
        raise AssertionError(f"nobody said {message}: {self.lines}")

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]


@contextmanager
def fleet(data_dir: Path, workers: int = 2, **environment: str) -> Iterator[Fleet]:
    command = [SLOTWARDEN, "serve", "--port", "0", "--workers", str(workers)]
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(
        [*command, "--data-dir", str(data_dir)],
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | environment,
    ) as process:
        assert process.stderr

        reader = threading.Thread(target=_each, args=(process.stderr, lines), daemon=True)
        reader.start()
        try:
            yield Fleet(process, lines)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, lines
            reader.join(10)


def _each(stream: Any, lines: list[dict[str, Any]]) -> None:
    lines.extend(json.loads(line) for line in stream if line.startswith("{"))


def call(address: str, retries: int = 0, **fields: Any) -> pb.RerankResponse:
    """Call on a connection of its own; the kernel chooses the worker."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    for left in range(retries, -1, -1):
        with grpc.insecure_channel(address, options=options) as channel:
            try:
                data = request(**fields).SerializeToString()
                return pb.RerankResponse.FromString(channel.unary_unary(METHOD)(data, timeout=10))
            except grpc.RpcError as error:
                if not left or error.code() not in REPEATED:
                    raise
                time.sleep(0.05)
    raise AssertionError("unreachable")


class Load:
    """Hands that call and call again, on connections they keep, and count what failed."""

    def __init__(self, address: str, hands: int = 4) -> None:
        self.answered, self.failed = list[str](), list[str]()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(address,)) for _ in range(hands)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self, address: str) -> None:
        data = request().SerializeToString()
        with grpc.insecure_channel(address) as channel:
            rerank = channel.unary_unary(METHOD)
            while not self._stop.is_set():
                self._once(rerank, data)

    def _once(self, rerank: Any, data: bytes) -> None:
        """Call, and repeat what was not answered: Rerank is safe to repeat."""
        for left in range(5, -1, -1):
            try:
                reply = pb.RerankResponse.FromString(rerank(data, timeout=10))
            except grpc.RpcError as error:
                if not left or error.code() not in REPEATED:
                    self.failed.append(f"{error.code().name}: {error.details()}")
                    return
                time.sleep(0.1)
            else:
                self.answered.append(reply.decision_id)
                return


def decided(data_dir: Path) -> list[set[str]]:
    """Return the decisions in the log of each worker."""
    return [
        {
            one.envelope.decision_id
            for one in read_records(home / FOLDER)
            if one.envelope.kind == log_pb2.RECORD_KIND_DECISION
        }
        for home in homes_of(data_dir)
    ]


def sound(data_dir: Path) -> None:
    for home in homes_of(data_dir):
        found = check(home / FOLDER)
        assert not found.faults
        assert found.signed == found.records


def test_workers_share_a_port_and_each_keeps_its_books(tmp_path: Path) -> None:
    fill(tmp_path)
    with fleet(tmp_path) as served:
        ids = [call(served.address).decision_id for _ in range(40)]
    logs = decided(tmp_path)
    assert len(logs) == 2
    assert all(logs), "the kernel spreads connections"
    assert set(ids) == logs[0] | logs[1]
    ask_of_all_logs(tmp_path, ids)
    assert sum(map(len, logs)) == 40
    sound(tmp_path)
    for home in homes_of(tmp_path):
        (run,) = runs(read_records(home / FOLDER))
        assert (run.balances, run.is_ended) == (True, True)
    assert {line.get("worker") for line in served.lines} == {None, 0, 1}


def test_the_first_worker_makes_tables_of_all_logs(tmp_path: Path) -> None:
    fill(tmp_path)
    with fleet(tmp_path, SLOTWARDEN_ROTATE_S="0.5") as served:
        call(served.address)
        served.wait("tables rotated")
    assert not [line for line in served.lines if line.get("reason") == "NOT_ROTATED"]


def ask_of_all_logs(data_dir: Path, ids: list[str]) -> None:
    """Every command sees the logs of all workers."""
    where = ("--data-dir", data_dir)
    told = json.loads(spawn("audit", "fsck", *where, "--json").out)
    assert told["decisions"] + told["logs"][0]["decisions"] == len(ids)
    assert "worker-1/" in spawn("audit", "tail", "-n", "100", *where).out
    replayed = json.loads(spawn("replay", *where, "--json").out)
    assert replayed["verdicts"]["EXACT"] == len(ids)
    books = json.loads(spawn("audit", "reconcile", *where, "--json").out)
    assert sum(run["answered"] for run in books["runs"]) == len(ids)
    for is_rotated in (False, True):
        for decision_id in ids[:8]:
            shown = json.loads(spawn("audit", "show", decision_id, *where).out)
            assert shown["envelope"]["decisionId"] == decision_id
        if not is_rotated:
            assert spawn("audit", "rotate", *where).code == 0
    second = json.loads(spawn("audit", "show", "worker-1/2", *where).out)["envelope"]
    assert second["decisionId"] in ids
    asked = ("--sql", "SELECT DISTINCT decision_id FROM slots", "--json")
    rows = json.loads(spawn("audit", "query", *asked, *where).out)["rows"]
    assert {row["decision_id"] for row in rows} == set(ids)
    notes = json.loads(spawn("audit", "manifest", *where, "--json").out)["checkpoints"]
    assert len(notes) == 2
    out = data_dir / "bundle"
    assert spawn("audit", "export", second["decisionId"], "--out", out, *where).code == 0
    assert spawn("audit", "verify", out).code == 0
    mixed = (next(iter(each)) for each in decided(data_dir))
    told_of = spawn("audit", "export", *mixed, "--out", data_dir / "two", *where).fault()
    assert "they stand in 2 logs" in told_of
    assert "has no log here" in spawn("audit", "show", "worker-7/1", *where).fault()


def test_a_report_may_reach_another_worker_than_decided(tmp_path: Path) -> None:
    fill(tmp_path)
    with fleet(tmp_path) as served:
        replies = [call(served.address) for _ in range(12)]
        time.sleep(0.5)
        shown = [
            exposure_pb2.Exposure(decision_id=r.decision_id, shown_at_us=r.instant_us + 1)
            for r in replies
        ]
        data = exposure_pb2.ReportRequest(exposures=shown).SerializeToString()
        seen = set[tuple[int, ...]]()
        for _ in range(6):
            with grpc.insecure_channel(
                served.address, options=(("grpc.use_local_subchannel_pool", 1),)
            ) as channel:
                raw = channel.unary_unary("/ranker.v1.ExposureService/Report")(data, timeout=10)
            seen.add(tuple(exposure_pb2.ReportResponse.FromString(raw).statuses))
    assert seen == {(1,) * 12, (2,) * 12}, "recorded once, and a duplicate for every worker"


def test_a_worker_that_is_killed_comes_back_and_a_retry_is_answered(tmp_path: Path) -> None:
    fill(tmp_path)
    with fleet(tmp_path) as served:
        victim, *_ = before = served.workers()
        with Load(served.address) as load:
            time.sleep(0.5)
            so_far = len(served.lines)
            os.kill(victim, signal.SIGKILL)
            ended = served.wait("a worker ended")
            assert ended["reason"] == "WORKER_ENDED"
            served.wait("serving", since=so_far)  # else it might end before it takes up its log
            assert victim not in served.workers()
        assert not load.failed
        assert len(load.answered) > 50
        assert len(set(served.workers()) - set(before)) == 1
    assert set(load.answered) <= set().union(*decided(tmp_path)), "what was answered is on record"
    sound(tmp_path)


def test_a_rolling_restart_fails_no_call(tmp_path: Path) -> None:
    fill(tmp_path)
    with fleet(tmp_path, workers=3) as served:
        before = set(served.workers())
        with Load(served.address) as load:
            time.sleep(0.5)
            served.process.send_signal(signal.SIGHUP)
            served.wait("rolled")
            time.sleep(0.3)
        assert not load.failed
        assert len(load.answered) > 50
        assert not before & set(served.workers()), "every one is another"
    assert set(load.answered) <= set().union(*decided(tmp_path))
    sound(tmp_path)


def test_a_rolling_restart_fails_no_page_of_the_shipped_client(tmp_path: Path) -> None:
    fill(tmp_path)
    pages, stop = list[str](), threading.Event()

    def ask(client: Client) -> None:
        while not stop.is_set():
            pages.append(client.page(request()).origin)

    with fleet(tmp_path, workers=3) as served, Client(served.address, deadline_s=10) as client:
        hands = [threading.Thread(target=ask, args=(client,)) for _ in range(3)]
        for hand in hands:
            hand.start()
        time.sleep(0.5)
        served.process.send_signal(signal.SIGHUP)
        served.wait("rolled")
        stop.set()
        for hand in hands:
            hand.join()
    assert len(pages) > 50
    assert set(pages) == {"decided"}


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    fill(tmp_path)
    command = [SLOTWARDEN, "serve", "--port", "0", "--workers", "2", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stderr
        lines: list[dict[str, Any]] = []
        threading.Thread(target=_each, args=(process.stderr, lines), daemon=True).start()
        served = Fleet(process, lines)
        workers = served.workers()
        process.kill()
        process.wait()
        until_s = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < until_s
            time.sleep(0.05)
    sound(tmp_path)


def test_a_worker_that_cannot_start_is_said(tmp_path: Path) -> None:
    fill(tmp_path)
    log = home_of(tmp_path, 1) / FOLDER / "2026-11-24"
    log.mkdir(parents=True)
    (log / "00000000000000000001.seg").write_bytes(b"no segment" * 100)
    done = spawn("serve", "--port", "0", "--workers", "2", "--data-dir", tmp_path)
    assert done.code == 1
    assert "worker 1 ended before it served; see above" in done.err
    assert "is not a segment of a decision log" in done.err


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    fill(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = ("--port", str(port), "--workers", "2", "--data-dir", tmp_path)
        assert "cannot listen on 127.0.0.1" in spawn("serve", *command).fault()


def test_connections_are_asked_to_close_so_that_load_spreads(tmp_path: Path) -> None:
    fill(tmp_path)
    with fleet(tmp_path, SLOTWARDEN_CONNECTION_AGE_S="1") as served:
        until_s = time.monotonic() + 60
        with Load(served.address, hands=1) as load:
            while not all(decided(tmp_path)):  # the kernel draws a worker for each connection
                assert time.monotonic() < until_s, "one client, and in time every worker"
                time.sleep(0.5)
        assert not load.failed
