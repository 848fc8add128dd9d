"""`slotwarden law directives`: the orders in force, with what carries them out."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Final, NamedTuple

import numpy as np
import typer
from rich.table import Table
from rich.text import Text

from constraints.fact_text import parse_listings
from constraints.facts import DAY_MIN, LAST_DAY, IntArray, date_of, day_of, unpack_listings
from constraints.policy import Policy
from ranker.cli.shared import (
    DataDir,
    Json,
    Lang,
    Language,
    PolicyDir,
    console,
    law_app,
    print_json,
    settings_with,
)
from ranker.clock import day_at, now_us
from ranker.facts import listings
from ranker.facts.store import FactStore
from ranker.policies.folder import PolicyFolder

PRINTED_MAX: Final = 1_000  # LIMIT: lines of the table; `--json` has them all
_HEADINGS: Final = {
    Language.ZH: ("文号或依据", "内容", "对象", "自", "至（含）", "由何执行"),
    Language.EN: ("order", "what", "whom", "from", "through", "carried out by"),
}
_MORE: Final = {
    Language.ZH: "另有 {count} 条未列出；用 --json 查看全部。",
    Language.EN: "{count} more are not shown; --json has them all.",
}
_NONE: Final = {
    Language.ZH: "当日没有生效的调控令。",
    Language.EN: "No order is in force that day.",
}
_CARRIED_OUT: Final = {Language.ZH: "名单 {name}", Language.EN: "list {name}"}


class Directive(NamedTuple):
    """An order in force.

    Attributes:
        order_ref: its number, or what it rests on.
        what, whom: what is asked, and of whom.
        since, through: first and last day, None where open.
        by: the list or rule that carries it out.
    """

    order_ref: str
    what: str
    whom: str
    since: date | None
    through: date | None
    by: str


@law_app.command()
def directives(
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of this day, not today.")
    ] = None,
    data_dir: DataDir = None,
    policy_dir: PolicyDir = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Show the orders in force: entries of lists, and rules that name the order they carry out."""
    day = day_of(on.date()) if on else day_at(now_us())
    settings = settings_with(data_dir=data_dir, policy_dir=policy_dir)
    found = [*_of_rules(PolicyFolder(settings.policy_dir).policy, day)]
    if (settings.data_dir / "facts.sqlite").exists():
        with FactStore(settings.data_dir) as store:
            found += _of_lists(store.state("listing"), store.state("subject"), day, lang)
    found.sort(key=lambda one: (one.order_ref, one.by, one.whom))
    if as_json:
        print_json([one._asdict() for one in found])
        return
    _show(found, lang)


def _of_rules(policy: Policy, day: int) -> Iterator[Directive]:
    for rule in policy.rules:
        starts, ends = rule.since, rule.until
        runs = (not starts or day_of(starts) <= day) and (not ends or day < day_of(ends))
        if rule.order_ref and runs and rule.mode != "off":
            through = ends - timedelta(1) if ends else None
            whom = ", ".join(rule.surfaces)
            yield Directive(rule.order_ref, rule.type, whom, starts, through, rule.id)


def _of_lists(
    entries: Mapping[str, Mapping[str, str]],
    subjects: Mapping[str, Mapping[str, str]],
    day: int,
    lang: Language,
) -> Iterator[Directive]:
    """Yield the entries that run on a day, each member with its title where it has one."""
    for entry_id, row in entries.items():
        _, (start,), (stop,) = (each.tolist() for each in unpack_listings(_packed(row)))
        if not start <= day < stop:
            continue
        member = row["member"]
        title = subjects.get(member, {}).get("title", "")
        yield Directive(
            row["order_ref"],
            row["list"].lower(),
            f"{member} 《{title}》" if title else member,
            None if start == DAY_MIN else date_of(start),
            None if stop == LAST_DAY else date_of(stop - 1),
            _CARRIED_OUT[lang].format(name=entry_id),
        )


def _packed(row: Mapping[str, str]) -> IntArray:
    return np.array(parse_listings(listings.as_text(row)), np.int64)


def _show(found: list[Directive], lang: Language) -> None:
    if not found:
        print(_NONE[lang])
        return
    table = Table(box=None, pad_edge=False)
    for heading in _HEADINGS[lang]:
        table.add_column(heading, overflow="fold")
    for one in found[:PRINTED_MAX]:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in one))
    console().print(table)
    if len(found) > PRINTED_MAX:
        print(_MORE[lang].format(count=len(found) - PRINTED_MAX))
