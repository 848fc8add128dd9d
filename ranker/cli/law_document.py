"""`slotwarden law document`: the law and the rules on it, as one page in zh and en."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from constraints.coverage import Covered, Standing, coverage, sources_of
from constraints.law import PLATFORM, LawRow, law_rows
from constraints.policy import Policy
from constraints.rule import Rule
from ranker.cli.law import cases_by_rule
from ranker.cli.shared import PolicyDir, fail, law_app
from ranker.policies.folder import PolicyFolder
from ranker.settings import Settings

_TOP: Final = """# 法规与规则 · The law and the rules

本页由 `make law-document` 从 `constraints/law.toml`、规则文件和用例生成；与它们不一致时测试不通过。
引文从简，以原文为准。法规没有给出的数字都是平台自定。

This page is made by `make law-document` from `constraints/law.toml`, the policy files and the
cases; a test fails when it is stale. Quotes are short: read the source itself. Every number that no
text gives is platform policy.

依据等级 · grade: **A** 全文读过 official text read in full · **B** 通讯社或多家报道 news agency or
several reports · **C** 单一来源 one secondary source · **R** 仅凭记忆，只作影子规则 recalled,
shadow only · **P** 平台自定 platform policy.
"""
_GROUPS: Final = {
    "FS": "首屏 · First screen",
    "LIC": "文件与资格 · Documents and eligibility",
    "AI": "人工智能 · AI",
    "CNT": "人员 · People",
    "TTL": "片名与内容 · Titles and contents",
    "DIV": "题材与结构 · Themes and structure",
    "BST": "扶持 · Support",
    "LIV": "直播 · Live rooms",
    "MIN": "未成年人 · Minors",
    "USR": "用户 · Users",
    "POP": "弹窗 · Pop-ups",
    "EXP": "可解释 · Explanation",
    "LOG": "留存与评价 · Records and credit",
}
_STANDING: Final = {
    Standing.ENFORCED: "执行 enforced",
    Standing.SHADOW: "影子 shadow",
    Standing.NO_SLOT: "不涉推荐位 not a slot matter",
    Standing.OPEN: "**未覆盖 open**",
}


@law_app.command("document")
def write_document(
    out: Annotated[Path, typer.Option(help="File to write.", dir_okay=False)],
    cases: Annotated[Path, typer.Option(help="Folder of cases.")] = Path("tests/cases"),
    policy_dir: PolicyDir = None,
) -> None:
    """Write the page of the law: row, article, quote, rules, slots, days and cases."""
    if not cases.is_dir():
        fail(f"{cases}: is no folder of cases")
    policy = PolicyFolder(policy_dir or Settings().policy_dir).policy
    out.write_text(document(policy, cases), encoding="utf-8")


def document(policy: Policy, cases: Path) -> str:
    """Return the page, Markdown in zh and en."""
    told = cases_by_rule(cases, [rule.id for rule in policy.rules])
    lines, group = [_TOP], ""
    for one in sorted(coverage(policy), key=_order):
        prefix = one.row.id.partition("-")[0]
        if prefix != group:
            group = prefix
            lines.append(f"## {_GROUPS[group]}\n")
        lines += _row(one, policy, told)
    lines.append("## 平台自定 · Platform policy\n")
    lines += _rules(policy, law_rows()[PLATFORM], told)
    return "\n".join(lines)


def _order(one: Covered) -> tuple[int, str]:
    prefix, _, number = one.row.id.partition("-")
    return list(_GROUPS).index(prefix), number


def _row(one: Covered, policy: Policy, cases: dict[str, list[str]]) -> Iterator[str]:
    row = one.row
    until = f" 至 until {row.until}" if row.until else ""
    yield f"### {row.id} · {_STANDING[one.standing]}\n"
    yield f"{row.citation('zh')} · {row.citation('en')}\n"
    yield f"> “{row.quote_zh}” — {row.quote_en}\n"
    yield f"自 since {row.since}{until} · 等级 grade {row.grade}\n"
    if row.reading_zh:
        yield f"**解读** {row.reading_zh}\n\n**Reading** {row.reading_en}\n"
    if row.why_zh:
        yield f"{row.why_zh} · {row.why_en}\n"
    yield from _rules(policy, row, cases)


def _rules(policy: Policy, row: LawRow, cases: dict[str, list[str]]) -> Iterator[str]:
    rules = [rule for rule in policy.compiled if row.id in sources_of(rule)]
    if not rules:
        return
    yield "| 规则 rule | 类型 type | 页面 surfaces | 位置 slots | 日期 days | 用例 cases |"
    yield "|---|---|---|---|---|---|"
    for rule in rules:
        mode = " (影子 shadow)" if rule.mode == "shadow" else ""
        surfaces = "、".join(rule.surfaces) or "全部 all"
        if rule.viewer_classes:
            surfaces += f" ({'、'.join(rule.viewer_classes)})"
        since = rule.since.isoformat() if rule.since else "…"
        days = f"{since} → {rule.until.isoformat() if rule.until else ''}".rstrip()
        shown = f"{len(cases[rule.id])}: {_named(cases[rule.id])}" if cases[rule.id] else "0"
        cells = (f"`{rule.id}`{mode}", f"`{rule.type}`", surfaces, place(rule), days, shown)
        yield f"| {' | '.join(cells)} |"
    yield ""


def _named(names: list[str]) -> str:
    return f"`{names[0]}`" + (" …" if len(names) > 1 else "")


def place(rule: Rule) -> str:
    """Say which slots a rule speaks of, in zh and en."""
    first, window = getattr(rule, "first_slots", None), getattr(rule, "window_slots", None)
    if getattr(rule, "slots", "page") == "first_screen":
        return "首屏 first screen"
    if first:
        return f"前 {first} 位 first {first}"
    if window:
        return f"任意连续 {window} 位 any {window} in a row"
    return "整页 page"
