"""Asserts in tests of others' code that a slate is lawful, or says which rules it breaks.

Nothing is governed here: the slate is judged as it is, by the code that judges every reply.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from constraints.cases.reading import cases_of
from constraints.cases.rows import RESERVED_MARK
from constraints.cases.running import offered, page_of
from constraints.effects import HARD
from constraints.errors import quoted
from constraints.facts import IntArray
from constraints.law import law_rows
from constraints.offer import Candidates
from constraints.page import Page
from constraints.policy import Policy
from constraints.rule import Violation
from constraints.steering import compile_program
from constraints.toml_text import frozen
from constraints.verify import SLATE, verify

NAME = "slate"


def assert_lawful(
    slate: Sequence[str | int | None],
    candidates: Sequence[Mapping[str, Any]] | Candidates,
    page: Mapping[str, Any] | Page,
    policy: Policy,
    *,
    soft: bool = False,
    good_papers: bool = False,
) -> None:
    """Assert that a slate breaks no rule in force.

    Args:
        slate: id in each slot from 0; None or "" for an empty one, "#" for one you fill yourself.
            Indices of candidates, and -1, where candidates are arrays.
        candidates: rows of facts in the words of docs/facts.md, each with `id`; or arrays.
        page: fields of a page as in a case file, at least `surface`; or a `Page`, with arrays.
        policy: the policy in force; see the fixture of that name.
        soft: soft rules must be kept too.
        good_papers: facts a row does not tell are good ones, as in case files. Otherwise they are
            unknown, and unknown facts take the strict side.

    Raises:
        AssertionError: naming each rule broken, its article, the slots and who stands there.
        CaseError: a row or the page cannot be read.
    """
    __tracebackhide__ = True  # for pytest: the message says all
    if isinstance(candidates, Candidates):
        if not isinstance(page, Page):
            raise TypeError("arrays of candidates go with a Page")
        offer, names = candidates, [str(index) for index in range(len(candidates.facts))]
        indices: IntArray = np.array(slate, np.int64)
    else:
        if isinstance(page, Page):
            raise TypeError("rows of candidates go with a page in words")
        names = [str(row.get("id", "")) for row in candidates]
        indices = _indices(slate, names)
        offer, page = _read(slate, candidates, page, policy, good_papers)
    found = _violations(indices, offer, page, policy)
    if not soft:
        found = [violation for violation in found if violation.level == HARD]
    if found:
        lines = (_told(violation, indices, names, policy) for violation in found)
        raise AssertionError("\n  ".join(("the slate is not lawful:", *lines)))


def _indices(slate: Sequence[str | int | None], names: list[str]) -> IntArray:
    found = []
    for slot, key in enumerate(slate):
        if key in (None, "", RESERVED_MARK):
            found.append(-1)
        elif key in names:
            found.append(names.index(str(key)))
        else:
            raise AssertionError(f"slot {slot}: `{quoted(str(key))}` was not offered")
    return np.array(found, np.int64)


def _read(
    slate: Sequence[str | int | None],
    rows: Sequence[Mapping[str, Any]],
    page: Mapping[str, Any],
    policy: Policy,
    good_papers: bool,
) -> tuple[Candidates, Page]:
    case = {
        **page,
        "name": NAME,
        "slot_count": len(slate),
        "candidates": [{"utility": 1, **row} for row in rows],
        "slate": [key or "" for key in slate],
    }
    (read,) = cases_of("assert_lawful", {"case": (frozen(case),)})
    return offered(read, is_good=good_papers), page_of(read, policy)


def _violations(
    slate: IntArray, candidates: Candidates, page: Page, policy: Policy
) -> list[Violation]:
    offer = candidates.offer(policy.compiled, page.day)
    claims = compile_program(offer, page, policy).claims(slate)
    return verify(slate, offer, claims, page, policy).violations


def _told(violation: Violation, slate: IntArray, names: list[str], policy: Policy) -> str:
    placed = [(slot, int(slate[slot])) for slot in violation.slots]
    who = ", ".join(
        f"{slot} (`{names[c]}`)" if 0 <= c < len(names) else f"{slot}" for slot, c in placed
    )
    where = f"slot {who}" if violation.slots else "the page"
    if violation.rule_id == SLATE:
        return f"{where}: an offered candidate stands in an open slot, and once"
    sources = {rule.id: rule.source for rule in policy.rules}
    row = law_rows().get(sources.get(violation.rule_id, ""))
    article = f" ({row.citation('en')}; {row.citation('zh')})" if row else ""
    kind = "" if violation.level == HARD else f", soft, by {violation.count}"
    return f"{where}: rule `{violation.rule_id}`{kind}{article}"
