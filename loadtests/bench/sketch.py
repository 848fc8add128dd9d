"""A drawn page on its way to the engine's form: its kind, its outline, rules as rows of numbers."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from constraints.jit import kernel

FAMILY: Final = np.dtype(
    [
        ("groups", np.int64),
        ("share", np.int64),
        ("labels_least", np.int64),
        ("labels_most", np.int64),
        ("source", np.int64),
        ("bonus", np.int64),
        ("is_skewed", np.int64),
    ]
)
"""Groups of one kind: how many; how many of 1000 candidates are in any; in how many of them one is;
where that comes from; what it adds to a utility, in 1000ths; whether some are more popular."""
OWN: Final = -1  # source: drawn for this family
SUNK: Final = -2  # source: those that are sunk; from 0, those that are in that family at all
SPAN: Final = np.dtype(
    [
        ("family", np.int64),
        ("level", np.int32),
        ("least", np.int32),
        ("most", np.int32),
        ("window", np.int32),
        ("mask", np.uint64),
    ]
)
"""What is counted of each group of a family; see `Spans` of a program."""
SPANS_MAX: Final = 3  # of a family


class Kind(NamedTuple):
    """What the kind of a page says of it.

    Attributes:
        is_hopeless: caps and floors leave hardly any slate lawful.
        is_tied: few different utilities.
        is_scarce: hardly more candidates than slots.
        tail_max: of T.
        themes_max: of a candidate.
        worth_least: utility of everybody; what is drawn for each, beside it, is 200,000 on average.
    """

    is_hopeless: bool = False
    is_tied: bool = False
    is_scarce: bool = False
    tail_max: int = 7
    themes_max: int = 3
    worth_least: int = 0


class Outline(NamedTuple):
    """What the rest of a page is drawn for.

    Attributes:
        candidate_count, slot_count, tail_count: int64 n, K, T.
        open: int64 word of slots.
        standing_at: (p,) int64 positions that others have filled.
    """

    candidate_count: int
    slot_count: int
    tail_count: int
    open: int
    standing_at: NDArray[np.int64]


class Habit(NamedTuple):
    """How candidates are spread over the page; shares in 1000ths.

    Attributes:
        screen: slots of the first screen.
        kept_out: share that may not stand there.
        removed, listed: share that may stand nowhere, and in some slots only.
        sunk: share of the sunk.
        pins: how many are pinned, 0 to 2.
        pin_from: the first slot that may be pinned.
        is_fair: none is pinned that is sunk or may not stand everywhere.
    """

    screen: int
    kept_out: int = 0
    removed: int = 0
    listed: int = 0
    sunk: int = 0
    pins: int = 0
    pin_from: int = 0
    is_fair: bool = True


@kernel
def worth(labels: Any, families: Any, o: Any) -> Any:
    """Add up the bonuses of each candidate: (n,) int64, 1000 for none; see `grouped`."""
    found = np.full(o.candidate_count, 1000, np.int64)
    for i in range(o.candidate_count):
        column = 0
        for f in range(len(families)):
            if labels[i, column] >= 0:
                found[i] += families[f].bonus
            column += families[f].labels_most
        found[i] = min(max(found[i], 100), 8000)
    return found


@kernel
def grouped(labels: Any, families: Any, spans: Any, o: Any) -> Any:
    """Give a number to each group that has a candidate, and list what is counted of it.

    Args:
        labels: (n + p, c) int32, groups numbered through all families, -1 none; first the
            candidates, then what stands.
        families: (f,) FAMILY.
        spans: (s,) SPAN, by family.
        o: an `Outline`.

    Returns:
        group_start, group_of, occupied, span_start as in `Tables`, and (c,) rows of `spans`.
    """
    number = np.full(families.groups.sum(), -1, np.int32)
    start = np.zeros(o.candidate_count + 1, np.int32)
    for i in range(o.candidate_count):
        start[i + 1] = start[i]
        for label in labels[i]:
            if label >= 0:
                number[label] = 0
                start[i + 1] += 1
    span_start, rows = _number(number, families, spans)
    group_of, entry = np.zeros(start[o.candidate_count], np.int32), 0
    for i in range(o.candidate_count):
        for label in labels[i]:
            if label >= 0:
                group_of[entry] = number[label]
                entry += 1
    occupied = np.zeros(len(span_start) - 1, np.uint64)
    for stands in range(len(o.standing_at)):
        for label in labels[o.candidate_count + stands]:
            if label >= 0 and number[label] >= 0:
                occupied[number[label]] |= np.uint64(1) << np.uint64(o.standing_at[stands])
    return start, group_of, occupied, span_start, rows


@kernel
def _number(number, families, spans):  # type: ignore[no-untyped-def]
    """Turn each 0 into the number of its group, and list the rows of `spans` of each."""
    first = np.zeros(len(families) + 1, np.int64)
    for span in spans:
        first[span.family + 1] += 1
    first = np.cumsum(first)
    start, rows = np.zeros(len(number) + 1, np.int32), np.zeros(SPANS_MAX * len(number), np.int64)
    group, kept = 0, 0
    for family in range(len(families)):
        for _ in range(families[family].groups):
            if number[group] == 0:
                number[group] = kept
                size = first[family + 1] - first[family]
                start[kept + 1] = start[kept] + size
                rows[start[kept] : start[kept + 1]] = np.arange(first[family], first[family + 1])
                kept += 1
            group += 1
    return start[: kept + 1].copy(), rows[: start[kept]].copy()
