"""What others would show on the same page: they know utilities and features, not the rules.

Window-greedy does what PAI-Rec documents of its DiversityRuleSort: for each slot the first
remaining candidate, by score, that keeps within a window rule of its own page; where none does,
the rest follows in order. The others come from the package pyversity, with its defaults.
"""

from collections.abc import Callable
from typing import Any, Final

import numba
import numpy as np
import pyversity

from loadtests.bench.lay import IntArray
from loadtests.bench.pages import BenchPage

STRATEGIES: Final = ("mmr", "msd", "dpp", "ssd")  # of pyversity
Method = Callable[[BenchPage], IntArray]
_compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)


def window_greedy(page: BenchPage) -> IntArray:
    """Fill by score under the window rule of themes, knowing nothing of the page above."""
    found: IntArray = _window_greedy(
        page.tables.order, page.themes, page.tables.slot_count, *page.window
    )
    return found


@_compiled
def _window_greedy(order, themes, slot_count, most, width):  # type: ignore[no-untyped-def]
    slate = np.full(slot_count, -1, np.int64)
    used = np.zeros(len(order), np.bool_)
    keeps = True
    for slot in range(slot_count):
        first, chosen = -1, -1
        for candidate in order:
            if used[candidate]:
                continue
            if first < 0:
                first = candidate
            if not keeps or _fits(slate, slot, themes, candidate, most, width):
                chosen = candidate
                break
        if chosen < 0:  # nobody fits: from here on the rest follows in order
            keeps, chosen = False, first
        if chosen < 0:
            break
        slate[slot] = chosen
        used[chosen] = True
    return slate


@_compiled
def _fits(slate, slot, themes, candidate, most, width):  # type: ignore[no-untyped-def]
    for theme in themes[candidate]:
        if theme < 0:
            continue
        count = 0
        for above in range(max(slot - width + 1, 0), slot):
            for other in themes[slate[above]]:
                count += other == theme
        if count >= most:
            return False
    return True


def _diversify(strategy: str) -> Method:
    """Return a method of pyversity."""

    def method(page: BenchPage) -> IntArray:
        slots = page.tables.slot_count
        chosen = pyversity.diversify(page.feature, page.utility, slots, strategy).indices
        slate = np.full(slots, -1, np.int64)
        slate[: len(chosen)] = chosen
        return slate

    return method


PEERS: Final[dict[str, Method]] = {
    "window-greedy": window_greedy,
    **{name: _diversify(name) for name in STRATEGIES},
}
