"""`slotwarden serve`, `demo` and `rerank`: run the service and ask it for a page."""

import logging
import os
import signal
import sys
import threading
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import grpc
import typer
from google.protobuf import json_format

from ranker.cli.facts import report
from ranker.cli.shared import (
    DataDir,
    Json,
    Lang,
    Language,
    PolicyDir,
    app,
    console,
    fail,
    print_json,
    settings_with,
)
from ranker.clock import now_us
from ranker.facts.importing import import_csv
from ranker.facts.store import FactStore
from ranker.page_view import PageView
from ranker.request_file import parse_request
from ranker.serving.server import Server
from ranker.serving.workers import Supervisor
from ranker.settings import Settings
from ranker.telemetry import log_as_json
from ranker.v1 import rerank_pb2 as pb
from ranker.v1 import rerank_pb2_grpc as pb_grpc

AWAKE_S: Final = 0.5


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    data_dir: DataDir = None,
    policy_dir: PolicyDir = None,
    metrics_port: Annotated[int | None, typer.Option(help="Prometheus; 0 for none.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; one unless given.")] = None,
) -> None:
    """Serve Rerank over gRPC until told to stop. Settings: SLOTWARDEN_… variables.

    SIGHUP restarts it, as a new version is put in use; with several workers one after the other,
    while the others serve.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to restart
    log_as_json()
    given = {"port": port, "data_dir": data_dir, "policy_dir": policy_dir, "workers": workers}
    settings = settings_with(**given, metrics_port=metrics_port)
    if settings.workers > 1:
        Supervisor(settings).run()
        return
    server = Server(settings)
    stop, again = _stop_asked(), threading.Event()

    def restart(*_: object) -> None:
        again.set()
        stop.set()

    signal.signal(signal.SIGHUP, restart)
    server.start()
    _await(stop)
    server.stop()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if again.is_set():
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _stop_asked() -> threading.Event:
    """Return what a signal to stop sets; from now on none kills us before the drain."""
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    return stop


def _await(stop: threading.Event) -> None:
    """Wait until told to stop.

    A signal may be delivered to any thread, and its handler runs only once this one wakes.
    """
    while not stop.wait(AWAKE_S):
        pass


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    once: Annotated[bool, typer.Option(help="Stop after the page is printed.")] = False,
    as_json: Json = False,
) -> None:
    """Import the sample, start the server, decide one real page, and keep serving."""
    log_as_json(level=logging.WARNING)
    settings = settings_with(port=port, data_dir=data_dir)
    sample = files("ranker").joinpath("sample")
    screen = console()
    with FactStore(settings.data_dir) as store:
        for name in ("aliases.csv", "subjects.csv", "candidates.csv", "listings.csv"):
            outcome = import_csv(store, name, sample.joinpath(name).read_bytes(), at_us=now_us())
            report(outcome)
    server = Server(settings)
    stop = _stop_asked()
    server.start()
    request = parse_request(sample.joinpath("home.json").read_bytes())
    reply = _call(server.address, request)
    if as_json:
        print_json(_reply_json(reply))
    else:
        PageView(request, reply, _titles(settings), lang).show(screen)
        screen.print(f"\nserving on {server.address}; Ctrl-C stops")
    if not once:
        _await(stop)
    server.stop()


@app.command()
def rerank(
    request: Annotated[Path, typer.Option(help="JSON file of the request.")],
    surface: Annotated[str, typer.Option(help="Instead of the file's surface.")] = "",
    address: Annotated[str, typer.Option(help="Server to ask.")] = "127.0.0.1:50051",
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Ask a running server for one page and show before and after, with rule and article."""
    message = parse_request(request.read_bytes(), surface)
    reply = _call(address, message)
    if as_json:
        print_json(_reply_json(reply))
        return
    PageView(message, reply, _titles(settings_with(data_dir=data_dir)), lang).show(console())


def _reply_json(reply: pb.RerankResponse) -> dict[str, Any]:
    values: dict[str, Any] = json_format.MessageToDict(
        reply, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return values


def _call(address: str, request: pb.RerankRequest) -> pb.RerankResponse:
    with grpc.insecure_channel(address) as channel:
        stub: Any = pb_grpc.RerankServiceStub(channel)  # type: ignore[no-untyped-call]
        try:
            reply: pb.RerankResponse = stub.Rerank(request, timeout=10)
        except grpc.RpcError as error:
            call: Any = error
            if call.code() == grpc.StatusCode.UNAVAILABLE and "connect" in call.details():
                fail(f"no server answers at {address}; start one with `slotwarden serve`")
            fail(f"{call.code().name}: {call.details()}")
    return reply


def _titles(settings: Settings) -> dict[str, str]:
    """Return titles for display, where the fact store is on this machine."""
    if not (settings.data_dir / "facts.sqlite").exists():
        return {}
    with FactStore(settings.data_dir) as store:
        titles = store.titles()
    return {key: "".join(filter(str.isprintable, title)) for key, title in titles.items()}
