"""What the whole shipped pack costs a page, against the thirteen tight rules, on the same pages.

`python -m loadtests.bench.pack [--laps N] [--json]`
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.random import Generator

from constraints.catalogue import compile_catalogue
from constraints.facts import Facts, FloatArray
from constraints.govern import decide
from constraints.offer import Offer
from constraints.page import Page
from constraints.policy import Policy, parse_policy, shipped_policy
from constraints.solve import ROUNDS, solve
from constraints.steering import compile_program
from constraints.terms import Document, Grade, Kind, ScoreBasis, Support, YesNo
from constraints.verify import verify
from loadtests.bench.figures import WARM_UPS, Figure, in_turn, show
from loadtests.bench.pages import TAIL, draw_crowd, draw_utility
from loadtests.bench.titles import CANDIDATES, DAY, SLOTS, draw_facts, tropes_of

TITLES: Final = 10_000
FIRST_NAMES: Final = 1_000_000  # numbers of providers and series, as a large catalogue has them
FEW: Final = frozenset(
    (
        *("record-number", "first-screen-licence", "first-screen-registered", "room-rating"),
        *("theme-spread", "theme-page", "quality-support", "plus-plan-support"),
        *("takedown", "black-list", "denied-person", "closed-anchor", "embargo"),
    )
)
MOST: Final = 1.2  # the whole pack, to the thirteen tight rules


class Rows(NamedTuple):
    """A catalogue like the candidates of the tight pages: facts, and (n,) float64 utility."""

    facts: Facts
    utility: FloatArray


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
    """Govern the same pages by the tight rules, by all shipped, and by thirteen of those."""
    whole = shipped_policy()
    few = replace(whole, rules=tuple(rule for rule in whole.rules if rule.id in FEW))
    policies = {
        "tight rules": tight_policy(),
        f"{len(whole.rules)} shipped rules": whole,
        f"{len(few.rules)} light ones of them": few,
    }
    rows = draw_rows(np.random.default_rng(1))
    pages = {name: _pages(policy, rows, laps) for name, policy in policies.items()}
    figures = []
    for mode in ("fast", "default"):
        for told, way in (("with its reasons", decide), ("gather, solve and verify", _filled)):
            calls = {
                name: _governing(way, policies[name], each, ROUNDS[mode])
                for name, each in pages.items()
            }
            p50 = in_turn(calls, laps)
            figures += [Figure(f"{mode}, {told}: {name}", took, "µs") for name, took in p50.items()]
            tight, whole_pack, light = p50.values()
            ratio = Figure(f"{mode}, {told}: all to tight", whole_pack / tight, "×", most=MOST)
            figures += [ratio, Figure(f"{mode}, {told}: all to light", whole_pack / light, "×")]
    return figures


def tight_policy() -> Policy:
    """Return the thirteen rules of the tight pages."""
    path = Path(__file__).with_name("tight_law.toml")
    return parse_policy({path.name: path.read_bytes()})


def draw_rows(rng: Generator) -> Rows:
    """Draw TITLES titles and rooms with the themes, producers, rooms and utility of tight pages.

    The papers that the tight rules do not ask about are those of `draw_facts`.
    """
    crowd = draw_crowd(rng, TITLES, CANDIDATES // 4)
    facts, is_room = draw_facts(rng, TITLES), crowd.room >= 0
    themes = np.zeros_like(facts.themes)
    themes[:, : crowd.themes.shape[1]] = crowd.themes + 1

    def told(who: np.ndarray[Any, Any], member: int, others: int) -> np.ndarray[Any, Any]:
        return np.where(who, member, others).astype(np.uint8)

    documents = (Document.BUREAU_FILING, Document.LICENCE)
    facts = facts.with_columns(
        kind=told(is_room, Kind.ROOM, Kind.DRAMA),
        document=told(rng.random(TITLES) < 0.3, *documents),
        account_grade=told(rng.random(TITLES) < 0.1, Grade.D, Grade.B),
        minors_pool=told(crowd.sensitive >= 0, YesNo.YES, YesNo.NO),
        support=told(crowd.supported >= 0, Support.PROVINCIAL, Support.NONE),
        human_review=told(crowd.newcomer >= 0, YesNo.YES, YesNo.NO),
        score_basis=told((crowd.heritage >= 0) | is_room, ScoreBasis.MIXED, ScoreBasis.UNKNOWN),
        themes=themes,
        tropes=tropes_of(themes),
        provider=(FIRST_NAMES + crowd.producer[:, None]).astype(np.int32),
        series=np.where(
            is_room[:, None], FIRST_NAMES - 10 + crowd.room[:, None], FIRST_NAMES + facts.series
        ).astype(np.int32),
    )
    return Rows(facts, draw_utility(rng, crowd))


def _filled(offer: Offer, page: Page, policy: Policy, *, rounds: int) -> None:
    """Gather, solve and verify, which is what the bench of the engine counts."""
    steering = compile_program(offer, page, policy)
    slate = solve(steering.program, rounds).slate
    verify(slate, offer, steering.claims(slate), page, policy)


def _pages(policy: Policy, rows: Rows, laps: int) -> tuple[Page, list[Offer]]:
    """Draw the same offers for any policy, with TAIL that stand above the page."""
    catalogue = compile_catalogue(policy.compiled, rows.facts, DAY)
    rng, standing_at = np.random.default_rng(2), tuple(range(-1, -1 - TAIL, -1))
    screen = policy.surface("home").first_screen("phone")
    page, offers = Page("home", "phone", DAY, SLOTS, screen, tail_count=TAIL), []
    for _ in range(laps + WARM_UPS):
        drawn = rng.choice(TITLES, CANDIDATES + TAIL, replace=False).astype(np.int32)
        offered, above = drawn[:CANDIDATES], drawn[CANDIDATES:]
        utility = rows.utility[offered].astype(np.float32)
        offers.append(Offer(catalogue, offered, utility, above, standing_at))
    return page, offers


def _governing(
    way: Callable[..., Any], policy: Policy, pages: tuple[Page, list[Offer]], rounds: int
) -> Callable[[int], Any]:
    page, offers = pages
    for offer in offers:  # what is worked out once a class is worked out
        way(offer, page, policy, rounds=rounds)
    return lambda lap: way(offers[lap], page, policy, rounds=rounds)


if __name__ == "__main__":
    raise SystemExit(main())
