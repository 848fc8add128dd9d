"""Questions people ask of the tables, in SQL that DuckDB and Spark both read.

Values are named `$begin`, `$end` (days), `$surface` (empty for all), `$value` and `$rows` (at most
so many are wanted). Facts are those of the revision the decision was made by.
"""

import re
from typing import Final, NamedTuple

WHEN: Final = (
    "s.date BETWEEN CAST($begin AS DATE) AND CAST($end AS DATE)"
    " AND ($surface = '' OR s.surface = $surface)"
)
NAMED: Final = """
LEFT JOIN candidates c ON c.candidate_id = s.candidate
    AND s.facts_revision >= c.from_revision AND s.facts_revision < c.until_revision
LEFT JOIN subjects t ON t.subject_id = coalesce(c.subject_id, s.candidate)
    AND s.facts_revision >= t.from_revision AND s.facts_revision < t.until_revision"""
DOCUMENT: Final = "t.title, t.kind, t.document, t.document_number, t.document_status"
_SLOT: Final = f"""
    s.instant_us, s.surface, s.decision_id, s.sequence, s.slot, s.first_screen, s.state,
    s.candidate, {DOCUMENT}, s.unregistered, s.rule_ids, s.causes, s.sources, s.duties"""


def _holds(names: str, value: str) -> str:
    """Say in SQL that one of several names joined by `|` is a value."""
    return f"contains(concat('|', {names}, '|'), concat('|', {value}, '|'))"


def _slots(where: str) -> str:
    """Ask for slots, the newest first; only those that are wanted get their names."""
    return f"""
SELECT {_SLOT} FROM (
    SELECT * FROM slots s WHERE {WHEN} AND {where}
    ORDER BY s.instant_us DESC, s.sequence DESC, s.slot LIMIT $rows
) s {NAMED}
ORDER BY s.instant_us DESC, s.sequence DESC, s.slot"""


def _of_subjects(which: str) -> str:
    """Ask for the slots of some titles or rooms, as they were known then."""
    return f"""
WITH wanted AS (SELECT t.subject_id FROM subjects t WHERE {which}),
ids AS (
    SELECT c.candidate_id AS id FROM candidates c JOIN wanted w ON w.subject_id = c.subject_id
    UNION SELECT subject_id FROM wanted)
SELECT {_SLOT} FROM (
    SELECT * FROM slots s WHERE {WHEN} AND s.candidate IN (SELECT id FROM ids)
) s {NAMED}
WHERE {which}
ORDER BY s.instant_us DESC, s.sequence DESC, s.slot"""


_FIRST_SCREEN: Final = f"""
SELECT s.surface, s.candidate, {DOCUMENT},
    sum(s.shown) AS shown, min(s.first_us) AS first_us, max(s.last_us) AS last_us
FROM (
    SELECT s.surface, s.candidate, s.facts_revision, count(*) AS shown,
        min(s.instant_us) AS first_us, max(s.instant_us) AS last_us
    FROM slots s WHERE {WHEN} AND s.first_screen AND s.state = 'filled'
    GROUP BY s.surface, s.candidate, s.facts_revision
) s {NAMED}
GROUP BY s.surface, s.candidate, {DOCUMENT}
ORDER BY shown DESC, s.surface, s.candidate, last_us DESC"""
_BLOCKED: Final = f"""
SELECT s.surface, s.candidate, {DOCUMENT}, s.rule_ids, s.sources,
    sum(s.times) AS times, min(s.first_us) AS first_us, max(s.last_us) AS last_us
FROM (
    SELECT s.surface, s.candidate, s.facts_revision, s.rule_ids, s.sources, count(*) AS times,
        min(s.instant_us) AS first_us, max(s.instant_us) AS last_us
    FROM blocked s
    WHERE {WHEN} AND ($value = '' OR {_holds("s.rule_ids", "$value")})
    GROUP BY s.surface, s.candidate, s.facts_revision, s.rule_ids, s.sources
) s {NAMED}
GROUP BY s.surface, s.candidate, {DOCUMENT}, s.rule_ids, s.sources
ORDER BY times DESC, s.surface, s.candidate, s.rule_ids, last_us DESC"""
_MOVES: Final = f"""
SELECT s.instant_us, s.surface, s.decision_id, s.sequence, s.candidate, {DOCUMENT},
    s.wanted_slot, s.slot, s.deciding_rule, s.cause, s.source AS sources, s.group_name,
    s.by_candidate
FROM (
    SELECT * FROM moves s WHERE {WHEN} AND ($value = '' OR s.deciding_rule = $value)
    ORDER BY s.instant_us DESC, s.sequence DESC, s.wanted_slot, s.candidate LIMIT $rows
) s {NAMED}
ORDER BY s.instant_us DESC, s.sequence DESC, s.wanted_slot, s.candidate"""
_RULES: Final = f"""
SELECT rule_id, outcome, cause, sources, sum(times) AS times FROM (
    SELECT s.deciding_rule AS rule_id, 'moved' AS outcome, s.cause, s.source AS sources,
        count(*) AS times
    FROM moves s WHERE {WHEN} AND s.deciding_rule IS NOT NULL
    GROUP BY s.deciding_rule, s.cause, s.source
    UNION ALL
    SELECT s.rule_ids AS rule_id, 'shown' AS outcome, s.causes AS cause, s.sources,
        count(*) AS times
    FROM slots s WHERE {WHEN} AND s.rule_ids <> '' GROUP BY s.rule_ids, s.causes, s.sources
    UNION ALL
    SELECT s.rule_ids AS rule_id, 'blocked' AS outcome, 'blocked' AS cause, s.sources,
        count(*) AS times
    FROM blocked s WHERE {WHEN} GROUP BY s.rule_ids, s.sources
) every
GROUP BY rule_id, outcome, cause, sources
ORDER BY times DESC, rule_id, outcome, cause, sources"""
_RULE: Final = f"""
SELECT s.instant_us, s.surface, s.decision_id, s.sequence, s.outcome, s.candidate, t.title,
    s.wanted_slot, s.slot, s.cause, s.sources
FROM (
    SELECT * FROM (
        SELECT s.instant_us, s.surface, s.decision_id, s.sequence, s.facts_revision,
            'moved' AS outcome, s.candidate, s.wanted_slot, s.slot, s.cause, s.source AS sources
        FROM moves s WHERE {WHEN} AND s.deciding_rule = $value
        UNION ALL
        SELECT s.instant_us, s.surface, s.decision_id, s.sequence, s.facts_revision,
            'shown', s.candidate, NULL, s.slot, s.causes, s.sources
        FROM slots s WHERE {WHEN} AND {_holds("s.rule_ids", "$value")}
        UNION ALL
        SELECT s.instant_us, s.surface, s.decision_id, s.sequence, s.facts_revision,
            'blocked', s.candidate, NULL, NULL, 'blocked', s.sources
        FROM blocked s WHERE {WHEN} AND {_holds("s.rule_ids", "$value")}
    ) every
    ORDER BY instant_us DESC, sequence DESC, outcome, slot NULLS LAST, candidate LIMIT $rows
) s {NAMED}
ORDER BY s.instant_us DESC, s.sequence DESC, s.outcome, s.slot NULLS LAST, s.candidate"""
_FINDINGS: Final = f"""
SELECT s.surface, s.outcome, s.rule_id, s.level, s.group_name,
    count(*) AS times, sum(s.amount) AS amount,
    min(s.instant_us) AS first_us, max(s.instant_us) AS last_us
FROM findings s WHERE {WHEN} AND ($value = '' OR s.rule_id = $value)
GROUP BY s.surface, s.outcome, s.rule_id, s.level, s.group_name
ORDER BY times DESC, s.surface, s.outcome, s.rule_id, s.group_name NULLS LAST"""
_DAYS: Final = f"""
SELECT CAST(s.date AS STRING) AS day, s.surface,
    sum(CASE WHEN s.slot = s.first_slot THEN 1 ELSE 0 END) AS decisions,
    sum(CASE WHEN s.state = 'filled' THEN 1 ELSE 0 END) AS filled,
    sum(CASE WHEN s.state = 'empty' THEN 1 ELSE 0 END) AS empty,
    sum(CASE WHEN s.state = 'reserved' THEN 1 ELSE 0 END) AS reserved,
    sum(CASE WHEN s.unregistered THEN 1 ELSE 0 END) AS unregistered
FROM slots s WHERE {WHEN} GROUP BY s.date, s.surface ORDER BY day, s.surface"""
_SHOWN: Final = f"""
SELECT s.shown_us, s.surface, s.decision_id, s.sequence, s.slot, s.first_screen, s.candidate,
    s.decided, {DOCUMENT}, s.status, s.outcomes
FROM (
    SELECT e.shown_us, s.surface, e.decision_id, e.sequence, s.first_slot + e.page_slot AS slot,
        x.first_screen, e.candidate, e.decided, e.status, e.outcomes, s.facts_revision,
        e.reported_us
    FROM exposures e
    JOIN slots s ON s.decision_id = e.decision_id AND s.slot = s.first_slot
    LEFT JOIN slots x ON x.decision_id = e.decision_id AND x.slot = s.first_slot + e.page_slot
    WHERE {WHEN} AND ($value = '' OR e.status = $value)
    ORDER BY e.reported_us DESC, e.sequence DESC, slot LIMIT $rows
) s {NAMED}
ORDER BY s.reported_us DESC, s.sequence DESC, s.slot"""
"""What was shown below the page that was decided has no slot of its own, and is told, too."""
_CONTROLS: Final = """
SELECT s.instant_us, s.sequence, s.action, s.before, s.after, s.note FROM controls s
WHERE s.date BETWEEN CAST($begin AS DATE) AND CAST($end AS DATE)
    AND ($value = '' OR s.action = $value)
ORDER BY s.instant_us DESC, s.sequence DESC"""


class Question(NamedTuple):
    """A question.

    Attributes:
        sql: see the module.
        zh, en: what it asks.
        value: what its value is, zh and en; None for none.
        needs_value: it cannot be asked without.
    """

    sql: str
    zh: str
    en: str
    value: tuple[str, str] | None = None
    needs_value: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Names of the values in its SQL."""
        return frozenset(re.findall(r"\$(\w+)", self.sql))


_RULE_ID: Final = ("规则编号", "id of a rule")
QUESTIONS: Final[dict[str, Question]] = {
    "first-screen": Question(
        _FIRST_SCREEN,
        "某段时间首屏出现过什么、凭何种证照",
        "what stood on the first screen, and by which document",
    ),
    "title": Question(
        _of_subjects("contains(lower(t.title), lower($value))"),
        "某片名出现在何处",
        "where a title stood",
        ("片名或其一部分", "title, or a part of it"),
        needs_value=True,
    ),
    "number": Question(
        _of_subjects("contains(t.number_key, $value)"),
        "某许可证号或备案号的内容出现在何处",
        "where what has a licence or filing number stood",
        ("许可证号、备案号或其一部分", "number, or a part of it"),
        needs_value=True,
    ),
    "room": Question(
        _of_subjects("(t.kind = 'room' AND t.subject_id = $value)"),
        "某直播间出现在何处",
        "where a live room stood",
        ("直播间编号", "id of the room"),
        needs_value=True,
    ),
    "anchor": Question(
        _of_subjects(_holds("t.people", "$value")),
        "某主播或演员（身份散列）的内容出现在何处",
        "where what has an anchor or actor stood",
        ("身份散列，同事实表 people 栏", "hash of the identity, as in the column people"),
        needs_value=True,
    ),
    "candidate": Question(
        _slots("s.candidate = $value"),
        "某候选编号出现在何处",
        "where a candidate id stood",
        ("候选编号", "id of a candidate"),
        needs_value=True,
    ),
    "decision": Question(
        _slots("s.decision_id = $value"),
        "一次决策的全部位置",
        "all slots of a decision",
        ("决策编号", "id of a decision"),
        needs_value=True,
    ),
    "surface": Question(
        _slots("s.surface = $value"),
        "某页面的位置，最近的在前",
        "slots of a surface, the newest first",
        ("页面名", "name of a surface"),
        needs_value=True,
    ),
    "slots": Question(_slots("TRUE"), "某段时间的位置，最近的在前", "slots, the newest first"),
    "empty": Question(_slots("s.state = 'empty'"), "留空的位置", "slots left empty"),
    "blocked": Question(
        _BLOCKED,
        "谁被哪条规则、哪一条文拦下（每次决策至多列 50 个）",
        "who was blocked by which rule and article (at most 50 a decision are listed)",
        _RULE_ID,
    ),
    "moves": Question(
        _MOVES,
        "谁本应更靠前、因哪条规则后移",
        "who was held back from which slot, and by which rule",
        _RULE_ID,
    ),
    "rule": Question(
        _RULE, "某条规则所涉的每一处", "everything a rule did", _RULE_ID, needs_value=True
    ),
    "rules": Question(_RULES, "每条规则起了多少次作用", "how often each rule acted"),
    "findings": Question(
        _FINDINGS, "放宽的软规则、影子规则的意见", "soft rules given up, shadow rules", _RULE_ID
    ),
    "days": Question(_DAYS, "每日每页面的决策与位置数", "decisions and slots by day and surface"),
    "exposures": Question(
        _SHOWN,
        "实际展示（由调用方上报）；mismatched 为与决策不符",
        "what was shown, as callers reported it; mismatched: not what was decided",
        ("状态，如 mismatched", "status, e.g. mismatched"),
    ),
    "controls": Question(
        _CONTROLS,
        "启停、策略与事实的更换",
        "starts, stops, policies and facts",
        ("动作，如 policy", "action, e.g. policy"),
    ),
}
