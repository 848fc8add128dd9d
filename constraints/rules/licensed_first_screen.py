"""Only licensed dramas on first screens and in zones; on the home page rechecked ones."""

from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from constraints.demands import Barred, Demand, Most
from constraints.effects import Block, Cap, GroupEffect, RowEffect
from constraints.facts import Facts, IntArray, date_of
from constraints.page import Page
from constraints.rule import Dated, Day, Name, Rule, Verdicts, in_force
from constraints.terms import Document, DocumentStatus, Kind, Recheck

UNLICENSED, NOT_RECHECKED = 1, 2


class LicensedFirstScreen(Rule):
    """Keep unlicensed titles, and licensed ones without NRTA's recheck, off the first screen.

    Law: FS-01, notice 345 (2022) three (two) 7, since 2022-11-14, and notice 128 (2022) art. 4(3),
        since 2022-06-01, which names zones and columns (专区专栏) beside the first screen;
        FS-02, notice 35 (2024) three 1, since 2024-02-05.
    Reading: licensed means a 审字 licence, verified in a register, valid on the day. "Gradually
        leave" is a share of the first screen that unlicensed dramas may still take, by date; the
        share is platform policy. The recheck is asked of every first-screen slot, the strict
        reading, or of the lead slots only; a slot that asks for it takes nothing unlicensed.
    Unknown: an unknown licence, status or recheck counts as none.
    Effect: Block, level 0; during the phase-out Cap, level 0, on the unlicensed.

    Attributes:
        slots: `first_screen`, or `page` where the whole surface is a zone or column.
        unlicensed_share: dated share of those slots, 0 to 1, rounded down to slots.
        recheck: dated: `off`, `lead` (the first `lead_slots`) or `first_screen`.
        recheck_source: row of the law the recheck rests on; `source` unless given.
        lead_slots: slots that count as the lead (首推).
    """

    counted: ClassVar[frozenset[int]] = frozenset({UNLICENSED})

    type: Literal["licensed_first_screen"]
    slots: Literal["first_screen", "page"] = "first_screen"
    unlicensed_share: tuple[Dated[Annotated[float, Field(ge=0, le=1)]], ...] = ()
    recheck: tuple[Dated[Literal["off", "lead", "first_screen"]], ...] = ()
    recheck_source: Name | None = None
    lead_slots: Annotated[int, Field(ge=1, le=50)] = 1

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict UNLICENSED, or NOT_RECHECKED for a licensed title without a passed recheck."""
        licensed = (
            (facts.document == Document.LICENCE)
            & (facts.document_status == DocumentStatus.VERIFIED)
            & (facts.document_from <= day)
            & (day < facts.document_until)
        )
        rechecked = facts.recheck == Recheck.PASSED
        verdict = np.where(licensed, np.where(rechecked, 0, NOT_RECHECKED), UNLICENSED)
        return (verdict * facts.is_drama).astype(np.uint8)

    def source_of(self, verdict: int) -> str:
        """Tell the licence from the recheck."""
        return (verdict == NOT_RECHECKED and self.recheck_source) or self.source

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Block both verdicts where the day asks it; a running quota caps the unlicensed."""
        recheck = self._recheck_slots(page)
        unlicensed = recheck if self._unlicensed_slots(page) else self._licensed_slots(page)
        return {UNLICENSED: (Block(unlicensed),), NOT_RECHECKED: (Block(recheck),)}

    def group_effects(self, page: Page) -> tuple[GroupEffect, ...]:
        """Cap the unlicensed on the first screen while the phase-out runs."""
        quota = self._unlicensed_slots(page)
        above = 0 if self.slots == "page" else page.first_screen_above
        return (Cap(quota, self._licensed_slots(page), above),) if quota else ()

    def _licensed_slots(self, page: Page) -> int:
        return page.slots if self.slots == "page" else page.first_screen

    def _unlicensed_slots(self, page: Page) -> int:
        share = in_force(self.unlicensed_share, page.day) or 0.0
        if self.slots == "page":
            return int(share * page.slot_count)
        is_known = page.first_slot <= page.tail_count  # else what stood above used the quota
        if not page.first_screen or not is_known:
            return 0
        return int(share * page.first_screen_slots)

    def _recheck_slots(self, page: Page) -> int:
        scope = in_force(self.recheck, page.day) or "off"
        lead = max(0, min(self.lead_slots, page.first_screen_slots) - page.first_slot)
        words = {"off": 0, "lead": page.first_screen & ((1 << lead) - 1)}
        return words.get(scope, page.first_screen)

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name when a licence begins and ends."""
        return facts.document_from, facts.document_until

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Look for a verified licence of the day, then for NRTA's recheck."""
        lapsed = (day < facts.document_from) | (day >= facts.document_until)
        unlicensed = lapsed | (facts.document != Document.LICENCE)
        unlicensed |= facts.document_status != DocumentStatus.VERIFIED
        verdict = np.where(facts.recheck == Recheck.PASSED, 0, NOT_RECHECKED)
        verdict[unlicensed] = UNLICENSED
        verdict[(facts.kind == Kind.ROOM) | (facts.kind == Kind.VIDEO)] = 0
        return verdict.astype(np.uint8)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Bar by licence and recheck of the day; what a quota still allows is counted instead."""
        today, share, scope = date_of(page.day), 0.0, "off"
        for quota in self.unlicensed_share:
            share = quota.value if quota.since <= today else share
        for step in self.recheck:
            scope = step.value if step.since <= today else scope
        whole_page, top = self.slots == "page", page.first_screen_slots - page.first_slot
        allowed = int(share * (page.slot_count if whole_page else page.first_screen_slots))
        if not whole_page and page.first_slot > page.tail_count:
            allowed = 0
        seen = range(min(top, page.slot_count))
        lead = [slot for slot in seen if page.first_slot + slot < self.lead_slots]
        asked = _word({"off": (), "lead": lead, "first_screen": seen}[scope])
        zone = _word(range(page.slot_count) if whole_page else seen)
        start, stop = (0, page.slot_count) if whole_page else (-page.first_slot, top)
        return (
            Barred({NOT_RECHECKED}, asked),
            Barred({UNLICENSED}, asked if allowed else zone),
            *([Most({UNLICENSED}, allowed, (page.run(start, stop),))] if allowed and zone else []),
        )


def _word(slots: Iterable[int]) -> int:
    return sum(1 << slot for slot in slots)
