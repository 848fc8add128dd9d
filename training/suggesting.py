"""`slotwarden suggest-aliases`, `suggest-duplicates`: proposals as CSV, for a person to confirm.

`slotwarden facts import` takes of such a file only the rows in whose `confirmed` a person wrote
`yes`, and beside it who did and on which day. Nothing is applied here.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from training.copies import NEARLY_SAME_MIN, propose_duplicates
from training.likeness import (
    ALIKE_MIN,
    STAGES,
    TAGS_MAX,
    NoLibraryError,
    propose_aliases,
    tag_count,
)
from training.titles_csv import fail, read_aliases, read_titles

ALIAS_COLUMNS: Final = {
    "tag": "标签",
    "theme": "建议归入的题材",
    "similarity": "相似度",
    "by_name": "字面相似",
    "by_titles": "片名相似",
    "by_company": "同现相似",
    "tag_titles": "涉及片数",
    "theme_titles": "题材片数",
    "shared_titles": "同时带两者的片数",
    "examples": "片名举例",
    "confirmed": "确认（是/否）",
    "confirmed_by": "确认人",
    "confirmed_on": "确认日期",
}
"""Name → the word for people that stands before it in the header; an import reads the name."""
DUPLICATE_COLUMNS: Final = {
    "id": "编号",
    "duplicate": "建议的近似组名",
    "titles": "片名与最近似者",
    "similarity": "相似度",
    "confirmed": "确认（是/否）",
    "confirmed_by": "确认人",
    "confirmed_on": "确认日期",
}
_NO_LIBRARY: Final = "scikit-learn is not installed; it is in the extra `train`"


class Language(StrEnum):
    """Language of what people read."""

    ZH = "zh"
    EN = "en"


TOLD: Final = {
    "alias": {
        Language.ZH: "{count} 条同义词建议",
        Language.EN: "{count} proposed aliases",
    },
    "duplicate": {
        Language.ZH: "{count} 个近似片名",
        Language.EN: "{count} titles nearly the same",
    },
}
NEXT: Final = {
    Language.ZH: "。逐条核对，认可的在 confirmed 栏填“是”，在 confirmed_by 栏填姓名，"
    "在 confirmed_on 栏填日期（如 2026-09-01），再导入：\n  slotwarden facts import {path}",
    Language.EN: ". Check each; write yes under confirmed, your name under confirmed_by and the"
    " day, like 2026-09-01, under confirmed_on, then import:\n  slotwarden facts import {path}",
}
LEFT_OUT: Final = {
    Language.ZH: "标签超过 {most} 个：最少见的 {rare} 个没有比较",
    Language.EN: "more than {most} tags: the {rare} rarest were not compared",
}
FORMULAS: Final = {
    Language.ZH: "{count} 条建议没有写出：其标签以 = + - @ 开头，会被表格软件当作公式",
    Language.EN: "{count} proposals were not written: a tag that begins with = + - @ is a formula"
    " to a spreadsheet",
}
Subjects = Annotated[Path, typer.Argument(help="CSV of subjects: id, title, themes.")]
Out = Annotated[Path | None, typer.Option(help="File to write; else standard output.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Lang = Annotated[Language, typer.Option(help="Language of what is told.")]


def suggest_aliases(
    subjects: Subjects,
    aliases: Annotated[Path | None, typer.Option(help="CSV of aliases confirmed already.")] = None,
    alike_min: Annotated[
        float, typer.Option(help="Least mean similarity, 0 to 1.", min=0.01, max=1)
    ] = ALIKE_MIN,
    out: Out = None,
    as_json: Json = False,
    lang: Lang = Language.ZH,
) -> None:
    """Propose tags that may be one theme, so that synonyms do not defeat a cap."""
    known = {} if aliases is None else read_aliases(aliases)
    told = read_titles(subjects)
    with _watched(subjects.name, STAGES) as tick:
        found = propose_aliases(told, known, alike_min=alike_min, tick=tick)
    safe = [p for p in found if not (_is_formula(p.tag) or _is_formula(p.theme))]
    rare = max(tag_count(told, known) - TAGS_MAX, 0)
    if rare:
        typer.echo(LEFT_OUT[lang].format(most=TAGS_MAX, rare=rare), err=True)
    if len(safe) < len(found):
        typer.echo(FORMULAS[lang].format(count=len(found) - len(safe)), err=True)
    rows: list[Sequence[object]] = [
        (
            *(p.tag, p.theme, p.similarity, p.name, p.titles, p.company),
            *(p.tag_count, p.theme_count, p.shared_count, _quoted(p.examples), "", "", ""),
        )
        for p in safe
    ]
    proposals = [asdict(p) for p in safe]
    left = {"tags_left_out": rare, "formulas_left_out": len(found) - len(safe)}
    _tell("alias", ALIAS_COLUMNS, rows, {"proposals": proposals, **left}, out, as_json, lang)


def suggest_duplicates(
    subjects: Subjects,
    nearly_same_min: Annotated[
        float, typer.Option(help="Least similarity of two titles, 0 to 1.", min=0.01, max=1)
    ] = NEARLY_SAME_MIN,
    out: Out = None,
    as_json: Json = False,
    lang: Lang = Language.ZH,
) -> None:
    """Propose titles that may be one work in several copies, by their titles alone."""
    told = read_titles(subjects, with_tags=False)
    with _watched(subjects.name, len(told)) as tick:
        try:
            found = propose_duplicates(told, nearly_same_min=nearly_same_min, tick=tick)
        except ValueError as error:
            fail(f"{subjects}: {error}")
    rows: list[Sequence[object]] = [
        (p.id, p.duplicate, _quoted((p.title, p.nearest)), p.similarity, "", "", "") for p in found
    ]
    proposals = {"proposals": [asdict(p) for p in found]}
    _tell("duplicate", DUPLICATE_COLUMNS, rows, proposals, out, as_json, lang)


@contextmanager
def _watched(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far the work is, where somebody watches it; tell where its library is."""
    watched = Console(stderr=True)
    with Progress(console=watched, transient=True, disable=not watched.is_terminal) as bar:
        task = bar.add_task(name, total=total)
        try:
            yield lambda done: bar.update(task, completed=done)
        except NoLibraryError:
            fail(_NO_LIBRARY)


def _quoted(titles: Iterable[str]) -> str:
    """Join titles; the brackets also keep a spreadsheet from taking one for a formula."""
    return " ".join(f"《{title}》" for title in titles)


def _is_formula(tag: str) -> bool:
    """Tell whether a spreadsheet would compute a tag; brackets would make it another tag."""
    return tag.startswith(("=", "+", "-", "@"))


def _tell(
    what: str,
    columns: Mapping[str, str],
    rows: Sequence[Sequence[object]],
    told: Mapping[str, Any],
    out: Path | None,
    as_json: bool,
    lang: Language,
) -> None:
    """Print proposals, or write them to a file that people's spreadsheets take for UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([[f"{word} {name}" for name, word in columns.items()], *rows])
    if out is not None:
        try:
            out.write_text(text.getvalue(), encoding="utf-8-sig")
        except OSError as error:
            fail(f"{out}: {(error.strerror or str(error)).lower()}")
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif out is None:
        typer.echo(text.getvalue(), nl=False)
    else:
        typer.echo(TOLD[what][lang].format(count=len(rows)) + NEXT[lang].format(path=out))
