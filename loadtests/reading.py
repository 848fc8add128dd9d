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
            return nowhere if one.kind == "drama" and not _has_number(one.row, view.today) else 0
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
    if not _as_said(rule.get("of", {}), one, today, unknown=True):
        return False
    return not any(_as_said(need, one, today, unknown=False) for need in rule.get("needs", ()))


def _weight(rule: Rule, one: Known, today: str) -> float:
    """Return the sharpest lowering that may be meant, or the highest raise that surely is."""
    due = [
        float(step["ratio"])
        for step in rule["steps"]
        if _as_said(step["of"], one, today, unknown=step["ratio"] < 1)
    ]
    return min(due) if min(due, default=1.0) < 1 else max(due, default=1.0)


def _as_said(of: Mapping[str, Any], one: Known, today: str, *, unknown: bool) -> bool:
    """Tell whether a candidate is as a condition says, what is unknown being as told."""
    for name, told in of.items():
        text = one.kind if name == "kind" else one.row.get(name, "")
        if name == "listings":
            if not any(_on_list(entry, told, today) for entry in text.split("|") if entry):
                return False
        elif not isinstance(told, list):
            raise ValueError(f"{name}: the judge reads lists of words alone")
        elif not (bool(set(text.split("|")) & set(told)) if text else unknown):
            return False
    return True


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
