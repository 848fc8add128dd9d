"""Sends mutated messages to a server, to every method, and looks what becomes of it.

`python -m loadtests.fuzz [--messages N] [--seed S]`: only documented statuses may come back, the
server must live, and its memory must not grow.
"""

import argparse
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc
import numpy as np
from rich.progress import track

from loadtests.bench.figures import Figure, show
from loadtests.process import Served, serving
from ranker.v1 import decision_log_pb2, explain_pb2, exposure_pb2
from ranker.v1 import rerank_pb2 as pb

DOCUMENTED: Final = {
    *("OK", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "NOT_FOUND"),
}
"""Statuses a message may be answered with in time; one that hangs a method is none of them."""
IN_FLIGHT: Final = 32
WARM: Final = 20_000  # messages before memory is looked at
GROWTH_MAX_MB: Final = 16.0
_INTERESTING: Final = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff" * 9 + b"\x01", b"\n\x00")


def main(words: list[str] | None = None) -> int:
    """Fuzz, print, and fail where a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    with TemporaryDirectory(prefix="fuzz-") as folder, serving(Path(folder)) as served:
        figures, codes = _fuzzed(served, asked.messages, asked.seed)
    if asked.json:
        told = {"figures": [figure.as_json() for figure in figures], "codes": codes}
        print(json.dumps(told, indent=1))
    else:
        show(figures, f"{asked.messages:,} mutated messages, seed {asked.seed}")
        print(", ".join(f"{name} {count:,}" for name, count in codes.most_common()))
    return 0 if all(figure.is_met for figure in figures) else 1


def _fuzzed(served: Served, messages: int, seed: int) -> tuple[list[Figure], Counter[str]]:
    rng, codes = np.random.default_rng(seed), Counter[str]()
    lock, room = threading.Lock(), threading.Semaphore(IN_FLIGHT)
    whole, begun_s, before_mb = _whole(), time.perf_counter(), 0.0

    def done(call: Any) -> None:
        with lock:
            codes[call.code().name] += 1
        room.release()

    with grpc.insecure_channel(served.address) as channel:
        quiet = not sys.stderr.isatty()
        for number in track(range(messages), "fuzz", transient=True, disable=quiet):
            if number == min(WARM, messages // 2):
                before_mb = served.memory_mb()
            method, data = whole[int(rng.integers(len(whole)))]
            room.acquire()
            call: Any = channel.unary_unary(method)
            call.future(_mutated(data, rng), timeout=30).add_done_callback(done)
        for _ in range(IN_FLIGHT):
            room.acquire()
        spent_s = time.perf_counter() - begun_s
        growth_mb = served.memory_mb() - before_mb
        method, data = whole[0]
        last: Any = channel.unary_unary(method)
        lives = bool(pb.RerankResponse.FromString(last(data, timeout=10)).decision_id)
    undocumented = sum(count for name, count in codes.items() if name not in DOCUMENTED)
    return [
        Figure("statuses that are not documented", undocumented, "", most=0),
        Figure("server that does not answer afterwards", 0.0 if lives else 1.0, "", most=0),
        Figure("memory it grew by", growth_mb, "MB", most=GROWTH_MAX_MB),
        Figure("messages a second", messages / spent_s, ""),
    ], codes


def _whole() -> list[tuple[str, bytes]]:
    """Return method and bytes of messages that are as they should be."""
    columns = pb.CandidateColumns(
        string_ids=[f"t-{n}" for n in range(40)],
        utilities=[float(n) for n in range(40)],
        kinds=[pb.CandidateKind.Name(n % 4) for n in range(40)],
        features=[pb.FeatureColumn(name="age", values=[0.5] * 40)],
    )
    page = pb.RerankRequest(
        surface="home",
        terminal="phone",
        slot_count=8,
        viewer_class=pb.VIEWER_CLASS_MINOR,
        request_id="r",
        viewer_id="somebody",
        session_id="s",
        tail_ids=["t-1", "t-2"],
        reserved=[pb.ReservedSlot(slot=2, id="ad")],
        columns=columns,
    )
    numbers = pb.RerankRequest(surface="home", slot_count=3)
    numbers.columns.CopyFrom(pb.CandidateColumns(ids=range(30), utilities=[1.0] * 30))
    rows = pb.RerankRequest(surface="live", slot_count=5)
    rows.rows.rows.extend(pb.CandidateRow(id=f"r-{n}", utility=n) for n in range(20))
    shown = exposure_pb2.Exposure(
        decision_id="d" * 32,
        slot=1,
        id="t-1",
        shown_at_us=1_795_000_000_000_000,
        outcomes=[exposure_pb2.Outcome(kind=exposure_pb2.OUTCOME_KIND_WATCHED, value=3.5)],
    )
    explained = explain_pb2.ExplainRequest(request=page, candidate_id="t-3")
    query = decision_log_pb2.QueryRequest(question="title", value="x", from_day="2026-11-01")
    service = "/ranker.v1."
    told: list[tuple[str, Any]] = [
        *((f"{service}RerankService/Rerank", one) for one in (page, numbers, rows) * 4),
        *[(f"{service}ExposureService/Report", exposure_pb2.ReportRequest(exposures=[shown] * 3))]
        * 4,
        (f"{service}RerankService/FallbackSlate", pb.FallbackSlateRequest(request=page)),
        (f"{service}ExplainService/Explain", explained),
        (f"{service}DecisionLogService/Get", decision_log_pb2.GetRequest(sequence=1)),
        (f"{service}DecisionLogService/Query", query),
    ]
    return [(method, message.SerializeToString()) for method, message in told]


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a message changed in one to eight places; sometimes one that is whole."""
    raw = bytearray(data)
    for _ in range(int(rng.integers(0, 9))):
        at = int(rng.integers(len(raw) + 1))
        match int(rng.integers(6)):
            case 0 if at < len(raw):
                raw[at] ^= 1 << int(rng.integers(8))
            case 1:
                raw[at:at] = rng.bytes(int(rng.integers(1, 9)))
            case 2:
                del raw[at : at + int(rng.integers(1, 17))]
            case 3:
                raw[at:at] = _INTERESTING[int(rng.integers(len(_INTERESTING)))]
            case 4:
                raw[at:at] = raw[: int(rng.integers(0, 65))]
            case _:
                del raw[at:]
    return bytes(raw)


if __name__ == "__main__":
    raise SystemExit(main())
