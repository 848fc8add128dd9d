"""`slotwarden audit viewer` and `destroy-key`: decisions about a person, and forgetting them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from ranker.audit.checking import read_records
from ranker.audit.desk import FOLDER as DESK
from ranker.audit.desk import note_at_desk
from ranker.audit.records import Stored
from ranker.audit.viewers import Marked, ViewerKeys
from ranker.cli.records import log_folders, whole
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
from ranker.clock import in_shanghai, now_us
from ranker.v1 import log_pb2

_WORDS: Final = {
    Language.ZH: {
        "headings": ("编号", "时间", "页面", "决策"),
        "destroyed": "密钥已销毁、无法关联的月份：{months}",
        "noted": "本次查询已记录：{folder} 第 {sequence} 条",
        "forgotten": "{month} 的密钥已销毁；该月的决策不再能与用户关联。备份中的副本请一并销毁。",
    },
    Language.EN: {
        "headings": ("number", "when", "surface", "decision"),
        "destroyed": "months that nobody can link any more, their keys are destroyed: {months}",
        "noted": "this look-up is on record: {folder}, record {sequence}",
        "forgotten": "the key of {month} is destroyed: its decisions can be linked to nobody."
        " Destroy the copies in backups, too.",
    },
}
Reason = Annotated[str, typer.Option(help="Why, for the record: a case, an order, a request.")]


class LookedUp(NamedTuple):
    """A viewer under every key there is.

    Attributes:
        marks: key id → HMAC.
        destroyed: months whose keys are gone.
        sequence: of the control record about the look-up.
    """

    marks: dict[str, bytes]
    destroyed: list[str]
    sequence: int

    def is_about(self, stored: Stored) -> bool:
        """Tell whether a record is a decision about the viewer."""
        mark = self.marks.get(stored.envelope.viewer_key_id)
        if mark is None or stored.is_deleted:
            return False
        return log_pb2.DecisionBody.FromString(stored.body).viewer_hmac == mark

    def may_be(self, stored: Stored) -> bool:
        """Tell whether it is, or whether nobody can tell any more."""
        return stored.envelope.viewer_key_id in self.destroyed or self.is_about(stored)


def looked_up(data_dir: Path, viewer: str, reason: str) -> LookedUp:
    """Record the look-up of a viewer, then do it. The record holds no id."""
    if not reason.strip():
        fail("--reason: say why the viewer is looked up; it is recorded")
    keys = ViewerKeys(data_dir)
    marks = keys.known(viewer)
    newest = marks[-1] if marks else Marked("", b"")
    told = f"{newest.key_id} {newest.hmac.hex()}".strip()
    sequence = note_at_desk(data_dir, "lookup", "", told, reason)
    return LookedUp(dict(marks), keys.destroyed(), sequence)


@audit_app.command("viewer")
def viewer_command(
    viewer: Annotated[str, typer.Argument(help="Id of the viewer, as callers send it.")],
    reason: Reason,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """List the decisions about a viewer; that somebody asked, and why, is recorded first."""
    where, folders = settings_with(data_dir=data_dir).data_dir, log_folders(data_dir)
    found_by = looked_up(where, viewer, reason)
    found = [one.envelope for folder in folders for one in _about(folder, found_by)]
    found.sort(key=lambda one: one.instant_us)
    if as_json:
        decisions = [
            {"sequence": e.sequence, "instant_us": e.instant_us, "surface": e.surface,
             "decision_id": e.decision_id}
            for e in found
        ]  # fmt: skip
        print_json(
            {
                "decisions": decisions,
                "destroyed_keys": found_by.destroyed,
                "control_record": found_by.sequence,
            }
        )
        return
    words = _WORDS[lang]
    table = Table(box=None, pad_edge=False)
    for heading in words["headings"]:
        table.add_column(heading, overflow="fold")
    for e in found:
        when = f"{in_shanghai(e.instant_us):%Y-%m-%d %H:%M:%S}"
        table.add_row(*map(Text, (str(e.sequence), when, e.surface, e.decision_id)))
    console().print(table)
    if found_by.destroyed:
        print(str(words["destroyed"]).format(months=", ".join(found_by.destroyed)))
    print(str(words["noted"]).format(folder=where / DESK, sequence=found_by.sequence))


def _about(folder: Path, found_by: LookedUp) -> Iterator[Stored]:
    with Bar(folder.name) as tick:
        for stored in whole(read_records(folder), folder):
            tick(stored.envelope.sequence)
            if found_by.is_about(stored):
                yield stored


@audit_app.command("destroy-key")
def destroy_key(
    month: Annotated[str, typer.Argument(help="A month that is over, 2026-05.")],
    reason: Reason,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Destroy the key that links a month's decisions to viewers. It cannot be undone."""
    where = settings_with(data_dir=data_dir).data_dir
    keys = ViewerKeys(where)
    keys.check_destroyable(month, now_us())
    sequence = note_at_desk(where, "destroy-key", month, "", reason)
    keys.destroy(month)
    if as_json:
        print_json({"destroyed": month, "control_record": sequence})
    else:
        print(str(_WORDS[lang]["forgotten"]).format(month=month))
