"""The one entry: candidates, page and policy in; a lawful slate with its reasons out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from constraints.decision import Decision, Placement, SlotState
from constraints.effects import HARD
from constraints.errors import UnlawfulSlateError
from constraints.facts import Facts, FloatArray, IntArray
from constraints.page import Page
from constraints.policy import Policy
from constraints.program import Program, compile_program
from constraints.reasons import Reasons
from constraints.rule import Rule, Violation
from constraints.solve import solve, solve_by_reference
from constraints.verify import verify

Solver: TypeAlias = Callable[[Program], Any]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the recommender offers.

    Attributes:
        utility: (n,) float32, finite, >= 0: expected worth of showing each.
        facts: n rows.
    """

    utility: FloatArray
    facts: Facts


def govern(
    candidates: Candidates, page: Page, policy: Policy, *, solver: Solver = solve
) -> Decision:
    """Return the best lawful slate of the candidates for a page.

    A slot without a lawful candidate stays empty. Whatever the solver does, the slate is judged
    by `verify`, which shares no code with it, and offending slots are emptied, never shifted.

    Args:
        candidates: n candidates.
        page: the page to fill.
        policy: the policy in force.
        solver: program → (K,) candidates; swapped only to test what a wrong one can do.

    Raises:
        UnlawfulSlateError: emptying did not make the slate lawful; nothing may be shown.
    """
    rules = policy.rules_for(page)
    program = compile_program(
        rules, candidates.facts, candidates.utility, page, policy.weight_range
    )
    slate, solver_failed = _solved(program, solver)
    slate, soft, withdrawn, lost = _lawful(slate, candidates, program, page, rules)
    shadow = policy.rules_for(page, "shadow")
    weights = program.weights
    objections = verify(slate, candidates.facts, weights, page, shadow) if shadow else []
    reasons = Reasons(program, candidates.utility, slate.tolist(), lost)
    moves = reasons.moves()
    blocked, blocked_count = reasons.blocked(candidates.utility)
    return Decision(
        placements=_placements(slate.tolist(), candidates, program, page, reasons),
        moves=moves,
        blocked=blocked,
        blocked_count=blocked_count,
        relaxed=tuple(soft),
        shadow=tuple(objections),
        withdrawn=tuple(withdrawn),
        solver_failed=solver_failed,
    )


def _solved(program: Program, solver: Solver) -> tuple[IntArray, bool]:
    """Run the solver; one that raises or returns no slate is replaced by the reference."""
    try:
        slate = np.asarray(solver(program))
    except Exception:  # noqa: BLE001 -- whatever it raises, the page is lawful and we are told
        slate = np.empty(0)
    if slate.shape == (program.slot_count,) and np.issubdtype(slate.dtype, np.signedinteger):
        return slate.astype(np.int64), False
    return solve_by_reference(program).astype(np.int64), True


def _lawful(
    slate: IntArray, candidates: Candidates, program: Program, page: Page, rules: list[Rule]
) -> tuple[IntArray, list[Violation], list[Violation], dict[int, Violation]]:
    """Verify, empty what offends, and verify again until nothing does.

    Returns:
        The slate, its soft violations, the hard ones cured, and candidate → violation cured.
    """
    slate, cured, lost = slate.copy(), list[Violation](), dict[int, Violation]()
    for _ in range(page.slot_count + 1):
        found = verify(slate, candidates.facts, program.weights, page, rules)
        hard = [violation for violation in found if violation.level == HARD]
        if not hard:
            return slate, found, cured, lost
        for violation in hard:
            for slot in violation.slots:
                lost.setdefault(int(slate[slot]), violation)
                slate[slot] = -1
        cured.extend(hard)
    raise UnlawfulSlateError("the slate could not be made lawful")


def _placements(
    slate: list[int], candidates: Candidates, program: Program, page: Page, reasons: Reasons
) -> tuple[Placement, ...]:
    placements = []
    for slot, candidate in enumerate(slate):
        on_screen = bool(page.first_screen >> slot & 1)
        if candidate < 0:
            state = SlotState.RESERVED if page.reserved >> slot & 1 else SlotState.EMPTY
            placements.append(Placement(slot, state, on_screen))
            continue
        received = float(candidates.utility[candidate])
        placements.append(
            Placement(
                slot,
                SlotState.FILLED,
                on_screen,
                candidate,
                received,
                received * float(program.weight[candidate]),
                bool(candidates.facts.is_registered[candidate]),
                reasons.own(candidate),
            )
        )
    return tuple(placements)
