"""`slotwarden law number`: what a licence or filing number says, or what is wrong with it."""

import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final

import typer

from constraints.errors import quoted
from constraints.facts import date_of
from constraints.record_number import RecordNumber, Refusal, parse
from ranker.cli import Json, Lang, Language, _now_us, _print_json, law_app
from ranker.serving.state import day_at

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
    on = day.date() if day else date_of(day_at(_now_us()))
    read = [(text, parse(text, day=on)) for text in texts]
    if as_json:
        _print_json({"day": on.isoformat(), "numbers": [_as_json(*pair) for pair in read]})
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
