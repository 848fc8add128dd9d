"""Shows a decided page to people: before and after, slot by slot, with rule and article."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ranker.v1 import decision_pb2 as out
from ranker.v1 import rerank_pb2 as pb

_WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "title": "{surface} · {terminal} · {slots} 个位置",
        "slot": "位",
        "before": "仅按效用（原始效用）",
        "after": "合规之后（加权后效用）",
        "why": "变动与依据",
        "empty": "（空位：无合规候选）",
        "reserved": "（调用方自填）",
        "unregistered": "未登记",
        "first": "首屏",
        "blocked": "不得占此位",
        "capped": "同类已满",
        "sunk": "排序沉底",
        "raised": "加权 ×{ratio:g}",
        "lowered": "降权 ×{ratio:g}",
        "moved_up": "依次递补",
        "moved_down": "自第 {slot} 位下移",
        "served": "保底名额",
        "floor": "为保底名额让位",
        "displaced": "让位",
        "withdrawn": "复核撤下",
        "pinned": "固定位",
        "kept": "该位已固定给其他内容",
        "void_pin": "固定位未生效：{rule}，{title} → 第 {slot} 位：{why}",
        "not_offered": "候选中没有",
        "slot_reserved": "该位由调用方自填",
        "pinned_above": "已固定在更靠前的位置",
        "taken": "该位由另一固定内容占用",
        "no_room": "该位无法放入，留空",
        "rules": "规则与条文",
        "rule": "规则",
        "article": "条文",
        "quote": "原文摘句",
        "relaxed": "未能完全满足的软规则",
        "over": "{rule}{group}，计 {count}",
        "blocked_count": "整页不得推荐的候选：{count} 个",
        "receipt": "决定 {id} · 日志第 {sequence} 条 · 事实版本 {revision} · 策略 {policy}",
    },
    "en": {
        "title": "{surface} · {terminal} · {slots} slots",
        "slot": "#",
        "before": "by utility alone (as received)",
        "after": "lawful (after weights)",
        "why": "what changed, and why",
        "empty": "(empty: no lawful candidate)",
        "reserved": "(filled by the caller)",
        "unregistered": "unregistered",
        "first": "first screen",
        "blocked": "may not stand here",
        "capped": "its theme is full",
        "sunk": "sunk to the bottom",
        "raised": "raised ×{ratio:g}",
        "lowered": "lowered ×{ratio:g}",
        "moved_up": "moved up",
        "moved_down": "moved down from {slot}",
        "served": "serves a floor",
        "floor": "gives way to a floor",
        "displaced": "gives way",
        "withdrawn": "withdrawn by the verifier",
        "pinned": "pinned",
        "kept": "another is pinned to the slot",
        "void_pin": "void pin: {rule}, {title} → slot {slot}: {why}",
        "not_offered": "not among the candidates",
        "slot_reserved": "the caller fills the slot",
        "pinned_above": "pinned to a slot above",
        "taken": "another pinned to the slot stands there",
        "no_room": "no room for it, the slot stays empty",
        "rules": "rules and articles",
        "rule": "rule",
        "article": "article",
        "quote": "quote",
        "relaxed": "soft rule not fully met",
        "over": "{rule}{group}, by {count}",
        "blocked_count": "candidates that may not be recommended at all here: {count}",
        "receipt": "decision {id} · log record {sequence} · facts {revision} · policy {policy}",
    },
}
_CAUSES: Final = {
    out.CAUSE_BLOCKED: "blocked",
    out.CAUSE_CAPPED: "capped",
    out.CAUSE_SUNK: "sunk",
    out.CAUSE_FLOOR: "floor",
    out.CAUSE_DISPLACED: "displaced",
    out.CAUSE_WITHDRAWN: "withdrawn",
    out.CAUSE_PINNED: "pinned",
    out.CAUSE_KEPT: "kept",
}
_VOIDS: Final = {
    out.VOID_CAUSE_NOT_OFFERED: "not_offered",
    out.VOID_CAUSE_RESERVED: "slot_reserved",
    out.VOID_CAUSE_BLOCKED: "blocked",
    out.VOID_CAUSE_SUNK: "sunk",
    out.VOID_CAUSE_PINNED_ABOVE: "pinned_above",
    out.VOID_CAUSE_TAKEN: "taken",
    out.VOID_CAUSE_NO_ROOM: "no_room",
}


@dataclass(frozen=True, slots=True)
class PageView:
    """One decided page in one language.

    Attributes:
        request: what was asked, in rows.
        reply: what came back.
        titles: id → title; an id without one is shown as it is.
        language: zh or en.
    """

    request: pb.RerankRequest
    reply: pb.RerankResponse
    titles: Mapping[str, str]
    language: str

    def show(self, console: Console) -> None:
        """Print the page."""
        console.print(self._slots())
        console.print(self._rules())
        console.print(self._footer())

    def _word(self, key: str, **values: object) -> str:
        return _WORDS[self.language][key].format(**values)

    def _name(self, candidate_id: str) -> str:
        title = self.titles.get(candidate_id)
        return f"{title} [{candidate_id}]" if title else candidate_id

    def _before(self) -> dict[int, tuple[str, float]]:
        """Return the page by utility alone: slot → id and utility."""
        rows = sorted(self.request.rows.rows, key=lambda row: -row.utility)
        taken = {reserved.slot for reserved in self.request.reserved}
        slots = [slot for slot in range(self.request.slot_count) if slot not in taken]
        return {slot: (row.id, row.utility) for slot, row in zip(slots, rows, strict=False)}

    def _slots(self) -> Table:
        title = self._word(
            "title",
            surface=self.request.surface,
            terminal=self.request.terminal or "-",
            slots=self.request.slot_count,
        )
        table = Table(title=Text(title), show_lines=True, title_justify="left")
        table.add_column(self._word("slot"), justify="right", no_wrap=True)
        for key, ratio in (("before", 3), ("after", 3), ("why", 6)):
            table.add_column(self._word(key), ratio=ratio, overflow="fold")
        moves = {move.id: move for move in self.reply.decision.moves}
        before = self._before()
        for placement in self.reply.decision.placements:
            wanted, utility = before.get(placement.slot, ("", 0.0))
            kept = wanted == placement.id
            left = Text(f"{self._name(wanted)} {utility:g}" if wanted else "")
            left.stylize("" if kept else "dim")
            table.add_row(
                self._slot(placement),
                left,
                self._after(placement, kept=kept),
                Text() if kept else self._why(placement, moves.get(wanted), moves),
            )
        return table

    def _slot(self, placement: out.Placement) -> str:
        screen = f"\n{self._word('first')}" if placement.first_screen else ""
        return f"{placement.slot}{screen}"

    def _after(self, placement: out.Placement, *, kept: bool) -> Text:
        if placement.state == out.SLOT_STATE_EMPTY:
            return Text(self._word("empty"), style="yellow")
        if placement.state == out.SLOT_STATE_RESERVED:
            return Text(self._word("reserved"), style="dim")
        text = Text(f"{self._name(placement.id)} {placement.scored:.4g}")
        text.stylize("" if kept else "bold green")
        if placement.unregistered:
            text.append(f" {self._word('unregistered')}", style="yellow")
        return text

    def _why(
        self, placement: out.Placement, gone: out.Move | None, moves: Mapping[str, out.Move]
    ) -> RenderableType:
        """Say why the one left and the other came; the deciding reasons only."""
        lines = []
        if gone is not None and gone.reasons:
            reason = gone.reasons[0]
            by = f" → {self._title(reason.by_id)}" if reason.by_id else ""
            lines.append(
                self._line("red", f"✗ {self._title(gone.id)}", self._cause(reason), reason, by)
            )
        name, down = self._title(placement.id), moves.get(placement.id)
        for reason in placement.reasons:
            what = "served" if reason.cause == out.CAUSE_FLOOR else ""
            cause = self._word(what) if what else self._cause(reason)
            lines.append(self._line("green", f"✓ {name}", cause, reason))
        if down is not None and down.reasons:
            what = self._word("moved_down", slot=down.wanted_slot)
            lines.append(self._line("dim", f"↓ {name}", what, down.reasons[-1]))
        elif placement.state == out.SLOT_STATE_FILLED and not placement.reasons:
            lines.append(Text(f"↑ {name} {self._word('moved_up')}", style="dim"))
        return Group(*lines)

    def _line(self, style: str, name: str, what: str, reason: out.Reason, by: str = "") -> Text:
        text = Text(f"{name} {what}{by}\n", style=style)
        article = self._article(reason).partition("；" if self.language == "zh" else "; ")
        return text.append(f"   {reason.rule_id} · {article[0]}", style="default")

    def _title(self, candidate_id: str) -> str:
        return self.titles.get(candidate_id) or candidate_id

    def _cause(self, reason: out.Reason) -> str:
        if reason.cause == out.CAUSE_WEIGHTED:
            return self._word("raised" if reason.ratio > 1 else "lowered", ratio=reason.ratio)
        group = self._group(reason.group)
        return self._word(_CAUSES.get(reason.cause, "displaced")) + group

    def _group(self, group: str) -> str:
        left, right = "（）" if self.language == "zh" else ("(", ")")
        return f" {left}{group}{right}" if group else ""

    def _article(self, reason: out.Reason) -> str:
        """Return the articles a reason rests on, or its rule's first where it names none."""
        for citation in self.reply.decision.citations:
            if citation.rule_id == reason.rule_id and reason.source in ("", citation.source):
                return self._cited(citation)
        return ""

    def _cited(self, citation: out.Citation) -> str:
        return citation.citation_zh if self.language == "zh" else citation.citation_en

    def _rules(self) -> Table:
        table = Table(title=self._word("rules"), title_justify="left")
        for key in ("rule", "article", "quote"):
            table.add_column(self._word(key), overflow="fold")
        for citation in self.reply.decision.citations:
            quote = citation.quote_zh if self.language == "zh" else citation.quote_en
            rule = f"{citation.rule_id} ({citation.source})"
            table.add_row(rule, Text(self._cited(citation)), Text(quote))
        return table

    def _void(self, pin: out.VoidPin) -> str:
        """Say why a pin does not hold, with the first rule that keeps it out."""
        why = self._word(_VOIDS.get(pin.cause, "no_room"))
        named = [f"{reason.rule_id} · {self._article(reason)}" for reason in pin.reasons[:1]]
        title = self._name(pin.subject_id)
        told = " · ".join([why, *named])
        return self._word("void_pin", rule=pin.rule_id, title=title, slot=pin.slot, why=told)

    def _footer(self) -> Text:
        decision, lines = self.reply.decision, []
        lines.append(self._word("blocked_count", count=decision.blocked_count))
        lines += [self._void(pin) for pin in decision.void_pins]
        for finding in decision.relaxed:
            group = self._group(finding.group)
            over = self._word("over", rule=finding.rule_id, group=group, count=finding.count)
            lines.append(f"{self._word('relaxed')}: {over}")
        lines.append(
            self._word(
                "receipt",
                id=self.reply.decision_id,
                sequence=self.reply.receipt.sequence,
                revision=self.reply.facts_revision,
                policy=self.reply.policy_digest[:12],
            )
        )
        return Text("\n".join(lines))
