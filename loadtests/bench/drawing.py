"""Draws the parts of a page: compiled, in whole numbers only, so the same on any machine.

Chance is splitmix64. Every page has a state of its own, so it does not matter which were drawn
before.
"""

from typing import Any, Final

import numpy as np

from constraints.jit import inline, kernel
from constraints.program import UNCAPPED
from loadtests.bench.sketch import FAMILY, OWN, SPAN, SUNK, Habit, Outline

RULES_MAX: Final = 40
_FEW_RULES: Final = 6  # at most, on every second page: more are hardly ever all kept
POSITIONS_MAX: Final = 64
THEMES: Final = 13  # a prime: steps of any width visit every theme once
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_ONE: Final = np.uint64(1)
_ALL: Final = np.uint64(2**64 - 1)


@inline
def _next(random):  # type: ignore[no-untyped-def]
    random[0] += _STEP
    word = random[0]
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    return word ^ (word >> np.uint64(31))


@inline
def _below(random, count):  # type: ignore[no-untyped-def]
    """Draw of [0, count); count is at most 2**32."""
    return np.int64(((_next(random) >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))


@inline
def _between(random, least, most):  # type: ignore[no-untyped-def]
    return least + _below(random, most - least + 1)


@inline
def _word(start, stop):  # type: ignore[no-untyped-def]
    """Return the word of bits [start, stop); both are below 64."""
    return ((_ONE << np.uint64(stop)) - _ONE) & ~((_ONE << np.uint64(start)) - _ONE)


@kernel
def _size(random, least, most):  # type: ignore[no-untyped-def]
    """Draw of [least, most], about as often from 10 to 20 as from 100 to 200; 1 to 4095."""
    found = np.int64(0)
    while found < least or found > most:
        power, part = _below(random, 12), _below(random, 2048)
        found = (2048 + part) << power >> 11
    return found


@kernel
def _rarity(random):  # type: ignore[no-untyped-def]
    """Draw about -log2 of a chance, in 65536ths, straight between powers of two."""
    word, zeros = _next(random) | _ONE, np.int64(0)
    while word >> np.uint64(63) == 0:
        word, zeros = word << _ONE, zeros + 1
    return (zeros << 16) + 65536 - np.int64((word >> np.uint64(47)) & np.uint64(65535))


@kernel
def begin(number: Any) -> Any:
    """Return the generator of a page: (1,) uint64, as far from its neighbour's as from any."""
    random = np.full(1, np.uint64(number), np.uint64)
    random[0] = _next(random)
    return random


@kernel
def outline(random: Any, kind: Any, candidates: Any, slots: Any) -> Any:
    """Draw an `Outline` of a `Kind`: sizes, tail and reserved slots.

    Args:
        random: (1,) uint64, state of the generator.
        kind: a `Kind`.
        candidates: the least and the most, unless the kind is scarce.
        slots: the least and the most.
    """
    slot_count = _between(random, slots[0], slots[1])
    count = _size(random, candidates[0], candidates[1])
    if kind.is_scarce:
        count = max(slot_count * _between(random, 300, 2500) // 1000, 1)
    tail_count = _below(random, min(kind.tail_max, POSITIONS_MAX - slot_count) + 1)
    word, standing = 0, np.arange(POSITIONS_MAX)
    total, has_reserved = tail_count, _below(random, 3) == 0
    for slot in range(slot_count):
        if has_reserved and _below(random, 5) == 0:
            standing[total] = tail_count + slot
            total += 1
        else:
            word |= 1 << slot
    return Outline(count, slot_count, tail_count, word, standing[:total].copy())


@kernel
def habit(random: Any, o: Any) -> Any:
    """Draw a `Habit` for an `Outline`."""
    sunk = (0, 100, 500)[_below(random, 3)]
    screen, pins = _below(random, o.slot_count + 1), _below(random, 3)
    return Habit(screen, 250, 50, 100, sunk, pins, 0, False)


@kernel
def law(random: Any, kind: Any, o: Any) -> Any:
    """Draw rules: families of groups, each with one or two spans.

    Returns:
        (f,) FAMILY and (s,) SPAN, by family.
    """
    rules = _below(random, (RULES_MAX if _below(random, 2) == 0 else _FEW_RULES) + 1)
    families = np.zeros(rules, FAMILY)
    spans = np.zeros(2 * rules, SPAN)
    total = 0
    for rule in range(rules):
        _draw_family(random, kind, o.candidate_count, rule, families[rule])
        for _ in range(1 + _below(random, 2)):
            _draw_span(random, kind, o, spans[total])
            spans[total].family = rule
            total += 1
    return families, spans[:total].copy()


@kernel
def _draw_family(random, kind, count, rule, family):  # type: ignore[no-untyped-def]
    family.groups, family.share, family.source = 1, 1000, OWN
    family.labels_least, family.labels_most = 1, 1
    what = _below(random, 100)
    if what < 45:  # one group
        family.share = _between(random, 20, 600)
    elif what < 75:  # a few
        family.groups = _between(random, 2, 7)
        family.share = 1000 * family.groups // (family.groups + 1)
    elif what < 80:  # producers
        family.groups = max(count // 4, 1)
    elif what < 95:
        family.groups = THEMES
        family.labels_least, family.labels_most = 0, kind.themes_max
    else:  # all that an earlier rule tells apart, or the sunk
        other = _below(random, rule + 1)
        family.source = other if other < rule else SUNK
    family.is_skewed = _below(random, 2)
    if _below(random, 3) == 0:
        family.bonus = _between(random, -300, 300)


@kernel
def _draw_span(random, kind, o, span):  # type: ignore[no-untyped-def]
    """Draw a cap on a range, a cap in windows, or a floor."""
    width = o.tail_count + o.slot_count
    one, other = _below(random, o.slot_count + 1), _below(random, o.slot_count + 1)
    if _below(random, 2) == 0:
        one, other = np.int64(0), o.slot_count
    mask = _word(min(one, other), max(one, other)) << np.uint64(o.tail_count)
    if _below(random, 5) == 0:  # a range may reach back into the tail
        mask |= _word(0, o.tail_count)
    what, most = _below(random, 3), _below(random, 2 if kind.is_hopeless else 5)
    level = max(_below(random, 9) - 2, 0)  # a third are hard
    if what == 0:  # windows may be wider than the page
        span.window = _between(random, 1, width + 2)
        mask = _ALL >> np.uint64(POSITIONS_MAX - width)
        most = most if kind.is_hopeless else max(most, 1)
    elif what == 1:
        level, most = _between(random, 1, 6), UNCAPPED
        span.least = _between(random, 1, o.slot_count + 1 if kind.is_hopeless else 3)
    span.level, span.most, span.mask = level, most, mask


@kernel
def places(random: Any, o: Any, habit: Any) -> Any:
    """Draw by a `Habit` (n,) uint64 slots that each may take, and (n,) uint8 tiers."""
    every = _word(0, o.slot_count)
    below, listed = every & ~_word(0, habit.screen), _next(random) & every
    words, tier = (
        np.full(o.candidate_count, every, np.uint64),
        np.zeros(o.candidate_count, np.uint8),
    )
    for i in range(o.candidate_count):
        what = _below(random, 1000) - habit.kept_out
        if what < 0:
            words[i] = below
        elif what < habit.removed:
            words[i] = 0
        elif what < habit.removed + habit.listed:
            words[i] = listed
        tier[i] = _below(random, 1000) < habit.sunk
    for _ in range(habit.pins):
        one, tries = _below(random, o.candidate_count), 0
        while (
            habit.is_fair and tries < o.candidate_count and (tier[one] > 0 or words[one] != every)
        ):
            one, tries = (one + 1) % o.candidate_count, tries + 1
        pin = _ONE << np.uint64(_between(random, habit.pin_from, o.slot_count - 1))
        for i in range(o.candidate_count):
            words[i] &= ~pin
        words[one] = pin
    return words & np.uint64(o.open), tier


@kernel
def labels(random: Any, families: Any, tier: Any, o: Any) -> Any:
    """Draw who is in which groups: (n + p, c) int32 as `sketch.grouped` reads them."""
    total = o.candidate_count + len(o.standing_at)
    found = np.full((total, families.labels_most.sum()), -1, np.int32)
    first, column = np.int64(0), np.zeros(len(families) + 1, np.int64)
    for f in range(len(families)):
        family, at = families[f], column[f]
        for row in range(total):
            if family.source == SUNK:
                if row < o.candidate_count and tier[row] > 0:
                    found[row, at] = first
            elif family.source >= 0:
                if found[row, column[family.source]] >= 0:
                    found[row, at] = first
            elif _below(random, 1000) < family.share:
                _draw_labels(random, family, first, found[row, at : at + family.labels_most])
        first += family.groups
        column[f + 1] = at + family.labels_most
    return found


@kernel
def _draw_labels(random, family, first, found):  # type: ignore[no-untyped-def]
    groups = family.groups
    ceiling = _below(random, groups) + 1 if family.is_skewed else groups
    label, step = _below(random, ceiling), 1 + _below(random, max(groups - 1, 1))
    for k in range(_between(random, family.labels_least, family.labels_most)):
        found[k] = first + (label + k * step) % groups


@kernel
def utilities(random: Any, kind: Any, worth: Any) -> Any:
    """Draw (n,) int64 utilities, at most 2**38: of a few values, or more or less rare by worth."""
    lowest, values = (0, 1, 2**37)[_below(random, 3)], _between(random, 1, 4)
    found = np.zeros(len(worth), np.int64)
    for i in range(len(worth)):
        if kind.is_tied:
            found[i] = lowest + _below(random, values)
        else:
            found[i] = (kind.worth_least + _rarity(random) + _rarity(random)) * worth[i]
    return found
