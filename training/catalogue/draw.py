"""Seeded draws that come out the same on every machine and Python version."""

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias, TypeVar

Row: TypeAlias = dict[str, str]
Thing = TypeVar("Thing")

REFERENCE_DAY: Final = date(2026, 11, 1)
"""The day on which the catalogue is true. "Current" and "past" below are seen from it."""


class Draw:
    """A stream of draws. Each part of the catalogue has its own, so none disturbs another.

    INVARIANT: everything comes from `random()`, the one method of `Random` whose sequence
    Python promises to keep; `choice` and `shuffle` may change between versions.
    """

    def __init__(self, seed: int, part: str) -> None:
        self._random = Random(f"{seed}/{part}")

    def below(self, count: int) -> int:
        """Draw a number of [0, count)."""
        return int(self._random.random() * count)

    def chance(self, permille: int) -> bool:
        """Say yes `permille` times in a thousand."""
        return self.below(1000) < permille

    def pick(self, things: Sequence[Thing]) -> Thing:
        """Draw one of the things."""
        return things[self.below(len(things))]

    def weighted(self, weights: Mapping[str, int]) -> str:
        """Draw a word by its whole weight; the order of the mapping matters."""
        left = self.below(sum(weights.values()))
        for word, weight in weights.items():
            left -= weight
            if left < 0:
                return word
        raise ValueError("no weight is positive")

    def day(self, first: date, last: date) -> date:
        """Draw a day, both ends included."""
        return first + timedelta(days=self.below((last - first).days + 1))

    def days(self, term: str, first: date) -> tuple[str, str]:
        """Draw an interval, seen from the reference day.

        Args:
            term: a key of one of the `…_term` tables of shares.toml.
            first: earliest beginning, at least 60 days before the reference day.

        Returns:
            First and last day as ISO text; the last is empty when none is stated.
        """
        start, today = self.day(first, days_before(60)), REFERENCE_DAY
        if term in {"past", "lapsed", "expired"}:
            return start.isoformat(), self.day(start, days_before(1)).isoformat()
        if term in {"current_ends", "ends_later"}:
            return start.isoformat(), self.day(days_before(-30), days_before(-540)).isoformat()
        if term == "begins_later":
            start = self.day(today + timedelta(days=30), today + timedelta(days=180))
            return start.isoformat(), (start + timedelta(days=365)).isoformat()
        return start.isoformat(), ""

    def shuffled(self, things: Iterable[Thing]) -> list[Thing]:
        """Return the things in a drawn order."""
        order = list(things)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


class Names:
    """Composes names of a front and a back, none of them twice.

    Args:
        draw: decides the order of the combinations.
        taken: names that may not come out.
    """

    def __init__(self, draw: Draw, taken: Iterable[str] = ()) -> None:
        self._draw, self._taken = draw, set(taken)
        self._left: dict[str, list[str]] = {}
        self._part: dict[str, int] = {}

    def compose(self, key: str, fronts: Sequence[str], backs: Sequence[str]) -> str:
        """Return the next name of `key`; when all have gone, sequels with a number."""
        while True:
            if not self._left.get(key):
                self._part[key] = self._part.get(key, 0) + 1
                self._left[key] = self._draw.shuffled(f + b for f in fronts for b in backs)
            name = self._left[key].pop()
            name += str(self._part[key]) if self._part[key] > 1 else ""
            if name not in self._taken:
                self._taken.add(name)
                return name


def days_before(count: int) -> date:
    """Return the day so many days before the reference day (after it, if negative)."""
    return REFERENCE_DAY - timedelta(days=count)


def known(word: str) -> str:
    """Write a drawn word as a cell: `unknown` is an empty one."""
    return "" if word == "unknown" else word


def load(name: str) -> dict[str, Any]:
    """Read one of the TOML tables beside this module."""
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


def csv_bytes(header: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """Write rows as CSV: UTF-8, LF, a missing cell is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
