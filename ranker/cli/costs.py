"""`slotwarden costs`: what each rule costs on a page, worked out without a server."""

import logging
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from constraints.costs import Costs, rule_costs
from constraints.law import LawRow, law_rows
from constraints.policy import Policy
from constraints.solve import ROUNDS
from ranker.cli.shared import (
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
from ranker.facts.resolve import resolve
from ranker.request_file import parse_request
from ranker.serving.decode import Asked, decode
from ranker.serving.page_token import load_keys
from ranker.serving.paging import build_page
from ranker.serving.state import State
from ranker.settings import Settings
from ranker.telemetry import log_as_json
from ranker.v1 import rerank_pb2 as pb

_WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "title": "规则代价 · {surface} · {terminal} · {slots} 个位置",
        "rule": "规则",
        "article": "条文",
        "cost": "代价 %",
        "all": "全部规则合计",
        "note": "代价：去掉该条、其余照旧时页面多得的效用，占仅按效用之页的百分比；效用取原始值，"
        "按位置折扣。各条之和不等于合计；负数表示有该条时页面反而更值。",
    },
    "en": {
        "title": "what rules cost · {surface} · {terminal} · {slots} slots",
        "rule": "rule",
        "article": "article",
        "cost": "cost %",
        "all": "all rules together",
        "note": "Cost: what the page gains without the rule, all others in force, in % of the page"
        " by utility alone; utility as received, discounted by slot. Costs do not add up; one"
        " below 0 says that the page is worth more with the rule.",
    },
}


@app.command()
def costs(
    request: Annotated[Path, typer.Option(help="JSON file of the request.")],
    surface: Annotated[str, typer.Option(help="Instead of the file's surface.")] = "",
    terminal: Annotated[str, typer.Option(help="Instead of the file's terminal.")] = "",
    data_dir: DataDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Show what each rule costs on a page; needs no server, only facts and policy."""
    log_as_json(level=logging.WARNING)
    settings = settings_with(data_dir=data_dir)
    message = parse_request(request.read_bytes(), surface)
    message.terminal = terminal or message.terminal
    asked, policy, found = _costs(message, settings)
    if as_json:
        print_json(_as_json(asked, policy, found))
    else:
        _show(console(), asked, policy, found, lang)


def _costs(message: pb.RerankRequest, settings: Settings) -> tuple[Asked, Policy, Costs]:
    """Decide the page as a server would, and once more without each rule."""
    if not (settings.data_dir / "facts.sqlite").exists():
        fail(f"{settings.data_dir}: holds no fact store")
    asked = decode(message.SerializeToString(), settings)
    state = State(settings)
    using = state.in_use()
    keys = load_keys(settings.data_dir) if asked.page_token else []
    placed = build_page(asked, using.policy, keys, state.now_us())
    source = using.source(placed.page)
    offer, _, joined = resolve(
        source, asked.ids, asked.utility, asked.kinds, asked.inline, placed.standing
    )
    return (
        asked.with_joined(joined),
        using.policy,
        rule_costs(offer, placed.page, using.policy, ROUNDS["best"]),
    )


def _sources(policy: Policy) -> dict[str, LawRow]:
    return {rule.id: law_rows()[rule.source] for rule in policy.rules}


def _show(console: Console, asked: Asked, policy: Policy, found: Costs, language: str) -> None:
    words, sources = _WORDS[language], _sources(policy)
    title = words["title"].format(
        surface=asked.surface, terminal=asked.terminal or "-", slots=asked.slot_count
    )
    table = Table(title=Text(title), title_justify="left", show_footer=True)
    table.add_column(words["rule"], words["all"], overflow="fold")
    table.add_column(words["article"], overflow="fold")
    table.add_column(words["cost"], _percent(found.share), justify="right", no_wrap=True)
    for rule in found.rules:
        article = Text(sources[rule.rule_id].citation(language))
        table.add_row(rule.rule_id, article, _percent(rule.share))
    console.print(table)
    console.print(Text(words["note"]))


def _percent(share: float) -> str:
    return f"{round(100 * share, 2) + 0.0:.2f}"  # never -0.00


def _as_json(asked: Asked, policy: Policy, found: Costs) -> dict[str, object]:
    sources = _sources(policy)
    return {
        "surface": asked.surface,
        "terminal": asked.terminal,
        "slot_count": asked.slot_count,
        "policy_digest": policy.digest,
        "by_utility_alone": found.alone,
        "lawful": found.lawful,
        "cost": found.cost,
        "share": found.share,
        "rules": [
            {
                "rule_id": rule.rule_id,
                "source": sources[rule.rule_id].id,
                "citation_zh": sources[rule.rule_id].citation("zh"),
                "citation_en": sources[rule.rule_id].citation("en"),
                "cost": rule.cost,
                "share": rule.share,
            }
            for rule in found.rules
        ],
    }
