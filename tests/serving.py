"""Real servers on loopback, each with a small catalogue of its own in a temporary folder."""

import csv
import io
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from constraints.solve import solve
from ranker.audit.log import DecisionLog
from ranker.facts.importing import Import, import_csv
from ranker.facts.store import FactStore
from ranker.serving.server import SERVICE, Server
from ranker.settings import Settings
from ranker.v1 import rerank_pb2 as pb
from tests import make

NOW_US = int(datetime(2026, 11, 24, 4, tzinfo=UTC).timestamp()) * 1_000_000
"""Noon in Shanghai on `make.TODAY`."""

THEMES = ["甜宠", "悬疑", "古装", "逆袭", "农村", "科幻"]
SUBJECTS: dict[str, make.Row] = {
    **{f"lead-{i}": make.drama(themes=THEMES[i % 6], title=f"剧 {i}") for i in range(12)},
    **{f"boss-{i}": make.drama(themes=["霸总", "总裁"][i % 2]) for i in range(6)},
    "best": make.drama(themes="文旅", support="national", support_from="2026-01-01"),
    **{f"filed-{i}": make.drama(document="bureau_filing", themes="都市") for i in range(3)},
    **{f"bare-{i}": make.drama(document="none", themes="都市") for i in range(2)},
    **{f"room-{grade}": make.room(room_grade=grade, themes="才艺") for grade in "abcde"},
    "video": make.video(themes="美食"),
    "90": make.drama(themes="青春"),
}
CLIPS = {str(7000 + i): {"subject_id": f"lead-{i}"} for i in range(12)}
ALIASES = {"总裁": {"theme": "霸总"}}
POLICY = """
[surface.home]
first_screen_slots = { phone = 6, tv = 10 }
[surface.theatre]
[surface.live]
[surface.search]
is_recommended = false

[[rules]]
id = "record-number"
type = "record_required"
source = "LIC-01"

[[rules]]
id = "first-screen-licence"
type = "licensed_first_screen"
source = "FS-01"
surfaces = ["home"]
recheck = [{ since = 2024-02-05, value = "first_screen" }]

[[rules]]
id = "first-screen-registered"
type = "registered_only"
source = "PLATFORM"
surfaces = ["home"]
slots = "first_screen"

[[rules]]
id = "theme-spread"
type = "theme_cap"
source = "DIV-01"
most_in_window = 2
window_slots = 6
level = 1

[[rules]]
id = "quality-support"
type = "supported_boost"
source = "BST-01"
national_ratio = 1.12
least = 1
first_slots = 10
level = 3

[[rules]]
id = "room-rating"
type = "room_rating"
source = "LIV-01"
demote = { c = 0.6 }
sink = ["d"]
stop = ["e"]
"""
TELLS = re.compile(r"Traceback|\w+(?:Error|Exception)\b|\.py\b|/(?:tmp|root|home|usr)\b|0x")
METHOD = f"/{SERVICE}/Rerank"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Fault(NamedTuple):
    """What a refused call tells a program."""

    code: str
    reason: str
    field: str


@dataclass(frozen=True)
class Served:
    """A running server and a way to call it."""

    server: Server
    channel: grpc.Channel

    def send(self, data: bytes) -> bytes:
        """Send bytes as they are, and return the bytes of the reply."""
        return self.channel.unary_unary(METHOD)(data, timeout=10)

    def rerank(self, request: pb.RerankRequest) -> pb.RerankResponse:
        return pb.RerankResponse.FromString(self.send(request.SerializeToString()))

    def refusal(self, request: pb.RerankRequest | bytes) -> grpc.RpcError:
        """Send what must be refused, and return the error."""
        data = request if isinstance(request, bytes) else request.SerializeToString()
        with pytest.raises(grpc.RpcError) as caught:
            self.send(data)
        return tight_lipped(caught.value)

    def fault(self, request: pb.RerankRequest | bytes) -> Fault:
        return fault_of(self.refusal(request))

    def health(self, service: str = "") -> Any:
        stub = health_pb2_grpc.HealthStub(self.channel)
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status


@contextmanager
def served(
    data_dir: Path,
    *,
    solver: Any = solve,
    now_us: Callable[[], int] = lambda: NOW_US,
    subjects: Mapping[str, make.Row] = SUBJECTS,
    **settings: Any,
) -> Iterator[Served]:
    """Import the catalogue into a folder and serve it by `POLICY`; polls only with `poll_s`."""
    if not (data_dir / "facts.sqlite").exists():
        fill(data_dir, subjects)
    given = {"port": 0, "poll_s": 3600.0, "policy_dir": data_dir / "policies"} | settings
    if "policy_dir" not in settings:
        given["policy_dir"].mkdir(exist_ok=True)
        (given["policy_dir"] / "test.toml").write_text(POLICY, encoding="utf-8")
    server = Server(Settings(data_dir=data_dir, **given), solver=solver)
    server.service.now_us = server.state.now_us = now_us
    server.state.refresh()
    try:
        server.start()
        with grpc.insecure_channel(server.address) as channel:
            yield Served(server, channel)
    finally:
        server.stop()


def fill(data_dir: Path, subjects: Mapping[str, make.Row] = SUBJECTS) -> None:
    """Import the catalogue."""
    put(data_dir, "tag", ALIASES)
    put(data_dir, "id", subjects)
    if subjects is SUBJECTS:
        put(data_dir, "candidate_id", CLIPS)


def put(data_dir: Path, key: str, rows: Mapping[str, make.Row], at_us: int = NOW_US) -> Import:
    """Import rows; the name of their key column says what they are."""
    with FactStore(data_dir) as store:
        outcome = import_csv(store, "rows.csv", table(key, rows), at_us=at_us)
    assert outcome.is_kept, outcome.faults
    return outcome


def table(key: str, rows: Mapping[str, make.Row]) -> bytes:
    """Write rows as CSV."""
    names = dict.fromkeys(name for row in rows.values() for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, [key, *names])
    writer.writeheader()
    writer.writerows({key: each} | row for each, row in rows.items())
    return text.getvalue().encode()


def request(
    ids: Sequence[str | int] = tuple(SUBJECTS),
    utilities: Sequence[float] | None = None,
    *,
    in_rows: bool = False,
    kinds: Sequence[Any] = (),
    **fields: Any,
) -> pb.RerankRequest:
    """Ask for four slots of home on a phone; without utilities the first id is worth most."""
    worth = range(len(ids), 0, -1) if utilities is None else utilities
    asked = pb.RerankRequest(**({"surface": "home", "terminal": "phone", "slot_count": 4} | fields))
    if in_rows:
        declared = [*kinds, *[0] * len(ids)]
        asked.rows.rows.extend(
            pb.CandidateRow(id=str(key), utility=value, kind=kind)
            for key, value, kind in zip(ids, worth, declared, strict=False)
        )
        return asked
    numbers = all(isinstance(key, int) for key in ids)
    asked.columns.CopyFrom(
        pb.CandidateColumns(
            ids=ids if numbers else [],
            string_ids=[] if numbers else ids,
            utilities=worth,
            kinds=kinds,
        )
    )
    return asked


def shown(reply: pb.RerankResponse) -> list[str]:
    """Return the id in each slot, empty where none is."""
    return [placement.id for placement in reply.decision.placements]


def held_by(hold: threading.Event) -> Any:
    """Return a solver that waits for an event, the product's otherwise."""

    def held(program: Any, rounds: int) -> Any:
        hold.wait(30)
        return solve(program, rounds)

    return held


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    until_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until_s, "it never came to be"
        time.sleep(0.01)


def settled(log: DecisionLog) -> None:
    """Wait until all that was logged is on the disk, and no sync is under way."""
    until(lambda: log.on_disk >= log.sequence)


def tight_lipped(error: Any) -> Any:
    """Check that an error says one line and nothing about the machine or the code behind it."""
    said = [error.details(), error.trailing_metadata(), error.initial_metadata()]
    assert not TELLS.search(str(said)), said
    assert error.details().isprintable(), "one line"
    return error


def fault_of(error: Any) -> Fault:
    """Read the rich status of a refused call; reason and field are empty where it has none."""
    code, reason, field = error.code().name, "", ""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info, broken = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            assert info.domain == "slotwarden"
            reason = info.reason
        elif detail.Unpack(broken):
            (violation,) = broken.field_violations
            assert violation.description == status.message
            field = violation.field
    return Fault(code, reason, field)
