"""The same inputs give the same bytes: in any process, hash seed and time zone, without numba."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from constraints.facts import date_of
from ranker.audit.checking import read_records
from ranker.serving.page_token import Seam, sign
from ranker.serving.paging import day_at
from ranker.v1 import log_pb2
from ranker.v1 import rerank_pb2 as pb
from tests import make
from tests.serving import request, served, shown

ROOT = Path(__file__).parents[1]
MIDNIGHT_US = int(datetime(2026, 8, 31, 16, tzinfo=UTC).timestamp()) * 1_000_000
"""2026-09-01T00:00+08:00."""

DECIDE = """
import random, sys
sys.modules |= dict.fromkeys(sys.argv[2:])  # what must look as if it were not installed
from pathlib import Path
from constraints import kernel
from ranker.audit.log import DecisionLog
from ranker.serving.pace import Pace
from ranker.serving.page_token import load_keys
from ranker.serving.service import RerankService
from ranker.serving.state import State
from ranker.settings import Settings
from ranker.v1 import rerank_pb2 as pb
from tests.serving import NOW_US, SUBJECTS, fill, request
from tests.test_determinism import MIDNIGHT_US

folder, rng, now, token = Path(sys.argv[1]), random.Random(60), [0], ""
fill(folder)
settings = Settings(data_dir=folder, inline_facts=True, quality="greedy")
log, keys = DecisionLog(folder), load_keys(folder)
service = RerankService(settings, State(settings), log, keys, now_us=lambda: now[0])
searching = Pace("fast")
known = [*SUBJECTS, *map(str, range(7000, 7012)), *(f"stranger-{i}" for i in range(8))]
print(kernel.load().__name__, file=sys.stderr)
for i in range(60):
    ids = rng.sample(known, rng.randint(5, 45))
    asked = request(
        ids,
        [rng.choice([1.0, 1.0, rng.uniform(0, 9)]) for _ in ids],
        kinds=[rng.randrange(4) for _ in ids],
        surface=rng.choice(["home", "theatre", "live", "search"]),
        terminal=rng.choice(["phone", "tv", "watch"]),
        slot_count=rng.randint(2, 12),
        viewer_class=rng.randrange(4),
        tail_ids=rng.sample(known, rng.randint(0, 8)),
        reserved=[pb.ReservedSlot(slot=1, id=rng.choice(known))][: rng.randrange(2)],
    )
    asked.columns.facts.extend(pb.FactRow(themes=rng.choice(["", "新|旧", "甲"])) for _ in ids)
    now[0] = rng.choice([NOW_US, MIDNIGHT_US - 1, MIDNIGHT_US])
    service.pace = searching if i % 12 == 0 else Pace("greedy")
    reply = pb.RerankResponse.FromString(service.rerank(asked.SerializeToString()))
    print(reply.decision.SerializeToString(deterministic=True).hex())
    below = pb.RerankRequest()
    below.CopyFrom(asked)
    below.ClearField("tail_ids")
    below.page_token, below.first_slot = reply.page_token, asked.slot_count
    reply = pb.RerankResponse.FromString(service.rerank(below.SerializeToString()))
    print(reply.decision.SerializeToString(deterministic=True).hex())
"""
WORLDS = {
    "plain": ([], {"PYTHONHASHSEED": "0", "TZ": "UTC"}, []),
    "elsewhere": (["-O"], {"PYTHONHASHSEED": "1", "TZ": "America/St_Johns", "LC_ALL": "C"}, []),
    "without numba": ([], {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Kiritimati"}, ["numba"]),
}


def test_sixty_requests_are_decided_alike_to_the_byte_in_every_world(tmp_path: Path) -> None:
    running = {}
    for name, (flags, environment, absent) in WORLDS.items():
        command = [sys.executable, "-W", "error", *flags, "-c", DECIDE, str(tmp_path / name)]
        running[name] = subprocess.Popen(
            [*command, *absent],
            env=os.environ | environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    told = {name: process.communicate(timeout=60) for name, process in running.items()}
    kernels = {name: said.strip().rpartition(".")[2] for name, (_, said) in told.items()}
    assert kernels == {
        "plain": "compiled",
        "elsewhere": "compiled",
        "without numba": "reference",
    }, told
    decisions = told["plain"][0].splitlines()
    assert len(decisions) == 120
    assert len(set(decisions)) > 60, "they are not all the same question"
    assert [name for name, (printed, _) in told.items() if printed != told["plain"][0]] == []


@pytest.fixture(params=["UTC", "Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_a_day_begins_at_midnight_in_shanghai_wherever_the_server_is(zone: str) -> None:
    days = [date_of(day_at(MIDNIGHT_US + offset)).isoformat() for offset in (-1, 0, 1)]
    assert days == ["2026-08-31", "2026-09-01", "2026-09-01"]
    for offset in (-1, 0):  # and 24 hours later, to the microsecond
        assert day_at(MIDNIGHT_US + 86_400_000_000 + offset) == day_at(MIDNIGHT_US + offset) + 1


def test_a_licence_ends_with_its_last_day_in_shanghai(tmp_path: Path, zone: str) -> None:
    subjects = {
        "ends": make.drama(document_until="2026-08-31"),
        "begins": make.drama(document_from="2026-09-01"),
    }
    now = [MIDNIGHT_US - 1]
    with served(tmp_path, subjects=subjects, now_us=lambda: now[0]) as app:
        pages = []
        for _ in range(2):
            pages.append(shown(app.rerank(request(["ends", "begins"], slot_count=2))))
            now[0] += 1
    assert pages == [["ends", ""], ["begins", ""]]


def test_a_decision_is_made_again_from_its_record_on_another_server(tmp_path: Path) -> None:
    with served(tmp_path / "one") as one:
        first = one.rerank(request(slot_count=4, session_id="s"))
        told = {"slot_count": 5, "session_id": "s", "first_slot": 4}
        second = one.rerank(request(page_token=first.page_token, **told))
        lines = [*read_records(one.server.log.folder)][1:]
    for line, reply in zip(lines[:2], (first, second), strict=True):
        body = log_pb2.DecisionBody.FromString(line.body)
        with served(tmp_path / "two", now_us=lambda at=line.envelope.instant_us: at) as two:
            asked = pb.RerankRequest.FromString(body.request)
            seam = Seam(
                surface=asked.surface,
                terminal=asked.terminal,
                first_slot=body.first_slot,
                session_id="",
                tail_ids=tuple(body.tail_ids),
                expires_s=2**40,
            )
            if body.first_slot:
                asked.page_token = sign(seam, two.server.service.keys)
            again = two.rerank(asked)
        assert again.decision == reply.decision
        assert again.facts_digest == line.envelope.facts_digest.hex()
        assert again.policy_digest == line.envelope.policy_digest.hex()
        assert again.decision_id != reply.decision_id
