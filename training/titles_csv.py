"""Reads titles, tags and aliases from CSV files; a fault names file, row and column."""

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

import typer

from constraints.errors import quoted
from constraints.fact_text import TEXT_CHARS_MAX
from constraints.facts import THEMES_MAX
from training.likeness import Titled

ROWS_MAX: Final = 1_000_000  # LIMIT: rows of one file
ID_CHARS_MAX: Final = 128  # LIMIT: characters of an id


def read_titles(path: Path, *, with_tags: bool = True) -> list[Titled]:
    """Read subjects from a file with the columns `id`, `title` and, unless told, `themes`."""
    columns = ("id", "title", "themes") if with_tags else ("id", "title")
    told: dict[str, Titled] = {}
    for number, (key, title, *tags) in _rows(path, columns):
        place = f"{path}: row {number}"
        if not 1 <= len(key) <= ID_CHARS_MAX:
            fail(f"{place}: id: must be 1 to {ID_CHARS_MAX} characters")
        if key in told:
            fail(f"{place}: id: `{quoted(key)}` stands twice in the file")
        for name, text in (("title", title), ("themes", "".join(tags))):
            if len(text) > TEXT_CHARS_MAX:
                fail(f"{place}: {name}: is longer than {TEXT_CHARS_MAX} characters")
        parts = (part.strip() for part in "".join(tags).split("|"))
        themes = tuple(dict.fromkeys(filter(None, parts)))
        if len(themes) > THEMES_MAX:
            fail(f"{place}: themes: has more than {THEMES_MAX} themes")
        told[key] = Titled(key, title, themes)
    return list(told.values())


def read_aliases(path: Path) -> dict[str, str]:
    """Read tag → canonical theme of the aliases in force: one with an `until` has ended."""
    told: dict[str, str] = {}
    for number, (tag, theme, until) in _rows(path, ("tag", "theme"), ("until",)):
        for name, text in (("tag", tag), ("theme", theme)):
            if not text:
                fail(f"{path}: row {number}: {name}: is missing")
        if tag in told:
            fail(f"{path}: row {number}: tag: `{quoted(tag)}` stands twice in the file")
        if not until:
            told[tag] = theme
    return told


def fail(message: str) -> NoReturn:
    """Print a fault to standard error and end with exit code 1."""
    typer.echo(message, err=True)
    sys.exit(1)


def _rows(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row's number, as a spreadsheet counts, and its values of some columns."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        fail(f"{path}: {(error.strerror or str(error)).lower()}")
    except UnicodeDecodeError:
        fail(f"{path}: is not UTF-8 text")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        for name in columns:
            if name not in header:
                fail(f"{path}: row 1: {name}: is missing")
        places = [header.index(n) if n in header else None for n in (*columns, *optional)]
        for number, cells in enumerate(reader, 2):
            if not cells:
                continue
            if len(cells) != len(header):
                fail(f"{path}: row {number}: has {len(cells)} values for {len(header)} columns")
            if number > ROWS_MAX + 1:
                fail(f"{path}: row {number}: the file has more than {ROWS_MAX} rows")
            yield number, ["" if at is None else cells[at].strip() for at in places]
    except csv.Error as error:
        fail(f"{path}: is not CSV: {error}")
