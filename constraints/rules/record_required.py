"""No number, no push: a drama without a licence or filing stands on no page."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from constraints.demands import Barred, Demand
from constraints.effects import Block, RowEffect
from constraints.facts import Facts, IntArray
from constraints.page import Page
from constraints.rule import Day, Rule, Verdicts
from constraints.terms import Document, DocumentStatus, Kind


class RecordRequired(Rule):
    """Keep dramas without a licence or filing number off every slot.

    Law: LIC-01, notice 35 (2024) three 2, absolute since 2024-06-01; Order 16 art. 17 and 33.
    Reading: a number counts while its document is claimed or verified and valid on the day;
        whether a claimed one suffices on the first screen is another rule's matter.
    Unknown: an unknown document, or one of unknown status, counts as none; so does a
        candidate of unknown kind.
    Effect: Block, level 0, every slot.
    """

    type: Literal["record_required"]

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict 1: a drama that holds no document valid on the day."""
        holds = (facts.document >= Document.PLATFORM_FILING) & (
            (facts.document_status == DocumentStatus.CLAIMED)
            | (facts.document_status == DocumentStatus.VERIFIED)
        )
        valid = (facts.document_from <= day) & (day < facts.document_until)
        return np.asarray(facts.is_drama & ~(holds & valid), np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Block the whole page."""
        return {1: (Block(page.slots),)}

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name when a document begins and ends."""
        return facts.document_from, facts.document_until

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find dramas without a number."""
        numbered = np.isin(
            facts.document,
            (Document.LICENCE, Document.BUREAU_FILING, Document.PLATFORM_FILING),
        )
        numbered &= ~np.isin(
            facts.document_status, (DocumentStatus.UNKNOWN, DocumentStatus.REVOKED)
        )
        begun = day >= facts.document_from
        ended = day >= facts.document_until
        other = (facts.kind == Kind.ROOM) | (facts.kind == Kind.VIDEO)
        return np.asarray(~other & ~(numbered & begun & ~ended), np.uint8)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Bar them from the page."""
        return (Barred({1}, page.slots),)
