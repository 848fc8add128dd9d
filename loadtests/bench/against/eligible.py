"""Who may stand at all: our catalogue, compiled ahead, and policy engines on the same rules."""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from constraints.catalogue import compile_catalogue
from constraints.facts import Facts
from constraints.offer import Offer
from constraints.page import Page
from constraints.policy import Policy, shipped_policy
from constraints.steering import compile_program
from loadtests.bench.titles import CANDIDATES, DAY, SLOTS, draw_facts

TITLES: Final = 10_000
RULES: Final = frozenset(
    (
        *("record-number", "number-form", "number-form-animated", "class-held"),
        *("special-subject-licence", "special-subject-consent", "individual-pre-review"),
        *("provider-licence", "approved-version", "rerun-review"),
        *("web-drama-licence-20-minutes", "ai-label-each-episode"),
    )
)
"""Shipped rules that keep a title out of every slot, by words, sets, days and amounts."""
COLUMNS: Final = (
    *("kind", "document", "document_status", "document_from", "document_until", "number"),
    *("investment_cny", "filed_on", "form", "ai_generated", "ai_label", "episode_s_min"),
    *("special_subjects", "co_review", "uploader", "platform_review", "provider_until"),
    *("version", "rerun", "reviewed_on", "main_push"),
)
"""The facts those rules read."""
_ENGINES: Final = Path(__file__).with_name("engines.py")
_PAGE: Final = Page("next-play", "phone", DAY, SLOTS, first_screen_slots=0)


class Answered(NamedTuple):
    """What one engine said, and how long it took.

    Attributes:
        version: of the engine, with the name of its package.
        allowed: page → for each candidate whether it may stand.
        micros: processor time of each page, µs: a busy machine lengthens what a wall clock shows.
        once_us: µs a title, once, when facts or rules change.
    """

    version: str
    allowed: list[list[bool]]
    micros: list[float]
    once_us: float


class Titles(NamedTuple):
    """A catalogue, as facts of ours and as plain values."""

    facts: Facts
    plain: list[dict[str, Any]]

    @classmethod
    def drawn(cls, count: int, seed: int) -> "Titles":
        """Draw titles, rooms and videos, most of them in order."""
        facts = draw_facts(np.random.default_rng(seed), count)
        read = (f for f in fields(Facts) if f.name in COLUMNS)
        named = {f.name: _words(f, getattr(facts, f.name)) for f in read}
        rows = zip(*named.values(), strict=True)
        return cls(facts, [dict(zip(named, row, strict=True)) for row in rows])


def _words(f: Field[Any], column: Any) -> list[Any]:
    """Write a column as an engine would be told it: words, sets of words, whole numbers."""
    enum, values = f.metadata["enum"], column.tolist()
    if enum is None:
        return list(values)
    names = {int(member): member.name.lower() for member in enum}
    if "flags" not in f.metadata:
        return [names[value] for value in values]
    return [[names[at] for at in names if at and value >> at - 1 & 1] for value in values]


def policy() -> Policy:
    """Return the rules."""
    whole = shipped_policy()
    return replace(whole, rules=tuple(rule for rule in whole.rules if rule.id in RULES))


def pages(titles: Titles, count: int, seed: int) -> list[Any]:
    """Draw the rows of pages."""
    rng, size = np.random.default_rng(seed), min(CANDIDATES, len(titles.facts))
    drawn = (rng.choice(len(titles.facts), size, replace=False) for _ in range(count))
    return [rows.astype(np.int32) for rows in drawn]


def ahead(titles: Titles, drawn: list[Any]) -> Answered:
    """Answer by a catalogue compiled ahead, as a request is answered.

    What is timed does more than answer: it gathers groups and weights, and sorts.
    """
    rules = policy()
    begun = time.process_time()
    catalogue = compile_catalogue(rules.compiled, titles.facts, DAY)
    once_us = (time.process_time() - begun) * 1e6 / len(titles.facts)

    def ask(rows: Any) -> list[bool]:
        offer = Offer(catalogue, rows, np.ones(len(rows), np.float32))
        return _may_stand(offer, rules)

    return _timed(ask, drawn, once_us)


def at_once(titles: Titles, drawn: list[Any]) -> Answered:
    """Answer with the facts of each page compiled for it alone, as facts a caller sends are."""
    rules = policy()
    catalogue = compile_catalogue((), titles.facts, DAY)

    def ask(rows: Any) -> list[bool]:
        offer = Offer(catalogue, rows, np.ones(len(rows), np.float32))
        return _may_stand(offer.compiled(rules.compiled, DAY), rules)

    return _timed(ask, drawn, 0.0)


def judged(titles: Titles, drawn: list[Any]) -> list[list[bool]]:
    """Answer by the judging halves of the rules, which share no code with the steering ones."""
    verdicts = [rule.judged(titles.facts, DAY) for rule in policy().compiled]
    is_barred = np.any(verdicts, axis=0)
    return [(~is_barred[rows]).tolist() for rows in drawn]


def theirs(python: Path, titles: Titles, drawn: list[Any]) -> dict[str, Answered]:
    """Have every policy engine answer, by the Python they are installed in."""
    told = {"today": DAY, "titles": titles.plain, "pages": [rows.tolist() for rows in drawn]}
    done = subprocess.run(
        [str(python), str(_ENGINES)],
        input=json.dumps(told),
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    return {name: Answered(**answer) for name, answer in json.loads(done.stdout).items()}


def _may_stand(offer: Offer, rules: Policy) -> list[bool]:
    allowed: list[bool] = (compile_program(offer, _PAGE, rules).program.eligible != 0).tolist()
    return allowed


def _timed(ask: Callable[[Any], list[bool]], drawn: list[Any], once_us: float) -> Answered:
    ask(drawn[0])  # makes the tables of the shape
    allowed, micros = [], []
    for rows in drawn:
        begun = time.process_time()
        allowed.append(ask(rows))
        micros.append((time.process_time() - begun) * 1e6)
    return Answered("", allowed, micros, once_us)
