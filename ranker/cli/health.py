"""`slotwarden health`: ask a server whether it serves."""

from pathlib import Path
from typing import Annotated

import typer

from ranker.cli.shared import Json, app, console, fail, print_json
from ranker.probe import ADDRESS, SERVING, TIMEOUT_S, ask


@app.command()
def health(
    address: Annotated[str, typer.Option(help="Server to ask.")] = ADDRESS,
    service: Annotated[str, typer.Option(help="One service; the whole server unless given.")] = "",
    ca: Annotated[Path | None, typer.Option(help="Authority of the server's certificate.")] = None,
    cert: Annotated[Path | None, typer.Option(help="Our certificate, for mutual TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds.")] = TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Ask a server whether it serves; exit code 0 for yes, 1 for no or no answer."""
    if (cert is None) != (key is None):
        fail("--cert: and --key belong together")
    status = ask(address, service, ca=ca, cert=cert, key=key, timeout_s=timeout)
    serves = status == SERVING
    if as_json:
        print_json({"address": address, "service": service, "status": status, "serves": serves})
    else:
        console().print(status)
    if not serves:
        raise typer.Exit(1)
