"""`slotwarden policy test`: case files tried against a policy, and which rules they show."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from constraints.cases.counting import OUTCOMES, RuleCount, count, shown_share
from constraints.errors import GovernanceError
from ranker.case_files import Tried, junit, read_cases, try_cases
from ranker.cli.shared import (
    Bar,
    Json,
    Lang,
    Language,
    PolicyDir,
    console,
    policy_app,
    print_json,
)
from ranker.policies.folder import PolicyFolder
from ranker.settings import Settings

UNREADABLE: Final = 2
_WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "failed": "未通过  {file}  第 {number} 例  {name}",
        "rule": "规则",
        "blocks": "阻止",
        "caps": "限量",
        "sinks": "沉底",
        "weighs": "加权",
        "floors": "保底",
        "displaces": "让位",
        "withdraws": "撤下",
        "pins": "固定",
        "marks": "标注",
        "objects": "异议",
        "alone": "不干预",
        "shown": "齐备",
        "yes": "是",
        "no": "否",
        "shadow": "{rule}（影子）",
        "cases": "{count} 例，{failed} 例未通过；其中 {own} 例自带规则，不计入覆盖。",
        "coverage": "覆盖 {share} %：{rules} 条执行中的规则，{shown} 条既有用例起作用，"
        "又有用例不干预。",
        "below": "覆盖低于要求的 {least} %；可用 --least-coverage 调整。",
    },
    "en": {
        "failed": "failed  {file}  case {number}  {name}",
        "rule": "rule",
        "alone": "leaves alone",
        "shown": "shown",
        "yes": "yes",
        "no": "no",
        "shadow": "{rule} (shadow)",
        "cases": "{count} cases, {failed} failed; {own} have a rule of their own and count for no"
        " coverage.",
        "coverage": "coverage {share} %: {shown} of {rules} rules in force have a case they act in"
        " and one they leave alone.",
        "below": "coverage is below {least} %; see --least-coverage.",
    },
}


@policy_app.command("test")
def policy_test(
    cases: Annotated[list[Path], typer.Argument(help="Case files, or folders of *.toml files.")],
    policy_dir: PolicyDir = None,
    least_coverage: Annotated[
        float, typer.Option(min=0, max=1, help="Share of rules that cases must show.")
    ] = 0.8,
    exact: Annotated[
        bool, typer.Option(help="What a case does not say must not be either.")
    ] = False,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Also write a JUnit report here.")
    ] = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Try case files against a policy; see docs/policy-tests.md.

    Exit code 1: a case failed, or too few rules are shown; 2: a file cannot be read.
    """
    read, faults = read_cases(cases)
    try:
        policy = PolicyFolder(policy_dir or Settings().policy_dir).policy
    except GovernanceError as error:
        _refuse([*faults, error], as_json)
    with Bar("cases", len(read)) as tick:
        tried, unfit = try_cases(read, policy, exact=exact, tick=tick)
    if faults or unfit:
        _refuse([*faults, *unfit], as_json)
    if junit_file:
        junit_file.write_bytes(junit(tried, lang))
    counts = count(policy, (one.outcome for one in tried))
    is_enough = shown_share(counts) >= least_coverage
    if as_json:
        print_json(_as_json(tried, counts, least_coverage, lang))
    else:
        _show(tried, counts, lang)
        if not is_enough:
            print(_WORDS[lang]["below"].format(least=_percent(least_coverage)))
    if not is_enough or any(one.differences for one in tried):
        raise typer.Exit(1)


def _refuse(faults: Iterable[GovernanceError], as_json: bool) -> None:
    """Say what cannot be read, and end: nothing is tried by halves."""
    if as_json:
        print_json({"faults": [str(fault) for fault in faults]})
    else:
        for fault in faults:
            print(fault, file=sys.stderr)
    raise typer.Exit(UNREADABLE)


def _show(tried: list[Tried], counts: tuple[RuleCount, ...], lang: Language) -> None:
    words = _WORDS[lang]
    failed = [one for one in tried if one.differences]
    for one in failed:
        case = one.case
        print(words["failed"].format(file=case.file, number=case.number, name=case.name))
        for difference in one.differences:
            print(f"    {difference.told(lang)}")
    console().print(_table(counts, words))
    own = sum(one.case.rule is not None for one in tried)
    print(words["cases"].format(count=len(tried), failed=len(failed), own=own))
    deciding = [one for one in counts if one.mode == "enforce"]
    print(
        words["coverage"].format(
            share=_percent(shown_share(counts)),
            shown=sum(one.is_shown for one in deciding),
            rules=len(deciding),
        )
    )


def _table(counts: tuple[RuleCount, ...], words: dict[str, str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(words["rule"], overflow="fold")
    acts = [act for act in OUTCOMES if any(one.acts[act] for one in counts)]
    for heading in (*(words.get(act, act) for act in acts), words["alone"], words["shown"]):
        table.add_column(heading, justify="right")
    for one in counts:
        name = one.rule_id if one.mode == "enforce" else words["shadow"].format(rule=one.rule_id)
        numbers = (*(one.acts[act] for act in acts), one.leaves_alone)
        shown = words["yes" if one.is_shown else "no"]
        table.add_row(Text(name), *(str(number or "·") for number in numbers), shown)
    return table


def _percent(share: float) -> str:
    """Write a share in percent, rounded down: 100 is all."""
    return f"{int(share * 1000 + 1e-9) / 10:g}"


def _as_json(
    tried: list[Tried], counts: tuple[RuleCount, ...], least: float, lang: Language
) -> dict[str, object]:
    return {
        "cases": [
            {
                "file": one.case.file,
                "number": one.case.number,
                "name": one.case.name,
                "has_own_rule": one.case.rule is not None,
                "differences": [difference.told(lang) for difference in one.differences],
            }
            for one in tried
        ],
        "failed": sum(bool(one.differences) for one in tried),
        "coverage": shown_share(counts),
        "least_coverage": least,
        "rules": [
            {
                "rule_id": one.rule_id,
                "mode": one.mode,
                "acts": dict(one.acts),
                "acts_in": one.acts_in,
                "leaves_alone": one.leaves_alone,
                "is_shown": one.is_shown,
            }
            for one in counts
        ],
    }
