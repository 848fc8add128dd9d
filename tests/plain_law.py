"""The law a third time: read off rows of text, slot by slot, without arrays, Facts or our rules.

It takes a rule only for its parameters. It exists to doubt both halves of `constraints`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from constraints.facts import date_of
from constraints.page import Page
from constraints.rule import Rule
from tests.make import Row

FAR_PAST, FAR_FUTURE = "0001-01-01", "9999-12-31"


def unlawful_slots(
    rule: Rule,
    rows: Sequence[Row],
    standing: Mapping[int, Row],
    page: Page,
    slate: Sequence[int],
    aliases: Mapping[str, str],
) -> set[int]:
    """List the slots whose placement the rule forbids; of a cap too full, any of the too many."""
    shown = {slot: rows[c] for slot, c in enumerate(slate) if c >= 0}
    today = date_of(page.day)
    match rule.type:
        case "record_required":
            return {s for s, row in shown.items() if drama(row) and not _may(rule, row, today)}
        case "registered_only":
            guarded = page.slot_count if rule.slots == "page" else _screen(page)
            return {
                s for s, row in shown.items() if s < guarded and not row.get("registered", True)
            }
        case "licensed_first_screen":
            return _first_screen(rule, shown, standing, page, today)
        case "room_rating":
            return {s for s, row in shown.items() if _banned(rule, row, page, today)}
        case "theme_cap" | "group_cap":
            return _crowded(rule, shown, standing, page, aliases)
        case "supported_boost" | "fact_weight" | "must_show":
            return set()  # they move nobody out
        case "fact_required":
            return _lacking(rule, shown, page, today)
        case "quota":
            return _over_quota(rule, shown, standing, page, today)
        case "document_class":
            return {s for s, row in shown.items() if drama(row) and not _classed(rule, row, today)}
        case "own_record":
            return {s for s, row in shown.items() if drama(row) and not _ours(rule, row)}
        case "pinned_slot":
            return set()  # it yields to other rules: see `astray`
    raise AssertionError(f"no plain law for {rule.type}")


def drama(row: Row) -> bool:
    return row["kind"] in ("drama", "")


def within(row: Row, what: str, today: date) -> bool:
    """Tell whether the term of something runs; both its days are part of it."""
    begins, ends = row.get(f"{what}_from") or FAR_PAST, row.get(f"{what}_until") or FAR_FUTURE
    return begins <= today.isoformat() <= ends


def _may(rule: Rule, row: Row, today: date) -> bool:
    """Tell whether a drama holds a number, or is of an old stock that has time yet."""
    has_time = rule.animated_since is not None and today < rule.animated_since
    return numbered(row, today) or (has_time and row.get("form") == "animated")


def numbered(row: Row, today: date) -> bool:
    held = _document(row) in ("licence", "bureau_filing", "platform_filing")
    good = row.get("document_status") in ("claimed", "verified")
    return held and good and within(row, "document", today)


def licensed(row: Row, today: date) -> bool:
    held = _document(row) == "licence" and row.get("document_status") == "verified"
    return held and within(row, "document", today)


def _document(row: Row) -> str:
    """Return the document a row holds, none that anybody knows of where its number is another's."""
    return "" if _number(row) == "contradictory" else row.get("document", "")


def as_said(of: Mapping[str, Any], row: Row, today: date, *, unknown: bool) -> bool:
    """Tell whether a row is as a condition says, an unknown value being what it is said to be."""
    return all(_one_as_said(name, told, row, today, unknown) for name, told in of.items())


def _one_as_said(name: str, told: Any, row: Row, today: date, unknown: bool) -> bool:
    text = row.get(name) or ""
    if name == "listings":
        return any(_on_list(entry, told, today) for entry in text.split("|") if entry)
    if name == "number":
        text = _number(row)
    if name == "document":
        text = _document(row)
    if name == "tropes" and row.get("themes"):
        text = "tycoon" if {"霸总", "总裁"} & set(row["themes"].split("|")) else "none"
    if name == "document_status" and _number(row) == "contradictory" and text == "verified":
        text = ""
    if not text:
        return unknown
    if told == "running":
        return text >= today.isoformat()
    if isinstance(told, Mapping) and name in ("investment_cny", "episode_s_min"):
        return (told.get("least") or 1) <= int(text) <= (told.get("most") or 10**12)
    if isinstance(told, Mapping):
        days = (today - date.fromisoformat(text)).days
        return 0 <= days <= (10**9 if told.get("days_max") is None else told["days_max"])
    return not set(text.split("|")).isdisjoint(told)


def _on_list(entry: str, told: Sequence[str], today: date) -> bool:
    name, _, term = entry.partition(":")
    first, _, last = term.partition("..")
    return name in told and (first or FAR_PAST) <= today.isoformat() <= (last or FAR_FUTURE)


def _number(row: Row) -> str:
    """Judge the numbers that tests draw, all of the right form: what they are of, by their text."""
    number = row.get("document_number")
    if not number:
        return ""
    by_bureau = number.startswith("（京）")
    of = ("licence" if "审" in number else "bureau_filing") if by_bureau else "platform_filing"
    return "right" if row.get("document", "") in ("", of) else "contradictory"


def _conditions(rule: Rule, name: str) -> Any:
    return rule.model_dump()[name]


def _lacking(rule: Rule, shown: Mapping[int, Row], page: Page, today: date) -> set[int]:
    if rule.measure == "sink":
        return set()  # see `out_of_order`
    ends = {"page": rule.first_slots or 10**9, "first_screen": page.first_screen_slots}
    of, needs = _conditions(rule, "of"), _conditions(rule, "needs")
    return {
        s
        for s, row in shown.items()
        if page.first_slot + s < ends[rule.slots]
        and as_said(of, row, today, unknown=rule.in_doubt == "burdened")
        and not any(as_said(need, row, today, unknown=False) for need in needs)
    }


def _over_quota(
    rule: Rule, shown: Mapping[int, Row], standing: Mapping[int, Row], page: Page, today: date
) -> set[int]:
    if rule.level or not (rule.most or rule.most_share):
        return set()
    of = _conditions(rule, "of")
    bottom = page.first_slot + page.slot_count
    top = rule.slots == "first_screen" or rule.first_slots
    if rule.window_slots:
        starts = range(-page.tail_count, page.slot_count)
        places = [range(s, s + rule.window_slots) for s in starts]
    elif not top:
        places = [range(page.slot_count)]
    else:
        end = page.first_screen_slots if rule.slots == "first_screen" else rule.first_slots
        places = [range(-_above(page), min(end, bottom) - page.first_slot)]
        bottom = min(end, bottom)
    size = bottom if top else page.slot_count
    most = rule.most or max(int(Decimal(repr(rule.most_share)) * size), 1)
    found: set[int] = set()
    for place in places:
        if not any(slot >= 0 for slot in place):
            continue
        here = [
            at
            for at, row in (*standing.items(), *shown.items())
            if at in place and as_said(of, row, today, unknown=True)
        ]
        if len(here) > most:
            found |= set(sorted(set(here) & set(shown))[-(len(here) - most) :])
    return found


_RANKS = {"licence": 3, "bureau_filing": 2, "platform_filing": 1}


def _classed(rule: Rule, row: Row, today: date) -> bool:
    """Tell whether a drama holds the class its money, its subjects and its filing day ask for."""
    held = _RANKS.get(_document(row), 0)
    if _document(row) == "none":
        return True
    filed = row.get("filed_on") or ""
    filed = "" if filed > today.isoformat() else filed
    days = {e.since for e in (*rule.thresholds, *rule.ai_thresholds, *rule.main_push)}
    as_of = [date.fromisoformat(filed)] if filed else [d for d in days if d <= today]
    money = int(row.get("investment_cny") or 10**12)
    needed = 1
    if row.get("special_subjects") != "none":
        needed = 3
    for when in as_of:
        live = [e.value for e in rule.thresholds if e.since <= when][-1:]
        ai = [e.value for e in rule.ai_thresholds if e.since <= when][-1:] or live
        made = row.get("ai_generated")
        asked = live if made == "no" else ai if made == "yes" else live + ai
        for one in asked:
            needed = max(needed, 1 + (money >= one.ordinary_cny) + (money >= one.key_cny))
        pushes = [e.value for e in rule.main_push if e.since <= when][-1:]
        if pushes == [True] and row.get("main_push") != "no":
            needed = 3
    return held >= needed


def _ours(rule: Rule, row: Row) -> bool:
    number = row.get("document_number") or ""
    named = any(f"({name})" in number or f"（{name}）" in number for name in rule.platforms)
    return _document(row) not in ("", "platform_filing") or named


def _screen(page: Page) -> int:
    return max(0, min(page.slot_count, page.first_screen_slots - page.first_slot))


def _above(page: Page) -> int:
    """Count the slots above the page of which something may be known."""
    return min(page.first_slot, page.tail_count)


def _first_screen(
    rule: Rule, shown: Mapping[int, Row], standing: Mapping[int, Row], page: Page, today: date
) -> set[int]:
    past = [step.value for step in rule.unlicensed_share if step.since <= today]
    share = past[-1] if past else 0.0
    asked = [step.value for step in rule.recheck if step.since <= today]
    lead = {"off": 0, "lead": rule.lead_slots, "first_screen": 50}[asked[-1] if asked else "off"]
    found: set[int] = set()
    unlicensed = []
    zone = rule.slots == "page"  # the whole page asks for a licence, its first screen for more
    places = range(page.slot_count) if zone else range(-_above(page), _screen(page))
    for slot in places:
        row = shown.get(slot) or standing.get(slot)
        if row is None or not drama(row):
            continue
        if not licensed(row, today):
            unlicensed.append(slot)
        rechecked = licensed(row, today) and row.get("recheck") == "passed"
        if slot < _screen(page) and page.first_slot + slot < lead and not rechecked:
            found.add(slot)
    all_known = _above(page) == page.first_slot
    quota = int(share * page.first_screen_slots) if all_known else 0
    if zone:
        quota = int(share * page.slot_count)
    if len(unlicensed) > quota:
        ours = [slot for slot in unlicensed if slot in shown]
        found |= set(ours[-(len(unlicensed) - quota) :])
    return found & set(shown)


def _banned(rule: Rule, row: Row, page: Page, today: date) -> bool:
    measures = measures_of(rule, row, today)
    return "remove" in measures or ("stop" in measures and page.is_recommended)


def measures_of(rule: Rule, row: Row, today: date) -> set[str]:
    """List every measure a row's rating and orders call for."""
    if row["kind"] != "room":
        return set()
    found, order = set(), row.get("restriction")
    if within(row, "restriction", today):
        by_order = {"rectify": "sink", "sink": "sink", "stop": "stop", "closed": "remove"}
        found |= {by_order.get(order, "none")}
    grades = [row.get("room_grade") or "", row.get("anchor_grade") or ""]
    rated = row.get("rated_on")
    fresh = rated and (today - date.fromisoformat(rated)).days <= rule.rating_days_max
    if not fresh or "" in grades:
        grades.append([g for g in "abcde" if g not in rule.stop + rule.remove][-1])
    worst = max(grades)
    for measure in ("sink", "stop", "remove"):
        if worst in getattr(rule, measure):
            found.add(measure)
    return found


def out_of_order(
    rules: Sequence[Rule], rows: Sequence[Row], page: Page, slate: Sequence[int]
) -> bool:
    """Tell whether something that must sink stands above something that need not."""
    today = date_of(page.day)
    placed = [rows[c] for c in slate if c >= 0]
    sunk = [any(_sinks(rule, row, page, today) for rule in rules) for row in placed]
    return sunk != sorted(sunk)


def _sinks(rule: Rule, row: Row, page: Page, today: date) -> bool:
    if rule.type == "room_rating":
        measures = measures_of(rule, row, today)
        return page.is_recommended and measures <= {"none", "sink"} and "sink" in measures
    if rule.type != "fact_required" or rule.measure != "sink":
        return False
    needs = (as_said(n, row, today, unknown=False) for n in _conditions(rule, "needs"))
    burdened = rule.in_doubt == "burdened"
    return as_said(_conditions(rule, "of"), row, today, unknown=burdened) and not any(needs)


def astray(
    rules: Sequence[Rule],
    rows: Sequence[Row],
    page: Page,
    slate: Sequence[int],
    aliases: Mapping[str, str],
) -> set[int]:
    """List the slots where a pinned one should stand elsewhere, or another should stand."""

    def may(candidate: int, slot: int) -> bool:
        alone = [candidate if s == slot else -1 for s in range(page.slot_count)]
        sinks = any(_sinks(rule, rows[candidate], page, date_of(page.day)) for rule in rules)
        blocks = (unlawful_slots(rule, rows, {}, page, alone, aliases) for rule in rules)
        return not (page.reserved >> slot & 1 or sinks or any(blocks))

    home: dict[int, int] = {}
    for candidate, row in enumerate(rows):
        pins = [place for rule in rules if rule.type == "pinned_slot" for place in rule.pins]
        who = row["subject"] if row.get("registered", True) else ""
        slots = sorted(place.slot - page.first_slot for place in pins if place.id == who)
        for slot in reversed(slots):
            if 0 <= slot < page.slot_count and may(candidate, slot):
                home[candidate] = slot
    shown = {slot: candidate for slot, candidate in enumerate(slate) if candidate >= 0}
    kept = set(home.values())
    return {s for s, c in shown.items() if home.get(c, s) != s or (c not in home and s in kept)}


def _themes(row: Row, aliases: Mapping[str, str]) -> set[str]:
    tags = {tag for tag in row.get("themes", "").split("|") if tag}
    return {aliases.get(tag, tag) for tag in tags} or {"unknown"}


def _groups(rule: Rule, row: Row, aliases: Mapping[str, str]) -> set[str]:
    if rule.type == "theme_cap" and rule.axis == "filed":
        return {row.get("filed_theme") or "unknown"}
    if rule.type == "theme_cap":
        first = row.get("themes", "").split("|")[0]
        themes = _themes(row, aliases)
        primary = {aliases.get(first, first) or "unknown"}
        return {"any": themes, "primary": primary, "all": {"+".join(sorted(themes))}}[rule.match]
    named = row.get(rule.by) or ""
    return {named or "unknown"} if named or rule.unknown == "together" else set()


def _crowded(
    rule: Rule,
    shown: Mapping[int, Row],
    standing: Mapping[int, Row],
    page: Page,
    aliases: Mapping[str, str],
) -> set[int]:
    if rule.level:
        return set()
    places = []
    if rule.most_on_page:
        places.append((rule.most_on_page, range(page.slot_count)))
    if rule.most_share_of_page:
        slots = Decimal(repr(rule.most_share_of_page)) * page.slot_count
        places.append((int(slots) or 1, range(page.slot_count)))
    if rule.most_on_first_screen:
        places.append((rule.most_on_first_screen, range(-_above(page), _screen(page))))
    if rule.most_in_window:
        starts = range(-page.tail_count, page.slot_count)
        places += [(rule.most_in_window, range(s, s + rule.window_slots)) for s in starts]
    found: set[int] = set()
    everything = [*standing.items(), *shown.items()]
    for most, place in places:
        for theme in {t for row in shown.values() for t in _groups(rule, row, aliases)}:
            told = [(at, _groups(rule, row, aliases)) for at, row in everything if at in place]
            here = [at for at, groups in told if theme in groups]
            counted = [at for at in here if _kind(everything, at) in (rule.kinds or _KINDS)]
            ours = sorted(set(counted) & set(shown))
            if len(counted) > most:
                found |= set(ours[-(len(counted) - most) :])
    return found


_KINDS = ("drama", "room", "video")


def _kind(everything: Sequence[tuple[int, Row]], at: int) -> str:
    return dict(everything)[at]["kind"] or "drama"
