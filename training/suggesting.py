"""`slotwarden suggest-aliases`, `suggest-duplicates`: proposals as CSV, for a person to confirm.

`slotwarden facts import` takes of such a file only the rows in whose `confirmed` a person wrote
`yes`, and under `confirmed_by` who did. Nothing is applied here.
"""

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from training.likeness import (
    ALIKE_MIN,
    NEARLY_SAME_MIN,
    NoLibraryError,
    Titled,
    propose_aliases,
    propose_duplicates,
)

ROWS_MAX: Final = 1_000_000  # LIMIT: subjects of one file
ALIAS_COLUMNS: Final = (
    *("tag", "theme", "similarity", "by_name", "by_titles", "by_company"),
    *("tag_titles", "theme_titles", "shared_titles", "examples", "confirmed", "confirmed_by"),
)
DUPLICATE_COLUMNS: Final = ("id", "duplicate", "titles", "similarity", "confirmed", "confirmed_by")
_NO_LIBRARY: Final = "scikit-learn is not installed; it is in the extra `train`"


class Language(StrEnum):
    """Language of what people read."""

    ZH = "zh"
    EN = "en"


TOLD: Final = {
    "alias": {
        Language.ZH: "{count} 条同义词建议。逐条核对，认可的在 confirmed 栏填“是”、"
        "在 confirmed_by 栏填姓名，再导入：\n"
        "  slotwarden facts import {path}",
        Language.EN: "{count} proposed aliases. Check each; write yes under confirmed"
        " and your name under confirmed_by, then import:\n"
        "  slotwarden facts import {path}",
    },
    "duplicate": {
        Language.ZH: "{count} 个近似片名。逐条核对，认可的在 confirmed 栏填“是”、"
        "在 confirmed_by 栏填姓名，再导入：\n"
        "  slotwarden facts import {path}",
        Language.EN: "{count} titles nearly the same. Check each; write yes under confirmed "
        "and your name under confirmed_by, then import:\n  slotwarden facts import {path}",
    },
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
    known = {} if aliases is None else {r["tag"]: r["theme"] for r in _rows(aliases, "tag,theme")}
    told = [_titled(row) for row in _rows(subjects, "id,title,themes")]
    try:
        found = propose_aliases(told, known, alike_min=alike_min)
    except NoLibraryError:
        _fail(_NO_LIBRARY)
    rows: list[Sequence[object]] = [
        (
            *(p.tag, p.theme, p.similarity, p.name, p.titles, p.company),
            *(p.tag_count, p.theme_count, p.shared_count, _quoted(p.examples), "", ""),
        )
        for p in found
    ]
    _tell("alias", ALIAS_COLUMNS, rows, [asdict(p) for p in found], out, as_json, lang)


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
    told = [_titled(row) for row in _rows(subjects, "id,title")]
    watched = Console(stderr=True)
    try:
        with Progress(console=watched, transient=True, disable=not watched.is_terminal) as bar:
            task = bar.add_task(subjects.name, total=len(told))
            found = propose_duplicates(
                told,
                nearly_same_min=nearly_same_min,
                tick=lambda done: bar.update(task, completed=done),
            )
    except NoLibraryError:
        _fail(_NO_LIBRARY)
    except ValueError as error:
        _fail(f"{subjects}: {error}")
    rows: list[Sequence[object]] = [
        (p.id, p.duplicate, _quoted((p.title, p.nearest)), p.similarity, "", "") for p in found
    ]
    _tell("duplicate", DUPLICATE_COLUMNS, rows, [asdict(p) for p in found], out, as_json, lang)


def _titled(row: Mapping[str, str]) -> Titled:
    parts = (part.strip() for part in row.get("themes", "").split("|"))
    return Titled(row["id"], row["title"].strip(), tuple(dict.fromkeys(filter(None, parts))))


def _quoted(titles: Iterable[str]) -> str:
    """Join titles; the brackets also keep a spreadsheet from taking one for a formula."""
    return " ".join(f"《{title}》" for title in titles)


def _rows(path: Path, columns: str) -> list[dict[str, str]]:
    """Read a CSV file that must have some columns.

    Every row has all of the file's columns.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        _fail(f"{path}: {(error.strerror or str(error)).lower()}")
    except UnicodeDecodeError:
        _fail(f"{path}: is not UTF-8 text")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    try:
        header = next(reader, [])
        for name in columns.split(","):
            if name not in header:
                _fail(f"{path}: row 1: {name}: is missing")
        for number, cells in enumerate(reader, 2):
            if not cells:
                continue
            if len(cells) != len(header):
                fault = f"has {len(cells)} values for {len(header)} columns"
                _fail(f"{path}: row {number}: {fault}")
            if len(rows) == ROWS_MAX:
                _fail(f"{path}: row {number}: the file has more than {ROWS_MAX} rows")
            rows.append(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        _fail(f"{path}: is not CSV: {error}")
    return rows


def _tell(
    what: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    told: list[dict[str, Any]],
    out: Path | None,
    as_json: bool,
    lang: Language,
) -> None:
    """Print proposals, or write them to a file that people's spreadsheets take for UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    if out is not None:
        try:
            out.write_text(text.getvalue(), encoding="utf-8-sig")
        except OSError as error:
            _fail(f"{out}: {(error.strerror or str(error)).lower()}")
    if as_json:
        typer.echo(json.dumps({"proposals": told}, ensure_ascii=False, indent=2))
    elif out is None:
        typer.echo(text.getvalue(), nl=False)
    else:
        typer.echo(TOLD[what][lang].format(count=len(rows), path=out))


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    sys.exit(1)
