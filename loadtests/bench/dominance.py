"""Leaves candidates out that no optimal slate needs: exact, and cheap beside the solver."""

import numpy as np

from constraints.kernel import Tables
from constraints.program import UNCAPPED
from loadtests.bench.lay import IntArray


def kept(t: Tables) -> IntArray:
    """List the candidates that an optimal slate may need, lower indices first.

    A candidate may go if enough others are at least as useful, may stand where it may, are in no
    group with a cap but its own, and in all its groups with a floor: in any slate, one of them is
    free to take its place. Narrow groups (few members, none on the page yet, one more allowed
    everywhere; producers, say) may differ, as long as those others share none with each other:
    each of the K - 1 beside it on the slate then keeps at most `each` of them away.
    """
    count, groups = len(t.order), len(t.occupied)
    member = np.zeros((count, groups), bool)
    member[np.repeat(np.arange(count), np.diff(t.group_start)), t.group_of] = True
    owner = np.repeat(np.arange(groups), np.diff(t.span_start))
    has_floor, has_cap = np.zeros(groups, bool), np.zeros(groups, bool)
    has_floor[owner[t.least > 0]] = True
    has_cap[owner[(t.least == 0) & (t.most < UNCAPPED)]] = True
    is_tight = np.zeros(groups, bool)
    is_tight[owner[(t.least == 0) & (t.most < 1)]] = True
    narrow = (
        has_cap & ~has_floor & ~is_tight & (t.occupied == 0) & (member.sum(axis=0) <= count / 25)
    )
    each = max(int((member & narrow).sum(axis=1).max(initial=0)), 1)
    enough = (t.slot_count - 1) * each + 1
    caps = member[:, has_cap & ~narrow]
    floors = member[:, has_floor]
    chosen = []
    for place, candidate in enumerate(t.order):
        before = t.order[:place]
        fits = (t.tier[before] == t.tier[candidate]) & (
            t.eligible[candidate] & ~t.eligible[before] == 0
        )
        fits &= ~(caps[before] & ~caps[candidate]).any(axis=1)
        fits &= ~(~floors[before] & floors[candidate]).any(axis=1)
        if t.eligible[candidate] and not _apart(member[:, narrow], before[fits], enough):
            chosen.append(candidate)
    return np.sort(np.array(chosen, np.intp))


def _apart(narrow: IntArray, others: IntArray, enough: int) -> bool:
    """Tell whether `enough` of some candidates share no narrow group with each other."""
    if len(others) < enough:
        return False
    seen = np.zeros(narrow.shape[1], bool)
    found = 0
    for other in others:
        if not (narrow[other] & seen).any():
            seen |= narrow[other]
            found += 1
            if found == enough:
                return True
    return False
