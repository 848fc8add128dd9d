"""The law a third time: read off rows of text, slot by slot, without arrays, Facts or our rules.

It takes a rule only for its parameters. It exists to doubt both halves of `constraints`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

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
            return {s for s, row in shown.items() if drama(row) and not numbered(row, today)}
        case "registered_only":
            guarded = page.slot_count if rule.slots == "page" else _screen(page)
            return {
                s for s, row in shown.items() if s < guarded and not row.get("registered", True)
            }
        case "licensed_first_screen":
            return _first_screen(rule, shown, standing, page, today)
        case "room_rating":
            return {s for s, row in shown.items() if _banned(rule, row, page, today)}
        case "theme_cap":
            return _crowded(rule, shown, standing, page, aliases)
        case "supported_boost":
            return set()
        case "pinned_slot":
            return set()  # it yields to other rules: see `astray`
    raise AssertionError(f"no plain law for {rule.type}")


def drama(row: Row) -> bool:
    return row["kind"] in ("drama", "")


def within(row: Row, what: str, today: date) -> bool:
    """Tell whether the term of something runs; both its days are part of it."""
    begins, ends = row.get(f"{what}_from") or FAR_PAST, row.get(f"{what}_until") or FAR_FUTURE
    return begins <= today.isoformat() <= ends


def numbered(row: Row, today: date) -> bool:
    held = row.get("document") in ("licence", "bureau_filing", "platform_filing")
    good = row.get("document_status") in ("claimed", "verified")
    return held and good and within(row, "document", today)


def licensed(row: Row, today: date) -> bool:
    held = row.get("document") == "licence" and row.get("document_status") == "verified"
    return held and within(row, "document", today)


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
    ratings = [rule for rule in rules if rule.type == "room_rating"]
    placed = [rows[c] for c in slate if c >= 0]
    sunk = [any("sink" in measures_of(r, row, today) for r in ratings) for row in placed]
    return page.is_recommended and sunk != sorted(sunk)


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
        sinks = out_of_order(rules, [rows[candidate], {"kind": "video"}], page, [0, 1])
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
        for theme in {t for row in shown.values() for t in _themes(row, aliases)}:
            here = [at for at, row in everything if at in place and theme in _themes(row, aliases)]
            counted = [at for at in here if _kind(everything, at) in (rule.kinds or _KINDS)]
            ours = sorted(set(counted) & set(shown))
            if len(counted) > most:
                found |= set(ours[-(len(counted) - most) :])
    return found


_KINDS = ("drama", "room", "video")


def _kind(everything: Sequence[tuple[int, Row]], at: int) -> str:
    return dict(everything)[at]["kind"] or "drama"
