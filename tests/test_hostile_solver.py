"""Whatever a solver does, the reply is lawful and says what happened."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from constraints.decision import Cause, Decision, SlotState
from constraints.demands import Demand, Least
from constraints.effects import HARD
from constraints.errors import UnlawfulSlateError
from constraints.facts import Facts
from constraints.govern import govern
from constraints.page import Page
from constraints.policy import Policy
from constraints.program import Program
from constraints.rule import Day, Rule, Verdicts, Violation
from constraints.rules import rule_types
from constraints.solve import solve
from tests import chance, make, plain_law
from tests.chance import ALIASES, Instance
from tests.make import drama, room, video

Solver = Callable[[Program], Any]
SEEDS = range(60)


def policy_of_all_types(seed: int) -> Policy:
    texts = (chance.rule_text(name, kind, seed) for name, kind in rule_types().items())
    return make.policy(*texts)


def at_random(program: Program) -> np.ndarray:
    rng = np.random.default_rng(program.slot_count)
    return rng.integers(-2, len(program.order) + 2, program.slot_count)


def all_the_same(program: Program) -> np.ndarray:
    return np.zeros(program.slot_count, np.int32)


def upside_down(program: Program) -> np.ndarray:
    return solve(program).slate[::-1].copy()


def shifted(program: Program) -> np.ndarray:
    return np.roll(solve(program).slate, 1)


def far_out_of_range(program: Program) -> np.ndarray:
    return np.full(program.slot_count, np.iinfo(np.int64).min)


class Stale:
    """Answers every page with the slate of the first one it saw, cut or padded to fit."""

    first: ClassVar[np.ndarray | None] = None

    def __call__(self, program: Program) -> np.ndarray:
        if Stale.first is None or (Stale.first < 0).all():  # an empty page tempts nobody
            Stale.first = solve(program).slate
        return np.resize(Stale.first, program.slot_count)


LIARS = [
    at_random,
    all_the_same,
    upside_down,
    shifted,
    far_out_of_range,
    Stale(),
]


def hard_violations(decision: Decision, drawn: Instance, policy: Policy) -> list[Violation]:
    claims = {rule.id: [0.0] * len(drawn.rows) for rule in policy.rules}  # not at issue
    found = make.judged(decision.slate, drawn.candidates, drawn.page, policy, claims)
    return [violation for violation in found if violation.level == 0]


@pytest.mark.parametrize("liar", LIARS, ids=lambda liar: getattr(liar, "__name__", "stale"))
def test_nothing_unlawful_is_left_of_what_a_wrong_solver_returns(liar: Solver) -> None:
    withdrawn = 0
    for seed in SEEDS:
        drawn, policy = chance.instance("hostile", seed), policy_of_all_types(seed)
        decision = govern(drawn.candidates, drawn.page, policy, solver=make.solver(liar))
        assert not decision.solver_failed
        assert hard_violations(decision, drawn, policy) == [], seed
        assert unlawful_by_plain_law(decision, drawn, policy) == set(), seed
        told = np.asarray(liar(solved(drawn, policy))).tolist()
        emptied = [s for s, c in enumerate(decision.slate) if c != told[s]]
        assert all(decision.slate[slot] == -1 for slot in emptied), "slots are emptied, not shifted"
        assert bool(emptied) == bool([s for s in emptied if told[s] != -1])
        named = {slot for violation in decision.withdrawn for slot in violation.slots}
        assert named == set(emptied), seed
        withdrawn += bool(decision.withdrawn)
    assert withdrawn > len(SEEDS) / 6


def solved(drawn: Instance, policy: Policy) -> Program:
    kept: list[Program] = []
    govern(
        drawn.candidates,
        drawn.page,
        policy,
        solver=make.solver(lambda p: (kept.append(p), solve(p).slate)[1]),
    )
    return kept[0]


def unlawful_by_plain_law(decision: Decision, drawn: Instance, policy: Policy) -> set[int]:
    rules = policy.rules_for(drawn.page).values()
    assert not plain_law.out_of_order(rules, drawn.rows, drawn.page, decision.slate)
    found = (
        plain_law.unlawful_slots(
            rule, drawn.rows, drawn.standing, drawn.page, decision.slate, ALIASES
        )
        for rule in rules
    )
    astray = plain_law.astray([*rules], drawn.rows, drawn.page, decision.slate, ALIASES)
    return astray.union(*found)


def raising(program: Program) -> np.ndarray:
    raise MemoryError("no more")


BROKEN: dict[str, Solver] = {
    "raises": raising,
    "returns nothing": lambda program: None,
    "one slot too many": lambda program: np.full(program.slot_count + 1, -1),
    "one slot too few": lambda program: np.full(program.slot_count - 1, -1),
    "a slate of slates": lambda program: np.full((1, program.slot_count), -1),
    "floats": lambda program: np.full(program.slot_count, -1.0),
    "unsigned": lambda program: np.zeros(program.slot_count, np.uint32),
    "booleans": lambda program: np.zeros(program.slot_count, np.bool_),
    "texts": lambda program: ["0"] * program.slot_count,
    "ragged": lambda program: [[0], [0, 1]],
}


@pytest.mark.parametrize("how", BROKEN)
def test_solver_that_returns_no_slate_is_replaced_by_the_reference(how: str) -> None:
    for seed in SEEDS[:20]:
        drawn, policy = chance.instance("hostile", seed), policy_of_all_types(seed)
        broken = make.solver(BROKEN[how])
        decision = govern(drawn.candidates, drawn.page, policy, rounds=0, solver=broken)
        honest = govern(drawn.candidates, drawn.page, policy, rounds=0)
        assert decision == replace(honest, solver_failed=True)


def test_solver_that_fills_nothing_is_believed() -> None:
    drawn, policy = chance.instance("hostile", 1), policy_of_all_types(1)
    nothing = np.full(drawn.page.slot_count, -1, np.int16)
    decision = govern(
        drawn.candidates, drawn.page, policy, solver=make.solver(lambda program: nothing)
    )
    assert set(decision.slate) == {-1}
    assert decision.withdrawn == ()


def test_withdrawn_placement_leaves_its_slot_empty_and_says_why() -> None:
    policy = make.policy(make.rule_text("record_required"))
    offered = make.candidates([drama(document="none"), drama()])
    decision = govern(
        offered, make.page(), policy, solver=make.solver(lambda program: np.array([0, 1, -1]))
    )
    assert [p.state for p in decision.placements] == [
        SlotState.EMPTY, SlotState.FILLED, SlotState.EMPTY,
    ]  # fmt: skip
    assert decision.withdrawn == (Violation("the-record-required", 0, (0,), 1),)
    [move] = decision.moves
    assert (move.candidate, move.wanted, move.slot) == (0, 0, -1)
    assert (move.reasons[0].rule_id, move.reasons[0].cause) == (
        "the-record-required",
        Cause.WITHDRAWN,
    )


def test_sunk_room_above_a_normal_one_is_withdrawn() -> None:
    policy = make.policy(make.rule_text("room_rating", sink=["d", "e"]))
    offered = make.candidates([room(room_grade="d"), video(), room(anchor_grade="e")])
    decision = govern(
        offered, make.page(), policy, solver=make.solver(lambda program: np.array([0, 1, 2]))
    )
    assert decision.slate == [-1, 1, 2]
    assert [(v.rule_id, v.slots) for v in decision.withdrawn] == [("the-room-rating", (0,))]


def test_sunk_rooms_of_two_rules_may_stand_in_any_order_among_themselves() -> None:
    one = make.rule_text("room_rating", id="one", sink=["e"])
    two = make.rule_text("room_rating", id="two", sink=["d", "e"])
    offered = make.candidates([room(room_grade="d"), room(room_grade="e"), video()])
    for slate in ([2, 0, 1], [2, 1, 0]):
        decision = govern(
            offered,
            make.page(),
            make.policy(one, two),
            solver=make.solver(lambda _, s=slate: np.array(s)),
        )
        assert decision.slate == slate
        assert decision.withdrawn == ()


class Never(Rule):
    """A rule that objects to every slate and names no slot: nothing cures that."""

    type: Literal["never"] = "never"

    def demands(self, page: Page) -> tuple[Demand, ...]:
        return (Least({1}, 1, page.slots, HARD),)


class Raising(Rule):
    """A rule of which a part fails."""

    type: Literal["raising"] = "raising"

    half: Literal["rows", "effects", "judged", "demands"]

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        return self._maybe("rows") or super().rows(facts, day)

    def effects(self, page: Page) -> Any:
        return self._maybe("effects") or {}

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        return self._maybe("judged") or super().judged(facts, day)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        return self._maybe("demands") or ()

    def _maybe(self, half: str) -> Any:
        return 1 / 0 if half == self.half else None


def test_slate_that_emptying_does_not_cure_is_never_returned() -> None:
    policy = make.policy_of(Never(id="never", source="PLATFORM"))
    with pytest.raises(UnlawfulSlateError, match="the slate could not be made lawful"):
        govern(make.candidates([video()]), make.page(), policy)


@pytest.mark.parametrize("half", ["rows", "effects", "judged", "demands"])
def test_rule_that_raises_is_not_skipped(half: Any) -> None:
    policy = make.policy_of(Raising(id="raising", source="PLATFORM", half=half))
    with pytest.raises(ZeroDivisionError):
        govern(make.candidates([video()]), make.page(), policy)
