"""Builders of test inputs. Everything has a good default: a test names only what it is about."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias

import numpy as np

from constraints.facts import Facts, day_of
from constraints.govern import Candidates
from constraints.page import Page
from constraints.policy import Policy, parse_policy
from constraints.rule import Rule
from constraints.vocabulary import Vocabulary

Row: TypeAlias = dict[str, str]
TODAY = date(2026, 11, 24)

SURFACES = """
[surface.home]
first_screen_slots = { phone = 2, tv = 4 }
[surface.theatre]
[surface.live]
[surface.search]
is_recommended = false
"""


def drama(**columns: str) -> Row:
    """Return a row of text, as in an import file: a drama with every paper in order."""
    good = {"kind": "drama", "document": "licence", "document_status": "verified"}
    return good | {"recheck": "passed", "support": "none", "plan": "none"} | columns


def room(**columns: str) -> Row:
    """Return a row of text: a live room rated best yesterday, with no order against it."""
    good = {"kind": "room", "room_grade": "a", "anchor_grade": "a", "rated_on": "2026-11-23"}
    return good | {"restriction": "none"} | columns


def video(**columns: str) -> Row:
    """Return a row of text: an ordinary video, which no rule about dramas or rooms concerns."""
    return {"kind": "video"} | columns


def themes(aliases: Mapping[str, str] | Vocabulary | None = None) -> Vocabulary:
    """Return a vocabulary, the one given if it is one."""
    return aliases if isinstance(aliases, Vocabulary) else Vocabulary(aliases)


def facts(
    rows: Iterable[Mapping[str, Any]], aliases: Mapping[str, str] | Vocabulary | None = None
) -> Facts:
    """Read rows of text; a row with `registered` False is one that nobody registered."""
    told = list(rows)
    table = Facts.from_rows(told, themes(aliases))
    registered = np.array([row.get("registered", True) for row in told], np.bool_)
    return table.with_columns(is_registered=registered)


def candidates(
    rows: Sequence[Mapping[str, Any]],
    utilities: Sequence[float] = (),
    aliases: Mapping[str, str] | Vocabulary | None = None,
) -> Candidates:
    """Return candidates; without utilities the first row is worth most, and each one less."""
    worth = utilities or range(len(rows), 0, -1)
    return Candidates(np.array(worth, np.float32), facts(rows, aliases))


def page(
    *,
    day: date | int = TODAY,
    reserved: Iterable[int] | Mapping[int, Mapping[str, Any] | None] = (),
    tail: Sequence[Mapping[str, Any] | None] = (),
    aliases: Mapping[str, str] | Vocabulary | None = None,
    **fields: Any,
) -> Page:
    """Return a page of home on a phone: 3 slots, 2 of them on the first screen.

    Args:
        day: the day of the request.
        reserved: slots the caller fills itself; a mapping may say with what.
        tail: rows of what stood just above, nearest last; None where nothing stood.
        aliases: or the vocabulary that the candidates' facts were read with.
        fields: any other field of `Page`.
    """
    slots = reserved if isinstance(reserved, Mapping) else dict.fromkeys(reserved)
    above = dict(enumerate(tail, start=-len(tail)))
    known = {at: row for at, row in [*above.items(), *slots.items()] if row is not None}
    defaults = {"surface": "home", "terminal": "phone", "slot_count": 3, "first_screen_slots": 2}
    return Page(
        **(defaults | fields),
        day=day_of(day) if isinstance(day, date) else day,
        reserved=sum(1 << slot for slot in slots),
        tail_count=len(tail),
        standing=facts(known.values(), aliases),
        standing_at=tuple(known),
    )


def policy(*texts: str, surfaces: str = SURFACES) -> Policy:
    """Read a policy from texts; the surfaces every test knows are added."""
    files = {f"{i}.toml": text.encode() for i, text in enumerate(texts)}
    return parse_policy({"surfaces.toml": surfaces.encode()} | files)


def rule_text(rule_type: str, **parameters: Any) -> str:
    """Write a rule as it stands in a policy file; its id is `the-` and its type."""
    told = {"id": f"the-{rule_type.replace('_', '-')}", "source": "PLATFORM"} | parameters
    lines = (f"{key} = {toml(value)}\n" for key, value in told.items())
    return f'[[rules]]\ntype = "{rule_type}"\n' + "".join(lines)


def rule(rule_type: str, **parameters: Any) -> Rule:
    """Return one rule, read from the text a policy would hold."""
    return rule_of(rule_text(rule_type, **parameters))


def rule_of(text: str) -> Rule:
    """Return the one rule of a text."""
    return policy(text).rules[0]


def toml(value: Any) -> str:
    """Write a value as inline TOML."""
    match value:
        case bool():
            return str(value).lower()
        case date():
            return value.isoformat()
        case Mapping():
            pairs = (f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items())
            return "{" + ", ".join(pairs) + "}"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            return "[" + ", ".join(toml(inner) for inner in value) + "]"
        case _:
            return repr(value)
