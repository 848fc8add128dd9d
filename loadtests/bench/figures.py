"""Figures beside their bars, and the clock they are measured by."""

import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

WARM_UPS: Final = 20


class Figure(NamedTuple):
    """What was measured, and its bar, if it has one."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def is_met(self) -> bool:
        """The value keeps its bar."""
        return (self.most is None or self.value <= self.most) and (
            self.least is None or self.value >= self.least
        )

    @property
    def bar(self) -> str:
        """The bar as text."""
        if self.least is not None:
            return f"≥ {self.least:g} {self.unit}"
        return "" if self.most is None else f"≤ {self.most:g} {self.unit}"

    def as_json(self) -> dict[str, Any]:
        """Return all of it, for programs."""
        return self._asdict() | {"value": float(self.value), "is_met": self.is_met}


def in_turn(calls: Mapping[str, Callable[[int], Any]], laps: int) -> dict[str, float]:
    """Time calls in turn, the garbage collector off: name → median µs of this thread's own time.

    A busy machine lengthens what a clock on the wall shows, and not for all calls alike.

    Args:
        calls: each is given the number of the lap; warm-ups have numbers below 0.
        laps: timed.
    """
    spent: dict[str, list[int]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    try:
        for lap in range(-WARM_UPS, laps):
            for name, call in calls.items():
                begun = time.thread_time_ns()
                call(lap)
                spent[name].append(time.thread_time_ns() - begun)
    finally:
        gc.enable()
    return {name: float(np.median(each[WARM_UPS:])) / 1000 for name, each in spent.items()}


def show(figures: Sequence[Figure], title: str) -> None:
    """Print figures as a table."""
    table = Table("figure", "measured", "bar", "", title=title)
    for figure in figures:
        digits = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.3g}"
        verdict = "met" if figure.is_met else "NOT MET"
        told = f"{digits} {figure.unit}", figure.bar, verdict if figure.bar else ""
        table.add_row(figure.name, *told)
    Console(width=None if sys.stdout.isatty() else 130).print(table)
