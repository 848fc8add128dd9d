"""`slotwarden report`: what a compliance office owes, as a table, a workbook or a page."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from constraints.errors import quoted
from constraints.faults import did_you_mean
from ranker.audit.reports.computing import REPORTS, Computed, compute
from ranker.audit.reports.writing import WORDS, as_page, shown, write_workbook
from ranker.audit.tables import answers
from ranker.cli.shared import (
    Bar,
    DataDir,
    Json,
    Lang,
    Language,
    app,
    console,
    fail,
    print_json,
    settings_with,
)
from ranker.clock import in_shanghai, now_us

DAYS: Final = 30  # of a report, up to today, unless told
_FORMS: Final = (".xlsx", ".html", ".json")


@app.command("report")
def report_command(
    name: Annotated[str, typer.Argument(help="One of those listed without it.")] = "",
    begin: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day.")
    ] = None,
    surface: Annotated[str, typer.Option(help="Of this surface alone.")] = "",
    out: Annotated[Path | None, typer.Option(help="File: .xlsx, .html or .json.")] = None,
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Compute a report from the tables of the decision log (`slotwarden audit rotate` first).

    The last 30 days unless told. Each figure links to its rows, and each file carries the
    checkpoint of the log at that moment.
    """
    if not name:
        _list(lang, as_json=as_json)
        return
    if name not in REPORTS:
        fail(f"`{quoted(name)}` is no report{did_you_mean(name, set(REPORTS))}")
    if out is not None and out.suffix not in _FORMS:
        fail(f"{out}: must end in {', '.join(_FORMS)}")
    last = until.date() if until else in_shanghai(now_us()).date()
    first = begin.date() if begin else last - timedelta(DAYS - 1)
    folder = settings_with(data_dir=data_dir).data_dir
    with Bar(name, len(REPORTS[name].sections)) as tick:
        computed = compute(folder, name, first, last, surface, tick)
    if out is None or as_json:
        _show(computed, lang, as_json=as_json)
    if out is not None:
        _write(computed, out, lang)
        if not as_json:
            print(out)


def _write(computed: Computed, out: Path, lang: Language) -> None:
    if out.suffix == ".xlsx":
        write_workbook(computed, out, lang.value)
    elif out.suffix == ".html":
        out.write_text(as_page(computed, lang.value), encoding="utf-8")
    else:
        text = json.dumps(_as_json(computed, lang), ensure_ascii=False, indent=1, default=str)
        out.write_text(text + "\n", encoding="utf-8")


def _show(computed: Computed, lang: Language, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(computed, lang))
        return
    at, words = 0 if lang == Language.ZH else 1, WORDS[lang.value]
    title = (computed.report.zh, computed.report.en)[at]
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    table.add_column(words["figure"], overflow="fold")
    table.add_column(words["value"], justify="right")
    for part in computed.parts:
        for counted in part.figures:
            mark = f" {words['missed']}" if counted.is_missed else ""
            told = (counted.figure.zh, counted.figure.en)[at] + mark
            table.add_row(Text(told), shown(counted))
    console().print(table)
    print(words["covered"].format(count=computed.decisions), file=sys.stderr)
    print(answers.reach(computed.reach, lang.value), file=sys.stderr)


def _as_json(computed: Computed, lang: Language) -> dict[str, Any]:
    return {
        "report": computed.name,
        "from": computed.begin,
        "until": computed.end,
        "surface": computed.surface,
        "decisions": computed.decisions,
        "basis": computed.citations(lang.value),
        "checkpoint": computed.checkpoint,
        "last_sequence": computed.reach.last_sequence,
        "sections": [
            {
                "section": part.section.name,
                "figures": [
                    {
                        "zh": counted.figure.zh,
                        "en": counted.figure.en,
                        "value": counted.value,
                        "missed": counted.is_missed,
                    }
                    for counted in part.figures
                ],
                "rows": answers.as_json(part.answer)["rows"],
                "more": part.answer.more,
            }
            for part in computed.parts
        ],
    }


def _list(lang: Language, *, as_json: bool) -> None:
    at = 0 if lang == Language.ZH else 1
    listed = [(name, (one.zh, one.en)[at]) for name, one in REPORTS.items()]
    if as_json:
        print_json([{"report": name, "title": title} for name, title in listed])
        return
    for name, title in listed:
        print(f"{name:<14}{title}")
