"""`slotwarden audit expire` and `hold`: what may be deleted, and what must not."""

from contextlib import nullcontext
from datetime import date, datetime
from functools import partial
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from constraints.errors import quoted
from ranker.audit.desk import note_at_desk
from ranker.audit.retention import Hold, Terms, expire, holds_of, locked_holds, write_holds
from ranker.audit.segments import segments_of
from ranker.audit.tables.rotating import forgotten
from ranker.cli.records import log_folders
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

_WORDS: Final = {
    Language.ZH: {
        "deleted": "删除 {bodies} 条记录的内容，释放 {freed:,} 字节；信封与证明仍在",
        "would": "将删除 {bodies} 条记录的内容（未做任何改动）",
        "held": "；因封存另有 {held} 条保留",
        "headings": ("封存", "首日", "末日", "原因"),
        "none": "没有封存",
    },
    Language.EN: {
        "deleted": "deleted the bodies of {bodies} records, {freed:,} bytes;"
        " envelopes and proofs stay",
        "would": "would delete the bodies of {bodies} records; nothing was changed",
        "held": "; {held} more are kept by holds",
        "headings": ("hold", "first day", "last day", "reason"),
        "none": "there is no hold",
    },
}


@audit_app.command("expire")
def expire_command(
    data_dir: DataDir = None,
    rehearse: Annotated[bool, typer.Option(help="Only count; change nothing.")] = False,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Delete the bodies of decisions whose time is over; their envelopes stay provable.

    The time is SLOTWARDEN_RETAIN_DAYS and SLOTWARDEN_RETAIN_LIVE_DAYS, 1,096 days each unless set.
    """
    settings, folders = settings_with(data_dir=data_dir), log_folders(data_dir)
    holds, in_force = partial(locked_holds, settings.data_dir), holds_of(settings.data_dir)

    def seen() -> nullcontext[list[Hold]]:
        return nullcontext(in_force)  # a rehearsal writes nothing, no lock either

    terms = Terms(settings.retain_days, settings.retain_live_days)
    today = in_shanghai(now_us()).date()
    bodies = freed = held = 0
    for folder in folders:
        found = expire(folder, terms, seen, today, is_rehearsal=True)
        if found.bodies and not rehearse:
            before = f"{folder.parent.name}: {found.first} to {found.last}, {found.bodies} bodies"
            days = f"{terms.days}/{terms.live_days} days"
            note_at_desk(settings.data_dir, "expire", before, "", days)
            with (
                forgotten(folder.parent, found.first, found.last),
                Bar(folder.parent.name, len(segments_of(folder))) as tick,
            ):
                found = expire(folder, terms, holds, today, tick=tick)
        bodies, freed, held = bodies + found.bodies, freed + found.bytes_freed, held + found.held
    if as_json:
        told = {"bodies": bodies, "bytes_freed": freed, "held": held}
        print_json(told | {"rehearsed": rehearse})
        return
    words = _WORDS[lang]
    kept = str(words["held"]).format(held=held) if held else ""
    said = str(words["would" if rehearse else "deleted"])
    print(said.format(bodies=bodies, freed=freed) + kept)


@audit_app.command("hold")
def hold_command(
    name: Annotated[str, typer.Argument(help="Name of the case; none shows all holds.")] = "",
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day kept.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day kept.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    release: Annotated[bool, typer.Option(help="End the hold of this name.")] = False,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Keep some days whatever their age (a case, a court), or end that; each is recorded first."""
    where = settings_with(data_dir=data_dir).data_dir
    if not name:
        holds = holds_of(where)
    else:
        where.mkdir(parents=True, exist_ok=True)
        with locked_holds(where) as before:
            holds = _changed(before, name, first, last, reason, release)
            kept = next((one for one in holds if one.name == name), None)
            told = f"{kept.first} to {kept.last}" if kept else ""
            note_at_desk(where, "release" if release else "hold", name, told, reason)
            write_holds(where, holds)
    if as_json:
        print_json([one._asdict() for one in holds])
    elif not holds:
        print(_WORDS[lang]["none"])
    else:
        table = Table(box=None, pad_edge=False)
        for heading in _WORDS[lang]["headings"]:
            table.add_column(heading, overflow="fold")
        for one in holds:
            table.add_row(*(Text(str(cell)) for cell in one))
        console().print(table)


def _changed(
    holds: list[Hold],
    name: str,
    first: datetime | None,
    last: datetime | None,
    reason: str,
    release: bool,
) -> list[Hold]:
    if not reason.strip():
        fail("--reason: say why; it is recorded")
    is_known = any(one.name == name for one in holds)
    if release:
        if not is_known:
            fail(f"`{quoted(name)}`: there is no such hold")
        return [one for one in holds if one.name != name]
    if is_known:
        fail(
            f"`{quoted(name)}`: this hold is there already; release it first, or take another name"
        )
    if first is None or last is None or last < first:
        fail("--from and --until: give the first and the last day that must be kept")
    return [*holds, Hold(name, _day(first), _day(last), reason)]


def _day(given: datetime) -> date:
    return given.date()
