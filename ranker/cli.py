"""The command line. What a command prints it also prints as `--json`; faults go to stderr."""

import json
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, NoReturn

import grpc
import typer
from google.protobuf import json_format
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress

from constraints.catalogue import compile_catalogue
from constraints.errors import GovernanceError
from constraints.faults import did_you_mean, place_and_fault
from constraints.policy import parse_policy
from ranker.facts.importing import Import, import_csv
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore
from ranker.page_view import PageView
from ranker.policies.folder import PolicyFolder, read_files
from ranker.request_file import parse_request
from ranker.serving.server import Server
from ranker.serving.state import NAMED_MAX, day_at
from ranker.settings import Settings
from ranker.telemetry import log_as_json
from ranker.v1 import rerank_pb2 as pb
from ranker.v1 import rerank_pb2_grpc as pb_grpc

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
facts_app = typer.Typer(no_args_is_help=True, help="What we hold true of titles and rooms.")
policy_app = typer.Typer(no_args_is_help=True, help="The rules in force.")
law_app = typer.Typer(no_args_is_help=True, help="What the law says, apart from any policy.")
app.add_typer(facts_app, name="facts")
app.add_typer(policy_app, name="policy")
app.add_typer(law_app, name="law")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class Language(StrEnum):
    """Language of what people read."""

    ZH = "zh"
    EN = "en"


Lang = Annotated[Language, typer.Option(help="Language of the page.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of facts and log.")]
WIDTH_MIN = 140


def main() -> None:
    """Run the command line, with the commands other packages add."""
    import ranker.costs
    import ranker.law  # noqa: F401 -- both add their commands, and stand on this module

    for point in entry_points(group="slotwarden.commands"):
        app.command(point.name)(point.load())
    try:
        app()
    except GovernanceError as error:
        _fail(str(error))
    except ValidationError as error:
        place, fault = place_and_fault(error, Settings)
        _fail(f"SLOTWARDEN_{place.upper()}: {fault}")
    except sqlite3.Error as error:
        _fail(f"facts.sqlite: {error}")
    except OSError as error:
        fault = (error.strerror or str(error)).lower()
        _fail(f"{error.filename}: {fault}" if error.filename else fault)


def _fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(1)


def _settings(**given: Any) -> Settings:
    known = {f"SLOTWARDEN_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith("SLOTWARDEN_") and name.upper() not in known:
            _fail(f"{name}: is no setting{did_you_mean(name.upper(), known)}")
    return Settings(**{name: value for name, value in given.items() if value is not None})


def _now_us() -> int:
    return time.time_ns() // 1000


def _console() -> Console:
    """Return a console wide enough for Chinese tables where nobody watches its width."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_MIN)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="0 takes a free one.")] = None,
    data_dir: DataDir = None,
    policy_dir: Annotated[Path | None, typer.Option(help="Folder of *.toml files.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Prometheus; 0 for none.")] = None,
) -> None:
    """Serve Rerank over gRPC until told to stop. Settings: SLOTWARDEN_… variables."""
    log_as_json()
    given = {"port": port, "data_dir": data_dir, "policy_dir": policy_dir}
    server = Server(_settings(**given, metrics_port=metrics_port))
    stop = _stop_asked()
    server.start()
    stop.wait()
    server.stop()


def _stop_asked() -> threading.Event:
    """Return what a signal to stop sets; from now on none kills us before the drain."""
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    return stop


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
    settings = _settings(port=port, data_dir=data_dir)
    sample = files("ranker").joinpath("sample")
    console = _console()
    with FactStore(settings.data_dir) as store:
        for name in ("aliases.csv", "subjects.csv", "candidates.csv"):
            outcome = import_csv(store, name, sample.joinpath(name).read_bytes(), at_us=_now_us())
            _report(outcome)
    server = Server(settings)
    stop = _stop_asked()
    server.start()
    request = parse_request(sample.joinpath("home.json").read_bytes())
    reply = _call(server.address, request)
    if as_json:
        _print_json(_reply_json(reply))
    else:
        PageView(request, reply, _titles(settings), lang).show(console)
        console.print(f"\nserving on {server.address}; Ctrl-C stops")
    if not once:
        stop.wait()
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
        _print_json(_reply_json(reply))
        return
    PageView(message, reply, _titles(_settings(data_dir=data_dir)), lang).show(_console())


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
                _fail(f"no server answers at {address}; start one with `slotwarden serve`")
            _fail(f"{call.code().name}: {call.details()}")
    return reply


def _titles(settings: Settings) -> dict[str, str]:
    """Return titles for display, where the fact store is on this machine."""
    if not (settings.data_dir / "facts.sqlite").exists():
        return {}
    with FactStore(settings.data_dir) as store:
        titles = store.titles()
    return {key: "".join(filter(str.isprintable, title)) for key, title in titles.items()}


@facts_app.command("import")
def facts_import(
    paths: Annotated[list[Path], typer.Argument(help="CSV files; the header says of what.")],
    data_dir: DataDir = None,
    accept_partial: Annotated[
        bool, typer.Option(help="Keep rows without a fault though others have one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import subjects, candidates, aliases or lists: a file whole or not at all."""
    refused = False
    outcomes = []
    contents = {path: path.read_bytes() for path in paths}
    with FactStore(_settings(data_dir=data_dir).data_dir) as store:
        for path, content in contents.items():
            with _progress(path.name) as tick:
                outcome = import_csv(
                    store,
                    path.name,
                    content,
                    at_us=_now_us(),
                    accept_partial=accept_partial,
                    tick=tick,
                )
            refused |= bool(outcome.faults)
            outcomes.append(outcome)
    for outcome in outcomes:
        if not as_json:
            _report(outcome)
    if as_json:
        _print_json([_import_json(outcome) for outcome in outcomes])
    if refused:
        raise typer.Exit(1)


class _progress:  # noqa: N801 -- reads as a statement
    """Show a bar of rows on standard error, where somebody watches it."""

    def __init__(self, name: str) -> None:
        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(name, total=None)

    def __enter__(self) -> Callable[[int], None]:
        self._bar.start()
        return lambda rows: self._bar.update(self._task, completed=rows)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _report(outcome: Import) -> None:
    for fault in outcome.faults:
        print(fault, file=sys.stderr)
    kept = "kept" if outcome.is_kept else "refused, nothing was imported"
    if not outcome.rows and outcome.is_kept:
        kept = "the file has no rows"
    print(
        f"{outcome.file}: {outcome.rows} rows, {outcome.changed} changed, "
        f"{len(outcome.faults)} faults, {kept}; revision {outcome.revision}",
        file=sys.stderr,
    )


def _import_json(outcome: Import) -> dict[str, object]:
    names = ("file", "row", "column", "fault")
    return {
        "file": outcome.file,
        "rows": outcome.rows,
        "changed": outcome.changed,
        "kept": outcome.is_kept,
        "revision": outcome.revision,
        "faults": [{name: getattr(fault, name) for name in names} for fault in outcome.faults],
    }


@facts_app.command("status")
def facts_status(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show what the store holds and costs, and check that its history was not changed."""
    settings = _settings(data_dir=data_dir)
    folder = settings.data_dir
    if not (folder / "facts.sqlite").exists():
        _fail(f"{folder}: holds no fact store")
    with FactStore(folder) as store:
        head, broken = store.head(), store.check()
        status: dict[str, object] = {
            "revision": head.revision,
            "digest": head.digest.hex(),
            "subjects": len(store.state("subject")),
            "candidates": len(store.state("candidate")),
            "aliases": len(store.state("alias")),
            "listings": len(store.state("listing")),
            **_catalogue_status(settings, Snapshot.load(store, folder)),
            "first_broken_revision": broken,
        }
    if as_json:
        _print_json(status)
    else:
        history = f"broken at revision {broken}" if broken else "intact"
        for name, value in {**status, "first_broken_revision": history}.items():
            print(f"{name.replace('first_broken_revision', 'history')}: {value}")
    if broken:
        raise typer.Exit(1)


def _catalogue_status(settings: Settings, snapshot: Snapshot) -> dict[str, object]:
    """Compile a snapshot for today and the policy in settings, and tell what comes of it."""
    rules = PolicyFolder(settings.policy_dir).policy.compiled
    catalogue = compile_catalogue(rules, snapshot.facts, day_at(_now_us()))
    quarantined = catalogue.quarantined
    index_bytes = sum(column.nbytes for column in snapshot.index.columns().values())
    return {
        "rows": len(catalogue),
        "bytes_a_row": round(catalogue.bytes_a_row + index_bytes / len(catalogue), 1),
        "facts_bytes_a_row": round(catalogue.facts_bytes_a_row, 1),
        "quarantined_rows": len(quarantined),
        "quarantined_ids": snapshot.ids(quarantined, NAMED_MAX),
    }


@policy_app.command("check")
def policy_check(
    paths: Annotated[list[Path], typer.Argument(help="*.toml files or folders: one policy.")],
    as_json: Json = False,
) -> None:
    """Check a policy: the first mistake with file, rule, field and fault; or its digest."""
    found = [f for p in paths for f in (sorted(p.glob("*.toml")) if p.is_dir() else [p])]
    try:
        policy = parse_policy(read_files(found))
    except GovernanceError as error:
        if as_json:
            _print_json({"fault": str(error)})
            raise typer.Exit(1) from None
        _fail(str(error))
    if as_json:
        _print_json({"digest": policy.digest, "rules": [rule.id for rule in policy.rules]})
        return
    for rule in policy.rules:
        print(f"{rule.id}  {rule.type}  {rule.source}  {rule.mode}")
    print(f"{len(policy.rules)} rules, digest {policy.digest}")
