"""Why, and what would alter it: what an explanation states is what the engine then does."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from constraints.errors import RequestError
from constraints.explain import Change, Explanation, Verdict, explain
from constraints.explain.trials import Edit, with_edits
from constraints.govern import govern
from constraints.offer import Candidates
from constraints.page import Page
from constraints.policy import Policy, shipped_policy
from tests import chance, make
from tests.test_rule_contract import MIXTURES, policy_for

DECISIONS = int(os.environ.get("EXPLAIN_DECISIONS", "80"))  # `make prove-explain` asks for 1,000
SUBSETS_OF_MAX = 6  # parts of a change of which every subset is tried here
SOME = 40  # subsets of larger ones

Told = tuple[Candidates, Page, Policy, int]


def _drawn(seed: int) -> Told | None:
    """Draw a decision and one of its candidates; every second policy is the shipped one."""
    drawn = chance.instance("explain", seed, count_max=16)
    policy = shipped_policy() if seed % 2 else policy_for(MIXTURES, seed % 200)
    count = len(drawn.candidates.facts)
    if not count or not drawn.page.open or drawn.page.surface not in policy.surfaces:
        return None
    return drawn.candidates, drawn.page, policy, chance.seeded("who", seed).randrange(count)


def _slot_with(told: Told, parts: Sequence[Any]) -> int:
    """Decide the page again with some parts of a change, and return where the candidate stands."""
    offered, page, policy, candidate = told
    facts, utility = offered.facts, offered.utility.copy()
    for part in parts:
        match part:
            case Edit():
                facts = with_edits(facts, candidate, [part])
            case str():
                policy = replace(policy, rules=tuple(r for r in policy.rules if r.id != part))
            case _:
                utility[candidate] = part
    slate = govern(replace(offered, facts=facts, utility=utility), page, policy).slate
    return slate.index(candidate) if candidate in slate else -1


def _parts(change: Change) -> list[Any]:
    worth = [] if change.utility is None else [change.utility]
    return [*change.edits, *worth, *([change.rule_id] if change.rule_id else [])]


def _subsets(parts: list[Any], seed: int) -> list[tuple[Any, ...]]:
    """Return the proper subsets of a change; of a large one those of all but one, and some."""
    if len(parts) <= SUBSETS_OF_MAX:
        return [some for size in range(len(parts)) for some in combinations(parts, size)]
    rng = chance.seeded("subsets", seed)
    some = [tuple(rng.sample(parts, rng.randrange(len(parts)))) for _ in range(SOME)]
    return [*combinations(parts, len(parts) - 1), *some]


def test_what_is_stated_happens_and_no_part_of_it_suffices() -> None:
    seen: Counter[str] = Counter()
    seed = decided = 0
    while decided < DECISIONS:
        seed += 1
        told = _drawn(seed)
        if told is None:
            continue
        decided += 1
        found = explain(*told)
        change = found.change
        seen[found.verdict] += 1
        if change is None:
            seen["nothing helps"] += 1
            continue
        assert change.slot != found.slot, seed
        assert _slot_with(told, _parts(change)) == change.slot, seed
        for some in _subsets(_parts(change), seed):
            assert not _is_altered(_slot_with(told, some), found), (seed, some)
    assert {Verdict.STANDS, Verdict.BARRED, Verdict.ABSENT} <= seen.keys()
    assert seen["nothing helps"] < decided / 3


def _is_altered(slot: int, found: Explanation) -> bool:
    """Tell whether a slot is another, in the direction the change is about."""
    if found.verdict is Verdict.STANDS:
        return slot != found.slot
    return slot >= 0 and (found.slot < 0 or slot < found.slot)


def _explained(rows: list[make.Row], who: int, policy: Policy, **page: Any) -> Explanation:
    return explain(make.candidates(rows), make.page(**page), policy, who)


def test_filed_drama_is_told_which_papers_open_the_first_screen() -> None:
    rows = [make.drama(document="bureau_filing", recheck="none"), make.drama(), make.drama()]
    found = _explained(rows, 0, shipped_policy(), slot_count=2, first_screen_slots=2)
    assert found.verdict is Verdict.BARRED
    assert found.reasons[0].rule_id == "first-screen-licence"
    assert found.change is not None
    assert {edit.column for edit in found.change.edits} == {"document", "recheck"}
    assert found.change.slot == 0
    assert found.cost > 0
    read = {used.column for used in found.used if used.rule_id == "first-screen-licence"}
    assert {"document", "document_status", "recheck"} <= read


def test_one_who_is_worth_too_little_is_told_how_much_it_takes() -> None:
    rows = [make.video(), make.video(), make.video()]
    found = _explained(rows, 2, make.policy(), slot_count=2)
    assert found.verdict is Verdict.ABSENT
    assert found.reasons == ()
    assert found.change is not None
    assert found.change.edits == ()
    assert found.change.utility == pytest.approx(2.0, rel=1e-3)


def test_one_who_stands_is_told_what_would_cost_it_its_slot() -> None:
    found = _explained([make.drama(), make.drama()], 0, shipped_policy(), slot_count=1)
    assert found.verdict is Verdict.STANDS
    assert found.change is not None
    assert len(found.change.edits) == 1
    assert found.change.slot == -1


def test_title_on_a_list_is_told_to_come_off_it() -> None:
    rows = [make.drama(listings="takedown|key_catalogue"), make.drama()]
    found = _explained(rows, 0, shipped_policy(), slot_count=1)
    assert found.change is not None
    (edit,) = found.change.edits
    assert edit.column == "listings"


def test_full_pin_is_told_as_a_rule_given_up() -> None:
    pins = make.rule("pinned_slot", pins=[{"slot": 0, "id": "a"}])
    rows = [make.video(id="b"), make.video(id="a")]
    found = _explained(rows, 0, make.policy_of(pins), slot_count=1)
    assert found.change is not None
    assert found.change.rule_id == pins.id
    assert found.change.slot == 0


def test_nobody_of_that_number_is_an_error_that_names_the_field() -> None:
    with pytest.raises(RequestError) as caught:
        _explained([make.video()], 1, make.policy())
    assert caught.value.field == "candidate"


def test_explaining_changes_nothing() -> None:
    rows = [make.drama(document="none"), make.drama()]
    offered, page = make.candidates(rows), make.page()
    before = {name: getattr(offered.facts, name).copy() for name in ("document", "recheck")}
    first, second = (explain(offered, page, shipped_policy(), 0) for _ in range(2))
    assert first == second
    assert all(np.array_equal(getattr(offered.facts, n), v) for n, v in before.items())
