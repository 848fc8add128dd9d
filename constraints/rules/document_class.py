"""The class of document a drama needs follows from its money, its subjects and its filing day."""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from constraints.demands import Barred, Demand
from constraints.effects import Block, RowEffect
from constraints.facts import DAY_MAX, BoolArray, Facts, IntArray, day_of
from constraints.page import Page
from constraints.rule import Dated, Day, Rule, Strict, Verdicts, in_force
from constraints.terms import Ai, Document, Kind, SpecialSubject, YesNo

MISMATCH = 1
OPEN = 2**62  # more yuan than anybody has
Yuan = Annotated[int, Field(ge=1, le=2_000_000_000)]


class Thresholds(Strict):
    """Investment from which a drama is of the key class, and of the ordinary one, in yuan."""

    key_cny: Yuan
    ordinary_cny: Yuan

    @model_validator(mode="after")
    def _key_is_more(self) -> "Thresholds":
        if self.key_cny < self.ordinary_cny:
            raise ValueError("key_cny: is less than ordinary_cny")
        return self


class DocumentClass(Rule):
    """Keep dramas whose document is of a lower class than the law asks of them off every slot.

    Law: LIC-04, notice 35 (2024) three 1 as adjusted on 2026-01-01 and, for dramas made by AI, on
        2026-07-01; Order 16 art. 5. LIC-05: special subjects need the highest class.
    Reading: the thresholds are those of the day it was filed; the lower bound is in the class. A
        main push made a drama a key one until the wording of 2026-01-01 dropped it (FS-04). A
        higher class than asked is always good. A drama filed before the first threshold is not
        measured by money. Whether it needs a document at all is another rule's matter (LIC-01).
    Unknown: an unknown amount, or unknown subjects, count as those of the key class; an unknown
        answer about AI as the lower thresholds; an unknown filing day, or one yet to come, as the
        strictest of all days so far; an unknown document as the lowest.
    Effect: Block, level 0, every slot.

    Attributes:
        thresholds: dated by filing day; ai_thresholds: the same for dramas made by AI, from their
            first day on.
        main_push: dated by filing day: whether a main push makes a drama a key one.
    """

    type: Literal["document_class"]
    thresholds: tuple[Dated[Thresholds], ...]
    ai_thresholds: tuple[Dated[Thresholds], ...] = ()
    main_push: tuple[Dated[bool], ...] = ()

    @model_validator(mode="after")
    def _has_thresholds(self) -> "DocumentClass":
        if not self.thresholds:
            raise ValueError("thresholds: names no day")
        return self

    def rows(self, facts: Facts, day: Day) -> Verdicts:
        """Verdict MISMATCH: the document is below the class the drama is of."""
        money = np.where(facts.investment_cny == 0, DAY_MAX, facts.investment_cny)
        key, ordinary, pushed = self._asked(facts, day)
        special = facts.special_subjects != 1 << SpecialSubject.NONE - 1
        is_key = (money >= key) | special | (pushed & (facts.main_push != YesNo.NO))
        needed = np.where(money >= ordinary, Document.BUREAU_FILING, Document.PLATFORM_FILING)
        needed = np.where(is_key, Document.LICENCE, needed)
        lower = (facts.document < needed) & (facts.document != Document.NONE)
        return np.asarray(facts.is_drama & lower, np.uint8)

    def _asked(self, facts: Facts, day: Day) -> tuple[IntArray, IntArray, BoolArray]:
        """Look up the thresholds of each row, (n,) twice, and whether a main push counts, (n,)."""
        eras, by_money, by_push = self._eras()
        made_by = np.select([facts.ai_generated == Ai.NO, facts.ai_generated == Ai.YES], [0, 1], 2)
        era = np.searchsorted(eras, facts.filed_on, side="right")
        undated = (facts.filed_on == 0) | (facts.filed_on > day)
        so_far = int(np.searchsorted(eras, day, side="right"))
        strictest = by_money[: so_far + 1].min(axis=0)
        asked = np.where(undated[:, None], strictest[made_by], by_money[era, made_by])
        pushed = np.where(undated, by_push[: so_far + 1].any(), by_push[era])
        return asked[:, 0], asked[:, 1], pushed

    def _eras(self) -> tuple[IntArray, IntArray, BoolArray]:
        """Lay out e days on which something changed, and what was asked before and since each.

        Returns:
            Days (e,); thresholds (e + 1, 3, 2), of live action, AI and the stricter of both; and
            whether a main push counted, (e + 1,).
        """
        tables = (self.thresholds, self.ai_thresholds, self.main_push)
        days = sorted({day_of(entry.since) for table in tables for entry in table})
        by_money = np.full((len(days) + 1, 3, 2), OPEN, np.int64)
        by_push = np.zeros(len(days) + 1, np.bool_)
        for era, day in enumerate(days, start=1):
            live = in_force(self.thresholds, day)
            ai = in_force(self.ai_thresholds, day) or live
            for made_by, asked in enumerate((live, ai)):
                if asked is not None:
                    by_money[era, made_by] = asked.key_cny, asked.ordinary_cny
            by_money[era, 2] = by_money[era, :2].min(axis=0)
            by_push[era] = in_force(self.main_push, day) or False
        return np.array(days, np.int64), by_money, by_push

    def effects(self, page: Page) -> Mapping[int, tuple[RowEffect, ...]]:
        """Block the whole page."""
        return {MISMATCH: (Block(page.slots),)}

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name the days from which a row is measured more strictly, or by its own filing day."""
        eras = (np.full(len(facts), day, np.int32) for day in self._eras()[0].tolist())
        return facts.filed_on, *eras

    def judged(self, facts: Facts, day: Day) -> Verdicts:
        """Find the class each drama is of, era by era, and those who hold less."""
        eras = sorted(
            {entry.since for entry in (*self.thresholds, *self.ai_thresholds)}
            | {entry.since for entry in self.main_push}
        )
        is_key = np.isin(facts.special_subjects, (1 << SpecialSubject.NONE - 1,), invert=True)
        is_ordinary = np.zeros(len(facts), np.bool_)
        may_be_ai = facts.ai_generated != Ai.NO
        may_be_live = facts.ai_generated != Ai.YES
        for at, since in enumerate(eras):
            until = eras[at + 1] if at + 1 < len(eras) else None
            known = (facts.filed_on > 0) & (facts.filed_on <= day)
            filed = (facts.filed_on >= day_of(since)) & known
            if until is not None:
                filed &= facts.filed_on < day_of(until)
            if day_of(since) <= day:
                filed |= ~known
            live = next((e.value for e in reversed(self.thresholds) if e.since <= since), None)
            ai = next((e.value for e in reversed(self.ai_thresholds) if e.since <= since), live)
            push = next((e.value for e in reversed(self.main_push) if e.since <= since), False)
            for asked, concerned in ((live, may_be_live), (ai, may_be_ai)):
                if asked is None:
                    continue
                of_era, unknown = filed & concerned, facts.investment_cny == 0
                is_key |= of_era & (unknown | (facts.investment_cny >= asked.key_cny))
                is_ordinary |= of_era & (unknown | (facts.investment_cny >= asked.ordinary_cny))
            is_key |= filed & push & (facts.main_push != YesNo.NO)
        holds = facts.document
        enough = np.where(
            is_key,
            holds == Document.LICENCE,
            (holds == Document.LICENCE)
            | (holds == Document.BUREAU_FILING)
            | (~is_ordinary & (holds == Document.PLATFORM_FILING)),
        )
        other = (facts.kind == Kind.ROOM) | (facts.kind == Kind.VIDEO) | (holds == Document.NONE)
        return np.where(other | enough, 0, MISMATCH).astype(np.uint8)

    def demands(self, page: Page) -> tuple[Demand, ...]:
        """Bar them from the page."""
        return (Barred({MISMATCH}, page.slots),)
