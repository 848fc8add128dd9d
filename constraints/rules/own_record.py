"""A platform shows what it filed itself, not under the number of another."""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from constraints.demands import Barred, Demand
from constraints.effects import Block, RowEffect
from constraints.facts import Facts, subject_keys
from constraints.page import Page
from constraints.record_table import table
from constraints.rule import Day, Name, Rule, Verdicts
from constraints.terms import Document, Kind

FOREIGN = 1


def _ids(platforms: tuple[str, ...]) -> tuple[str, ...]:
    """Turn short names into ids, for facts tell issuers by these."""
    known = table().issuers
    return tuple(known[name].id if name in known else name for name in platforms)


class OwnRecord(Rule):
    """Keep dramas that only another platform filed off every slot.

    Law: LIC-03, notice 35 (2024) three 2, since 2024-02-05; Order 16 art. 33(2).
    Reading: of the numbers a title bears one must be of a platform named here. A licence, or a
        filing with NRTA or a bureau, is good on every platform.
    Unknown: a platform's filing without a number that names the platform is another's, and an
        unknown document may be one.
    Effect: Block, level 0, every slot.

    Attributes:
        platforms: ids of record_numbers.toml, or short names as they stand in numbers: those under
            which this platform files. None named, every platform filing is another's.
    """

    type: Literal["own_record"]
    platforms: Annotated[tuple[Name, ...], Field(max_length=32), AfterValidator(_ids)] = ()

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict FOREIGN: a platform's filing, or maybe one, and of none of ours."""
        ours = np.isin(facts.issuers, subject_keys(self.platforms)).any(axis=1)
        filed = (facts.document == Document.PLATFORM_FILING) | (facts.document == Document.UNKNOWN)
        return np.asarray(facts.is_drama & filed & ~ours, np.uint8)

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Block the whole page."""
        return {FOREIGN: (Block(page.slots),)}

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Look for each of our names among the issuers of each platform filing."""
        named = np.zeros(len(facts), np.bool_)
        for key in subject_keys(self.platforms):
            for place in range(facts.issuers.shape[1]):
                named |= facts.issuers[:, place] == key
        other = (facts.kind == Kind.ROOM) | (facts.kind == Kind.VIDEO)
        better = np.isin(facts.document, (Document.NONE, Document.BUREAU_FILING, Document.LICENCE))
        foreign = ~better & ~named & ~other
        return np.where(foreign, np.uint8(FOREIGN), np.uint8(0))

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Bar them from the page."""
        return (Barred({FOREIGN}, page.slots),)
