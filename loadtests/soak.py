"""Calls a server for half an hour and looks whether its memory or its open files grow.

`python -m loadtests.soak [--minutes M] [--rate N] [--json]`
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc
import numpy as np
from rich.progress import track

from loadtests.bench.figures import Figure, show
from loadtests.client import METHOD
from loadtests.process import Served, sample_page, serving
from ranker.v1 import exposure_pb2
from ranker.v1 import rerank_pb2 as pb

REPORT: Final = "/ranker.v1.ExposureService/Report"
LOOK_S: Final = 5.0
WARM_SHARE: Final = 0.2  # of the time, before memory is looked at
SLOPE_MAX_MB: Final = 1.0  # in ten minutes


def main(words: list[str] | None = None) -> int:
    """Soak, print, and fail where something grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=100, help="calls a second")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    with TemporaryDirectory(prefix="soak-") as folder, serving(Path(folder)) as served:
        figures = _soaked(served, asked.minutes * 60, asked.rate)
    if asked.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=1))
    else:
        show(figures, f"{asked.minutes:g} minutes at {asked.rate} calls a second")
    return 0 if all(figure.is_met for figure in figures) else 1


def _soaked(served: Served, seconds: float, rate: int) -> list[Figure]:
    rng, seen, failed = np.random.default_rng(1), list[tuple[float, float, int]](), 0
    count, begun_s, due_look_s = int(seconds * rate), time.monotonic(), 0.0
    quiet = not sys.stderr.isatty()
    with grpc.insecure_channel(served.address) as channel:
        rerank: Any = channel.unary_unary(METHOD)
        report: Any = channel.unary_unary(REPORT)
        for number in track(range(count), "soak", transient=True, disable=quiet):
            now_s = time.monotonic() - begun_s
            if now_s >= due_look_s:
                seen.append((now_s, served.memory_mb(), served.descriptors()))
                due_look_s = now_s + LOOK_S
            time.sleep(max(number / rate - now_s, 0.0))
            try:
                reply = pb.RerankResponse.FromString(rerank(_page(rng), timeout=10))
                if number % 10 == 0:
                    report(_shown(reply), timeout=10)
            except grpc.RpcError:
                failed += 1
    at, memory_mb, files = np.array(seen).T
    kept = at >= WARM_SHARE * seconds
    slope_mb = float(np.polyfit(at[kept], memory_mb[kept], 1)[0]) * 600
    return [
        Figure("memory, in ten minutes", slope_mb, "MB", most=SLOPE_MAX_MB),
        Figure("memory at the end", float(memory_mb[-1]), "MB"),
        Figure("open files it gained", float(files[-1] - files[kept][0]), "", most=0),
        Figure("calls that failed", failed, "", most=0),
        Figure("calls", count, ""),
    ]


def _page(rng: np.random.Generator) -> bytes:
    surface = ("home", "theatre", "premium")[int(rng.integers(3))]
    page = sample_page(rng, surface=surface, viewer_id=f"viewer-{rng.integers(1 << 30)}")
    return page.SerializeToString()


def _shown(reply: pb.RerankResponse) -> bytes:
    shown = [
        exposure_pb2.Exposure(
            decision_id=reply.decision_id, slot=slot, shown_at_us=reply.instant_us + 1
        )
        for slot in range(5)
    ]
    return exposure_pb2.ReportRequest(exposures=shown).SerializeToString()


if __name__ == "__main__":
    raise SystemExit(main())
