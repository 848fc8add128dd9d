"""Reports as files: a workbook, and a page that prints. Each figure links to its rows."""

from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, Final

from constraints.errors import SettingsError
from ranker.audit.reports.computing import Computed, Counted, Part
from ranker.audit.reports.drawing import svg
from ranker.audit.tables import answers
from ranker.audit.tables.parquet import MISSING

_CELL_MAX: Final = 32_767  # LIMIT: characters of a cell of a worksheet
_EXACT_MAX: Final = 10**15
_LONG: Final = 24  # characters of a cell that may be broken anywhere
WORDS: Final = {
    "zh": {
        "period": "期间：{begin} 至 {end}（北京时间）；页面：{surface}",
        "covered": "所涉决策：{count:,} 次",
        "all": "全部",
        "basis": "依据",
        "summary": "摘要",
        "figure": "指标",
        "value": "数值",
        "rows": "明细",
        "none": "没有",
        "more": "明细仅列前 {count} 行",
        "checkpoint": "计算时日志的签署检查点",
        "unsigned": "日志尚未签署任何记录",
        "missed": "不符合要求",
        "truth": "数据取自决策日志；表格是查询副本，"
        "单条决策以 slotwarden audit export 出具的证据为准。",
    },
    "en": {
        "period": "Period: {begin} to {end} (Asia/Shanghai); surface: {surface}",
        "covered": "Decisions covered: {count:,}",
        "all": "all",
        "basis": "Basis",
        "summary": "Summary",
        "figure": "figure",
        "value": "value",
        "rows": "rows",
        "none": "none",
        "more": "only the first {count} rows are listed",
        "checkpoint": "Checkpoint of the log at that moment",
        "unsigned": "nothing of the log was signed yet",
        "missed": "not what it must be",
        "truth": "From the decision log. Tables are a copy for questions; what proves a single"
        " decision is what `slotwarden audit export` writes.",
    },
}
ZH: Final = {
    "licence": "发行许可证",
    "bureau_filing": "广电备案",
    "platform_filing": "平台备案",
    "none": "无",
    "unknown": "不明",
    "verified": "已核验",
    "claimed": "自报",
    "revoked": "已撤销",
    "licensed": "有证",
    "unlicensed": "无证",
    "passed": "通过",
    "pending": "待复核",
    "refused": "未通过",
    "drama": "微短剧",
    "room": "直播间",
    "video": "普通视频",
    "national": "国家级推优",
    "provincial": "省级推优",
    "plan": "微短剧+",
    "key_catalogue": "重点目录",
    "yes": "是",
    "no": "否",
    "suspected": "疑似",
    "possible": "可能",
    "some": "部分",
    "all": "每集",
    "minor": "未成年人",
    "adult": "成年人",
    "rectify": "限期整改",
    "sink": "排序沉底",
    "stop": "停止推荐",
    "closed": "关闭",
    "takedown": "下线",
    "black_title": "黑名单剧目",
    "closed_anchor": "封禁主播",
    "denied_person": "劣迹人员",
    "ai_generated": "人工智能生成",
    "ai_possible": "可能为人工智能生成",
    "ai_suspected": "疑似人工智能生成",
    "record_number": "证照号",
}
"""Words of facts and tables as a compliance office says them."""
_WORDED: Final = frozenset(
    (
        *("document", "document_status", "recheck", "licence", "kind", "class", "before", "after"),
        *("ai_generated", "ai_label", "minors_pool", "minor_impact", "viewer_class", "list"),
        *("plan", "duties", "room_grade", "anchor_grade"),
    )
)
"""Columns whose values are such words."""
_STYLE: Final = """
body{font:14px/1.6 "Noto Sans SC","PingFang SC","Microsoft YaHei",system-ui,sans-serif;
color:#1c1c1c;margin:2rem auto;max-width:60rem;padding:0 1rem}h1{font-size:1.5rem;margin:0 0 .3rem}
h2{font-size:1.1rem;margin:2rem 0 .5rem;border-bottom:2px solid #1f4e79;padding-bottom:.2rem}
p{margin:.3rem 0}.meta{color:#555}table{border-collapse:collapse;width:100%;font-size:12px}
th,td{border-bottom:1px solid #ddd;padding:.25rem .5rem;text-align:left;vertical-align:top}
td.l{overflow-wrap:anywhere}th.n{text-align:right}th{background:#f1f4f7}td.n{text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}.missed{color:#a40000;font-weight:600}
.summary{font-size:14px}.summary td.n{font-size:1.2rem}
svg{width:100%;max-width:680px;font-size:12px}pre{background:#f6f6f6;padding:.6rem;font-size:11px;
white-space:pre-wrap;overflow-wrap:anywhere}a{color:#1f4e79}
@page{size:A4;margin:16mm}@media print{body{margin:0;max-width:none}a{color:inherit;
text-decoration:none}h2{break-after:avoid}tr,svg{break-inside:avoid}thead{display:table-header-group}}
"""


def shown(counted: Counted) -> str:
    """Return the value of a figure as people read it."""
    if counted.value is None:
        return "–"
    if counted.figure.is_share:
        return f"{counted.value:.2%}"
    whole = round(counted.value, 3)
    return f"{whole:,.0f}" if whole == int(whole) else f"{whole:,.3f}"


def worded(part: Part, lang: str) -> Part:
    """Return a part with the words of its rows in Chinese, where that is the language."""
    if lang != "zh":
        return part
    names = list(part.answer.columns)
    at = [place for place, name in enumerate(names) if name in _WORDED]

    def said(value: Any) -> Any:
        return "|".join(ZH.get(word, word) for word in value.split("|")) if value else value

    rows = [[said(v) if n in at else v for n, v in enumerate(row)] for row in part.answer.rows]
    return replace(part, answer=replace(part.answer, rows=rows))


def _head(computed: Computed, lang: str) -> list[str]:
    words = WORDS[lang]
    period = words["period"].format(
        begin=computed.begin, end=computed.end, surface=computed.surface or words["all"]
    )
    basis = f"{words['basis']}：" if lang == "zh" else f"{words['basis']}: "
    joined = "；" if lang == "zh" else "; "
    return [
        period,
        words["covered"].format(count=computed.decisions),
        basis + joined.join(computed.citations(lang)),
        answers.reach(computed.reach, lang),
        words["truth"],
    ]


def as_page(computed: Computed, lang: str) -> str:
    """Return a page that stands alone: no script, nothing fetched.

    Args:
        computed: the report.
        lang: `zh` or `en`.
    """
    words, at = WORDS[lang], 0 if lang == "zh" else 1
    title = (computed.report.zh, computed.report.en)[at]
    figures = [
        f'<tr><td>{escape((c.figure.zh, c.figure.en)[at])}</td><td class="n">'
        f'<a href="#{part.section.name}"{_class(c)}>{shown(c)}</a></td></tr>'
        for part in computed.parts
        for c in part.figures
    ]
    note = computed.checkpoint or words["unsigned"]
    return (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>"
        + "".join(f'<p class="meta">{escape(line)}</p>' for line in _head(computed, lang))
        + f"<h2>{words['summary']}</h2><table class=summary>{''.join(figures)}</table>"
        + "".join(_section(part, lang) for part in computed.parts)
        + f"<h2>{words['checkpoint']}</h2><pre>{escape(note)}</pre></html>\n"
    )


def _class(counted: Counted) -> str:
    return ' class="missed"' if counted.is_missed else ""


def _section(told: Part, lang: str) -> str:
    part = worded(told, lang)
    words, section = WORDS[lang], part.section
    heading = section.zh if lang == "zh" else section.en
    names = answers.headings(part.answer, lang)
    drawn = ""
    if section.chart:
        drawn = svg(section.chart, part.answer, dict(zip(part.answer.columns, names, strict=True)))
    rows = answers.shown(part.answer, lang)
    shares = [name == "share" for name in part.answer.columns]
    body = "".join(f"<tr>{''.join(map(_cell, row, shares))}</tr>" for row in rows)
    kinds = [' class="n"' if kind in ("int", "real") else "" for kind in _kinds(part)]
    head = "".join(f"<th{k}>{escape(name)}</th>" for name, k in zip(names, kinds, strict=True))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    more = f"<p>{words['more'].format(count=len(rows))}</p>" if part.answer.more else ""
    return (
        f'<h2 id="{section.name}">{escape(heading)}</h2>{drawn}'
        + (table if rows else f"<p>{words['none']}</p>")
        + more
    )


def _kinds(part: Part) -> list[str]:
    """Return the type of each column as it is shown: an instant is text."""
    told = part.answer.columns.items()
    return ["text" if name.endswith("_us") else kind for name, kind in told]


def _cell(value: Any, is_share: bool) -> str:
    if isinstance(value, str):
        long = ' class="l"' if len(value) > _LONG else ""
        return f"<td{long}>{escape(value)}</td>"
    if is_share:
        return f'<td class="n">{value:.2%}</td>'
    told = f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
    return f'<td class="n">{told}</td>'


def write_workbook(computed: Computed, path: Path, lang: str) -> None:
    """Write a workbook: a summary whose figures link to the sheets of their rows.

    Args:
        computed: the report.
        path: of the file.
        lang: `zh` or `en`.

    Raises:
        SettingsError: a library is missing.
        OSError: it cannot be written.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise SettingsError(MISSING) from None
    told = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    try:
        with xlsxwriter.Workbook(str(path), told) as book:
            _summarise(book, computed, lang)
            for part in computed.parts:
                _sheet(book, worded(part, lang), lang)
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(f"{path}: {error}") from None


def _summarise(book: Any, computed: Computed, lang: str) -> None:
    words, at = WORDS[lang], 0 if lang == "zh" else 1
    sheet = book.add_worksheet(words["summary"])
    bold = book.add_format({"bold": True, "font_size": 14})
    missed = book.add_format({"font_color": "#a40000", "underline": 1, "bold": True})
    link = book.add_format({"font_color": "#1f4e79", "underline": 1})
    sheet.set_column(0, 0, 60)
    sheet.set_column(1, 1, 22)
    sheet.write_string(0, 0, (computed.report.zh, computed.report.en)[at], bold)
    row = 1
    for line in _head(computed, lang):
        sheet.write_string(row, 0, line)
        row += 1
    row += 1
    for part in computed.parts:
        for counted in part.figures:
            sheet.write_string(row, 0, (counted.figure.zh, counted.figure.en)[at])
            target = f"internal:'{part.section.name}'!A1"
            looks = missed if counted.is_missed else link
            sheet.write_url(row, 1, target, looks, shown(counted))
            row += 1
        if part.answer.more:
            told = words["more"].format(count=len(part.answer.rows))
            sheet.write_string(row, 0, f"{part.section.name}: {told}")
            row += 1
    sheet.write_string(row + 1, 0, words["checkpoint"])
    sheet.write_string(row + 2, 0, computed.checkpoint or words["unsigned"])


def _sheet(book: Any, part: Part, lang: str) -> None:
    sheet, bold = book.add_worksheet(part.section.name), book.add_format({"bold": True})
    headings, rows = answers.headings(part.answer, lang), answers.shown(part.answer, lang)
    for at, heading in enumerate(headings):
        sheet.write_string(0, at, heading, bold)
    for number, row in enumerate(rows, 1):
        for at, cell in enumerate(row):
            if isinstance(cell, str) or abs(cell) > _EXACT_MAX:
                sheet.write_string(number, at, str(cell)[:_CELL_MAX])
            else:
                sheet.write_number(number, at, cell)
    sheet.set_column(0, max(len(headings) - 1, 0), 18)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(rows), 1), max(len(headings) - 1, 0))
    _chart(book, sheet, part, lang)


def _chart(book: Any, sheet: Any, part: Part, lang: str) -> None:
    drawn, rows = part.section.chart, min(len(part.answer.rows), 30)
    if drawn is None or not rows:
        return
    columns, name = list(part.answer.columns), part.section.name
    chart = book.add_chart({"type": "line" if drawn.kind == "line" else "bar"})
    label = columns.index(drawn.label)
    for value in drawn.values:
        at = columns.index(value)
        chart.add_series(
            {
                "name": answers.headings(part.answer, lang)[at],
                "categories": [name, 1, label, rows, label],
                "values": [name, 1, at, rows, at],
            }
        )
    chart.set_title({"name": part.section.zh if lang == "zh" else part.section.en})
    sheet.insert_chart(1, len(columns) + 1, chart)
