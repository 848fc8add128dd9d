"""Running example clients, what uses up their quota, and what the server saw of them."""

import base64
import hashlib
import json
import os
import secrets
import socket
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import grpc
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loadtests.client_builds import PROTO
from loadtests.process import sample_page
from ranker.v1 import decision_pb2
from ranker.v1 import rerank_pb2 as pb

SERVICE: Final = "/ranker.v1.RerankService/"
FIRST_S_MAX: Final = 30.0  # until a client shows its first page
LATE_S_MAX: Final = 30.0  # until it ends, after it should
SAID_MAX: Final = 5
_REST_S: Final = 0.002  # between two calls of the flood


class Line(NamedTuple):
    """What a client said of a page.

    Attributes:
        at_s: when, seconds since 1970.
        origin: decided, fallback or none.
        shown: ids by slot, each with its duties, a space between them; empty for no page.
    """

    at_s: float
    origin: str
    shown: str


class Refusal(NamedTuple):
    """A call of Rerank that the server refused.

    Attributes:
        at_s: when, seconds since 1970, cut to a millisecond.
        retry_s: after how long it told the caller to come back.
    """

    at_s: float
    retry_s: float


def page_to_ask() -> pb.RerankRequest:
    """Return the page that every client asks for."""
    page = sample_page(np.random.default_rng(2), slot_count=5)
    del page.columns.kinds[:]
    return page


class Running:
    """A client that runs.

    Args:
        command: starts it.
        address: of the server.
        data_dir: of the server.
        seconds: how long it asks for pages.
        token: it calls with.
        rows: candidates it offers; 0 for all.
    """

    def __init__(
        self,
        command: list[str],
        address: str,
        data_dir: Path,
        *,
        seconds: int,
        token: str = "",
        rows: int = 0,
    ) -> None:
        columns = page_to_ask().columns
        pairs = list(zip(columns.string_ids, columns.utilities, strict=True))[: rows or None]
        candidates = data_dir / "candidates.txt"
        candidates.write_text("".join(f"{key} {value}\n" for key, value in pairs), "utf-8")
        keys = data_dir / "keys.txt"
        keys.write_text(_another_key() + (data_dir / "log.pub").read_text("utf-8"), "utf-8")
        words = [address, str(keys), str(candidates), str(seconds)]
        self._seconds, self._errors = seconds, data_dir / "client.err"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [*command, *words], stdout=subprocess.PIPE, stderr=errors, encoding="utf-8",
                env=os.environ | {"PROTO": str(PROTO), "TOKEN": token},
            )  # fmt: skip
        self.lines: list[Line] = []
        self._has_begun = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def begun(self) -> None:
        """Wait for its first page."""
        self._has_begun.wait(FIRST_S_MAX)

    def ended(self) -> int:
        """Wait for its end; return its exit code."""
        try:
            return self._process.wait(FIRST_S_MAX + self._seconds + LATE_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._reader.join()

    def said(self) -> list[str]:
        """Return why it did not show what is decided, in its own words, the most frequent first."""
        told = Counter(self._errors.read_text("utf-8", "replace").splitlines())
        return [f"it said {count} times: {text}" for text, count in told.most_common(SAID_MAX)]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            origin, _, shown = line.strip().partition(" ")
            self.lines.append(Line(time.time(), origin, shown))
            self._has_begun.set()
        self._has_begun.set()


def _another_key() -> str:
    """Return the public key of another log in a line of its own (c2sp.org/signed-note)."""
    name, raw = "another", b"\x01" + Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    number = hashlib.sha256(f"{name}\n".encode() + raw).hexdigest()[:8]
    return f"{name}+{number}+{base64.b64encode(raw).decode()}\n"


class Flood:
    """Asks for fallback slates without a pause, on the quota of a token."""

    def __init__(self, address: str, token: str) -> None:
        self._address, self._metadata = address, (("authorization", f"Bearer {token}"),)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        data = pb.FallbackSlateRequest(request=page_to_ask()).SerializeToString()
        with grpc.insecure_channel(self._address) as channel:
            call: Any = channel.unary_unary(f"{SERVICE}FallbackSlate")
            while not self._stop.wait(_REST_S):
                try:
                    call(data, timeout=10, metadata=self._metadata)
                except grpc.RpcError as error:
                    told: Any = error
                    if told.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                        raise


def decided(address: str, token: str = "") -> str:
    """Return what the server decides, as clients print it: ids with their duties."""
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(f"{SERVICE}Rerank")
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        reply = pb.RerankResponse.FromString(
            call(page_to_ask().SerializeToString(), timeout=10, metadata=metadata)
        )
    return " ".join(map(_printed, reply.decision.placements))


def _printed(placement: decision_pb2.Placement) -> str:
    names = [decision_pb2.Duty.Name(owed.duty) for owed in placement.duties]
    return "+".join([placement.id or "-", *(name.removeprefix("DUTY_") for name in names)])


def identities(folder: Path, methods: tuple[str, ...], calls_per_s: int) -> tuple[str, Path]:
    """Write a file of one identity; return its token, and where the file is."""
    token, path = secrets.token_hex(32), folder / "identities.toml"
    digest = hashlib.sha256(token.encode()).hexdigest()
    path.write_text(
        f'[identity.feed]\ntokens = ["{digest}"]\nmethods = {json.dumps(methods)}\n'
        f"calls_per_s = {calls_per_s}\n",
        "utf-8",
    )
    return token, path


def refusals(server_log: Path) -> list[Refusal]:
    """Return what calls of Rerank were refused for a quota, in order, from the server's log."""
    told = [json.loads(line) for line in server_log.read_text("utf-8").splitlines()]
    return [
        Refusal(datetime.fromisoformat(one["at"]).timestamp(), one["retry_ms"] / 1000)
        for one in told
        if (one["message"], one.get("method")) == ("denied", "Rerank") and one["retry_ms"]
    ]


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def counted(metrics_port: int, reason: str) -> int:
    """Return how many calls a server answered with a reason."""
    url = f"http://127.0.0.1:{metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as reply:
        text = reply.read().decode("utf-8")
    start = f'slotwarden_requests_total{{reason="{reason}"}} '
    told = [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
    return int(float(told[0])) if told else 0
