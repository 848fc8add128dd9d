"""What each rule costs on a page: the page decided again without it, and worth compared."""

from dataclasses import dataclass, replace

import numpy as np

from constraints.facts import IntArray
from constraints.offer import Offer
from constraints.page import Page
from constraints.policy import Policy
from constraints.program import DISCOUNT
from constraints.solve import ROUNDS, solve
from constraints.steering import compile_program


@dataclass(frozen=True, slots=True)
class RuleCost:
    """What a rule costs while all others stay in force.

    Attributes:
        rule_id: the rule.
        cost: worth the page would gain without it, unit of `Costs`. Below 0 where the page is
            worth more with it, as with a boost that undoes a demotion by another rule.
        share: of the page by utility alone, 0 to 1 in all but odd cases.
    """

    rule_id: str
    cost: float
    share: float


@dataclass(frozen=True, slots=True)
class Costs:
    """What the rules in force cost on one page.

    Worth is utility as received, so that a weight is judged by what it moves, times the discount
    of the slot; its unit is utility in slot 0. Costs of rules do not add up to that of all: two
    rules that keep out the same candidate cost nothing one by one.

    Attributes:
        alone: worth of the page by utility alone.
        lawful: worth of the page as decided.
        rules: one for each rule in force, the dearest first, ties in policy order.
    """

    alone: float
    lawful: float
    rules: tuple[RuleCost, ...]

    @property
    def cost(self) -> float:
        """What all rules cost together."""
        return self.alone - self.lawful

    @property
    def share(self) -> float:
        """The same, of the page by utility alone."""
        return self.share_of(self.cost)

    def share_of(self, cost: float) -> float:
        """Return a cost as a share of the page by utility alone; 0 for a page worth nothing."""
        return cost / self.alone if self.alone else 0.0


def rule_costs(offer: Offer, page: Page, policy: Policy, rounds: int = ROUNDS["default"]) -> Costs:
    """Decide a page with all rules, and without each; one solve more than there are rules.

    A difference smaller than what the search leaves on the table says nothing.

    Args:
        offer: n candidates.
        page: the page to fill.
        policy: the policy in force.
        rounds: of each solve.
    """
    lawful = _worth(offer, _slate(offer, page, policy, rounds))
    costs = Costs(_worth(offer, _by_utility(offer, page)), lawful, ())
    found = []
    for rule in policy.rules_for(page).values():
        without = replace(policy, rules=tuple(r for r in policy.rules if r is not rule))
        cost = _worth(offer, _slate(offer, page, without, rounds)) - lawful
        found.append(RuleCost(rule.id, cost, costs.share_of(cost)))
    return replace(costs, rules=tuple(sorted(found, key=lambda rule: -rule.cost)))


def rule_cost(
    offer: Offer, page: Page, policy: Policy, rule_id: str, rounds: int = ROUNDS["default"]
) -> float:
    """Return the worth a page would gain without one rule, in the unit of `Costs`."""
    rules = tuple(rule for rule in policy.rules if rule.id != rule_id)
    lawful = _worth(offer, _slate(offer, page, policy, rounds))
    return _worth(offer, _slate(offer, page, replace(policy, rules=rules), rounds)) - lawful


def _slate(offer: Offer, page: Page, policy: Policy, rounds: int) -> IntArray:
    if not offer.holds(policy.compiled, page.day):
        offer = offer.compiled(policy.compiled, page.day)
    return solve(compile_program(offer, page, policy).program, rounds).slate


def _by_utility(offer: Offer, page: Page) -> IntArray:
    """Fill the open slots as if there were no law; ties go to the lower index."""
    slate = np.full(page.slot_count, -1, np.int32)
    slots = [slot for slot in range(page.slot_count) if page.open >> slot & 1]
    best = np.argsort(-offer.utility, kind="stable")[: len(slots)]
    slate[slots[: len(best)]] = best
    return slate


def _worth(offer: Offer, slate: IntArray) -> float:
    filled = np.flatnonzero(slate >= 0)
    utility = offer.utility[slate[filled]].astype(np.float64)
    return float(utility @ DISCOUNT[filled]) / float(DISCOUNT[0])
