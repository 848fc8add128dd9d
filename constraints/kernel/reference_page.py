"""The page of the reference: what stands, what one more would break, and how good it is."""

from constraints.effects import HARD
from constraints.kernel.reference_law import Law
from constraints.kernel.scores import EMPTY, OBJECTIVE, SCORES, SOFT, SUNK


class Page:
    """What stands on a page.

    Attributes:
        slate: rank in each slot, -1 for none.
        used: the ranks on the page.
        taken: by group, the positions where members stand.
        hard, soft: by group, the positions where one more would break a cap.
    """

    def __init__(self, law: Law) -> None:
        self.law = law
        self.slate = [-1] * law.slot_count
        self.used = set[int]()
        self.taken = [group.occupied for group in law.groups]
        self.hard = [0] * len(law.groups)
        self.soft = [0] * len(law.groups)
        for group in range(len(law.groups)):
            self._refresh(group)

    def copy(self) -> "Page":
        """Return an equal page."""
        page = Page.__new__(Page)
        page.law, page.slate, page.used = self.law, self.slate.copy(), self.used.copy()
        page.taken, page.hard, page.soft = self.taken.copy(), self.hard.copy(), self.soft.copy()
        return page

    def _refresh(self, group: int) -> None:
        self.hard[group] = self.soft[group] = 0
        for span in self.law.groups[group].spans:
            words = self.hard if span.level == HARD else self.soft
            for run in span.full_runs(self.taken[group]):
                words[group] |= run

    def place(self, slot: int, rank: int) -> None:
        """Put a rank into an empty slot."""
        self.slate[slot] = rank
        self.used.add(rank)
        for group in self.law.groups_of[rank]:
            self.taken[group] |= self.law.bit(slot)
            self._refresh(group)

    def lift(self, slot: int) -> None:
        """Empty a filled slot."""
        rank, self.slate[slot] = self.slate[slot], -1
        self.used.remove(rank)
        for group in self.law.groups_of[rank]:
            self.taken[group] &= ~self.law.bit(slot)
            self._refresh(group)

    def is_free(self, slot: int) -> bool:
        """Tell whether a slot is ours to fill, and empty."""
        return self.slate[slot] < 0 and bool(self.law.open & self.law.bit(slot))

    def breaks_hard(self, rank: int, slot: int) -> bool:
        """Tell whether a rank would break a hard cap in a slot."""
        bit = self.law.bit(slot)
        return any(self.hard[group] & bit for group in self.law.groups_of[rank])

    def is_full(self, group: int, slot: int) -> bool:
        """Tell whether one more of a group would break something in a slot."""
        return bool((self.hard[group] | self.soft[group]) & self.law.bit(slot))

    def fits(self, rank: int, slot: int) -> bool:
        """Tell whether a rank breaks nothing in a slot."""
        return not any(self.is_full(group, slot) for group in self.law.groups_of[rank])

    def is_sunk(self, rank: int, slot: int) -> bool:
        """Tell whether a rank that may stand in a slot is of the sunk."""
        return rank in self.law.may[1][slot]

    @property
    def worth(self) -> int:
        """The objective."""
        return -self.score()[OBJECTIVE]

    def score(self) -> tuple[int, ...]:
        """Measure the page: see `reference.measure`; what is hard is never broken here."""
        score = [0] * SCORES
        for slot, rank in enumerate(self.slate):
            score[EMPTY] += self.is_free(slot)
            if rank >= 0:
                score[SUNK] += self.is_sunk(rank, slot)
                score[OBJECTIVE] -= self.law.worth(rank, slot)
        for group, taken in zip(self.law.groups, self.taken, strict=True):
            for span in group.spans:
                if span.level != HARD:
                    score[SOFT + span.level] += span.breaks(taken, group.occupied)
        return tuple(score)
