"""The best assignment of columns to slots, exact, by shortest augmenting paths."""

from typing import Any, Final, NamedTuple

import numpy as np

from constraints.facts import IntArray
from constraints.jit import bare, kernel

FAR: Final = np.int64(1) << 62


class Matching(NamedTuple):
    """An assignment of n columns to m slots, its proof, and scratch.

    INVARIANT, after `assign`: by_slot[k] + by_column[j] >= worth[k, j], equal where slot k has
    column j, and by_column is >= 0, 0 where no slot has the column. So the sum of both is what the
    assignment is worth, and no other is worth more.

    Attributes:
        column: (m,) int64 column of each slot.
        slot: (n,) int64 slot of each column, -1 for none.
        by_slot, by_column: (m,) and (n,) int64.
        distance, before: (n,) int64, of the shortest path to a column, and its last slot.
        reached, is_reached: (n,) int64 columns the search went through, and whether it did.
    """

    column: IntArray
    slot: IntArray
    by_slot: IntArray
    by_column: IntArray
    distance: IntArray
    before: IntArray
    reached: IntArray
    is_reached: IntArray


@kernel
def new_matching(slots, columns):  # type: ignore[no-untyped-def]
    """Return an empty assignment."""
    return Matching(
        np.zeros(slots, np.int64),
        np.zeros(columns, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(columns, np.int64),
        np.zeros(columns, np.int64),
        np.zeros(columns, np.int64),
        np.zeros(columns, np.int64),
        np.zeros(columns, np.int64),
    )


@bare
def assign(worth: Any, m: Any) -> Any:
    """Give each slot a column of its own, so that together they are worth most.

    Args:
        worth: (slots, columns) int64, at least as many columns as slots, sums within int64.
        m: `Matching`, overwritten.

    Returns:
        What the assignment is worth.
    """
    columns = worth.shape[1]
    m.slot[:] = -1
    m.by_column[:] = 0
    for slot in range(worth.shape[0]):
        best, end = -FAR, np.int64(0)
        for column in range(columns):
            value = worth[slot, column] - m.by_column[column]
            if value > best:
                best, end = value, np.int64(column)
        m.by_slot[slot] = best
        if m.slot[end] >= 0:
            end = _shortest_path(worth, m, slot, end)
        else:
            m.before[end] = slot
        while True:  # hand columns on, back along the path
            giver = m.before[end]
            handed = m.column[giver]
            m.slot[end], m.column[giver] = giver, end
            if giver == slot:
                break
            end = handed
    total = np.int64(0)
    for slot in range(worth.shape[0]):
        total += worth[slot, m.column[slot]]
    return total


@bare
def _shortest_path(worth, m, slot, end):  # type: ignore[no-untyped-def]
    """Find the cheapest way to a column no slot has yet, from a slot whose best one is taken.

    Returns:
        That column; `before` leads back.
    """
    columns = worth.shape[1]
    for column in range(columns):
        m.distance[column] = m.by_slot[slot] + m.by_column[column] - worth[slot, column]
        m.before[column] = slot
        m.is_reached[column] = 0
    steps, length = 0, np.int64(0)
    while m.slot[end] >= 0:
        m.is_reached[end] = 1
        m.reached[steps] = end
        steps += 1
        through = m.slot[end]
        base, least = length + m.by_slot[through], FAR
        for column in range(columns):
            if m.is_reached[column] == 0:
                distance = base + m.by_column[column] - worth[through, column]
                if distance < m.distance[column]:
                    m.distance[column] = distance
                    m.before[column] = through
                if m.distance[column] < least:
                    least, end = m.distance[column], np.int64(column)
        length = least
    for step in range(steps):
        column = m.reached[step]
        less = length - m.distance[column]
        m.by_column[column] += less
        m.by_slot[m.slot[column]] -= less
    m.by_slot[slot] -= length
    return end
