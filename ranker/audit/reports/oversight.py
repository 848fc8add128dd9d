"""Reports on what was kept away: live rooms, takedowns, minors, AI."""

from typing import Final

from ranker.audit.reports.declared import Chart, Figure, Report, Section
from ranker.audit.reports.pages import SUBJECT, placed
from ranker.audit.tables.questions import NAMED, WHEN

_KEPT_AWAY: Final = Figure(
    "拦下次数（每次决策至多计 50 个）",
    "times kept away (at most 50 a decision)",
    "coalesce(sum(times), 0)",
)
_DAYS: Final = (
    "CAST(to_timestamp({at} / 1000000.0) AT TIME ZONE 'UTC' + INTERVAL 8 HOUR AS DATE)"
    " BETWEEN CAST($begin AS DATE) AND CAST($end AS DATE) AND $surface = $surface"
)


def _blocked(source: str) -> str:
    """Say in SQL who was blocked on which surface by rules of some rows of the law."""
    return f"""
SELECT s.surface, s.rule_ids, s.sources, coalesce(t.kind, 'unknown') AS kind,
    count(DISTINCT s.candidate) AS items, count(*) AS times, max(s.instant_us) AS last_us,
    arg_max(s.decision_id, s.instant_us) AS decision_id
FROM blocked s {NAMED}
WHERE {WHEN} AND contains(concat('|', s.sources), '|{source}')
GROUP BY s.surface, s.rule_ids, s.sources, 4
ORDER BY times DESC, s.surface, s.rule_ids, kind"""


_ROOM: Final = "t.kind = 'room'"
LIVE: Final = Report(
    "直播间评级与处置",
    "live rooms: grades and restrictions",
    ("LIV-01", "LIV-02", "LIV-03"),
    (
        Section(
            "grades",
            "各等级直播间的位次",
            "places by grade of room and anchor",
            f"""
SELECT s.surface, coalesce(t.room_grade, 'unknown') AS room_grade,
    coalesce(t.anchor_grade, 'unknown') AS anchor_grade,
    count(DISTINCT {SUBJECT}) AS rooms, CAST(sum(s.placed) AS BIGINT) AS placed,
    CAST(sum(s.seen) AS BIGINT) AS seen
FROM ({placed()}) s {NAMED} WHERE {_ROOM}
GROUP BY s.surface, 2, 3 ORDER BY room_grade, anchor_grade, s.surface""",
            (
                Figure("有位次的直播间组数", "groups of rooms that stood somewhere", "count(*)"),
                Figure(
                    "e 级直播间位次（应为 0）",
                    "places of rooms of grade e (must be 0)",
                    "coalesce(sum(placed) FILTER (WHERE 'e' IN (room_grade, anchor_grade)), 0)",
                    wants="zero",
                ),
            ),
            Chart("bars", "room_grade", ("placed",)),
        ),
        Section(
            "blocked",
            "被规则拦下的直播间",
            "rooms that rules kept away",
            _blocked("LIV-"),
            (_KEPT_AWAY,),
        ),
        Section(
            "restrictions",
            "处置的作出与解除",
            "restrictions applied and lifted",
            f"""
SELECT t.since_us, t.subject_id, t.title, coalesce(b.restriction, 'none') AS before,
    coalesce(t.restriction, 'none') AS after, t.restriction_from, t.restriction_until,
    t.room_grade, t.anchor_grade
FROM subjects t LEFT JOIN subjects b
    ON b.subject_id = t.subject_id AND b.until_revision = t.from_revision
WHERE coalesce(b.restriction, 'none') <> coalesce(t.restriction, 'none')
    AND {_DAYS.format(at="t.since_us")}
ORDER BY t.since_us, t.subject_id""",
            (
                Figure("作出", "applied", "count(*) FILTER (WHERE after <> 'none')"),
                Figure("解除", "lifted", "count(*) FILTER (WHERE after = 'none')"),
            ),
        ),
        Section(
            "anchors",
            "封禁名单上的主播",
            "anchors on lists of the closed",
            f"""
SELECT l.since_us, l.list, l.member, l.from_day, l.until_day, l.order_ref, l.note
FROM listings l WHERE l.list IN ('closed_anchor', 'denied_person')
    AND {_DAYS.format(at="l.since_us")}
ORDER BY l.since_us, l.member""",
            (Figure("名单条目", "entries", "count(*)"),),
        ),
    ),
)
_ORDERS: Final = """
    SELECT listing_id, any_value(list) AS list, any_value(member) AS member,
        min(since_us) AS since_us, min(from_revision) AS from_revision,
        arg_max(order_ref, from_revision) AS order_ref,
        arg_max(from_day, from_revision) AS from_day,
        arg_max(until_day, from_revision) AS until_day
    FROM listings WHERE list IN ('takedown', 'black_title') GROUP BY listing_id"""
_UNDER_ORDER: Final = """s.instant_us > l.since_us
            AND s.date >= coalesce(try_cast(l.from_day AS DATE), s.date)
            AND s.date <= coalesce(try_cast(l.until_day AS DATE), s.date)"""
_LAST: Final = f"""
    SELECT l.listing_id, l.since_us, count(*) AS times, max(s.instant_us) AS last_us,
        count(*) FILTER (WHERE {_UNDER_ORDER}) AS after_order,
        max(s.instant_us) FILTER (WHERE {_UNDER_ORDER}) AS last_after_us,
        arg_max(s.decision_id, s.instant_us) AS decision_id
    FROM ({_ORDERS}) l
    JOIN (SELECT member AS id, member FROM listings
        UNION SELECT c.candidate_id, c.subject_id FROM candidates c) ids ON ids.member = l.member
    JOIN slots s ON s.candidate = ids.id AND s.state = 'filled'
    WHERE $surface = '' OR s.surface = $surface
    GROUP BY l.listing_id, l.since_us"""
TAKEDOWN: Final = Report(
    "下线台账",
    "takedown log",
    ("LIC-08",),
    (
        Section(
            "orders",
            "收到下线要求至最后一次出现",
            "from the order to the last time it stood anywhere",
            f"""
SELECT l.order_ref, l.list, l.member AS subject_id, t.title, l.since_us AS received_us,
    l.from_day, l.until_day, coalesce(x.times, 0) AS placed, x.last_us,
    coalesce(x.after_order, 0) AS after_order,
    (x.last_after_us - l.since_us) / 1000000.0 AS seconds_to_last, x.decision_id
FROM ({_ORDERS}) l
LEFT JOIN ({_LAST}) x ON x.listing_id = l.listing_id
LEFT JOIN subjects t ON t.subject_id = l.member AND l.from_revision >= t.from_revision
    AND l.from_revision < t.until_revision
WHERE {_DAYS.format(at="l.since_us")}
ORDER BY l.since_us, l.member""",
            (
                Figure("下线要求", "orders", "count(*)"),
                Figure(
                    "收到后仍有位次的",
                    "that stood somewhere after it was received",
                    "count(*) FILTER (WHERE after_order > 0)",
                ),
                Figure(
                    "最长用时（秒）",
                    "seconds to the last one, at most",
                    "coalesce(max(seconds_to_last), 0)",
                ),
            ),
        ),
    ),
)
MINORS: Final = Report(
    "未成年人保护",
    "minors",
    ("MIN-01", "MIN-02", "MIN-03"),
    (
        Section(
            "blocked",
            "因可能影响未成年人而拦下",
            "kept away for the sake of minors",
            _blocked("MIN-"),
            (_KEPT_AWAY,),
        ),
        Section(
            "pages",
            "未成年人页面与未成年人模式的内容构成",
            "what stood on pages of minors and in minors' mode",
            f"""
SELECT s.surface, s.viewer_class, coalesce(t.kind, 'unknown') AS kind,
    coalesce(t.minors_pool, 'unknown') AS minors_pool,
    coalesce(t.minor_impact, 'unknown') AS minor_impact,
    count(DISTINCT {SUBJECT}) AS items, CAST(sum(s.placed) AS BIGINT) AS placed,
    CAST(sum(s.seen) AS BIGINT) AS seen
FROM ({placed("(s.viewer_class = 'minor' OR s.surface = 'minors')", "s.viewer_class")}) s {NAMED}
GROUP BY s.surface, s.viewer_class, 3, 4, 5 ORDER BY placed DESC, s.surface, kind""",
            (
                Figure("未成年人位次", "places on their pages", "coalesce(sum(placed), 0)"),
                Figure(
                    "未成年人模式中池外位次（应为 0）",
                    "places in minors' mode from outside the pool (must be 0)",
                    "coalesce(sum(placed)"
                    " FILTER (WHERE surface = 'minors' AND minors_pool <> 'yes'), 0)",
                    wants="zero",
                ),
            ),
            Chart("bars", "kind", ("placed",)),
        ),
    ),
)
AI: Final = Report(
    "人工智能生成内容标识",
    "marks of contents made by AI",
    ("AI-01",),
    (
        Section(
            "shown",
            "人工智能生成内容的位次与标识要求",
            "places of contents made by AI, and the marks owed",
            f"""
SELECT s.surface, coalesce(t.ai_generated, 'unknown') AS ai_generated,
    coalesce(t.ai_label, 'unknown') AS ai_label, s.duties,
    count(DISTINCT {SUBJECT}) AS items, CAST(sum(s.placed) AS BIGINT) AS placed,
    CAST(sum(s.seen) AS BIGINT) AS seen
FROM ({placed("TRUE", "s.duties")}) s {NAMED}
WHERE coalesce(t.ai_generated, 'no') <> 'no' OR contains(s.duties, 'ai_')
GROUP BY s.surface, 2, 3, s.duties ORDER BY placed DESC, s.surface, ai_generated, ai_label""",
            (
                Figure("须带标识的位次", "places that owe a mark",
                       "coalesce(sum(placed) FILTER (WHERE contains(duties, 'ai_')), 0)"),
                Figure(
                    "疑似或可能的位次",
                    "places of what is suspected or possible",
                    "coalesce(sum(placed)"
                    " FILTER (WHERE ai_generated IN ('suspected', 'possible')), 0)",
                ),
            ),
            Chart("bars", "ai_generated", ("placed",)),
        ),
        Section(
            "blocked",
            "因缺少标识而拦下",
            "kept away for want of a mark",
            _blocked("AI-"),
            (_KEPT_AWAY,),
        ),
    ),
)  # fmt: skip
