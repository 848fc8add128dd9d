"""What is said of a case that came out otherwise than told, in Chinese and English."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from constraints.decision import Cause, Reason
from constraints.law import law_rows


class Both(NamedTuple):
    """A text in both languages."""

    zh: str
    en: str

    def told(self, language: str) -> str:
        """Return it in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


CAUSES: Final = {
    Cause.BLOCKED: Both("不得占此位", "may not stand there"),
    Cause.CAPPED: Both("同类已满", "finds its group full there"),
    Cause.SUNK: Both("排序沉底", "is sunk below all others"),
    Cause.WEIGHTED: Both("效用 ×{ratio:g}", "has its utility × {ratio:g}"),
    Cause.FLOOR: Both("因保底名额", "is moved for a floor"),
    Cause.DISPLACED: Both("让位于他者", "gives way to another"),
    Cause.WITHDRAWN: Both("复核撤下", "was withdrawn by the verifier"),
    Cause.PINNED: Both("固定位", "is pinned"),
    Cause.KEPT: Both("该位已固定给他者", "finds the slot kept for another"),
}
TEMPLATES: Final = {
    "slot": Both(
        "第 {slot} 位：预期 {expected}，实为 {got}；{why}",
        "slot {slot}: expected {expected}, got {got}; {why}",
    ),
    "in_slots": Both(
        "`{key}`：预期在第 {slots} 位，实际{where}；{why}",
        "`{key}`: expected in slot {slots}, is {where}; {why}",
    ),
    "not_in_slots": Both(
        "`{key}`：预期不在第 {slots} 位，实际{where}；{why}",
        "`{key}`: expected not in slot {slots}, is {where}; {why}",
    ),
    "absent": Both(
        "`{key}`：预期不在页面上，实际{where}；{why}",
        "`{key}`: expected nowhere on the page, is {where}; {why}",
    ),
    "empty": Both(
        "空位：预期 {expected}，实为 {got}", "empty slots: expected {expected}, got {got}"
    ),
    "decided_by": Both(
        "`{key}`：预期由规则 {expected} 决定，实际{got}",
        "`{key}`: expected to be decided by rule {expected}; {got}",
    ),
    "decided_too": Both("`{key}`：{got}；用例没有写明", "`{key}`: {got}; the case does not say so"),
    "decider": Both(
        "由规则 {rule} 决定（{law}）：{how}", "rule {rule} decides it ({law}): it {how}"
    ),
    "no_decider": Both("没有规则决定它", "no rule decides it"),
    "page_decides": Both(
        "没有单独一条规则拦住它，是整页取舍",
        "no single rule holds it back, but the page as a whole",
    ),
    "because": Both(
        "`{key}`：预期{expected}，实际{got}", "`{key}`: expected that it {expected}; {got}"
    ),
    "sources": Both(
        "`{key}`：预期依据 {expected}，实为 {got}",
        "`{key}`: expected to rest on {expected}, rests on {got}",
    ),
    "blocked": Both(
        "整页不得推荐者：预期 {expected}，实为 {got}",
        "may stand nowhere: expected {expected}, got {got}",
    ),
    "blocked_by": Both(
        "`{key}`：预期被规则 {expected} 挡在页外，实际{got}",
        "`{key}`: expected to be kept off the page by rule {expected}; {got}",
    ),
    "blockers": Both("被规则 {rules} 挡在页外", "it is kept off by rule {rules}"),
    "not_blocked": Both("可以上页", "it may stand on the page"),
    "left_alone": Both(
        "`{key}`：预期不受任何规则影响，实际{got}", "`{key}`: expected to be left alone; {got}"
    ),
    "marked": Both("须标注 {duties}", "it must be shown with {duties}"),
    "duties": Both(
        "`{key}`：预期须标注 {expected}，实为 {got}",
        "`{key}`: expected to be shown with {expected}, got {got}",
    ),
    "relaxed": Both(
        "放宽的软规则：预期 {expected}，实为 {got}", "relaxed rules: expected {expected}, got {got}"
    ),
    "shadow": Both(
        "影子规则的异议：预期 {expected}，实为 {got}",
        "objections of shadow rules: expected {expected}, got {got}",
    ),
    "scored": Both(
        "`{key}`：预期加权后效用 {expected}，实为 {got}",
        "`{key}`: expected a utility after weights of {expected}, got {got}",
    ),
    "void_pins": Both(
        "未生效的固定位：预期 {expected}，实为 {got}", "void pins: expected {expected}, got {got}"
    ),
    "lacking": Both("执行中的规则缺少 {rules}", "rules in force: {rules} expected and not there"),
    "surplus": Both("执行中的规则多出 {rules}", "rules in force: {rules} there and not expected"),
    "none_in_force": Both(
        "该日该页没有任何规则有效；若正要如此，请写 rules_in_force = []",
        "no rule is in force on this page and day; if that is meant, say rules_in_force = []",
    ),
    "withdrawn": Both(
        "复核撤下了规则 {rules} 不容的内容：这是产品缺陷，请报告",
        "the verifier withdrew what rule {rules} objects to: a defect of the product; report it",
    ),
    "solver_failed": Both(
        "求解器失败：这是产品缺陷，请报告", "the solver failed: a defect of the product; report it"
    ),
    "by_utility": Both(
        "没有规则拦住 `{key}`，效用较低", "no rule holds `{key}` back: it is worth less"
    ),
    "held": Both(
        "`{key}` {how}，规则 `{rule}`（{law}）", "`{key}` {how}, by rule `{rule}` ({law})"
    ),
    "stands": Both("`{key}` {where}", "`{key}` is {where}"),
    "off_the_page": Both("不在页面上", "nowhere on the page"),
    "in_slot": Both("在第 {slot} 位", "in slot {slot}"),
    "nobody": Both("空位", "an empty slot"),
    "caller": Both("调用方自填", "the caller's own"),
    "none": Both("无", "none"),
    "may_stand": Both("没有规则把 `{key}` 挡在此位之外", "no rule keeps `{key}` out of the slot"),
}


def say(template: str, **values: object) -> Both:
    """Fill a template; a value may itself be in both languages."""
    texts = []
    for language in ("zh", "en"):
        told = {k: v.told(language) if isinstance(v, Both) else v for k, v in values.items()}
        texts.append(TEMPLATES[template].told(language).format(**told))
    return Both(*texts)


def how(reason: Reason) -> Both:
    """Say how a rule acted."""
    return Both(*(text.format(ratio=reason.ratio) for text in CAUSES[reason.cause]))


def law(source: str) -> Both:
    """Name a row of the law, by its acts and articles; the id alone for one that is unknown."""
    row = law_rows().get(source)
    return Both(row.citation("zh"), row.citation("en")) if row else Both(source, source)


def names(keys: Iterable[str] | None) -> Both:
    """List names in backticks, or say that there are none."""
    told = [f"`{key}`" for key in keys or ()]
    return Both("、".join(told), ", ".join(told)) if told else TEMPLATES["none"]


def counts(found: dict[str, Any]) -> Both:
    """List names with a count or a word each, or say that there are none."""
    told = [f"`{key}` {value}" for key, value in found.items()]
    return Both("、".join(told), ", ".join(told)) if told else TEMPLATES["none"]
