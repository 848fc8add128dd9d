"""`slotwarden health`: ask a server whether it serves, as a container's probe does."""

from pathlib import Path
from typing import Annotated, Any, Final

import grpc
import typer
from grpc_health.v1 import health_pb2

from ranker.cli.shared import Json, app, console, fail, print_json

CHECK: Final = "/grpc.health.v1.Health/Check"


@app.command()
def health(
    address: Annotated[str, typer.Option(help="Server to ask.")] = "127.0.0.1:50051",
    service: Annotated[str, typer.Option(help="One service; the whole server unless given.")] = "",
    ca: Annotated[Path | None, typer.Option(help="Authority of the server's certificate.")] = None,
    cert: Annotated[Path | None, typer.Option(help="Our certificate, for mutual TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds.")] = 3.0,
    as_json: Json = False,
) -> None:
    """Ask a server whether it serves; exit code 0 for yes, 1 for no or no answer."""
    if (cert is None) != (key is None):
        fail("--cert: and --key belong together")
    with _channel(address, ca, cert, key) as channel:
        call: Any = channel.unary_unary(CHECK)
        asked = health_pb2.HealthCheckRequest(service=service).SerializeToString()
        try:
            raw = call(asked, timeout=timeout)
        except grpc.RpcError as error:
            code: Any = error
            status, serves = code.code().name, False
        else:
            told = health_pb2.HealthCheckResponse.FromString(raw).status
            status = health_pb2.HealthCheckResponse.ServingStatus.Name(told)
            serves = told == health_pb2.HealthCheckResponse.SERVING
    if as_json:
        print_json({"address": address, "service": service, "status": status, "serves": serves})
    else:
        console().print(status)
    if not serves:
        raise typer.Exit(1)


def _channel(address: str, ca: Path | None, cert: Path | None, key: Path | None) -> grpc.Channel:
    if ca is None and cert is None:
        return grpc.insecure_channel(address)

    def read(path: Path | None) -> bytes | None:
        return None if path is None else path.read_bytes()

    credentials = grpc.ssl_channel_credentials(read(ca), read(key), read(cert))
    return grpc.secure_channel(address, credentials)
