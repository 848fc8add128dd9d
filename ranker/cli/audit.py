"""`slotwarden audit`: check the decision log byte by byte, and read what is in it."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from google.protobuf.json_format import MessageToDict
from rich.table import Table
from rich.text import Text

from constraints.errors import quoted
from ranker.audit.bundle import Prover, write_bundle
from ranker.audit.checking import FAULTS, Fault, Found, check, last_records
from ranker.audit.desk import note_at_desk
from ranker.audit.lookup import Lookup
from ranker.audit.records import Stored, unpack
from ranker.audit.segments import compact as compacted
from ranker.audit.segments import segments_of
from ranker.audit.standalone import verify as verifier
from ranker.cli.records import all_folders, located, log_folders, not_whole, whole
from ranker.cli.shared import (
    Bar,
    DataDir,
    Json,
    Lang,
    Language,
    audit_app,
    console,
    fail,
    print_json,
    settings_with,
)
from ranker.clock import in_shanghai
from ranker.v1 import decision_pb2, log_pb2, rerank_pb2

NAMED_MAX: Final = 100  # LIMIT: records that the note of an export names
TAIL_MAX: Final = 10_000  # LIMIT: records of `tail`
_TOLD: Final = {
    Language.ZH: {
        "sound": "日志完整：{records} 条记录，其中决策 {decisions} 条，编号 1 至 {last}，"
        "每条决策 {each} 字节，每个候选 {candidate} 字节；已签署 {signed} 条",
        "deleted": "；其中 {count} 条的内容已到期删除",
        "bundle": "{count} 条记录写入 {out}；交给对方后运行 python3 verify.py .",
        "compact": "压缩前 {before:,} 字节，压缩后 {after:,} 字节",
        "broken": "日志有 {count} 处问题",
        "fault": "{path} 第 {at} 字节，记录 {sequence}：{what} {told}",
        "headings": ("编号", "时间", "类别", "页面", "决策", "已放", "空位", "被拦", "移动"),
    },
    Language.EN: {
        "sound": "the log is whole: {records} records, {decisions} of them decisions, numbers 1 to "
        "{last}; {each} bytes a decision, {candidate} a candidate; {signed} are signed",
        "deleted": "; the bodies of {count} were deleted when their time was over",
        "bundle": "{count} records written to {out}; whoever gets it runs python3 verify.py .",
        "compact": "{before:,} bytes before, {after:,} after",
        "broken": "the log has {count} faults",
        "fault": "{path} at byte {at}, record {sequence}: {what} {told}",
        "headings": (
            *("number", "when", "kind", "surface", "decision"),
            *("filled", "empty", "blocked", "moved"),
        ),
    },
}
_BODIES: Final[dict[int, Any]] = {
    log_pb2.RECORD_KIND_DECISION: log_pb2.DecisionBody,
    log_pb2.RECORD_KIND_CONTROL: log_pb2.ControlBody,
    log_pb2.RECORD_KIND_EXPOSURE: log_pb2.ExposureBody,
    log_pb2.RECORD_KIND_HEARTBEAT: log_pb2.HeartbeatBody,
}


@audit_app.command()
def fsck(data_dir: DataDir = None, lang: Lang = Language.ZH, as_json: Json = False) -> None:
    """Check every byte of all logs, the desk's too: lengths, checksums, numbers, digests.

    Fails on any fault.
    """
    checked = {}
    for folder in all_folders(data_dir):
        size = sum(path.stat().st_size for path in segments_of(folder))
        with Bar(folder.parent.name, size) as tick:
            checked[folder] = check(folder, tick)
    found = [
        {"log": folder, **one._asdict(), "faults": [fault._asdict() for fault in one.faults]}
        for folder, one in checked.items()
    ]
    if as_json:
        print_json(found[0] | {"logs": found[1:]})
    else:
        for folder, one in checked.items():
            if len(checked) > 1:
                print(folder)
            _say(one, lang)
    if any(one.faults for one in checked.values()):
        raise typer.Exit(1)


def _say(found: Found, lang: Language) -> None:
    words = _TOLD[lang]
    for fault in found.faults:
        print(_fault(fault, lang))
    if found.faults:
        print(str(words["broken"]).format(count=len(found.faults)))
        return
    told = {
        "records": found.records,
        "decisions": found.decisions,
        "last": found.last_sequence,
        "signed": found.signed,
        "each": round(found.decision_bytes / max(found.decisions, 1)),
        "candidate": round(found.decision_bytes / max(found.candidates, 1), 1),
    }
    deleted = str(words["deleted"]).format(count=found.deleted) if found.deleted else ""
    print(str(words["sound"]).format(**told) + deleted)


def _fault(fault: Fault, lang: Language) -> str:
    zh, en = FAULTS[fault.kind]
    what = zh if lang == Language.ZH else en
    told = f"({fault.told})" if fault.told else ""
    given = {"path": fault.path, "at": fault.at, "sequence": fault.sequence}
    return str(_TOLD[lang]["fault"]).format(**given, what=what, told=told).rstrip()


@audit_app.command()
def compact(data_dir: DataDir = None, lang: Lang = Language.ZH, as_json: Json = False) -> None:
    """Compress the segments that are no longer written; records and proofs stay what they are."""
    before = after = 0
    for folder in log_folders(data_dir):
        size = sum(path.stat().st_size for path in segments_of(folder))
        with Bar(folder.parent.name, size) as tick:
            was, now = compacted(folder, tick)
        before, after = before + was, after + now
    if as_json:
        print_json({"bytes_before": before, "bytes_after": after})
    else:
        print(str(_TOLD[lang]["compact"]).format(before=before, after=after))


Cosigned = Annotated[
    bool, typer.Option("--cosigned", help="By the last checkpoint that a witness cosigned.")
]
Records = Annotated[list[str], typer.Argument(help="Numbers of records, or decision ids.")]


@audit_app.command()
def prove(
    which: Annotated[str, typer.Argument(help="Number of a record, or id of a decision.")],
    cosigned: Cosigned = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print what proves a record: index, path and signed checkpoint (c2sp.org/tlog-proof)."""
    folder, (sequence,) = located(data_dir, [which])
    try:
        proof = Prover(folder.parent, is_cosigned=cosigned).proof(sequence)
    except (ValueError, OSError) as error:
        fail(str(error))
    if as_json:
        print_json({"record": sequence, "proof": proof})
    else:
        print(proof, end="")


@audit_app.command()
def export(
    which: Records,
    out: Annotated[Path, typer.Option(help="Folder of the bundle; it must not be there yet.")],
    cosigned: Cosigned = False,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Write an evidence bundle: records, proofs, key, and a verifier that needs nothing of ours."""
    if out.exists():
        fail(f"{out}: is there already")
    folder, sequences = located(data_dir, which)
    try:
        prover = Prover(folder.parent, is_cosigned=cosigned)
        where = settings_with(data_dir=data_dir).data_dir
        note_at_desk(where, "export", "", prover.checkpoint.text, _named(sequences))
        count = write_bundle(prover, sequences, out)
    except (ValueError, OSError) as error:
        fail(str(error))
    if as_json:
        print_json({"records": count, "bundle": out})
    else:
        print(str(_TOLD[lang]["bundle"]).format(count=count, out=out))


def _named(sequences: list[int]) -> str:
    """Name records for a note, the first of many."""
    named = ", ".join(map(str, sequences[:NAMED_MAX]))
    return f"records {named}" + (f", … {len(sequences)} in all" * (len(sequences) > NAMED_MAX))


@audit_app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder of an evidence bundle.")],
    key: Annotated[str, typer.Option(help="The platform's key, NAME+ID+KEY.")] = "",
    witness: Annotated[str, typer.Option(help="Key of a witness who must have cosigned.")] = "",
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Verify an evidence bundle, by the verifier that is inside every bundle."""
    words = [str(bundle), "--lang", lang.value]
    words += ["--key", key] if key else []
    words += ["--witness", witness] if witness else []
    if verifier.main([*words, "--json"] if as_json else words):
        raise typer.Exit(1)


@audit_app.command()
def show(
    which: Annotated[str, typer.Argument(help="Number of a record, or id of a decision.")],
    data_dir: DataDir = None,
    as_json: Json = True,
) -> None:
    """Print a record as JSON: its envelope, and what it says."""
    folder, (sequence,) = located(data_dir, [which])
    frame = Lookup(folder.parent).by_sequence(sequence)
    if frame is None:
        fail(f"`{quoted(which)}` is no record of this log")
    (stored,) = whole(map(unpack, [frame]), folder)
    print_json({"envelope": MessageToDict(stored.envelope), "body": _told(stored)})


def _told(stored: Stored) -> dict[str, Any]:
    if stored.is_deleted:
        return {"deleted": "its time was over"}
    message = _BODIES[stored.envelope.kind].FromString(stored.body)
    told: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    if stored.envelope.kind == log_pb2.RECORD_KIND_DECISION:
        for name, kind in (
            ("request", rerank_pb2.RerankRequest),
            ("decision", decision_pb2.Decision),
        ):
            inner = kind.FromString(getattr(message, name))
            told[name] = MessageToDict(inner, preserving_proto_field_name=True)
    return told


def _last(folder: Path, count: int) -> list[log_pb2.Envelope]:
    try:
        return [one.envelope for one in last_records(folder, count)]
    except (ValueError, OSError) as error:
        not_whole(folder, error)


@audit_app.command()
def tail(
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=TAIL_MAX)] = 20,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Show the last records of the log."""
    folders = log_folders(data_dir)
    found = [(folder, one) for folder in folders for one in _last(folder, count)]
    found.sort(key=lambda one: one[1].instant_us)  # one log stands in the order of its numbers
    found = found[-count:]
    if as_json:
        told = [one for _, one in found]
        print_json([MessageToDict(one, preserving_proto_field_name=True) for one in told])
        return
    table = Table(box=None, pad_edge=False)
    for heading in _TOLD[lang]["headings"]:
        table.add_column(heading, overflow="fold")
    for folder, one in found:
        home = f"{folder.parent.name}/" if folder != folders[0] else ""
        when = in_shanghai(one.instant_us)
        kind = log_pb2.RecordKind.Name(one.kind).removeprefix("RECORD_KIND_").lower()
        counts = (one.filled_count, one.empty_count, one.blocked_count, one.moved_count)
        is_decision = one.kind == log_pb2.RECORD_KIND_DECISION
        cells = (
            f"{home}{one.sequence}",
            f"{when:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            f"{kind} {one.action}".rstrip(),
            one.surface,
            one.decision_id,
            *(str(number) if is_decision else "" for number in counts),
        )
        table.add_row(*map(Text, cells))
    console().print(table)
