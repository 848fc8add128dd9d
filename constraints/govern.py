"""The one entry: an offer, a page and a policy in; a lawful slate with its reasons out."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from constraints import kernel
from constraints.decision import Decision, Parts, VoidPin
from constraints.effects import HARD
from constraints.errors import UnlawfulSlateError
from constraints.facts import Facts, IntArray
from constraints.offer import Candidates, Offer
from constraints.page import Page
from constraints.pinning import void_pins
from constraints.policy import Policy
from constraints.program import Program
from constraints.reasons import plain, told
from constraints.reasons.reference import Reasons
from constraints.rule import Violation
from constraints.solve import ROUNDS, Solution, solve, solve_by_reference
from constraints.steering import Steering, compile_program
from constraints.verify import Judgement, verify

Solver: TypeAlias = Callable[[Program, int], Solution]
DEFAULT_ROUNDS = ROUNDS["default"]


def govern(
    candidates: Candidates,
    page: Page,
    policy: Policy,
    *,
    rounds: int = DEFAULT_ROUNDS,
    solver: Solver = solve,
) -> Decision:
    """Return the best lawful slate of candidates whose facts nobody compiled ahead; see `decide`.

    Raises:
        UnlawfulSlateError: emptying did not make the slate lawful; nothing may be shown.
    """
    offer = candidates.offer(policy.compiled, page.day)
    return decide(offer, page, policy, rounds=rounds, solver=solver)


def decide(
    offer: Offer,
    page: Page,
    policy: Policy,
    *,
    rounds: int = DEFAULT_ROUNDS,
    solver: Solver = solve,
) -> Decision:
    """Return the best lawful slate of an offer for a page.

    A slot without a lawful candidate stays empty. Whatever the solver does, the slate is judged
    by `verify`, which shares no code with it, and offending slots are emptied, never shifted.
    What is compiled for other rules or another day is not used, but compiled anew.

    Args:
        offer: n candidates.
        page: the page to fill.
        policy: the policy in force.
        rounds: of improvement, 0 to ROUNDS_MAX; an input like any other, never cut by a clock.
        solver: fills the page; swapped only to test what a wrong one can do.

    Raises:
        UnlawfulSlateError: emptying did not make the slate lawful; nothing may be shown.
    """
    holds = offer.holds(policy.compiled, page.day)
    if not holds:
        offer = offer.compiled(policy.compiled, page.day)
    steering = compile_program(offer, page, policy)
    solution, solver_failed = _solved(steering.program, rounds, solver)
    slate, judgement, withdrawn, lost = _lawful(solution.slate, steering, offer, page, policy)
    parts, void = _told(slate, steering, offer, page, lost)
    return Decision(
        parts=parts,
        void_pins=void,
        relaxed=tuple(judgement.violations),
        shadow=tuple(judgement.shadow),
        withdrawn=tuple(withdrawn),
        rounds=rounds,
        worth=steering.worth(slate),
        free_bound=solution.free_bound * steering.unit,
        is_proved_best=solution.is_proved and not withdrawn,
        solver_failed=solver_failed,
        compiled_anew=not holds,
    )


def warm() -> None:
    """Decide one page, so that every kernel is compiled before a request needs it."""
    kernel.warm()
    policy, page = Policy({}, (), (1.0, 1.0), ""), Page("", "", 0, 1, 0)
    govern(Candidates(np.ones(1, np.float32), Facts.unknown(1)), page, policy)


def _solved(program: Program, rounds: int, solver: Solver) -> tuple[Solution, bool]:
    """Run the solver; one that raises or returns no slate is replaced by the reference."""
    try:
        found = solver(program, rounds)
        slate = np.asarray(found.slate)
        if slate.shape == (program.slot_count,) and slate.dtype.kind == "i":
            rest = found.rounds, found.free_bound, found.is_proved
            return Solution(slate.astype(np.int64), *rest), False
    except Exception:  # noqa: BLE001 -- whatever it does, the page is lawful and we are told
        pass
    found = solve_by_reference(program)
    return found._replace(slate=found.slate.astype(np.int64)), True


def _lawful(
    slate: IntArray, steering: Steering, offer: Offer, page: Page, policy: Policy
) -> tuple[IntArray, Judgement, list[Violation], dict[int, Violation]]:
    """Verify, empty what offends, and verify again until nothing does.

    Returns:
        The slate, what is still said of it, the hard violations cured, and candidate → violation
        cured.
    """
    slate, cured, lost = slate.copy(), list[Violation](), dict[int, Violation]()
    for _ in range(page.slot_count + 1):
        judgement = verify(slate, offer, steering.claims(slate), page, policy)
        hard = [violation for violation in judgement.violations if violation.level == HARD]
        if not hard:
            return slate, judgement, cured, lost
        for violation in hard:
            for slot in violation.slots:
                lost.setdefault(int(slate[slot]), violation)
                slate[slot] = -1
        cured.extend(hard)
    raise UnlawfulSlateError("the slate could not be made lawful")


def _told(
    slate: IntArray, steering: Steering, offer: Offer, page: Page, lost: dict[int, Violation]
) -> tuple[Parts, tuple[VoidPin, ...]]:
    """Say why, and which pins do not hold."""
    if not steering.shape.pins and not lost:
        return told(slate, steering, offer, page), ()
    reasons = Reasons(steering, offer.utility, slate.tolist(), lost)
    parts = plain(reasons, offer, page)
    return parts, void_pins(reasons, offer, page) if steering.shape.pins else ()
