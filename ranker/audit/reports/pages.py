"""Reports on what stood on pages: first screens, themes, support."""

from typing import Final

from ranker.audit.reports.declared import Chart, Figure, Report, Section
from ranker.audit.tables.questions import NAMED, WHEN

SEEN: Final = """
    SELECT decision_id, page_slot, count(DISTINCT shown_us) AS times
    FROM exposures WHERE status <> 'mismatched' GROUP BY decision_id, page_slot"""
"""How often callers reported each slot as shown."""


def placed(where: str = "TRUE", more: str = "") -> str:
    """Say in SQL what stood in slots, a row for each candidate, revision and whatever more."""
    also = f", {more}" if more else ""
    return f"""
    SELECT s.surface, s.candidate, s.facts_revision{also}, count(*) AS placed,
        CAST(sum(coalesce(x.times, 0)) AS BIGINT) AS seen, min(s.instant_us) AS first_us,
        max(s.instant_us) AS last_us, arg_max(s.decision_id, s.instant_us) AS decision_id
    FROM slots s LEFT JOIN ({SEEN}) x
        ON x.decision_id = s.decision_id AND x.page_slot = s.slot - s.first_slot
    WHERE {WHEN} AND s.state = 'filled' AND {where}
    GROUP BY s.surface, s.candidate, s.facts_revision{also}"""


SUBJECT: Final = "coalesce(c.subject_id, s.candidate)"
IS_DRAMA: Final = "coalesce(t.kind, 'drama') = 'drama'"
LICENCE: Final = """CASE WHEN t.document = 'licence' AND t.document_status = 'verified'
        THEN 'licensed' ELSE 'unlicensed' END"""

FIRST_SCREEN: Final = Report(
    "首屏登记",
    "first-screen register",
    ("FS-01", "FS-02", "DIV-02"),
    (
        Section(
            "titles",
            "首屏出现过的微短剧",
            "dramas that stood on the first screen",
            f"""
SELECT s.surface, {SUBJECT} AS subject_id, t.title, t.document, t.document_number,
    t.document_status, t.recheck, {LICENCE} AS licence, sum(s.placed) AS placed,
    sum(s.seen) AS seen, min(s.first_us) AS first_us, max(s.last_us) AS last_us,
    arg_max(s.decision_id, s.last_us) AS decision_id
FROM ({placed("s.first_screen")}) s {NAMED}
WHERE {IS_DRAMA}
GROUP BY s.surface, {SUBJECT}, t.title, t.document, t.document_number, t.document_status,
    t.recheck, {LICENCE}
ORDER BY licence DESC, placed DESC, subject_id, s.surface""",
            (
                Figure("微短剧数", "dramas", "count(DISTINCT subject_id)"),
                Figure("首屏位次数", "places on first screens", "sum(placed)"),
                Figure("上报的展示次数", "impressions reported", "sum(seen)"),
                Figure(
                    "无证微短剧数（应为 0）",
                    "unlicensed dramas (must be 0)",
                    "count(DISTINCT subject_id) FILTER (WHERE licence = 'unlicensed')",
                    wants="zero",
                ),
                Figure(
                    "未见复核通过的微短剧数",
                    "dramas without a passed recheck",
                    "count(DISTINCT subject_id) FILTER (WHERE recheck IS DISTINCT FROM 'passed')",
                ),
            ),
        ),
        Section(
            "documents",
            "首屏位次按证照",
            "places by document",
            f"""
SELECT coalesce(t.document, 'unknown') AS document, sum(s.placed) AS placed, sum(s.seen) AS seen
FROM ({placed("s.first_screen")}) s {NAMED}
WHERE {IS_DRAMA} GROUP BY 1 ORDER BY placed DESC, document""",
            chart=Chart("bars", "document", ("placed",)),
        ),
        Section(
            "undecided",
            "首屏展示与决策不符",
            "shown on a first screen and not decided",
            f"""
SELECT e.shown_us, s.surface, e.decision_id, s.slot, e.candidate, e.decided, t.title, t.document,
    t.document_number
FROM exposures e
JOIN slots s0 ON s0.decision_id = e.decision_id AND s0.slot = s0.first_slot
LEFT JOIN slots x ON x.decision_id = e.decision_id AND x.slot = s0.first_slot + e.page_slot
CROSS JOIN LATERAL (SELECT s0.surface, s0.first_slot + e.page_slot AS slot, s0.facts_revision,
    e.candidate, s0.date) s {NAMED}
WHERE {WHEN} AND coalesce(x.first_screen, s0.first_screen) AND e.status = 'mismatched'
ORDER BY e.shown_us DESC, e.decision_id, s.slot""",
            (
                Figure(
                    "展示与决策不符的次数（应为 0）",
                    "shown, and not decided (must be 0)",
                    "count(*)",
                    wants="zero",
                ),
            ),
        ),
    ),
)


def _weeks(by: str) -> str:
    """Say in SQL what share of first screens unlicensed dramas had in each week."""
    return f"""
SELECT *, unlicensed / placed AS share FROM (
    SELECT strftime(date_trunc('week', s.date), '%Y-%m-%d') AS week{by},
        CAST(coalesce(sum(s.placed) FILTER (WHERE {LICENCE} = 'unlicensed'), 0) AS BIGINT)
            AS unlicensed,
        CAST(sum(s.placed) AS BIGINT) AS placed
    FROM ({placed("s.first_screen", "s.date")}) s {NAMED}
    WHERE {IS_DRAMA} GROUP BY 1{by}) s
ORDER BY s.week{by}"""


PHASE_OUT: Final = Report(
    "首屏无证微短剧占比曲线",
    "phase-out of unlicensed dramas from first screens",
    ("FS-01",),
    (
        Section(
            "weeks",
            "每周首屏占比",
            "share of first screens by week",
            _weeks(""),
            (
                Figure(
                    "全期无证占比",
                    "unlicensed share over all",
                    "sum(unlicensed) / sum(placed)",
                    is_share=True,
                ),
                Figure(
                    "最近一周无证占比",
                    "unlicensed share of the last week",
                    "arg_max(share, week)",
                    is_share=True,
                ),
            ),
            Chart("line", "week", ("share",)),
        ),
        Section("surfaces", "各页面每周占比", "the same by surface", _weeks(", s.surface")),
    ),
)
_TAGS: Final = "unnest(string_split(coalesce(nullif(t.themes, ''), ''), '|'))"
_THEMES: Final = f"""
SELECT s.surface, coalesce(a.theme, nullif(s.tag, ''), 'unknown') AS theme,
    CAST(sum(s.placed) AS BIGINT) AS placed, CAST(sum(s.seen) AS BIGINT) AS seen,
    sum(s.placed) / any_value(whole.placed) AS share
FROM (SELECT s.surface, s.placed, s.seen, s.facts_revision, {_TAGS} AS tag
    FROM ({placed()}) s {NAMED} WHERE {IS_DRAMA}) s
JOIN (SELECT s.surface, sum(s.placed) AS placed FROM ({placed()}) s {NAMED}
    WHERE {IS_DRAMA} GROUP BY s.surface) whole ON whole.surface = s.surface
LEFT JOIN aliases a ON a.tag = s.tag AND s.facts_revision >= a.from_revision
    AND s.facts_revision < a.until_revision
GROUP BY s.surface, 2 ORDER BY placed DESC, s.surface, theme"""
THEMES: Final = Report(
    "题材结构",
    "structure of themes",
    ("DIV-01", "DIV-02", "DIV-03"),
    (
        Section(
            "themes",
            "各页面各题材（同义词合并；一部剧可有多个题材）",
            "themes by surface; synonyms are one, and a title may have several",
            _THEMES,
            (
                Figure("题材数", "themes", "count(DISTINCT theme)"),
                Figure("最大题材占比", "share of the largest theme", "max(share)", is_share=True),
                Figure(
                    "题材不明的位次",
                    "places of titles without a theme",
                    "coalesce(sum(placed) FILTER (WHERE theme = 'unknown'), 0)",
                ),
            ),
            Chart("bars", "theme", ("placed",)),
        ),
        Section(
            "breaches",
            "题材上限被放宽（软规则）",
            "caps given up, soft rules",
            f"""
SELECT s.surface, s.rule_id, s.group_name AS theme, count(*) AS times,
    CAST(sum(s.amount) AS BIGINT) AS amount, max(s.instant_us) AS last_us,
    arg_max(s.decision_id, s.instant_us) AS decision_id
FROM findings s WHERE {WHEN} AND s.outcome = 'relaxed' AND EXISTS (
    SELECT 1 FROM rules r WHERE r.policy_digest = s.policy_digest AND r.rule_id = s.rule_id
        AND r.type IN ('theme_cap', 'group_cap'))
GROUP BY s.surface, s.rule_id, s.group_name ORDER BY times DESC, s.surface, s.rule_id, theme""",
            (Figure("放宽次数", "times a cap was given up", "coalesce(sum(times), 0)"),),
        ),
        Section(
            "displaced",
            "因题材聚集而后移",
            "held back because their theme was full",
            f"""
SELECT s.surface, s.deciding_rule AS rule_id, s.group_name AS theme, count(*) AS times,
    count(*) FILTER (WHERE NOT s.shown) AS off_the_page, max(s.instant_us) AS last_us,
    arg_max(s.decision_id, s.instant_us) AS decision_id
FROM moves s WHERE {WHEN} AND s.cause = 'capped'
GROUP BY s.surface, s.deciding_rule, s.group_name
ORDER BY times DESC, s.surface, rule_id, theme""",
            (Figure("后移次数", "times held back", "coalesce(sum(times), 0)"),),
        ),
    ),
)
_CLASS: Final = """CASE WHEN t.support = 'national' THEN 'national'
        WHEN t.support = 'provincial' THEN 'provincial'
        WHEN coalesce(t.plan, 'none') <> 'none' THEN 'plan'
        WHEN EXISTS (SELECT 1 FROM listings l WHERE l.list = 'key_catalogue'
            AND l.member = coalesce(c.subject_id, s.candidate)
            AND s.facts_revision >= l.from_revision AND s.facts_revision < l.until_revision)
            THEN 'key_catalogue'
        ELSE 'none' END"""
_RANKED: Final = f"""
    SELECT s.surface, s.candidate, s.facts_revision, s.decision_id, s.instant_us,
        row_number() OVER (PARTITION BY s.decision_id ORDER BY s.utility DESC NULLS LAST, s.slot)
            AS place,
        count(*) FILTER (WHERE s.state <> 'reserved') OVER (PARTITION BY s.decision_id) AS open,
        s.state
    FROM slots s WHERE {WHEN}"""
_SUPPORTED: Final = f"""
    SELECT s.surface, s.candidate, s.facts_revision, count(*) AS placed,
        count(*) FILTER (WHERE s.place <= s.open - coalesce(o.times, 0)) AS baseline
    FROM ({_RANKED}) s LEFT JOIN (SELECT s.decision_id, count(*) AS times FROM moves s
        WHERE {WHEN} AND NOT s.shown GROUP BY s.decision_id) o ON o.decision_id = s.decision_id
    WHERE s.state = 'filled' GROUP BY s.surface, s.candidate, s.facts_revision
    UNION ALL
    SELECT s.surface, s.candidate, s.facts_revision, 0, count(*) FROM moves s
    WHERE {WHEN} AND NOT s.shown GROUP BY s.surface, s.candidate, s.facts_revision"""
SUPPORT: Final = Report(
    "扶持落实",
    "support delivered",
    ("BST-01", "BST-02", "BST-03"),
    (
        Section(
            "classes",
            "各类位次，与仅按推荐分（基线）相比",
            "places by class, against the page by utility alone (the baseline)",
            f"""
SELECT {_CLASS} AS class, CAST(sum(s.placed) AS BIGINT) AS placed,
    CAST(sum(s.baseline) AS BIGINT) AS baseline,
    CAST(sum(s.placed) - sum(s.baseline) AS BIGINT) AS gained
FROM ({_SUPPORTED}) s {NAMED} WHERE {IS_DRAMA}
GROUP BY 1 ORDER BY class = 'none', placed DESC, class""",
            (
                Figure(
                    "扶持类位次",
                    "places of supported titles",
                    "coalesce(sum(placed) FILTER (WHERE class <> 'none'), 0)",
                ),
                Figure(
                    "基线位次",
                    "places by utility alone",
                    "coalesce(sum(baseline) FILTER (WHERE class <> 'none'), 0)",
                ),
            ),
            Chart("bars", "class", ("placed", "baseline")),
        ),
        Section(
            "titles",
            "受扶持的剧目",
            "supported titles",
            f"""
SELECT {SUBJECT} AS subject_id, t.title, {_CLASS} AS class, t.support_list, t.plan,
    CAST(sum(s.placed) AS BIGINT) AS placed, CAST(sum(s.baseline) AS BIGINT) AS baseline
FROM ({_SUPPORTED}) s {NAMED} WHERE {IS_DRAMA} AND {_CLASS} <> 'none'
GROUP BY ALL ORDER BY placed DESC, subject_id""",
        ),
    ),
)
