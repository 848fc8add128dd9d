"""Load tests: what they send, what they find, and that they fail when they must."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from loadtests import hostile, load, overload
from loadtests.client import METHOD, Client, to_message
from loadtests.judge import Judge
from loadtests.judging import Spool, judged
from loadtests.process import Served, serving
from loadtests.sender import Sent, flood, send
from loadtests.slo import SHIPPED, SloError, breaches, read_slo
from loadtests.statute import Ledger
from loadtests.traffic import EVENING, POLICIES, hours_of, traffic
from tests.serving import held_by, request, served, until

NOWHERE = Path("/nowhere")
LOCUST = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless"]
ROOT = Path(__file__).parents[1]
EASY = "[rerank]\np99_ms = 5000\nfailed_share = 0\n[lawful]\nfailed_share = 0\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("load") / "data") as served:
        yield served


def locust(
    address: str, slo: Path, *words: str, file: str = "loadtests/locustfile.py"
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "locust", "-f", file, "--headless", "-H", address]
    command += ["-u", "10", "-r", "10", "-t", "5s", "--only-summary", "--data", str(NOWHERE)]
    command += ["--pages", "50", "--user-rate", "2", "--slo", str(slo)]
    return subprocess.run(
        [*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_sample_is_lawful_to_the_judge(server: Served) -> None:
    source = traffic(10, 1, NOWHERE)
    judge = Judge(source.ledger, source.law)
    with Client(server.address) as client:
        for page in source.pages:
            reply, _ = client.call(page)
            verdict = judge.judge(page, reply)
            assert not verdict.hard
            assert not verdict.untrue
            assert not verdict.mismatches
            assert sum(one["state"] == "filled" for one in reply["placements"]) >= 5


def test_a_reply_of_another_time_is_untrue(server: Served, tmp_path: Path) -> None:
    """The judge takes the day of the law from the reply: a server's clock may not choose it."""
    source, path = traffic(10, 1, NOWHERE), tmp_path / "replies"
    begun_s = time.time()
    with grpc.insecure_channel(server.address) as channel, path.open("wb") as stream:
        spool = Spool(stream, 10, 1, NOWHERE)
        for page, late_s in zip(source.pages, (0, -86_400, 86_400), strict=False):
            raw = channel.unary_unary(METHOD)(to_message(page).SerializeToString(), timeout=10)
            spool.add(page, raw, begun_s + late_s, time.time() + late_s)
    verdict = judged(path)
    assert (verdict.judged, verdict.unlawful, verdict.untrue) == (3, 0, 2)
    assert all("decided at" in one for one in verdict.examples)


def test_what_the_judge_sees_of_a_trope_is_what_rules_see() -> None:
    source = traffic(10, 1, NOWHERE)
    for tags, tropes in (("霸总|甜宠", "tycoon"), ("萌娃|豪门", "tycoon|child"), ("甜宠", "none")):
        ledger = Ledger({"t": {"kind": "drama", "themes": tags}}, {}, source.ledger.aliases)
        assert ledger.look_up("t").row["tropes"] == tropes


def test_an_open_model_has_objectives_too() -> None:
    sent = Sent(seconds=1.0, ok_ms=[1_900.0] * 9, answered=9, due=9)
    slo = {"rerank": {"p99_ms": 250.0}}
    found = {one.name: one for one in load.figures(100.0, 60.0, {}, sent, slo)}
    assert not found["open model, p99"].is_met
    assert found["open model, p50"].is_met


def test_an_overload_without_refusals_or_with_faults_is_none() -> None:
    fine = Sent(1.0, 90, 300, late_ms=[1.0], ok_ms=[9.0] * 90, refused_ms=[1.0] * 210,
                refused_server_us=[30] * 210)  # fmt: skip
    none = Sent(1.0, 90, 90, late_ms=[1.0], ok_ms=[9.0] * 90)
    late = Sent(1.0, 90, 300, late_ms=[5_000.0], ok_ms=[9.0] * 90, refused_ms=[1.0] * 210,
                refused_server_us=[30] * 210, failed={"INTERNAL": 3})  # fmt: skip

    def missed(sent: Sent) -> set[str]:
        return {one.name for one in overload.figures(100.0, 300.0, sent, sent, none)
                if not one.is_met}  # fmt: skip

    assert missed(fine) == set()
    assert missed(none) == {"refused"}
    assert missed(late) == {"the sender was late, p99", "INTERNAL"}


def test_pings_go_on_though_their_connections_are_closed() -> None:
    accepted = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with hostile.ATTACKS["a flood of pings"](address):
            while accepted < 20:  # each is thrown out at once, as a server does
                listener.accept()[0].close()
                accepted += 1
            listener.settimeout(0.2)


def test_an_attack_that_ends_before_it_should_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        attack = hostile.ATTACKS["a flood of pings"](address)
        attack.__enter__()
        held = [listener.accept()[0] for _ in range(4)]
        for one in (listener, *held):
            one.close()
        time.sleep(1.0)
        with pytest.raises(RuntimeError, match="an attack ended"):
            attack.__exit__(None, None, None)


def test_locust_keeps_its_objectives_and_judges_every_reply(server: Served, tmp_path: Path) -> None:
    slo, figures, html = tmp_path / "slo.toml", tmp_path / "figures.json", tmp_path / "report.html"
    slo.write_text(EASY, "utf-8")
    done = locust(server.address, slo, "--figures", str(figures), "--html", str(html))
    assert done.returncode == 0, done.stderr
    told = json.loads(figures.read_text("utf-8"))
    assert told["rerank"]["calls"] >= 40
    assert told["lawful"]["calls"] == told["rerank"]["calls"] == told["server"]["calls"]
    assert told["true"]["failed_share"] == 0
    assert told["server"]["p50_ms"] <= told["rerank"]["p50_ms"]
    assert "Rerank" in html.read_text("utf-8")


def test_planted_slowness_ends_with_1(server: Served, tmp_path: Path) -> None:
    slo = tmp_path / "slo.toml"
    slo.write_text(EASY.replace("5000", "0.1"), "utf-8")
    done = locust(server.address, slo)
    assert done.returncode == 1, done.stderr
    assert "not kept: rerank.p99_ms" in done.stderr


def test_planted_unlawfulness_ends_with_1(tmp_path: Path) -> None:
    slo, policies = tmp_path / "slo.toml", tmp_path / "policies"
    slo.write_text(EASY, "utf-8")
    policies.mkdir()
    for path in POLICIES.glob("*.toml"):
        text = path.read_text("utf-8")
        rule = 'type = "licensed_first_screen"\n'
        (policies / path.name).write_text(text.replace(rule, f'{rule}mode = "off"\n'), "utf-8")
    with serving(tmp_path / "data", policy_dir=str(policies)) as served:
        done = locust(served.address, slo)
    assert done.returncode == 1, done.stderr
    assert "not kept: lawful.failed_share" in done.stderr
    assert "first-screen-licence" in done.stderr


OWN_PAGES = """
from pathlib import Path
from loadtests import judging, locustfile as base


class FirstPageAlone(base.RerankUser):
    def next_page(self):
        return base._Run.traffic.pages[0]


if {fails}:
    judging.sys.executable = "/bin/false"
"""


@pytest.mark.parametrize("fails", [False, True])
def test_own_pages_are_sent_and_a_judge_that_fails_lets_nothing_pass(
    server: Served, tmp_path: Path, fails: bool
) -> None:
    slo, figures, mine = tmp_path / "slo.toml", tmp_path / "figures.json", tmp_path / "mine.py"
    slo.write_text(EASY, "utf-8")
    mine.write_text(OWN_PAGES.format(fails=fails), "utf-8")
    words = ["--tags", "first", "--figures", str(figures)]
    done = locust(server.address, slo, *words, file=str(mine))
    assert done.returncode == fails, done.stderr
    told = json.loads(figures.read_text("utf-8"))
    assert told["lawful"]["calls"] == told["rerank"]["calls"] >= 40
    assert told["lawful"]["failed_share"] == fails
    assert told["load"]["sent_share"] == pytest.approx(1, abs=0.5)
    assert ("not kept: lawful.failed_share" in done.stderr) == fails


def test_workers_of_a_distributed_run_tell_what_they_judged(server: Served, tmp_path: Path) -> None:
    slo, figures = tmp_path / "slo.toml", tmp_path / "figures.json"
    slo.write_text(EASY, "utf-8")
    done = locust(server.address, slo, "--processes", "2", "--figures", str(figures))
    assert done.returncode == 0, done.stderr
    told = json.loads(figures.read_text("utf-8"))
    assert told["lawful"]["calls"] >= told["rerank"]["calls"] >= 30


def test_evening_has_its_peak_and_ends(server: Served, tmp_path: Path) -> None:
    slo = tmp_path / "slo.toml"
    slo.write_text(EASY, "utf-8")
    command = [
        word.replace("locustfile.py", "locustfile.py,loadtests/evening.py") for word in LOCUST
    ]
    done = subprocess.run(
        [*command, "-H", server.address, "-u", "8", "--day", "6", "--data", str(NOWHERE),
         "--slo", str(slo), "--only-summary", "--user-rate", "3"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Shape test updating to 8 users" in done.stderr


def test_hours_add_up_to_a_day() -> None:
    assert len(EVENING) == 24
    assert sum(hours_of(NOWHERE)) == pytest.approx(1)


def test_open_sender_times_calls_from_when_they_are_due() -> None:
    with slow_server(0.05) as address:
        sent = send(address, [b""], 100, 1.0, 5.0, 1)
    assert sent.due == len(sent.ok_ms)
    assert 80 <= sent.due <= 125  # a Poisson process
    assert max(sent.ok_ms) > 1_000  # one thread answers 20 a second: most wait
    assert sorted(sent.ok_ms)[len(sent.ok_ms) // 2] > 500


def test_closed_sender_waits() -> None:
    with slow_server(0.05) as address:
        sent: Sent = flood(address, [b""], 1, 1.0, 5.0)
    assert 15 <= len(sent.ok_ms) <= 20
    assert sent.goodput == pytest.approx(20, rel=0.25)


class slow_server:  # noqa: N801 -- used as a function
    """A server with one thread that sleeps before it answers."""

    def __init__(self, seconds: float) -> None:
        from concurrent.futures import ThreadPoolExecutor

        def answer(data: bytes, context: Any) -> bytes:
            time.sleep(seconds)
            return b"answered"

        handler: Any = grpc.unary_unary_rpc_method_handler(answer)
        self._server = grpc.server(ThreadPoolExecutor(1))
        name = "ranker.v1.RerankService"
        handlers = grpc.method_handlers_generic_handler(name, {"Rerank": handler})
        self._server.add_generic_rpc_handlers((handlers,))
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> str:
        self._server.start()
        return f"127.0.0.1:{self._port}"

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()


def test_refusals_are_quick_while_all_threads_are_busy(tmp_path: Path) -> None:
    hold = threading.Event()
    with served(tmp_path, solver=held_by(hold), calls_max=2, threads=2) as app:
        held = [threading.Thread(target=app.rerank, args=(request(),)) for _ in range(2)]
        for one in held:
            one.start()
        until(lambda: app.server._pool.calls == 2)
        sent = send(app.server.address, [request().SerializeToString()], 200, 1.0, 5.0, 1)
        hold.set()
        for one in held:
            one.join()
    assert len(sent.refused_ms) >= sent.due - 2
    assert len(sent.refused_server_us) == len(sent.refused_ms)
    quick = [spent for spent in sent.refused_server_us if spent < 5_000]
    assert len(quick) >= 0.95 * len(sent.refused_server_us), "other tests run beside this one"


def test_shipped_objectives_are_read() -> None:
    assert read_slo(SHIPPED)["lawful"]["failed_share"] == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[speed]\np50_ms = 1", "speed"),
        ("[rerank]\np75_ms = 1", "rerank.p75_ms"),
        ("[rerank]\np50_ms = -1", "rerank.p50_ms"),
        ('[rerank]\np50_ms = "fast"', "rerank.p50_ms"),
        ("[rerank]\np50_ms = nan", "rerank.p50_ms"),
        ("rerank = 1", "rerank"),
    ],
)
def test_faulty_objectives_are_named(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "slo.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(SloError, match=fault):
        read_slo(path)


def test_what_nobody_measured_is_not_kept() -> None:
    slo = {"rerank": {"p50_ms": 5.0}, "load": {"sent_share": 0.9}, "server": {"p99_ms": 9.0}}
    measured = {"rerank": {"p50_ms": 5.0}, "load": {"sent_share": 0.8}}
    told = list(breaches(slo, measured))
    assert [one.partition(":")[0] for one in told] == ["load.sent_share", "server.p99_ms"]
