"""Answers as files: CSV and workbooks that people's spreadsheets read as they stand, and Parquet.

An id is text in every one of them. A spreadsheet that opens a CSV file reads nineteen digits as a
number and forgets the last four; a workbook says that a cell is text, and keeps them. A text that
would be taken for a formula is made harmless in CSV, and is a text in a workbook.
"""

import csv
import io
import json
from pathlib import Path
from typing import Any, Final

from constraints.errors import SettingsError
from ranker.audit.tables.asking import Answer
from ranker.audit.tables.parquet import MISSING, as_parquet
from ranker.clock import in_shanghai

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_CELL_MAX: Final = 32_767  # LIMIT: characters of a cell of a worksheet
_EXACT_MAX: Final = 10**15  # a spreadsheet keeps so many digits of a number
_INSTANT: Final = "_us"
_REACH: Final = {
    "zh": "截至日志第 {last} 条记录（{when} 整理）；此刻已签署 {signed} 条。这是查询副本，不是证据",
    "en": "up to record {last} of the log (rotated {when}); {signed} are signed at this moment. "
    "A copy for questions, not evidence",
}
_LEFT_OUT: Final = {
    "zh": "；日志有 {count} 处不完整，未计入，请运行 slotwarden audit fsck",
    "en": "; {count} places of the log are not whole and left out: run `slotwarden audit fsck`",
}
_MORE: Final = {
    "zh": "仅列前 {count} 行；要全部，请加 --limit",
    "en": "only the first {count} rows are listed; for more give --limit",
}
HEADINGS: Final[dict[str, tuple[str, str]]] = {
    "instant_us": ("时间", "when"),
    "shown_us": ("展示时间", "shown"),
    "first_us": ("首次", "first"),
    "last_us": ("末次", "last"),
    "day": ("日期", "day"),
    "date": ("日期", "day"),
    "surface": ("页面", "surface"),
    "decision_id": ("决策编号", "decision"),
    "sequence": ("日志编号", "record"),
    "slot": ("位置", "slot"),
    "wanted_slot": ("原应位置", "wanted slot"),
    "first_screen": ("首屏", "first screen"),
    "state": ("状态", "state"),
    "outcome": ("结果", "outcome"),
    "decided": ("应展示", "decided"),
    "status": ("上报状态", "status"),
    "outcomes": ("后续行为", "outcomes"),
    "candidate": ("候选编号", "candidate"),
    "by_candidate": ("让位于", "gave way to"),
    "title": ("片名", "title"),
    "kind": ("类别", "kind"),
    "document": ("证照", "document"),
    "document_number": ("证照号", "number"),
    "document_status": ("核验", "document status"),
    "unregistered": ("未登记", "unregistered"),
    "rule_id": ("规则", "rule"),
    "rule_ids": ("规则", "rules"),
    "deciding_rule": ("决定规则", "deciding rule"),
    "cause": ("原因", "cause"),
    "causes": ("原因", "causes"),
    "sources": ("依据", "sources"),
    "articles": ("法规条文", "articles"),
    "duties": ("须展示", "duties"),
    "group_name": ("组", "group"),
    "level": ("级别", "level"),
    "amount": ("数量", "amount"),
    "times": ("次数", "times"),
    "subject_id": ("剧目编号", "title id"),
    "recheck": ("复核", "recheck"),
    "licence": ("首屏资格", "licence"),
    "placed": ("位次", "places"),
    "seen": ("上报展示", "impressions reported"),
    "week": ("周（周一）", "week (its Monday)"),
    "unlicensed": ("无证位次", "unlicensed places"),
    "share": ("占比", "share"),
    "theme": ("题材", "theme"),
    "off_the_page": ("移出本页", "off the page"),
    "class": ("类别", "class"),
    "support_list": ("推优名单", "quality list"),
    "plan": ("微短剧+", "Micro-short Drama+"),
    "baseline": ("基线位次", "by utility alone"),
    "gained": ("增加", "gained"),
    "room_grade": ("直播间等级", "grade of the room"),
    "anchor_grade": ("主播等级", "grade of the anchor"),
    "rooms": ("直播间数", "rooms"),
    "items": ("内容数", "items"),
    "since_us": ("记入时间", "since"),
    "received_us": ("收到时间", "received"),
    "restriction_from": ("处置首日", "from"),
    "restriction_until": ("处置末日", "until"),
    "list": ("名单", "list"),
    "member": ("对象", "member"),
    "from_day": ("首日", "first day"),
    "until_day": ("末日", "last day"),
    "order_ref": ("文号", "order"),
    "after_order": ("收到后位次", "places after it"),
    "seconds_to_last": ("末次距收到（秒）", "seconds to the last"),
    "viewer_class": ("观众年龄层", "viewer"),
    "minors_pool": ("未成年人池", "minors' pool"),
    "minor_impact": ("未成年人影响", "impact on minors"),
    "ai_generated": ("人工智能生成", "made by AI"),
    "ai_label": ("片中标识", "mark in the film"),
    "shown": ("出现次数", "times shown"),
    "decisions": ("决策数", "decisions"),
    "filled": ("已放", "filled"),
    "empty": ("空位", "empty"),
    "reserved": ("调用方自填", "reserved"),
    "action": ("动作", "action"),
    "before": ("之前", "before"),
    "after": ("之后", "after"),
    "note": ("说明", "note"),
}
"""Column → its heading, zh and en; a column of somebody's own SQL is its own heading."""


def headings(answer: Answer, lang: str) -> list[str]:
    """Return the heading of each column, in `zh` or `en`."""
    at = 0 if lang == "zh" else 1
    return [HEADINGS[name][at] if name in HEADINGS else name for name in answer.columns]


def shown(answer: Answer, lang: str) -> list[list[Any]]:
    """Return rows as people read them: instants in Shanghai, words for yes and no.

    Text stays text, numbers stay numbers; nothing known is an empty text.
    """
    yes, no = ("是", "否") if lang == "zh" else ("yes", "no")
    return [
        [_cell(value, name, yes, no) for value, name in zip(row, answer.columns, strict=True)]
        for row in answer.rows
    ]


def _cell(value: Any, name: str, yes: str, no: str) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return yes if value else no
    if name.endswith(_INSTANT) and isinstance(value, int):
        return f"{in_shanghai(value):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return value


def as_csv(answer: Answer, lang: str) -> bytes:
    """Return UTF-8 with the mark that makes spreadsheets read it as such."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(headings(answer, lang))
    writer.writerows([_harmless(cell) for cell in row] for row in shown(answer, lang))
    return text.getvalue().encode("utf-8-sig")


def _harmless(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def reach(answer: Answer, lang: str) -> str:
    """Say in `zh` or `en` how far an answer reaches, and how far what was signed does."""
    when = f"{in_shanghai(answer.rotated_us):%Y-%m-%d %H:%M:%S}"
    told = {"last": answer.last_sequence, "signed": answer.signed, "when": when}
    said = _REACH[lang].format(**told)
    return said + (_LEFT_OUT[lang].format(count=answer.left_out) if answer.left_out else "")


def write(answer: Answer, form: str, path: Path, lang: str) -> None:
    """Write an answer as a file.

    Args:
        answer: what was found.
        form: `csv`, `xlsx`, `parquet` or `json`.
        path: of the file.
        lang: of its headings, `zh` or `en`.

    Raises:
        SettingsError: a library is missing.
        OSError: it cannot be written.
    """
    if form == "csv":
        path.write_bytes(as_csv(answer, lang))
    elif form == "xlsx":
        _write_workbook(answer, path, lang)
    elif form == "parquet":
        as_parquet(answer.columns, [tuple(row) for row in answer.rows], path)
    else:
        path.write_text(json.dumps(as_json(answer), ensure_ascii=False), encoding="utf-8")


def as_json(answer: Answer) -> dict[str, Any]:
    """Return an answer for programs: columns as they are named in the tables."""
    names = list(answer.columns)
    rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
    told = {
        name: value for name, value in answer.__dict__.items() if name not in ("columns", "rows")
    }
    return {"rows": rows, **told}


def _write_workbook(answer: Answer, path: Path, lang: str) -> None:
    try:
        import xlsxwriter
    except ImportError:
        raise SettingsError(MISSING) from None
    told = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    try:
        with xlsxwriter.Workbook(str(path), told | {"constant_memory": True}) as book:
            sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
            about = book.add_worksheet()
            about.write_string(0, 0, reach(answer, lang))
            if answer.more:
                about.write_string(1, 0, _MORE[lang].format(count=len(answer.rows)))
            for at, heading in enumerate(headings(answer, lang)):
                sheet.write_string(0, at, heading, bold)
            for number, row in enumerate(shown(answer, lang), 1):
                for at, cell in enumerate(row):
                    if isinstance(cell, str) or abs(cell) > _EXACT_MAX:
                        sheet.write_string(number, at, str(cell)[:_CELL_MAX])
                    else:
                        sheet.write_number(number, at, cell)
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, max(len(answer.rows), 1), max(len(answer.columns) - 1, 0))
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(f"{path}: {error}") from None
