"""Shows what a draft policy would have changed: `slotwarden replay --policy`."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from constraints.policy import Policy
from ranker.audit.impact import UNREGISTERED, Impact
from ranker.cli.shared import Language

_WORDS: Final[dict[Language, dict[str, str]]] = {
    Language.ZH: {
        "title": "草案 {digest}：{decisions} 条决策，{unlike} 条会不同；"
        "{slots} 个位置，{changed} 个换了内容",
        "what": "项目",
        "before": "当时",
        "after": "按草案",
        "moved": "变化",
        "empty": "空位",
        "worth": "效用（按位置折扣）",
        "class": "曝光 · 类别",
        "theme": "曝光 · 题材",
        "relaxed": "放宽 · 规则",
        "held": "让出效用 · 规则",
    },
    Language.EN: {
        "title": "draft {digest}: {decisions} decisions, {unlike} would differ;"
        " {slots} slots, {changed} would hold something else",
        "what": "what",
        "before": "then",
        "after": "by the draft",
        "moved": "change",
        "empty": "empty slots",
        "worth": "utility, discounted by slot",
        "class": "exposure · class",
        "theme": "exposure · theme",
        "relaxed": "given up · rule",
        "held": "utility held back · rule",
    },
}
_CLASSES: Final = {
    "licence": "发行许可证",
    "bureau_filing": "广电备案",
    "platform_filing": "平台备案",
    "none": "无证无备案",
    "unknown": "证件不明",
    "room": "直播间",
    "video": "普通视频",
    UNREGISTERED: "未登记",
}


def _sorted(impact: Impact, what: str) -> list[tuple[str, float, float]]:
    """Return name, before and after of one kind of count, what moves most first."""
    names = {name for of, name, _ in impact.counts if of == what}
    found = [
        (name, impact.counts.get((what, name, "before"), 0.0),
         impact.counts.get((what, name, "after"), 0.0))
        for name in names
    ]  # fmt: skip
    return sorted(found, key=lambda row: (-abs(row[2] - row[1]), row[0]))


def impact_json(impact: Impact, draft: Policy) -> dict[str, object]:
    """Return all of it for programs."""
    return {
        "policy_digest": draft.digest,
        "decisions": impact.decisions,
        "decisions_unlike": impact.unlike,
        "slots": impact.slots,
        "slots_changed": impact.changed,
        "worth": {"before": impact.worth_before, "after": impact.worth_after},
        **{
            what: [
                {"name": name, "before": before, "after": after}
                for name, before, after in _sorted(impact, what)
            ]
            for what in ("empty", "class", "theme", "relaxed", "held")
        },
    }


def show_impact(screen: Console, impact: Impact, draft: Policy, lang: Language) -> None:
    """Print it as a table."""
    words = _WORDS[lang]
    title = words["title"].format(
        digest=draft.digest[:12],
        decisions=impact.decisions,
        unlike=impact.unlike,
        slots=impact.slots,
        changed=impact.changed,
    )
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    table.add_column(words["what"], overflow="fold")
    for heading in ("before", "after", "moved"):
        table.add_column(words[heading], justify="right")

    def row(name: str, before: float, after: float) -> None:
        moved = after - before
        told = f"{moved:+,.2f}" if round(moved, 2) else ""
        table.add_row(Text(name), f"{before:,.2f}", f"{after:,.2f}", told)

    row(words["worth"], impact.worth_before, impact.worth_after)
    for what in ("empty", "class", "theme", "relaxed", "held"):
        for name, before, after in _sorted(impact, what):
            shown = _CLASSES.get(name, name) if what == "class" and lang == Language.ZH else name
            row(f"{words[what]} {shown}".rstrip(), before, after)
    screen.print(table)
