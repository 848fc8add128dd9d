"""A server of our own in a process of its own, as an operator starts it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from numpy.random import Generator

from ranker.v1 import rerank_pb2 as pb

KEPT: Final = 0.9  # of the sample's candidates in a page
STOP_S_MAX: Final = 60.0  # until a server ends that is told to


class Served(NamedTuple):
    """A running server.

    Attributes:
        address: host and port.
        pid: of its process.
    """

    address: str
    pid: int

    def memory_mb(self) -> float:
        """Return the memory it holds, resident."""
        told = Path(f"/proc/{self.pid}/statm").read_text(encoding="utf-8").split()
        return int(told[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def descriptors(self) -> int:
        """Return how many files it holds open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


def sample_page(rng: Generator, **fields: Any) -> pb.RerankRequest:
    """Return the page of the sample with utilities drawn anew, and some candidates left out.

    Args:
        rng: draws them.
        fields: of the request, in place of the sample's.
    """
    told = json.loads(files("ranker").joinpath("sample/home.json").read_bytes())
    candidates = [one for one in told.pop("candidates") if rng.random() < KEPT]
    page = pb.RerankRequest(**(told | fields))
    page.columns.string_ids.extend(one["id"] for one in candidates)
    page.columns.utilities.extend(rng.lognormal(1.0, 0.6, len(candidates)).tolist())
    kinds: list[Any] = [
        pb.CandidateKind.Value(f"CANDIDATE_KIND_{one['kind'].upper()}") for one in candidates
    ]
    page.columns.kinds.extend(kinds)
    return page


def sample_files() -> dict[str, bytes]:
    """Return the facts of the sample: name → CSV, in the order of their import."""
    names = ("aliases.csv", "subjects.csv", "candidates.csv", "listings.csv")
    return {name: files("ranker").joinpath("sample", name).read_bytes() for name in names}


@contextmanager
def serving(
    data_dir: Path, facts: Mapping[str, bytes] | None = None, cores: str = "", **settings: str
) -> Iterator[Served]:
    """Start a server with a catalogue, and stop it.

    Args:
        data_dir: of the server; the facts are imported.
        facts: name → CSV, in the order of their import; the sample's unless given.
        cores: processors it may run on, as `taskset` reads them; empty for all.
        settings: its variables, without `SLOTWARDEN_`, in lower case.

    Raises:
        RuntimeError: it ended before it served.
    """
    slotwarden = str(Path(sys.executable).with_name("slotwarden"))
    where = ["--data-dir", str(data_dir)]
    with TemporaryDirectory(prefix="facts-") as folder:
        paths = [Path(folder) / name for name in facts or sample_files()]
        for path, content in zip(paths, (facts or sample_files()).values(), strict=True):
            path.write_bytes(content)
        command = [slotwarden, "facts", "import", *map(str, paths), *where]
        subprocess.run(command, check=True, capture_output=True)
    told = {f"SLOTWARDEN_{name.upper()}": value for name, value in settings.items()}
    pinned = ["taskset", "--cpu-list", cores] if cores else []
    with (data_dir / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*pinned, slotwarden, "serve", "--port", "0", *where],
            stderr=log,
            env=os.environ | told,
        )
        try:
            with _interrupted_by_sigterm():
                yield Served(_address(process, data_dir / "server.log"), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """End as by Ctrl-C where we are told to: the server must not be left over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    while True:
        for line in log.read_text(encoding="utf-8").splitlines():
            told = json.loads(line) if line.endswith("}") else {}
            if told.get("message") == "serving":
                return str(told["address"])
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"the server ended: {log.read_text(encoding='utf-8')[-500:]}")
