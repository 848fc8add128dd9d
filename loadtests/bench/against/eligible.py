"""Who may stand at all: our catalogue, compiled ahead, and policy engines on the same rules."""

import json
import subprocess
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from constraints.catalogue import compile_catalogue
from constraints.fact_text import parse_row
from constraints.facts import Facts, day_of
from constraints.offer import Offer
from constraints.page import Page
from constraints.policy import Policy, parse_policy
from constraints.steering import compile_program
from constraints.vocabulary import Vocabulary

TITLES: Final = 20_000
CANDIDATES: Final = 500
SLOTS: Final = 20
TODAY: Final = date(2026, 11, 24)
_RULES: Final = Path(__file__).with_name("eligible.toml")
_ENGINES: Final = Path(__file__).with_name("engines.py")
_SHARES: Final[dict[str, Mapping[str, int]]] = {
    "kind": {"drama": 70, "room": 20, "video": 10},
    "provider_until": {"2031-12-31": 90, "2026-11-24": 3, "2026-01-01": 3, "": 4},
    "platform_review": {"yes": 94, "no": 3, "": 3},
    "ai_generated": {"no": 80, "yes": 10, "suspected": 5, "": 5},
    "ai_label": {"all": 60, "none": 35, "": 5},
    "minor_impact": {"none": 94, "values": 3, "": 3},
    "uploader": {"organisation": 85, "individual": 12, "": 3},
    "account_grade": {"a": 40, "b": 40, "c": 10, "d": 5, "": 5},
    "merchant": {"no_commerce": 80, "verified": 12, "unverified": 4, "": 4},
    "operator_grade": {"a": 40, "b": 40, "c": 10, "d": 5, "": 5},
}
"""Facts, and how many of a hundred titles have them."""


class Answered(NamedTuple):
    """What one engine said, and how long it took.

    Attributes:
        version: of the engine.
        allowed: page → for each candidate whether it may stand.
        micros: of each page.
    """

    version: str
    allowed: list[list[bool]]
    micros: list[float]


class Titles:
    """Titles drawn for the comparison, as facts of ours and as plain values.

    Args:
        count: how many.
        seed: of the draw.
    """

    def __init__(self, count: int, seed: int) -> None:
        rng, self.count = np.random.default_rng(seed), count
        columns: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        unknown = Facts.unknown(1)
        for name, shares in _SHARES.items():
            options = [*shares]
            drawn = rng.choice(len(options), count, p=np.array([*shares.values()]) / 100)
            codes = [parse_row({name: text}, Vocabulary()).get(name) for text in options]
            default = getattr(unknown, name)[0]
            known = np.array([default if code is None else code for code in codes])
            columns[name] = known[drawn].astype(getattr(unknown, name).dtype)
            self._texts[name] = [options[one] for one in drawn]
        self.facts = Facts.unknown(count).with_columns(
            is_registered=np.ones(count, np.bool_),
            subject=np.arange(1, count + 1, dtype=np.uint64),
            **columns,
        )

    def plain(self, row: int) -> dict[str, Any]:
        """Return a title as policy engines read it: days are whole numbers, -1 for unknown."""
        told: dict[str, Any] = {name: texts[row] for name, texts in self._texts.items()}
        until = told["provider_until"]
        return told | {"provider_until": int(day_of(date.fromisoformat(until))) if until else -1}


def policy() -> Policy:
    """Return the seven rules."""
    return parse_policy({_RULES.name: _RULES.read_bytes()})


def pages(titles: Titles, count: int, seed: int) -> list[Any]:
    """Draw the rows of pages."""
    rng = np.random.default_rng(seed)
    size = min(CANDIDATES, titles.count)
    return [rng.choice(titles.count, size, replace=False).astype(np.int32) for _ in range(count)]


def ours(titles: Titles, drawn: list[Any]) -> tuple[Answered, float]:
    """Answer by the catalogue.

    What is timed does more than answer: it gathers groups and weights and sorts, too.

    Returns:
        The answer, and the microseconds a title takes once, when facts or rules change.
    """
    rules, day = policy(), day_of(TODAY)
    begun = time.perf_counter()
    catalogue = compile_catalogue(rules.compiled, titles.facts, day)
    compiling = (time.perf_counter() - begun) * 1e6 / titles.count
    shown = Page("home", "phone", day, SLOTS, 5)
    allowed, micros = [], []
    for rows in drawn:
        offer = Offer(catalogue, rows, np.ones(len(rows), np.float32))
        compile_program(offer, shown, rules)  # warm
        begun = time.perf_counter()
        program = compile_program(offer, shown, rules).program
        micros.append((time.perf_counter() - begun) * 1e6)
        allowed.append((program.eligible != 0).tolist())
    return Answered("", allowed, micros), compiling


def theirs(python: Path, titles: Titles, drawn: list[Any]) -> dict[str, Answered]:
    """Have every policy engine answer, by the Python they are installed in."""
    told = {
        "today": int(day_of(TODAY)),
        "pages": [[titles.plain(row) for row in rows.tolist()] for rows in drawn],
    }
    done = subprocess.run(
        [str(python), str(_ENGINES)],
        input=json.dumps(told),
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    return {name: Answered(**answer) for name, answer in json.loads(done.stdout).items()}
