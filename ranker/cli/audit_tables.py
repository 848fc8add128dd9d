"""`slotwarden audit rotate` and `audit query`: tables of the decision log, and questions."""

import os
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from ranker.audit.log import FOLDER
from ranker.audit.logs import homes_of
from ranker.audit.segments import segments_of
from ranker.audit.tables import answers, asking
from ranker.audit.tables.questions import QUESTIONS
from ranker.audit.tables.rotating import WORKERS_MAX, added, rotate
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

_TOLD: Final = {
    Language.ZH: {
        "rotated": "读入 {records:,} 条记录；表格截至第 {last:,} 条，共 {rows:,} 行、{bytes:,} 字节"
        "；已签署 {signed:,} 条",
        "left_out": "日志有 {count} 处不完整，未计入：请运行 slotwarden audit fsck",
        "written": "{count:,} 行写入 {out}",
        "more": "还有更多行：请缩小范围，或加大 --limit",
        "questions": ("问题", "问什么", "值"),
    },
    Language.EN: {
        "rotated": "{records:,} records read; the tables reach record {last:,}: {rows:,} rows, "
        "{bytes:,} bytes; {signed:,} are signed",
        "left_out": "{count} places of the log are not whole and left out: run "
        "`slotwarden audit fsck`",
        "written": "{count:,} rows written to {out}",
        "more": "there are more rows: narrow the question, or raise --limit",
        "questions": ("question", "what it asks", "value"),
    },
}

_LESSER: Final = ("sequence", "kind", "document_status", "state", "duties", "causes")
"""Columns a file has and a screen does not."""


class Form(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    JSON = "json"


@audit_app.command("rotate")
def rotate_(
    data_dir: DataDir = None,
    workers: Annotated[
        int, typer.Option(min=1, max=WORKERS_MAX, help="Processes that read segments.")
    ] = min(os.cpu_count() or 1, WORKERS_MAX),
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make all tables anew.")] = False,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Put what the log holds since the last time into tables for `audit query`."""
    folder = settings_with(data_dir=data_dir).data_dir
    each = []
    for home in homes_of(folder) or [folder]:
        with Bar(home.name, len(segments_of(home / FOLDER))) as tick:
            each.append(rotate(folder, home, workers=workers, rebuild=rebuild, tick=tick))
    done = added(each)
    if as_json:
        print_json(done._asdict())
        return
    told = {"records": done.records, "last": done.last_sequence, "rows": done.rows}
    told |= {"bytes": done.stored_bytes, "signed": done.signed}
    print(str(_TOLD[lang]["rotated"]).format(**told))
    if done.left_out:
        print(str(_TOLD[lang]["left_out"]).format(count=len(done.left_out)), file=sys.stderr)


@audit_app.command()
def query(
    question: Annotated[str, typer.Argument(help="One of those listed without it.")] = "",
    value: Annotated[str, typer.Argument(help="A title, a number, an id.")] = "",
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day.")
    ] = None,
    surface: Annotated[str, typer.Option(help="Of this surface alone.")] = "",
    limit: Annotated[int, typer.Option(help="Rows at most.")] = 1_000,
    seconds: Annotated[float, typer.Option(help="Time at most.")] = 60.0,
    sql: Annotated[str, typer.Option(help="One SELECT, instead of a question.")] = "",
    form: Annotated[Form | None, typer.Option("--format", help="Of the answer.")] = None,
    out: Annotated[Path | None, typer.Option(help="File of the answer.")] = None,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Ask the tables a question; without one, list the questions. Tables are no evidence."""
    if not question and not sql:
        _list_questions(lang, as_json=as_json)
        return
    wanted = _form(Form.JSON if as_json else form, out)
    asked = asking.Asking(
        question=question,
        value=value,
        begin=_day(begin, asking.FIRST),
        end=_day(until, asking.LAST),
        surface=surface,
        rows=limit,
        seconds=seconds,
        threads=os.cpu_count() or 1,
        sql=sql,
    )
    answer = asking.ask(settings_with(data_dir=data_dir).data_dir, asked)
    _give(answer.with_articles(lang.value), wanted, out, lang)


def _day(given: datetime | None, otherwise: date) -> date:
    return given.date() if given else otherwise


def _form(form: Form | None, out: Path | None) -> Form:
    """Return the form asked for, or the one the file's name says."""
    if form is None and out is not None:
        suffixes = [each.value for each in Form if each != Form.TABLE]
        if out.suffix[1:] not in suffixes:
            fail(f"{out}: must end in .{', .'.join(suffixes)}, or give --format")
        return Form(out.suffix[1:])
    found = form or Form.TABLE
    if out is None and found in (Form.XLSX, Form.PARQUET):
        fail(f"--out: {found.value} needs a file")
    if out is not None and found == Form.TABLE:
        fail("--out: a table is for the screen; take csv, xlsx, parquet or json")
    return found


def _give(answer: asking.Answer, form: Form, out: Path | None, lang: Language) -> None:
    said = [answers.reach(answer, lang.value)]
    if answer.more:
        said.insert(0, str(_TOLD[lang]["more"]))
    if out is not None:
        answers.write(answer, form.value, out, lang.value)
        print(str(_TOLD[lang]["written"]).format(count=len(answer.rows), out=out))
    elif form == Form.JSON:
        print_json(answers.as_json(answer))
        return
    elif form == Form.CSV:
        sys.stdout.buffer.write(answers.as_csv(answer, lang.value))
        sys.stdout.buffer.flush()
        print(*said, sep="\n", file=sys.stderr)
        return
    else:
        _show(answer, lang)
    print(*said, sep="\n")


def _show(answer: asking.Answer, lang: Language) -> None:
    """Print a table of what fits a screen: no column of nothing, none of lesser use."""
    table = Table(box=None, pad_edge=False)
    rows = answers.shown(answer, lang.value)
    filled = [any(row[at] != "" for row in rows) for at in range(len(answer.columns))]
    kept = [at for at, name in enumerate(answer.columns) if filled[at] and name not in _LESSER]
    headings = answers.headings(answer, lang.value)
    for at in kept:
        table.add_column(Text(headings[at]), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_printable(str(row[at]))) for at in kept))
    console().print(table)


def _printable(text: str) -> str:
    return "".join(filter(str.isprintable, text))


def _list_questions(lang: Language, *, as_json: bool) -> None:
    at = 0 if lang == Language.ZH else 1
    listed = [
        {
            "question": name,
            "asks": (each.zh, each.en)[at],
            "value": each.value[at] if each.value else "",
            "needs_value": each.needs_value,
        }
        for name, each in QUESTIONS.items()
    ]
    if as_json:
        print_json(listed)
        return
    table = Table(box=None, pad_edge=False)
    for heading in _TOLD[lang]["questions"]:
        table.add_column(heading, overflow="fold")
    for one in listed:
        value = str(one["value"])
        shown = value if one["needs_value"] or not value else f"[{value}]"
        table.add_row(str(one["question"]), Text(str(one["asks"])), Text(shown))
    console().print(table)
