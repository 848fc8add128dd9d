"""An explanation in words, Chinese and English."""

from collections.abc import Mapping
from typing import Any, Final

from constraints.law import law_rows
from ranker.clock import in_shanghai
from ranker.v1 import decision_pb2, explain_pb2

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "VERDICT_STANDS": "`{id}` 占第 {slot} 位。",
        "VERDICT_LOWER": "`{id}` 占第 {slot} 位，低于其效用应得的位置。",
        "VERDICT_BARRED": "`{id}` 不得占本页任何位置。",
        "VERDICT_ABSENT": "`{id}` 没有上页，位置由他者占据。",
        "BLOCKED": "不得占第 {at} 位",
        "CAPPED": "同类已满（{group}）",
        "SUNK": "沉底",
        "WEIGHTED": "加权 ×{ratio}",
        "FLOOR": "该位须留给 `{by}`",
        "DISPLACED": "`{by}` 因加权占了该位",
        "WITHDRAWN": "核验时撤下",
        "PINNED": "固定在该位",
        "KEPT": "该位固定给 `{by}`",
        "decided": "决定者：规则 `{rule}`，{what}（{law}）。",
        "others": "另有：{rules}。",
        "nobody": "没有规则改变它的位置。",
        "facts": "所据事实：{facts}。",
        "unknown": "未知",
        "changed": "该作品的登记最近变动于 {when}。",
        "unregistered": "登记中没有它，类别只是调用方自报。",
        "cost": "没有这条规则，本页会多得效用 {cost}（以首位计）。",
        "if": "若 {parts}，则{then}；少其中任何一项都不行。",
        "if_one": "若 {parts}，则{then}。",
        "fact": "{column} 为 {after}（现为 {before}）",
        "utility": "效用为 {utility}",
        "rule": "不适用规则 `{rule}`",
        "and": "，且 ",
        "then_shown": "它会占第 {slot} 位",
        "then_gone": "它不再上页",
        "nothing": "在试过的事实与效用之内，没有什么会改变这一结果。",
    },
    "en": {
        "VERDICT_STANDS": "`{id}` stands in slot {slot}.",
        "VERDICT_LOWER": "`{id}` stands in slot {slot}, lower than its utility would put it.",
        "VERDICT_BARRED": "`{id}` may stand in no slot of the page.",
        "VERDICT_ABSENT": "`{id}` is not on the page: others stand there.",
        "BLOCKED": "may not stand in slot {at}",
        "CAPPED": "its group is full ({group})",
        "SUNK": "stands below all others",
        "WEIGHTED": "weighed ×{ratio}",
        "FLOOR": "the slot is owed to `{by}`",
        "DISPLACED": "`{by}`, weighed, took the slot",
        "WITHDRAWN": "withdrawn by the verifier",
        "PINNED": "pinned to the slot",
        "KEPT": "the slot is kept for `{by}`",
        "decided": "Decided by rule `{rule}`: {what} ({law}).",
        "others": "Also: {rules}.",
        "nobody": "No rule changed its place.",
        "facts": "Facts looked at: {facts}.",
        "unknown": "unknown",
        "changed": "The register last changed it on {when}.",
        "unregistered": "It is in no register: its kind is the caller's word.",
        "cost": "Without that rule the page would gain utility {cost} (in slot 0).",
        "if": "If {parts}, {then}; no part of that alone suffices.",
        "if_one": "If {parts}, {then}.",
        "fact": "{column} were {after} (now {before})",
        "utility": "its utility were {utility}",
        "rule": "rule `{rule}` were given up",
        "and": " and ",
        "then_shown": "it would stand in slot {slot}",
        "then_gone": "it would not stand on the page",
        "nothing": "Nothing that was tried of its facts and utility would alter that.",
    },
}


def said(reply: explain_pb2.ExplainResponse, candidate_id: str, lang: str) -> str:
    """Write an explanation as a few sentences, a line each.

    Args:
        reply: the explanation.
        candidate_id: whom it explains.
        lang: `zh` or `en`.
    """
    words = _WORDS[lang]
    verdict = explain_pb2.Verdict.Name(reply.verdict)
    lines = [words[verdict].format(id=candidate_id, slot=reply.slot)]
    if reply.reasons:
        first = reply.reasons[0]
        what, law = _cause(first, words), law_rows()[first.source].citation(lang)
        lines.append(words["decided"].format(rule=first.rule_id, what=what, law=law))
        others = dict.fromkeys(r.rule_id for r in reply.reasons if r.rule_id != first.rule_id)
        if others:
            lines.append(words["others"].format(rules=", ".join(f"`{rule}`" for rule in others)))
        read = [fact for fact in reply.facts if fact.rule_id == first.rule_id]
        told = ", ".join(f"{fact.column} = {fact.value or words['unknown']}" for fact in read)
        if told:
            lines.append(words["facts"].format(facts=told))
    else:
        lines.append(words["nobody"])
    lines.append(_registered(reply, words))
    if reply.reasons and abs(reply.cost) >= 0.0005:
        lines.append(words["cost"].format(cost=f"{reply.cost:.3f}"))
    lines.append(_change(reply, words))
    return "\n".join(lines)


def _registered(reply: explain_pb2.ExplainResponse, words: Mapping[str, str]) -> str:
    if not reply.facts_changed_us:
        return words["unregistered"]
    when = in_shanghai(reply.facts_changed_us)
    return words["changed"].format(when=f"{when:%Y-%m-%d %H:%M}")


def _cause(reason: Any, words: Mapping[str, str]) -> str:
    cause = decision_pb2.Cause.Name(reason.cause).removeprefix("CAUSE_")
    return words[cause].format(
        at=reason.slot,
        group=reason.group or words["unknown"],
        ratio=f"{reason.ratio:g}",
        by=reason.by_id,
    )


def _change(reply: explain_pb2.ExplainResponse, words: Mapping[str, str]) -> str:
    if not reply.HasField("change"):
        return words["nothing"]
    change = reply.change
    parts = [
        words["fact"].format(
            column=fact.column,
            after=fact.after or words["unknown"],
            before=fact.before or words["unknown"],
        )
        for fact in change.facts
    ]
    if change.HasField("utility"):
        parts.append(words["utility"].format(utility=f"{change.utility:.6g}"))
    if change.rule_id:
        parts.append(words["rule"].format(rule=change.rule_id))
    then = words["then_shown" if change.shown else "then_gone"].format(slot=change.slot)
    key = "if" if len(parts) > 1 else "if_one"
    return words[key].format(parts=words["and"].join(parts), then=then)
