"""`slotwarden law`: what a number says, and what becomes of each row of the law."""

import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from constraints.coverage import Covered, Standing, coverage, sources_of
from constraints.errors import quoted
from constraints.facts import date_of
from constraints.faults import did_you_mean
from constraints.law import LawRow, law_rows
from constraints.record_number import RecordNumber, Refusal, parse
from ranker.cli.shared import (
    Json,
    Lang,
    Language,
    PolicyDir,
    console,
    fail,
    law_app,
    print_json,
)
from ranker.clock import day_at, now_us
from ranker.policies.folder import PolicyFolder
from ranker.settings import Settings

_WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "licence": "许可证",
        "filing": "备案",
        "key": "重点",
        "ordinary": "普通",
        "other": "其他",
        "nrta": "总局",
        "bureau": "属地广电",
        "platform": "平台",
        "claimed": "仅自报，未核验",
        "doubtful": "年份早于该格式通行之年",
        "told": "{number}: {document} · {tier} · {issuer} · {year} · {serial} · {form} · {status}",
    },
    "en": {
        "licence": "licence",
        "filing": "filing",
        "key": "key tier",
        "ordinary": "ordinary tier",
        "other": "other tier",
        "nrta": "NRTA",
        "bureau": "bureau",
        "platform": "platform",
        "claimed": "claimed, not verified",
        "doubtful": "year earlier than the form was usual",
        "told": "{number}: {document}, {tier}, {issuer}, {year}, {serial}, {form}, {status}",
    },
}


_STANDINGS: Final[dict[str, dict[Standing, str]]] = {
    "zh": {
        Standing.ENFORCED: "执行",
        Standing.SHADOW: "影子",
        Standing.NO_SLOT: "不涉推荐位",
        Standing.OPEN: "未覆盖",
    },
    "en": {standing: standing.value for standing in Standing},
}


@law_app.callback()
def law() -> None:
    """Say what the law says, apart from any policy."""


@law_app.command()
def number(
    texts: Annotated[list[str], typer.Argument(help="Numbers, each one argument.")],
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of this day, not today.")
    ] = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Read licence and filing numbers, or say what is wrong with them; nothing is verified."""
    on = day.date() if day else date_of(day_at(now_us()))
    read = [(text, parse(text, day=on)) for text in texts]
    if as_json:
        print_json({"day": on.isoformat(), "numbers": [_as_json(*pair) for pair in read]})
    else:
        for text, found in read:
            if isinstance(found, Refusal):
                print(f"`{quoted(text)}`: {found.told(lang)}", file=sys.stderr)
            else:
                print(_told(found, _WORDS[lang]))
    if any(isinstance(found, Refusal) for _, found in read):
        raise typer.Exit(1)


def _told(found: RecordNumber, words: dict[str, str]) -> str:
    status = words[found.status]
    return words["told"].format(
        number=found.official(),
        document=words[found.document],
        tier=words[found.tier],
        issuer=f"{words[found.issuer_class]} {found.issuer}".strip(),
        year=found.year,
        serial=found.serial,
        form=found.form_id,
        status=f"{status} ({words['doubtful']})" if found.is_doubtful else status,
    )


def _as_json(text: str, found: RecordNumber | Refusal) -> dict[str, object]:
    if isinstance(found, Refusal):
        return {"given": text, "is_refused": True, "faults": [asdict(f) for f in found.faults]}
    official = found.official()
    return {"given": text, "is_refused": False, "official": official, **asdict(found)}


@law_app.command()
def show(
    rows: Annotated[list[str], typer.Argument(help="Ids of rows, such as FS-01.")],
    policy_dir: PolicyDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Show rows of the law: article, quote, days, how it is read, and the rules that rest on it."""
    known = law_rows()
    for row in rows:
        if row not in known:
            fail(f"`{quoted(row)}` is no row of the law{did_you_mean(row, set(known))}")
    policy = PolicyFolder(policy_dir or Settings().policy_dir).policy
    resting = {r: [x.id for x in policy.compiled if r in sources_of(x)] for r in rows}
    if as_json:
        print_json([asdict(known[row]) | {"rules": resting[row]} for row in rows])
        return
    for row in rows:
        _print_row(known[row], resting[row], lang)


def _print_row(row: LawRow, rules: list[str], lang: Language) -> None:
    """Print a row, a line for each thing it says."""
    zh = lang == Language.ZH
    until = row.until.isoformat() if row.until else ""
    print(f"{row.id}  {row.citation(lang)}")
    for name, text in (
        ("原文" if zh else "quote", row.quote_zh if zh else f"{row.quote_zh} — {row.quote_en}"),
        ("日期" if zh else "days", f"{row.since} → {until}".rstrip()),
        ("依据" if zh else "grade", row.grade),
        ("解读" if zh else "reading", row.reading_zh if zh else row.reading_en),
        ("说明" if zh else "why", row.why_zh if zh else row.why_en),
        ("规则" if zh else "rules", "、".join(rules) if zh else ", ".join(rules)),
    ):
        if text:
            print(f"  {name}  {text}")


@law_app.command("coverage")
def show_coverage(
    policy_dir: PolicyDir = None,
    cases: Annotated[Path, typer.Option(help="Folder of cases, counted where it is there.")] = Path(
        "tests/cases"
    ),
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Show what becomes of each row of the law: which rules rest on it, how many cases show them.

    Fails when a row that decides slots has no rule.
    """
    policy = PolicyFolder(policy_dir or Settings().policy_dir).policy
    covered = coverage(policy)
    told = cases_by_rule(cases, [rule.id for rule in policy.rules]) if cases.is_dir() else None
    counts = None if told is None else {name: len(found) for name, found in told.items()}
    if as_json:
        print_json([_row_json(one, counts, lang) for one in covered])
    else:
        _table(covered, counts, lang)
    if any(one.standing == Standing.OPEN for one in covered):
        raise typer.Exit(1)


def cases_by_rule(folder: Path, rule_ids: list[str]) -> dict[str, list[str]]:
    """Return rule → names of the cases for the whole policy that name it."""
    found: dict[str, list[str]] = {rule_id: [] for rule_id in rule_ids}
    for path in sorted(folder.glob("*.toml")):
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        if "rule" in told:  # a rule of its own, not of the policy
            continue
        for case in told.get("case", []):
            text = json.dumps({**case, "rules_in_force": None}, default=str)
            for rule_id in rule_ids:
                if f'"{rule_id}"' in text:
                    found[rule_id].append(case["name"])
    return found


def _cases_of(one: Covered, counts: Mapping[str, int] | None) -> int | None:
    return None if counts is None else sum(counts[rule_id] for rule_id in one.rule_ids)


def _row_json(one: Covered, counts: Mapping[str, int] | None, lang: Language) -> dict[str, object]:
    return {
        "row": one.row.id,
        "standing": one.standing.value,
        "rules": one.rule_ids,
        "cases": _cases_of(one, counts),
        "grade": one.row.grade,
        "citation": one.row.citation(lang),
        "why": one.row.why_zh if lang == Language.ZH else one.row.why_en,
    }


def _table(covered: Iterable[Covered], counts: Mapping[str, int] | None, lang: Language) -> None:
    zh = lang == Language.ZH
    table = Table(box=None, pad_edge=False)
    headings = ("条目", "状态", "规则", "用例", "依据") if zh else (
        "row", "standing", "rules", "cases", "law"
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for one in covered:
        why = one.row.why_zh if zh else one.row.why_en
        number = _cases_of(one, counts)
        table.add_row(
            one.row.id,
            _STANDINGS[lang][one.standing],
            "\n".join(one.rule_ids) or why,
            "–" if number is None else str(number),
            f"{one.row.citation(lang)} ({one.row.grade})",
        )
    console().print(table)
