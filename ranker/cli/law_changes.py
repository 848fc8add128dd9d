"""`slotwarden law changes`: one catalogue on several days, and what differs from day to day."""

import csv
import io
from dataclasses import asdict
from datetime import date, datetime
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from constraints.errors import FactError
from constraints.fact_text import read_facts
from constraints.facts import Facts, day_of
from constraints.law import law_rows
from constraints.policy import Policy
from constraints.standing import Change, What, changes
from constraints.vocabulary import Vocabulary
from ranker.cli.shared import (
    Bar,
    Json,
    Lang,
    Language,
    PolicyDir,
    console,
    fail,
    law_app,
    print_json,
)
from ranker.policies.folder import PolicyFolder
from ranker.settings import Settings

DAYS: Final = (
    *("2024-05-30", "2024-06-01", "2025-12-31", "2026-01-01"),
    *("2026-06-30", "2026-07-01", "2026-09-01"),
)
"""Days around which the law changed."""
ROWS_MAX: Final = 10_000  # LIMIT: titles of a catalogue to compare; every rule looks at each
NAMED_MAX: Final = 5  # titles named of a change

_WORDS: Final[dict[Language, dict[What, str]]] = {
    Language.ZH: {
        What.BEGINS: "规则生效",
        What.ENDS: "规则失效",
        What.COUNTS: "计数要求改变",
        What.CLOSED: "不得再占任何位置",
        What.OPENED: "可以出现",
        What.SCREEN_CLOSED: "不得再占首屏",
        What.SCREEN_OPENED: "可以占首屏",
        What.SINKS: "沉底",
        What.RISES: "不再沉底",
        What.WEIGHED: "加权改变",
        What.OWES: "须同时展示",
        What.OWES_NO_MORE: "不必再展示",
    },
    Language.EN: {what: what.value for what in What},
}
_HEADINGS: Final = {
    Language.ZH: ("从", "到", "变化", "规则", "条文", "页面", "作品"),
    Language.EN: ("from", "to", "change", "rules", "law", "surfaces", "titles"),
}


@law_app.command("changes")
def show_changes(
    day: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="Days to compare, each with the next."),
    ] = None,
    facts: Annotated[
        Path | None, typer.Option(help="subjects.csv of your own, instead of the examples.")
    ] = None,
    policy_dir: PolicyDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Replay a catalogue on several days: each change of the law, and whom it concerns."""
    days = sorted({each.date() for each in day}) if day else [date.fromisoformat(d) for d in DAYS]
    if len(days) < 2:
        fail("day: give at least two different days")
    policy = PolicyFolder(policy_dir or Settings().policy_dir).policy
    table, ids = _catalogue(facts)
    told: list[tuple[date, date, Change]] = []
    with Bar("days", len(days) - 1) as bar:
        for at, (old, new) in enumerate(pairwise(days), start=1):
            told += [(old, new, c) for c in changes(table, policy, day_of(old), day_of(new))]
            bar(at)
    if as_json:
        print_json([_as_json(*each, ids) for each in told])
    else:
        _print(told, policy, ids, lang)


def _catalogue(path: Path | None) -> tuple[Facts, list[str]]:
    """Read subjects, the shipped examples unless a file is given.

    Returns:
        Facts of n titles, and their ids.
    """
    name = path.name if path else "dates.csv"
    shipped = files("ranker").joinpath("sample", "dates.csv")
    content = path.read_bytes() if path else shipped.read_bytes()
    try:
        rows = list(
            csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        )
    except (UnicodeDecodeError, csv.Error) as error:
        fail(f"{name}: is not CSV in UTF-8: {error}")
    if len(rows) > ROWS_MAX:
        fail(f"{name}: has more than {ROWS_MAX} rows")
    if not rows or "id" not in rows[0]:
        fail(f"{name}: the header must have `id`, and a row must follow")
    ids = [row["id"] for row in rows]
    tables = []
    vocabulary = Vocabulary()
    for number, row in enumerate(rows, start=2):
        try:
            tables.append(read_facts([row], vocabulary))
        except FactError as error:
            fail(f"{name}: row {number}: {error.column}: {error.fault}")
    return Facts.concatenate(tables), ids


def _as_json(old: date, new: date, change: Change, ids: list[str]) -> dict[str, Any]:
    told = asdict(change) | {"rows": [ids[row] for row in change.rows]}
    return {"from": old.isoformat(), "to": new.isoformat()} | told


def _print(
    told: list[tuple[date, date, Change]], policy: Policy, ids: list[str], lang: Language
) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in _HEADINGS[lang]:
        table.add_column(heading, overflow="fold")
    before = None
    for old, new, change in told:
        first = (old, new) != before
        before = (old, new)
        table.add_row(
            old.isoformat() if first else "",
            new.isoformat() if first else "",
            _said(change, lang),
            "\n".join(change.rule_ids),
            "\n".join(_sources(change, policy, lang)),
            " ".join(change.surfaces) if len(change.surfaces) < len(policy.surfaces) else "*",
            _named(change, ids),
        )
    console().print(table)


def _said(change: Change, lang: Language) -> str:
    word = _WORDS[lang][change.what]
    if change.before:
        return f"{word} {change.before} → {change.after}"
    return f"{word} {change.after}".strip()


def _sources(change: Change, policy: Policy, lang: Language) -> list[str]:
    by_id = {rule.id: rule.source for rule in policy.rules}
    return [law_rows()[by_id[rule_id]].citation(lang) for rule_id in change.rule_ids]


def _named(change: Change, ids: list[str]) -> str:
    names = [ids[row] for row in change.rows]
    more = len(names) - NAMED_MAX
    return " ".join(names[:NAMED_MAX]) + (f" +{more}" if more > 0 else "")
