"""No number, no push: a drama without a licence or filing stands on no page."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

import numpy as np

from constraints.demands import Barred, Demand
from constraints.effects import Block, RowEffect
from constraints.facts import Facts, IntArray, day_of
from constraints.page import Page
from constraints.rule import Day, Name, Rule, Verdicts
from constraints.terms import Document, DocumentStatus, Form, Kind

UNNUMBERED = 1
ANIMATED = 2


class RecordRequired(Rule):
    """Keep dramas without a licence or filing number off every slot.

    Law: LIC-01, notice 35 (2024) three 2, absolute since 2024-06-01; Order 16 art. 17 and 33.
    Reading: a number counts while its document is claimed or verified and valid on the day;
        whether a claimed one suffices on the first screen is another rule's matter. Animated dramas
        of the old stock had until 2026-03-31 (LIC-12, tip of 2025-11-08).
    Unknown: an unknown document, or one of unknown status, counts as none; so does a
        candidate of unknown kind. A drama of unknown form is not taken for an animated one.
    Effect: Block, level 0, every slot.

    Attributes:
        animated_since: first day on which animated dramas need a number; at once unless given.
        animated_source: row of the law the verdict on animated dramas rests on, if another.
    """

    type: Literal["record_required"]
    animated_since: date | None = None
    animated_source: Name | None = None

    def source_of(self, verdict: int) -> str:
        """Return the row for animated dramas, if there is one, or the rule's own."""
        return self.animated_source or self.source if verdict == ANIMATED else self.source

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict UNNUMBERED or ANIMATED: a drama that holds no document valid on the day."""
        holds = (facts.document >= Document.PLATFORM_FILING) & (
            (facts.document_status == DocumentStatus.CLAIMED)
            | (facts.document_status == DocumentStatus.VERIFIED)
        )
        valid = (facts.document_from <= day) & (day < facts.document_until)
        is_owed, is_animated = facts.is_drama & ~(holds & valid), facts.form == Form.ANIMATED
        late = self.animated_since is None or day_of(self.animated_since) <= day
        animated = np.uint8(ANIMATED if late else 0)
        return np.where(is_owed, np.where(is_animated, animated, UNNUMBERED), 0).astype(np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Block the whole page."""
        return {verdict: (Block(page.slots),) for verdict in (UNNUMBERED, ANIMATED)}

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name when a document begins and ends, and when the old stock's time is over."""
        first = day_of(self.animated_since) if self.animated_since else 0
        over = np.full(len(facts), first, np.int32)
        return facts.document_from, facts.document_until, over

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
        missing = ~other & ~(numbered & begun & ~ended)
        verdict = np.where(missing, np.uint8(UNNUMBERED), np.uint8(0))
        drawn = missing & (facts.form == Form.ANIMATED)
        verdict[drawn] = ANIMATED
        if self.animated_since is not None and day < day_of(self.animated_since):
            verdict[drawn] = 0
        return verdict

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Bar them from the page."""
        return (Barred({UNNUMBERED, ANIMATED}, page.slots),)
