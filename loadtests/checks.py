"""What the judge asks of a reply, question by question; each answer is a fault in words."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import isclose
from typing import Any, Final, TypeAlias

from loadtests.case import CAPPING, EMPTY, Case, Slate, level
from loadtests.reading import duties
from loadtests.statute import NO_THEME

Page: TypeAlias = Mapping[str, Any]
Reply: TypeAlias = Mapping[str, Any]

BLOCKED_LISTED: Final = 50  # candidates that a reply lists by name
_CLOSE: Final = 1e-9  # relative: products of floats


def malformed(case: Case, page: Page, reply: Reply) -> Iterator[str]:
    """Find what no slate may be: doubled, not offered, in a slot of the caller's."""
    placements = reply["placements"]
    if [one["slot"] for one in placements] != list(range(case.view.slot_count)):
        yield "the placements are not the slots of the page, each once"
        return
    seen: set[int] = set()
    for one in placements:
        place, candidate = f"slot {one['slot']}", one["candidate"]
        if one["slot"] not in case.open:
            if one["state"] != "reserved":
                yield f"{place}: is the caller's, and is {one['state']}"
        elif one["state"] == "filled":
            if not 0 <= candidate < len(page["ids"]):
                yield f"{place}: candidate {candidate} was not offered"
            elif page["ids"][candidate] != one["id"]:
                yield f"{place}: `{one['id']}` is not the candidate offered as {candidate}"
            if candidate in seen:
                yield f"{place}: `{one['id']}` stands twice"
            seen.add(candidate)
        elif one["state"] != "empty":
            yield f"{place}: is {one['state']}"


def unlawful(case: Case, slate: Slate) -> Iterator[str]:
    """Find placements that a hard rule forbids."""
    filled = [(slot, one) for slot, one in enumerate(slate) if one != EMPTY]
    for slot, one in filled:
        for rule_id, starts in case.begins.items():
            if slot < starts[one]:
                yield f"slot {slot}: {rule_id}"
    for (above, upper), (_, lower) in pairwise(filled):
        if upper in case.sunk and lower not in case.sunk:
            yield f"slot {above}: a sunk room stands above what is not sunk"
    hard = {rule["id"] for rule in case.rules if rule["type"] in CAPPING and not level(rule)}
    for (rule_id, theme), count in case.breaks(slate).items():
        if rule_id in hard:
            yield f"{rule_id}: {count} too many of `{theme}`"


def unmarked(case: Case, reply: Reply) -> Iterator[str]:
    """Find placements whose marks and numbers are not those they must be shown with."""
    for one in _filled(reply):
        due = duties(case.rules, case.candidates[one["candidate"]], case.view)
        if set(one["duties"]) != due:
            yield f"slot {one['slot']}: shown with {sorted(one['duties'])}, due are {sorted(due)}"


def wrongly_weighed(case: Case, reply: Reply) -> Iterator[str]:
    """Find factors a candidate is not entitled to, and utilities that are not what they say."""
    for one in _filled(reply):
        place, candidate = f"slot {one['slot']}", one["candidate"]
        claimed = {r["rule_id"]: r["ratio"] for r in one["reasons"] if r["cause"] == "weighted"}
        for rule_id in case.factors.keys() | claimed.keys():
            due = case.factors[rule_id][candidate] if rule_id in case.factors else 1.0
            if not isclose(claimed.get(rule_id, 1.0), due, rel_tol=_CLOSE):
                yield f"{place}: {rule_id} weighs {claimed.get(rule_id, 1.0)}, due is {due}"
        if not isclose(one["scored"], case.scored[candidate], rel_tol=_CLOSE):
            yield f"{place}: scored {one['scored']}, due is {case.scored[candidate]}"


def mismatched(case: Case, slate: Slate, reply: Reply) -> Iterator[str]:
    """Find soft rules given up that the reply does not report, or reports in other numbers."""
    found = {key: count for key, count in case.breaks(slate).items() if count}
    levels = {rule["id"]: level(rule) for rule in case.rules}
    caps = {cap.rule["id"] for cap in case.caps}
    told: dict[tuple[str, str], int] = {}
    for one in reply["relaxed"]:
        rule_id = one["rule_id"]
        theme = NO_THEME if rule_id in caps and one["group"] == "unknown" else one["group"]
        told[rule_id, theme] = told.get((rule_id, theme), 0) + one["count"]
        if levels.get(rule_id) != one["level"]:
            yield f"{rule_id}: relaxed at level {one['level']}"
    for key in found.keys() | told.keys():
        if found.get(key, 0) != told.get(key, 0):
            rule_id, theme = key
            counts = f"the reply says {told.get(key, 0)}, the judge {found.get(key, 0)}"
            yield f"{rule_id}: `{theme}`: {counts}"


def untrue(case: Case, page: Page, slate: Slate, reply: Reply) -> Iterator[str]:
    """Find statements of the reply that do not hold."""
    for one in _filled(reply):
        place, candidate = f"slot {one['slot']}", one["candidate"]
        if one["unregistered"] == case.candidates[candidate].is_registered:
            yield f"{place}: unregistered is {one['unregistered']}"
        if one["utility"] != page["utilities"][candidate]:
            yield f"{place}: utility {one['utility']} is not the one received"
        is_said_sunk = any(reason["cause"] == "sunk" for reason in one["reasons"])
        if is_said_sunk != (candidate in case.sunk):
            yield f"{place}: sunk is {is_said_sunk}"
    if reply["empty_slots"] != [slot for slot in case.open if slate[slot] == EMPTY]:
        yield "empty_slots are not those of the placements"
    if reply["seam_unverified"] != (page["first_slot"] > 0 and not page["page_token"]):
        yield f"seam_unverified is {reply['seam_unverified']}"
    yield from _untrue_blocked(case, page, reply)
    for move in reply["moves"]:
        now = slate.index(move["candidate"]) if move["candidate"] in slate else EMPTY
        if (move["slot"] if move["shown"] else EMPTY) != now:
            yield f"move of `{move['id']}`: stands in {now}"
        for reason in move["reasons"]:
            if not _holds(case, move, reason):
                yield f"move of `{move['id']}`: not {reason['cause']} by {reason['rule_id']}"
    cited = set(reply["citations"])
    if named := _named(reply) - cited:
        yield f"no source is cited for {', '.join(sorted(named))}"


def unexplained(case: Case, page: Page, slate: Slate, reply: Reply) -> int:
    """Count the candidates that utility alone would place higher, and no reason says why not."""
    told = {move["candidate"] for move in reply["moves"] if move["reasons"]}
    told |= {one["candidate"] for one in reply["blocked"] if one["rule_ids"]}
    utilities = page["utilities"]
    best = sorted(range(len(utilities)), key=lambda one: -utilities[one])
    count = 0
    for slot, one in zip(case.open, best, strict=False):
        now = slate.index(one) if one in slate else case.view.slot_count
        count += now > slot and one not in told
    return count


def _untrue_blocked(case: Case, page: Page, reply: Reply) -> Iterator[str]:
    nowhere = [one for one in range(len(case.candidates)) if case.begin(one) > case.open[-1]]
    listed = sorted(nowhere, key=lambda one: -page["utilities"][one])[:BLOCKED_LISTED]
    if reply["blocked_count"] != len(nowhere):
        yield f"blocked_count is {reply['blocked_count']}, the judge finds {len(nowhere)}"
    elif [one["candidate"] for one in reply["blocked"]] != listed:
        yield "blocked does not list the most useful of those that may stand nowhere"
    for one in reply["blocked"]:
        begins = [case.begins.get(rule_id) for rule_id in one["rule_ids"]]
        if not begins or any(not b or b[one["candidate"]] <= case.open[0] for b in begins):
            yield f"blocked `{one['id']}`: not by {', '.join(one['rule_ids'])}"


def _holds(case: Case, move: Mapping[str, Any], reason: Mapping[str, Any]) -> bool:
    """Tell whether a rule did to a candidate what a reason says."""
    one, rule_id = move["candidate"], reason["rule_id"]
    match reason["cause"]:
        case "blocked":
            return int(move["wanted_slot"]) < case.begins.get(rule_id, {one: 0})[one]
        case "sunk":
            return one in case.sunk
        case "capped":
            group = NO_THEME if reason["group"] == "unknown" else reason["group"]
            caps = [cap for cap in case.caps if cap.rule["id"] == rule_id]
            return any(group in cap.labels(case.candidates[one]) for cap in caps)
        case "weighted":
            due = case.factors.get(rule_id, {one: 1.0})[one]
            return due != 1 and isclose(due, reason["ratio"], rel_tol=_CLOSE)
        case "floor" | "displaced":
            return bool(reason["by_id"])
    return str(reason["cause"]) == "withdrawn"


def _named(reply: Reply) -> set[str]:
    """List the rules a reply names; "slate" is what any slate must be, and needs no source."""
    named = {r["rule_id"] for one in reply["placements"] for r in one["reasons"]}
    named |= {r["rule_id"] for one in reply["moves"] for r in one["reasons"]}
    named |= {rule_id for one in reply["blocked"] for rule_id in one["rule_ids"]}
    named |= {one["rule_id"] for one in (*reply["relaxed"], *reply["withdrawn"])}
    return named - {"slate"}


def _filled(reply: Reply) -> list[Mapping[str, Any]]:
    return [one for one in reply["placements"] if one["state"] == "filled"]
