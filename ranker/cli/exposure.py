"""`slotwarden report-exposure`: tell a running server what was shown, from a file."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import grpc
import typer

from ranker.cli.shared import Bar, Json, Lang, Language, app, fail, print_json
from ranker.clock import SHANGHAI
from ranker.v1 import exposure_pb2 as pb
from ranker.v1 import exposure_pb2_grpc as pb_grpc

BATCH: Final = 1_000  # exposures of a call
_FIELDS: Final = {"decision_id", "slot", "id", "shown_at", "outcomes"}
_WORDS: Final = {
    Language.ZH: {
        "recorded": "已记录",
        "duplicate": "重复",
        "late": "过迟（已记录）",
        "unknown": "无此决策",
        "mismatched": "展示内容与决策不符（已记录，告警）",
        "mistimed": "时间不符（已记录）",
    },
    Language.EN: {
        "recorded": "recorded",
        "duplicate": "recorded before",
        "late": "late, recorded",
        "unknown": "no such decision",
        "mismatched": "not what was decided: recorded, an alarm",
        "mistimed": "at an impossible time, recorded",
    },
}


@app.command("report-exposure")
def report_exposure(
    path: Annotated[
        Path, typer.Argument(help="JSON lines: decision_id, slot, shown_at, id, outcomes.")
    ],
    address: Annotated[str, typer.Option(help="Server to tell.")] = "127.0.0.1:50051",
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Report what was shown; sent again it changes nothing.

    A line: {"decision_id": "…", "slot": 0, "shown_at": "2026-11-26T20:15:00+08:00", "id": "…",
    "outcomes": {"click": 1, "watched": 12.5}}. shown_at is an instant, or microseconds since 1970.
    """
    counted: Counter[str] = Counter()
    exposures = _read(path)
    with grpc.insecure_channel(address) as channel, Bar(path.name) as tick:
        stub: Any = pb_grpc.ExposureServiceStub(channel)  # type: ignore[no-untyped-call]
        while batch := list(islice(exposures, BATCH)):
            try:
                reply = stub.Report(pb.ReportRequest(exposures=batch), timeout=30)
            except grpc.RpcError as error:
                call: Any = error
                done = counted.total()
                fail(f"{path}: after {done} lines: {call.code().name}: {call.details()}")
            names = (pb.ExposureStatus.Name(status) for status in reply.statuses)
            counted.update(name.removeprefix("EXPOSURE_STATUS_").lower() for name in names)
            tick(counted.total())
    if as_json:
        print_json({name: counted[name] for name in _WORDS[lang]})
    else:
        for name, words in _WORDS[lang].items():
            if counted[name]:
                print(f"{counted[name]:>8,} {words}")
    if counted["mismatched"]:
        raise typer.Exit(1)


def _read(path: Path) -> Iterator[pb.Exposure]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield _exposure(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    fail(f"{path}: line {number}: {error}")


def _exposure(told: dict[str, Any]) -> pb.Exposure:
    unknown = told.keys() - _FIELDS
    if unknown:
        raise ValueError(f"{min(unknown)}: is no field; there are {', '.join(sorted(_FIELDS))}")
    return pb.Exposure(
        decision_id=told["decision_id"],
        slot=told["slot"],
        id=str(told.get("id", "")),
        shown_at_us=_instant(told["shown_at"]),
        outcomes=[
            pb.Outcome(kind=f"OUTCOME_KIND_{name.upper()}", value=value)
            for name, value in told.get("outcomes", {}).items()
        ],
    )


def _instant(told: str | int) -> int:
    """Read an instant; one without a time zone is Shanghai's."""
    if isinstance(told, int):
        return told
    at = datetime.fromisoformat(told)
    at = at if at.tzinfo else at.replace(tzinfo=SHANGHAI)
    return int(at.timestamp() * 1_000_000)
