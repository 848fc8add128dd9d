"""The judge's own reading of the law: what each rule asks of one candidate on one page.

Written from the law, the comments of the policy files and the meaning of each rule type; it shares
no code with the product. Dates are ISO text and compare as they stand. All blocks of this law are
of the top of a page, so a candidate may stand from some slot on.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from loadtests.statute import Known, Row, Rule, View

GRADES: Final = "abcde"


def may_stand_from(rule: Rule, one: Known, view: View) -> int:
    """Return the first slot of the page a rule lets a candidate stand in; slot_count is none."""
    nowhere = view.slot_count
    match rule["type"]:
        case "record_required":
            return nowhere if one.kind == "drama" and not _may(rule, one.row, view.today) else 0
        case "own_record":
            return nowhere if one.kind == "drama" and _is_foreign(rule, one.row) else 0
        case "document_class":
            too_low = one.kind == "drama" and not is_of_its_class(rule, one.row, view.today)
            return nowhere if too_low else 0
        case "licensed_first_screen":
            return _first_licensed_slot(rule, one, view)
        case "registered_only":
            asked = view.screen if rule["slots"] == "first_screen" else nowhere
            return 0 if one.is_registered else asked
        case "room_rating":
            return nowhere if _measure(rule, one, view) in ("remove", "stop") else 0
        case "fact_required" if rule.get("measure") != "sink" and _lacks(rule, one, view.today):
            screen = view.screen if rule.get("slots") == "first_screen" else nowhere
            first: int = rule.get("first_slots", view.first_slot + nowhere)
            return max(min(screen, first - view.first_slot), 0)
    return 0


def is_sunk(rule: Rule, one: Known, view: View) -> bool:
    """Tell whether a rule puts a candidate below all others."""
    if rule["type"] == "fact_required":
        return rule.get("measure") == "sink" and _lacks(rule, one, view.today)
    return rule["type"] == "room_rating" and _measure(rule, one, view) == "sink"


def factor(rule: Rule, one: Known, view: View) -> float:
    """Return the factor a rule puts on a candidate's utility."""
    if rule["type"] == "supported_boost":
        return max(_lists(rule, one, view.today), default=1.0)
    if rule["type"] == "fact_weight":
        return _weight(rule, one, view.today)
    if rule["type"] != "room_rating" or one.kind != "room" or not view.is_recommended:
        return 1.0
    if _measure(rule, one, view):
        return 1.0  # the stricter measure stands for the milder one
    return float(rule.get("demote", {}).get(_grade(rule, one.row, view.today), 1.0))


def is_supported(rule: Rule, one: Known, view: View) -> bool:
    """Tell whether an official list that runs names a title, for the floor of a rule."""
    return bool(_lists(rule, one, view.today))


def _lacks(rule: Rule, one: Known, today: str) -> bool:
    """Tell whether a candidate is one a rule speaks of and has nothing of what it needs."""
    in_doubt = rule.get("in_doubt", "burdened") == "burdened"
    if not as_said(rule.get("of", {}), one, today, unknown=in_doubt):
        return False
    return not any(as_said(need, one, today, unknown=False) for need in rule.get("needs", ()))


def _weight(rule: Rule, one: Known, today: str) -> float:
    """Return the sharpest lowering that may be meant, or the highest raise that surely is."""
    due = [
        float(step["ratio"])
        for step in rule["steps"]
        if as_said(step["of"], one, today, unknown=step["ratio"] < 1)
    ]
    return min(due) if min(due, default=1.0) < 1 else max(due, default=1.0)


def as_said(of: Mapping[str, Any], one: Known, today: str, *, unknown: bool) -> bool:
    """Tell whether a candidate is as a condition says, what is unknown being as told."""
    for name, told in of.items():
        text = one.row.get(name, "")
        if name == "kind":
            text = one.kind if one.is_told else ""
        if name == "listings":
            if not any(_on_list(entry, told, today) for entry in text.split("|") if entry):
                return False
        elif not (_is_so(text, told, today) if text else unknown):
            return False
    return True


def _is_so(text: str, told: Any, today: str) -> bool:
    """Tell whether a known value is as said: one of some words, a day, or an amount."""
    if told == "running":
        return today <= text
    if isinstance(told, list):
        return not set(text.split("|")).isdisjoint(told)
    if "-" in text:  # a day: past, and not too long ago
        return text <= today and _days(text, today) <= told.get("days_max", 10**6)
    return bool(told.get("least", 1) <= int(text) <= told.get("most", 10**12))


def _on_list(entry: str, told: Iterable[str], today: str) -> bool:
    name, _, term = entry.partition(":")
    first, _, last = term.partition("..")
    return name in told and first <= today and (not last or today <= last)


def _runs(row: Row, what: str, today: str) -> bool:
    """Tell whether a dated fact holds today; both its days are inclusive."""
    first, last = row.get(f"{what}_from", ""), row.get(f"{what}_until", "")
    return first <= today and (not last or today <= last)


def _has_number(row: Row, today: str) -> bool:
    return (
        row.get("document") in ("licence", "bureau_filing", "platform_filing")
        and row.get("document_status") in ("claimed", "verified")
        and _runs(row, "document", today)
    )


def _may(rule: Rule, row: Row, today: str) -> bool:
    """Tell whether a drama has a number, or is of the animated stock that had time."""
    late = rule.get("animated_since")
    has_time = late is not None and today < late.isoformat() and row.get("form") == "animated"
    return has_time or _has_number(row, today)


def _is_foreign(rule: Rule, row: Row) -> bool:
    """Tell whether nothing but another platform's filing is known of a drama."""
    number = row.get("document_number", "")
    ours = any(f"（{name}）" in number for name in rule.get("platforms", ()))
    return row.get("document", "") in ("", "platform_filing") and not ours


_CLASSES: Final = ("none", "platform_filing", "bureau_filing", "licence")


def is_of_its_class(rule: Rule, row: Row, today: str) -> bool:
    """Tell whether a drama holds the document its money, subjects and filing day ask for."""
    held = row.get("document") or "none"
    if row.get("document") == "none":
        return True
    if row.get("special_subjects", "") != "none":
        return held == "licence"
    return all(
        _CLASSES.index(held) >= _class_asked(rule, row, day)
        for day in _days_filed(rule, row, today)
    )


def _days_filed(rule: Rule, row: Row, today: str) -> list[str]:
    """Return the day a drama was filed; where unknown, every day so far that changed the law."""
    if "" < row.get("filed_on", "") <= today:
        return [row["filed_on"]]
    tables = (rule.get(name, ()) for name in ("thresholds", "ai_thresholds", "main_push"))
    days = {entry["since"].isoformat() for table in tables for entry in table}
    return ["0000-00-00", *(day for day in sorted(days) if day <= today)]


def _class_asked(rule: Rule, row: Row, filed: str) -> int:
    if _dated(rule.get("main_push", ()), filed, False) and row.get("main_push") != "no":
        return 3
    live = _dated(rule["thresholds"], filed, None)
    ai = _dated(rule.get("ai_thresholds", ()), filed, None) or live
    made = row.get("ai_generated", "")
    asked = [live] if made == "no" else [ai] if made == "yes" else [live, ai]
    money = int(row.get("investment_cny") or 10**12)
    return max(
        1 + (money >= one["ordinary_cny"]) + (money >= one["key_cny"]) if one else 1
        for one in asked
    )


def duties(rules: Iterable[Rule], one: Known, view: View) -> set[str]:
    """List the marks and numbers a candidate must be shown with."""
    return {
        rule["duty"]
        for rule in rules
        if rule["type"] == "must_show" and as_said(rule["of"], one, view.today, unknown=True)
    }


def _first_licensed_slot(rule: Rule, one: Known, view: View) -> int:
    if one.kind != "drama":
        return 0
    if _dated(rule.get("unlicensed_share", ()), view.today, 0.0) > 0:
        raise ValueError(f"rule {rule['id']}: the judge knows no quota for the unlicensed")
    licensed = (
        one.row.get("document") == "licence"
        and one.row.get("document_status") == "verified"
        and _runs(one.row, "document", view.today)
    )
    if not licensed:
        return view.slot_count if rule.get("slots") == "page" else view.screen
    scope = _dated(rule.get("recheck", ()), view.today, "off")
    if scope == "off" or one.row.get("recheck") == "passed":
        return 0
    if scope == "lead":
        lead: int = rule.get("lead_slots", 1)
        return min(view.screen, max(lead - view.first_slot, 0))
    return view.screen


def _dated(table: Iterable[Mapping[str, Any]], today: str, before: Any) -> Any:
    """Return the value of a dated table today."""
    for entry in table:
        before = entry["value"] if entry["since"].isoformat() <= today else before
    return before


def _lists(rule: Rule, one: Known, today: str) -> list[float]:
    """Return the factor of each official list that names a drama today."""
    if one.kind != "drama":
        return []
    found = []
    by_list = f"{one.row.get('support')}_ratio"
    if by_list in rule and _runs(one.row, "support", today):
        found.append(float(rule[by_list]))
    listed = one.row.get("plan_listed_on", "")
    planned = one.row.get("plan", "") not in ("", "none") and listed and listed <= today
    if planned and "plan_ratio" in rule:
        found.append(float(rule["plan_ratio"]))
    return found


def _grade(rule: Rule, row: Row, today: str) -> str:
    """Return the grade a room is treated as: a poor rating is no better than the worst kept."""
    known = [row[name] for name in ("room_grade", "anchor_grade") if row.get(name)]
    rated_on = row.get("rated_on", "")
    is_fresh = bool(rated_on) and _days(rated_on, today) <= rule.get("rating_days_max", 90)
    if len(known) == 2 and is_fresh:
        return max(known)
    gone = (*rule.get("stop", ()), *rule.get("remove", ()))
    return max([*known, max(grade for grade in GRADES if grade not in gone)])


def _measure(rule: Rule, one: Known, view: View) -> str:
    """Return the strictest measure against a room: remove, stop, sink, or none."""
    if one.kind != "room":
        return ""
    grade, order = _grade(rule, one.row, view.today), ""
    if _runs(one.row, "restriction", view.today):
        order = one.row.get("restriction", "")
    if order == "closed" or grade in rule.get("remove", ()):
        return "remove"
    if not view.is_recommended:
        return ""
    if order == "stop" or grade in rule.get("stop", ()):
        return "stop"
    return "sink" if order in ("sink", "rectify") or grade in rule.get("sink", ()) else ""


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days
