"""Builders of test inputs. Everything has a good default: a test names only what it is about."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeAlias

import numpy as np

from constraints.cases.papers import good_row
from constraints.demands import Claims
from constraints.fact_text import read_facts
from constraints.facts import Facts, day_of, subject_keys
from constraints.govern import Solver
from constraints.offer import Candidates
from constraints.page import Page
from constraints.policy import Policy, parse_policy
from constraints.program import Program
from constraints.rule import Rule, Violation
from constraints.solve import Solution
from constraints.steering import Steering, compile_program
from constraints.verify import verify
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
    """Return a row of text, as in an import file: a drama with every paper in order.

    Its number is one of its document unless given.
    """
    return good_row({"kind": "drama"} | columns, TODAY, "drama")


def room(**columns: str) -> Row:
    """Return a row of text: a live room well rated yesterday, with no order against it."""
    return good_row({"kind": "room"} | columns, TODAY, "room")


def video(**columns: str) -> Row:
    """Return a row of text: an ordinary video, which no rule about dramas or rooms concerns."""
    return good_row({"kind": "video"} | columns, TODAY, "video")


def themes(aliases: Mapping[str, str] | Vocabulary | None = None) -> Vocabulary:
    """Return a vocabulary, the one given if it is one."""
    return aliases if isinstance(aliases, Vocabulary) else Vocabulary(aliases)


def facts(
    rows: Iterable[Mapping[str, Any]], aliases: Mapping[str, str] | Vocabulary | None = None
) -> Facts:
    """Read rows of text; a row with `registered` False is one that nobody registered.

    A row is registered under its `subject`, or its `id`.
    """
    told = list(rows)
    table = read_facts(told, themes(aliases))
    registered = np.array([row.get("registered", True) for row in told], np.bool_)
    ids = (row.get("subject", row.get("id", "")) for row in told)
    keys = np.where(registered, subject_keys(ids), np.uint64(0))
    return table.with_columns(is_registered=registered, subject=keys)


def candidates(
    rows: Sequence[Mapping[str, Any]],
    utilities: Sequence[float] = (),
    aliases: Mapping[str, str] | Vocabulary | None = None,
    *,
    tail: Sequence[Mapping[str, Any] | None] = (),
    reserved: Iterable[int] | Mapping[int, Mapping[str, Any] | None] = (),
) -> Candidates:
    """Return candidates; without utilities the first row is worth most, and each one less.

    Args:
        rows: one a candidate.
        utilities: one a candidate.
        aliases: or a vocabulary.
        tail: rows of what stood just above, nearest last; None where nothing stood.
        reserved: a mapping may say what the caller puts into its slots.
    """
    worth = utilities or range(len(rows), 0, -1)
    vocabulary = themes(aliases)
    told = facts(rows, vocabulary)
    slots = reserved if isinstance(reserved, Mapping) else {}
    others = {**dict(enumerate(tail, start=-len(tail))), **slots}
    known = {at: row for at, row in others.items() if row is not None}
    standing = facts(known.values(), vocabulary)
    return Candidates(np.array(worth, np.float32), told, standing, tuple(known))


def page(
    *,
    day: date | int = TODAY,
    reserved: Iterable[int] = (),
    tail: Sequence[object] = (),
    **fields: Any,
) -> Page:
    """Return a page of home on a phone: 3 slots, 2 of them on the first screen.

    Args:
        day: the day of the request.
        reserved: slots the caller fills itself; see `candidates` for with what.
        tail: what stood just above; see `candidates`.
        fields: any other field of `Page`.
    """
    defaults = {"surface": "home", "terminal": "phone", "slot_count": 3, "first_screen_slots": 2}
    return Page(
        **(defaults | fields),
        day=day_of(day) if isinstance(day, date) else day,
        reserved=sum(1 << slot for slot in reserved),
        tail_count=len(tail),
    )


def solver(slate_of: Callable[[Program], Any]) -> Solver:
    """Return a solver whose slates are what a function makes of the program."""
    return lambda program, rounds: Solution(slate_of(program), rounds, 0, False)


def policy(*texts: str, surfaces: str = SURFACES) -> Policy:
    """Read a policy from texts; the surfaces every test knows are added."""
    files = {f"{i}.toml": text.encode() for i, text in enumerate(texts)}
    return parse_policy({"surfaces.toml": surfaces.encode()} | files)


def policy_of(*rules: Rule) -> Policy:
    """Return a policy of some rules."""
    return replace(policy(), rules=rules)


def steering(offered: Candidates, page: Page, policy: Policy) -> Steering:
    """Compile candidates for a page."""
    return compile_program(offered.offer(policy.compiled, page.day), page, policy)


Claimed: TypeAlias = Mapping[str, Sequence[float]]
"""Factors by rule and candidate."""


def judge(
    offered: Candidates, page: Page, policy: Policy
) -> Callable[[Any, Claimed | None], list[Violation]]:
    """Return a judge of slates; the factors claimed are the honest ones unless given."""
    offer = offered.offer(policy.compiled, page.day)
    honest = compile_program(offer, page, policy)

    def violations(slate: Any, claims: Claimed | None = None) -> list[Violation]:
        told = np.array(slate)
        if claims is None:
            return verify(told, offer, honest.claims(told), page, policy).violations
        factors = [[f[c] if 0 <= c < len(f) else 1.0 for c in told] for f in claims.values()]
        duties = honest.claims(told).duties
        table = np.array(factors).reshape(len(claims), len(told))
        claimed = Claims(tuple(claims), table, duties)
        return verify(told, offer, claimed, page, policy).violations

    return violations


def judged(
    slate: Any, offered: Candidates, page: Page, policy: Policy, claims: Claimed | None = None
) -> list[Violation]:
    """Judge one slate."""
    return judge(offered, page, policy)(slate, claims)


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
