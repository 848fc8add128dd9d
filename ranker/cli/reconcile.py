"""`slotwarden audit reconcile`, `manifest` and `witness`: the log held against others."""

import csv
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from ranker.audit.bundle import Prover
from ranker.audit.checking import read_records
from ranker.audit.checkpoint import CHECKPOINT, PUBLIC, Checkpoint
from ranker.audit.desk import FOLDER as DESK
from ranker.audit.logs import homes_of
from ranker.audit.manifest import commit_to
from ranker.audit.reconcile import Compared, Run, compared, runs
from ranker.audit.records import Stored
from ranker.audit.witness import COSIGNED, Witness
from ranker.cli.records import all_folders, log_folder, log_folders, whole
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
from ranker.files import write_whole
from ranker.v1 import log_pb2

NAMED_MAX: Final = 20  # LIMIT: ids that are printed; all are in --json
FIELDS: Final = ("decision_id", "request_id")
_WORDS: Final = {
    Language.ZH: {
        "headings": ("启动记录", "时间", "收到", "答复", "拒绝", "决策记录", "账目"),
        "balanced": "平",
        "unbalanced": "不平",
        "killed": "平（未正常停止，以最后一次计数为准）",
        "both": "双方都有 {both} 条",
        "only_theirs": "对方有、日志没有 {count} 条：{named}",
        "only_ours": "日志有、对方没有 {count} 条：{named}",
        "twice": "对方重复 {count} 条：{named}",
        "cosigned": "已见证前 {size} 条记录；见证方公钥 {key}",
        "manifest": "清单已写入操作台日志第 {sequence} 条，含 {count} 个日志的检查点；"
        "请把下面的检查点交给第三方留存：",
    },
    Language.EN: {
        "headings": ("start", "when", "received", "answered", "refused", "decisions", "books"),
        "balanced": "balance",
        "unbalanced": "DO NOT BALANCE",
        "killed": "balance, as far as it counted: it was not stopped but killed",
        "both": "{both} on both sides",
        "only_theirs": "{count} that only they name: {named}",
        "only_ours": "{count} that only the log holds: {named}",
        "twice": "{count} that they name twice: {named}",
        "cosigned": "the first {size} records are cosigned; key of the witness {key}",
        "manifest": "record {sequence} of the desk's log holds the checkpoints of {count} logs;"
        " give this checkpoint to a third party to keep:",
    },
}


@audit_app.command("reconcile")
def reconcile_command(
    theirs: Annotated[
        Path | None,
        typer.Argument(help="CSV with a column decision_id or request_id: what others received."),
    ] = None,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Hold the records against the counters of calls, and against what callers say they got.

    Fails where books do not balance or an id is on one side alone.
    """
    field, named = _read(theirs) if theirs else ("", [])
    logs = [_light(folder) for folder in log_folders(data_dir)]
    records = [one for log in logs for one in log]
    found = [run for log in logs for run in runs(log)]
    beside = compared(named, _ours(records, field)) if theirs else None
    if as_json:
        told = [run._asdict() | {"balances": run.balances} for run in found]
        print_json({"runs": told, "compared": beside._asdict() if beside else None})
    else:
        _show(found, beside, lang)
    is_one_sided = beside is not None and (beside.only_theirs or beside.only_ours)
    if is_one_sided or not all(run.balances for run in found):
        raise typer.Exit(1)


def _light(folder: Path) -> list[Stored]:
    """Return the records without the bodies of decisions."""
    kept = []
    with Bar(folder.name) as tick:
        for one in whole(read_records(folder), folder):
            is_decision = one.envelope.kind == log_pb2.RECORD_KIND_DECISION
            kept.append(one._replace(raw=b"", body=b"" if is_decision else one.body))
            tick(one.envelope.sequence)
    return kept


def _read(path: Path) -> tuple[str, list[str]]:
    """Return the name of the column there is, and what it holds."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        field = next((name for name in FIELDS if name in (rows.fieldnames or ())), "")
        if not field:
            fail(f"{path}: has no column {' or '.join(FIELDS)}")
        return field, [row[field].strip() for row in rows if row[field]]


def _ours(records: list[Stored], field: str) -> list[str]:
    kind = log_pb2.RECORD_KIND_DECISION
    ids = [getattr(one.envelope, field) for one in records if one.envelope.kind == kind]
    return [one for one in ids if one]


def _show(found: list[Run], beside: Compared | None, lang: Language) -> None:
    words = _WORDS[lang]
    table = Table(box=None, pad_edge=False)
    for heading in words["headings"]:
        table.add_column(heading, overflow="fold")
    for run in found:
        when = f"{in_shanghai(run.begun_us):%Y-%m-%d %H:%M:%S}"
        state = "balanced" if run.is_ended else "killed"
        counts = (run.received, run.answered, run.refused, run.decisions)
        told = str(words[state if run.balances else "unbalanced"])
        table.add_row(*map(Text, (str(run.first), when, *map(str, counts), told)))
    console().print(table)
    if beside is None:
        return
    print(str(words["both"]).format(both=beside.both))
    for what in ("only_theirs", "only_ours", "twice"):
        ids = getattr(beside, what)
        if ids:
            named = ", ".join(ids[:NAMED_MAX]) + (" …" if len(ids) > NAMED_MAX else "")
            print(str(words[what]).format(count=len(ids), named=named))


@audit_app.command("manifest")
def manifest_command(
    others: Annotated[
        list[Path] | None, typer.Argument(help="Data folders of other servers to take in.")
    ] = None,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Commit to all logs of the day in one: their checkpoints become a record of the desk's log.

    Run it daily. Whoever keeps the checkpoint it prints can prove any record of any of the logs.
    """
    where = settings_with(data_dir=data_dir).data_dir
    try:
        homes = [home for each in (where, *(others or ())) for home in homes_of(each) or [each]]
        sequence, notes = commit_to(homes)
    except ValueError as error:
        fail(str(error))
    note = Prover(where / DESK).note
    if as_json:
        print_json({"control_record": sequence, "checkpoints": notes, "desk_checkpoint": note})
    else:
        print(str(_WORDS[lang]["manifest"]).format(sequence=sequence, count=len(notes)))
        print(note, end="")


@audit_app.command("witness")
def witness_command(
    home: Annotated[Path, typer.Option(help="Folder of the witness: its key, what it saw.")],
    name: Annotated[str, typer.Option(help="Name of the witness, such as w.example.cn/audit.")],
    key: Annotated[
        str, typer.Option(help="Public key of the log; the one beside it unless given.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; log/cosigned unless given."),
    ] = None,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Cosign the last checkpoint of each log, if it only grew since this witness saw it last.

    For an outside party: it needs the data folder or a copy of it, and a folder of its own. The
    logs are those of all workers and of the desk; with --key or --out the first one alone.
    """
    folders = [log_folder(data_dir)] if key or out else all_folders(data_dir)
    if not name or any(c.isspace() or c == "+" for c in name):
        fail("--name: must not be empty, nor hold a space or a +")
    witness, told = Witness(home, name), list[dict[str, Any]]()
    for folder in folders:
        try:
            note = (folder / CHECKPOINT).read_text(encoding="utf-8")
            known = key or (folder.parent / PUBLIC).read_text(encoding="utf-8")
            cosigned = witness.cosign(note, known, folder, int(time.time()))
        except ValueError as error:
            fail(f"{folder / CHECKPOINT}: {error}; it is not cosigned")
        write_whole(out or folder / COSIGNED, cosigned.encode())
        size = Checkpoint.parse(note).size
        told.append({"log": folder, "size": size, "note": cosigned})
    if as_json:
        first = {"witness_key": witness.verifier_key, **told[0]}
        print_json(first | {"logs": told[1:]})
        return
    for one in told:
        if len(told) > 1:
            print(one["log"])
        print(str(_WORDS[lang]["cosigned"]).format(size=one["size"], key=witness.verifier_key))
