"""What the whole shipped pack costs a page, against thirteen of its rules, on the same pages.

`python -m loadtests.bench.pack [--laps N] [--json]`
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from constraints.catalogue import compile_catalogue
from constraints.facts import Facts
from constraints.govern import decide
from constraints.offer import Offer
from constraints.page import Page
from constraints.policy import Policy, shipped_policy
from constraints.solve import ROUNDS
from loadtests.bench.figures import WARM_UPS, Figure, in_turn, show
from loadtests.bench.titles import CANDIDATES, DAY, SLOTS, draw_facts

TITLES: Final = 20_000
THIRTEEN: Final = frozenset(
    (
        *("record-number", "first-screen-licence", "first-screen-registered", "room-rating"),
        *("theme-spread", "theme-page", "quality-support", "plus-plan-support"),
        *("takedown", "black-list", "denied-person", "closed-anchor", "embargo"),
    )
)
MOST: Final = 1.2  # the whole pack, to thirteen rules


def main(words: list[str] | None = None) -> int:
    """Measure, print, and fail where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laps", type=int, default=600)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    figures = measured(asked.laps)
    if asked.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=1))
    else:
        show(figures, f"the whole pack, {asked.laps} pages a variant")
    return 0 if all(figure.is_met for figure in figures) else 1


def measured(laps: int) -> list[Figure]:
    """Govern the same pages by thirteen rules and by all, in turn."""
    whole = shipped_policy()
    few = replace(whole, rules=tuple(rule for rule in whole.rules if rule.id in THIRTEEN))
    facts = draw_facts(np.random.default_rng(1), TITLES)
    policies = {"thirteen rules": few, f"{len(whole.rules)} rules": whole}
    figures = []
    for mode in ("fast", "default"):
        calls = {
            name: _governing(policy, facts, laps, ROUNDS[mode]) for name, policy in policies.items()
        }
        p50 = in_turn(calls, laps)
        told = f"governing {CANDIDATES} for {SLOTS}, {mode}: p50"
        figures += [Figure(f"{told}, {name}", each, "µs") for name, each in p50.items()]
        first, second = p50.values()
        figures.append(Figure(f"{told}, all to thirteen", second / first, "×", most=MOST))
    return figures


def _governing(policy: Policy, facts: Facts, laps: int, rounds: int) -> Callable[[int], Any]:
    catalogue = compile_catalogue(policy.compiled, facts, DAY)
    rng = np.random.default_rng(2)
    page = Page("home", "phone", DAY, SLOTS, policy.surface("home").first_screen("phone"))
    offers = [
        Offer(
            catalogue,
            rng.choice(TITLES, CANDIDATES, replace=False).astype(np.int32),
            rng.lognormal(1.0, 0.6, CANDIDATES).astype(np.float32),
        )
        for _ in range(laps + WARM_UPS)
    ]
    for offer in offers:  # what is worked out once a class is worked out
        decide(offer, page, policy, rounds=rounds)
    return lambda lap: decide(offers[lap], page, policy, rounds=rounds)


if __name__ == "__main__":
    raise SystemExit(main())
