"""The fill of the reference: slots from the top, best utility first, hard caps never broken."""

from typing import Final

from constraints.effects import HARD, LEVEL_MAX
from constraints.kernel import LEVEL_BITS
from constraints.kernel.reference_law import Floor
from constraints.kernel.reference_page import Page

FIELD_MAX: Final = (1 << LEVEL_BITS - 1) - 1  # more breaks of a level than that count as so many


def fill(
    page: Page,
    *,
    heeds_floors: bool = False,
    is_bold: bool = False,
    ban: tuple[int, int] = (-1, -1),
    cut: int = 64,
) -> None:
    """Fill the empty open slots from the top; then those below the last normal one with the sunk.

    Args:
        page: what stands already stays.
        heeds_floors: keep room for floors.
        is_bold: where everything costs something, take the most useful, not the least costly.
        ban: a slot, and the rank that may not stand in it.
        cut: slot from which on only the sunk may stand.
    """
    for slot, rank in enumerate(page.law.pinned):
        if rank >= 0 and page.slate[slot] < 0 and not page.breaks_hard(rank, slot):
            page.place(slot, rank)
    below = 0
    for tier in range(2):
        for slot in range(below, page.law.slot_count):
            if page.is_free(slot) and (tier == 1 or slot < cut):
                due = _due(page, slot) if heeds_floors else ([], [])
                banned = ban[1] if slot == ban[0] else -1
                rank = _choose(page, slot, tier, due, is_bold=is_bold, banned=banned)
                if rank >= 0:
                    page.place(slot, rank)
        below = max((slot + 1 for slot, rank in enumerate(page.slate) if rank >= 0), default=0)


def _choose(
    page: Page,
    slot: int,
    tier: int,
    due: tuple[list[Floor], list[Floor]],
    *,
    is_bold: bool,
    banned: int,
) -> int:
    """Return the first rank of least cost in a slot, -1 where none may stand there."""
    best, least = -1, [FIELD_MAX + 1]
    for rank in page.law.may[tier][slot]:
        if rank in page.used or rank == banned or page.breaks_hard(rank, slot):
            continue
        if is_bold:
            return rank
        cost = _cost(page, rank, slot, *due)
        if cost < least:
            best, least = rank, cost
            if not any(cost):
                break
    return best


def _cost(page: Page, rank: int, slot: int, alone: list[Floor], together: list[Floor]) -> list[int]:
    """Return what a rank would break in a slot, by soft level, and the floors due it leaves."""
    cost = [0] * (LEVEL_MAX + 1)
    for number in page.law.groups_of[rank]:
        for span in page.law.groups[number].spans:
            if span.level != HARD:
                full = span.full_runs(page.taken[number])
                cost[span.level] += sum(run & page.law.bit(slot) != 0 for run in full)
    own = page.law.groups_of[rank]
    for floor in alone:
        cost[floor.span.level] += floor.group not in own
    if together and not any(floor.group in own for floor in together):
        cost[max(floor.span.level for floor in together)] += 1
    return [min(breaks, FIELD_MAX) for breaks in cost]


def _due(page: Page, slot: int) -> tuple[list[Floor], list[Floor]]:
    """Return the floors that a slot must serve, and those of which it must serve one.

    A floor is due when the room after this slot is too small for what it still needs; a set of
    disjoint floors when their needs together exceed the free slots of their ranges.
    """
    law, later = page.law, 0
    for below in range(slot + 1, law.slot_count):
        if page.is_free(below):
            later |= law.bit(below)
    alone, together, needs, ranges = list[Floor](), list[Floor](), 0, 0
    for floor in law.floors:
        lacks = floor.span.lacks(page.taken[floor.group])
        if lacks == 0 or not floor.span.mask & law.bit(slot):
            continue
        if lacks > _room(page, floor, later):
            alone.append(floor)
        members = law.groups[floor.group].members
        if all(members.isdisjoint(law.groups[other.group].members) for other in together):
            together.append(floor)
            needs += lacks
            ranges |= floor.span.mask
    if needs <= (later & ranges).bit_count():
        together = []
    return alone, [floor for floor in together if floor not in alone]


def _room(page: Page, floor: Floor, later: int) -> int:
    """Count how many of a floor's group still fit into later positions, packed from the top."""
    taken, count = page.taken[floor.group], 0
    hard = [span for span in page.law.groups[floor.group].spans if span.level == HARD]
    for position in range(64):
        bit = 1 << position & later & floor.reach
        if bit and not any(run & bit for span in hard for run in span.full_runs(taken)):
            taken |= bit
            count += 1
    return count
