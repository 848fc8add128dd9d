"""Writes the reply an honest server would give for a slate; tests of the judge corrupt it."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from loadtests.case import EMPTY, Case, Slate, level, plain_greedy
from loadtests.checks import Page
from loadtests.judge import Judge
from loadtests.reading import duties

Reply: TypeAlias = dict[str, Any]


def honest_reply(judge: Judge, page: Page, instant_us: int, slate: Slate | None = None) -> Reply:
    """Tell the truth about a slate.

    Args:
        judge: gives facts and policy.
        page: the request.
        instant_us: microseconds since 1970 (UTC).
        slate: candidate of each slot, the plain greedy's unless given.
    """
    reply: Reply = {"instant_us": instant_us, "facts_strict": False}
    case = judge.case(page, reply)
    slate = plain_greedy(case) if slate is None else slate
    nowhere = [one for one in range(len(page["ids"])) if case.begin(one) > case.open[-1]]
    return reply | {
        "placements": [_placement(page, case, slot, one) for slot, one in enumerate(slate)],
        "moves": list(_moves(page, case, slate)),
        "blocked": [
            {
                "candidate": one,
                "id": page["ids"][one],
                "rule_ids": [r for r, starts in case.begins.items() if starts[one] > case.open[0]],
            }
            for one in nowhere
        ],
        "blocked_count": len(nowhere),
        "relaxed": list(_relaxed(case, slate)),
        "withdrawn": [],
        "empty_slots": [slot for slot in case.open if slate[slot] == EMPTY],
        "citations": [rule["id"] for rule in case.rules],
        "seam_unverified": page["first_slot"] > 0 and not page["page_token"],
    }


def reason(rule_id: str, cause: str, ratio: float = 1.0, group: str = "") -> dict[str, Any]:
    """Return a reason as replies give it."""
    return {"rule_id": rule_id, "cause": cause, "ratio": ratio, "group": group, "by_id": "other"}


def _placement(page: Page, case: Case, slot: int, one: int) -> dict[str, Any]:
    if one == EMPTY:
        state = "empty" if slot in case.open else "reserved"
        return {"slot": slot, "state": state, "candidate": 0, "id": "", "reasons": [], "duties": []}
    weighed = [reason(rule_id, "weighted", by[one]) for rule_id, by in case.factors.items()]
    return {
        "slot": slot,
        "state": "filled",
        "duties": sorted(duties(case.rules, case.candidates[one], case.view)),
        "candidate": one,
        "id": page["ids"][one],
        "utility": page["utilities"][one],
        "scored": case.scored[one],
        "unregistered": not case.candidates[one].is_registered,
        "reasons": [told for told in weighed if told["ratio"] != 1] + _sunk(case, one),
    }


def _moves(page: Page, case: Case, slate: Slate) -> Iterator[dict[str, Any]]:
    best = sorted(range(len(page["ids"])), key=lambda one: -page["utilities"][one])
    for wanted, one in zip(case.open, best, strict=False):
        now = slate.index(one) if one in slate else EMPTY
        if EMPTY < now <= wanted:
            continue
        blocks = [reason(r, "blocked") for r, begin in case.begins.items() if begin[one] > wanted]
        yield {
            "candidate": one,
            "id": page["ids"][one],
            "wanted_slot": wanted,
            "shown": now != EMPTY,
            "slot": max(now, 0),
            "reasons": blocks + _sunk(case, one) or [reason(case.rules[0]["id"], "displaced")],
        }


def _relaxed(case: Case, slate: Slate) -> Iterator[dict[str, Any]]:
    rules = {rule["id"]: rule for rule in case.rules}
    for (rule_id, theme), count in case.breaks(slate).items():
        rule = rules[rule_id]
        if level(rule):
            group = theme or ("unknown" if rule["type"] == "theme_cap" else "")
            told = {"rule_id": rule_id, "group": group, "count": count, "slots": []}
            yield told | {"level": level(rule)}


def _sunk(case: Case, one: int) -> list[dict[str, Any]]:
    rooms = [rule["id"] for rule in case.rules if rule["type"] == "room_rating"]
    return [reason(rooms[0], "sunk")] if one in case.sunk else []
