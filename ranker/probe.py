"""Asks a server whether it serves, as probes do every few seconds: `python -m ranker.probe`.

It imports nothing of ours, so it costs a tenth of `slotwarden health`, which says the same.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

ADDRESS: Final = "127.0.0.1:50051"
TIMEOUT_S: Final = 3.0
SERVING: Final = "SERVING"
_CHECK: Final = "/grpc.health.v1.Health/Check"


def ask(
    address: str,
    service: str = "",
    *,
    ca: Path | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> str:
    """Return what a server says of itself: `SERVING`, another word of gRPC's health, or a status.

    Args:
        address: host and port.
        service: one service; the whole server unless given.
        ca: authority of the server's certificate, PEM; plain text without it and without `cert`.
        cert: our certificate, for mutual TLS, PEM.
        key: its key.
        timeout_s: how long to wait.

    Raises:
        OSError: a file cannot be read.
    """
    with _channel(address, ca, cert, key) as channel:
        call: Any = channel.unary_unary(_CHECK)
        try:
            raw = call(health_pb2.HealthCheckRequest(service=service).SerializeToString(),
                       timeout=timeout_s)  # fmt: skip
        except grpc.RpcError as error:
            ended: Any = error
            return str(ended.code().name)
    status = health_pb2.HealthCheckResponse.FromString(raw).status
    return health_pb2.HealthCheckResponse.ServingStatus.Name(status)


def main(words: list[str] | None = None) -> int:
    """Print the answer; return 0 for `SERVING`, else 1."""
    parser = argparse.ArgumentParser(prog="python -m ranker.probe", description=__doc__)
    parser.add_argument("--address", default=ADDRESS)
    parser.add_argument("--service", default="")
    for name in ("--ca", "--cert", "--key"):
        parser.add_argument(name, type=Path)
    asked = parser.parse_args(words)
    if (asked.cert is None) != (asked.key is None):
        parser.error("--cert and --key belong together")
    files = {"ca": asked.ca, "cert": asked.cert, "key": asked.key}
    status = ask(asked.address, asked.service, **files)
    print(status)  # noqa: T201 -- a command
    return 0 if status == SERVING else 1


def _channel(address: str, ca: Path | None, cert: Path | None, key: Path | None) -> grpc.Channel:
    if ca is None and cert is None:
        return grpc.insecure_channel(address)
    told = [path.read_bytes() if path else None for path in (ca, key, cert)]
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*told))


if __name__ == "__main__":
    sys.exit(main())
