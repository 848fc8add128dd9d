"""The descent: payments for what is broken, tried one after the other, and the bounds they show."""

from typing import Final

import numpy as np

from constraints.certify.assignment import FAR, assign, new_matching
from constraints.certify.relaxation import choice_of, runs_of, sifted
from constraints.jit import bare, kernel, popcount
from constraints.kernel.layout import ONE
from constraints.kernel.scores import OBJECTIVE

PAYMENT_MAX: Final = np.int64(1) << 36
INERTIA: Final = 0.7  # of the direction of the last step, to damp zigzags
PATIENCE: Final = 10  # steps without progress before they become shorter
SHORTER: Final = 0.7
SIFTING: Final = 10  # steps between looks for candidates that can be left out


@kernel
def bound(t, score, steps):  # type: ignore[no-untyped-def]
    """Return a bound for slates that give up at most what `score` says, part by part.

    Args:
        t: `Tables`.
        score: (SCORES,) of some slate, see `measure`.
        steps: at least 1.
    """
    slots = np.array([s for s in range(t.slot_count) if t.open >> np.uint64(s) & ONE], np.int64)
    objective = -score[OBJECTIVE]
    if len(slots) == 0:
        return objective
    choice, shift = choice_of(t, score, slots)
    least = _descend(t, runs_of(t), choice, slots, score, objective >> shift, steps)
    return max(least << shift, objective)


@kernel
def _descend(t, runs, choice, slots, score, known, steps):  # type: ignore[no-untyped-def]
    """Try payments, and return the least bound; `known` is what some slate is worth at least."""
    payment, direction = np.zeros(len(runs.group), np.int64), np.zeros(len(runs.group))
    fees = np.zeros((len(t.occupied), len(slots)), np.int64)
    dearest, taken = np.zeros(len(score), np.int64), np.zeros(len(t.occupied), np.uint64)
    net, matching = choice.worth.copy(), new_matching(*choice.worth.shape)
    least, pace, stale = FAR, 1.0, 0
    for step in range(steps):
        _pay(runs, choice, slots, payment, fees, net)
        value = assign(net, matching) + _refund(runs, payment, score, dearest)
        stale = 0 if value < least - (least >> 14) else stale + 1
        least = min(least, value)
        if least <= known:
            break
        if stale > PATIENCE:
            pace, stale = pace * SHORTER, 0
        _place(t, choice, slots, matching, taken)
        norm = _turn(runs, payment, score, dearest, taken, direction)
        if norm == 0:
            break
        length = pace * (value - known) / norm
        for run in range(len(payment)):
            paid = payment[run] + np.int64(length * direction[run])
            payment[run] = min(max(paid, np.int64(0)), PAYMENT_MAX)
        if step % SIFTING == SIFTING - 1:
            choice = sifted(t, choice, net, matching, value - known)
            net, matching = choice.worth.copy(), new_matching(*choice.worth.shape)
    return least


@bare
def _pay(runs, choice, slots, payment, fees, net):  # type: ignore[no-untyped-def]
    """Work out what each placement is worth when it pays for the runs it is counted in."""
    fees[:] = 0
    for run in range(len(payment)):
        if payment[run] > 0:
            for row in range(len(slots)):
                if runs.slots[run] >> np.uint64(slots[row]) & ONE:
                    fees[runs.group[run], row] += runs.sign[run] * payment[run]
    for row in range(len(slots)):
        for column in range(net.shape[1]):
            net[row, column] = choice.worth[row, column]
    for group in range(len(fees)):
        for row in range(len(slots)):
            fee = fees[group, row]
            if fee != 0:
                for entry in range(choice.member_start[group], choice.member_start[group + 1]):
                    net[row, choice.member[entry]] -= fee


@bare
def _refund(runs, payment, score, dearest):  # type: ignore[no-untyped-def]
    """Give back what nobody owes: each run up to its limit, and of each part the breaks granted.

    Granted breaks of a part may all fall on one run, so they cost its dearest; `dearest` names it.
    """
    total = np.int64(0)
    dearest[:] = -1
    for run in range(len(payment)):
        total += runs.sign[run] * payment[run] * runs.limit[run]
        best = dearest[runs.part[run]]
        if best < 0 or payment[run] > payment[best]:
            dearest[runs.part[run]] = run
    for part in range(OBJECTIVE):
        if dearest[part] >= 0:
            total += score[part] * payment[dearest[part]]
    return total


@bare
def _place(t, choice, slots, matching, taken):  # type: ignore[no-untyped-def]
    taken[:] = 0
    for row in range(len(slots)):
        one = choice.candidate[matching.column[row]]
        if one >= 0:
            for entry in range(t.group_start[one], t.group_start[one + 1]):
                taken[t.group_of[entry]] |= ONE << np.uint64(slots[row])


@bare
def _turn(runs, payment, score, dearest, taken, direction):  # type: ignore[no-untyped-def]
    """Turn towards what is broken now; return the square of the length of the direction."""
    norm = 0.0
    for run in range(len(payment)):
        stand = popcount(taken[runs.group[run]] & runs.slots[run])
        over = runs.sign[run] * (stand - runs.limit[run])
        if dearest[runs.part[run]] == run:
            over -= score[runs.part[run]]
        direction[run] = over + INERTIA * direction[run]
        if payment[run] > 0 or direction[run] > 0:
            norm += direction[run] ** 2
    return norm
