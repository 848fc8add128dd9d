"""What we hold true of candidates: equal-length columns, one row a title, series or room.

A value is known or UNKNOWN (0); a rule takes the strict side of an unknown one. Days are int32,
counted from 1970-01-01 in Asia/Shanghai; an interval is half-open, [from, until).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from enum import IntEnum
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from constraints.terms import (
    Access,
    AdvanceReport,
    Ai,
    AiLabel,
    Category,
    Document,
    DocumentStatus,
    Form,
    Grade,
    Kind,
    Listing,
    Merchant,
    MinorImpact,
    Monitoring,
    NumberForm,
    Plan,
    Recheck,
    Restriction,
    ScoreBasis,
    SpecialSubject,
    Support,
    Trope,
    Uploader,
    Version,
    Watch,
    YesNo,
)

BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.integer[Any]]
FloatArray: TypeAlias = NDArray[np.floating[Any]]
WordArray: TypeAlias = NDArray[np.uint64]

THEMES_MAX: Final = 12  # LIMIT: themes a row
ISSUERS_MAX: Final = 4  # LIMIT: platforms whose filing number a row bears
LISTINGS_MAX: Final = 16  # LIMIT: entries of lists a row
UNKNOWN_DAY: Final = 0
DAY_MIN: Final = 1  # an interval without a stated beginning
DAY_MAX: Final = 2**31 - 1  # an interval without a stated end
LAST_DAY: Final = 2**20 - 1  # LIMIT: of an entry of a list, which holds both its days in one number
_BENEFITS_FROM: Final = Listing.KEY_CATALOGUE  # lists below it are burdens
_EPOCH = date(1970, 1, 1)


def day_of(when: date) -> int:
    """Count the days from 1970-01-01 to `when`."""
    return (when - _EPOCH).days


def date_of(day: int) -> date:
    """Turn a day number back into a date."""
    return _EPOCH + timedelta(days=day)


def subject_keys(ids: Iterable[str]) -> WordArray:
    """Return the key of each id, (n,) uint64, 0 for an empty one: 8 bytes of its BLAKE2b.

    LIMIT: two ids share a key once in 2**64 pairs, and nobody can choose one to match another's.
    """
    return np.array([_key(text) if text else 0 for text in ids], np.uint64)


def _key(text: str) -> int:
    raw = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little") or 1


def listing(name: Listing, start: int = DAY_MIN, stop: int = LAST_DAY) -> int:
    """Pack an entry of a list: the list, its first day, and the first day it no longer runs."""
    return int(name) << 40 | start << 20 | min(stop, LAST_DAY)


def unpack_listings(entries: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return list, first day, and first day no longer running of each entry; all 0 for none."""
    return entries >> 40, entries >> 20 & LAST_DAY, entries & LAST_DAY


def put(column: NDArray[Any], row: int, value: Any) -> None:
    """Write a value into a row of a column: a number, or the numbers of a column of several."""
    if column.ndim > 1:
        values = np.atleast_1d(np.asarray(value, column.dtype))
        column[row] = 0
        column[row, : len(values)] = values
    else:
        column[row] = value


def _column(dtype: type, *, enum: type[IntEnum] | None = None, **meta: Any) -> Any:
    return field(metadata={"dtype": dtype, "enum": enum, **meta})


def _words(enum: type[IntEnum], **meta: Any) -> Any:
    return _column(np.uint8, enum=enum, **meta)


def _flags(enum: type[IntEnum], **meta: Any) -> Any:
    """Declare several members at once: bit m - 1 for member m. NONE stands alone."""
    return _column(np.uint16, enum=enum, flags=True, **meta)


def _since(**meta: Any) -> Any:
    return _column(np.int32, empty=DAY_MIN, **meta)


def _until(**meta: Any) -> Any:
    return _column(np.int32, empty=DAY_MAX, inclusive=True, **meta)


def _on(**meta: Any) -> Any:
    """Declare a day on which something happened, 0 unknown."""
    return _column(np.int32, empty=UNKNOWN_DAY, on=True, **meta)


def _through(**meta: Any) -> Any:
    """Declare the end of something that has no stated beginning; 0 unknown, which is over."""
    return _column(np.int32, empty=UNKNOWN_DAY, inclusive=True, through=True, **meta)


def _amount(dtype: type, most: int, **meta: Any) -> Any:
    """Declare a whole number from 1 to `most`, 0 unknown."""
    return _column(dtype, amount=most, **meta)


def _label(**meta: Any) -> Any:
    """Declare one name of a group, as its number in the vocabulary; 0 unknown."""
    return _column(np.int32, width=1, labels=True, **meta)


@dataclass(frozen=True, slots=True)
class Facts:
    """Columns of equal length n. Every rule reads these and nothing else about a candidate.

    (n,) uint8 members of a set of `constraints.terms` unless said otherwise; flags are (n,) uint16
    with bit m - 1 for member m.

    Attributes:
        is_registered: (n,) bool; False: nobody registered it, its kind is the caller's word.
        subject: (n,) uint64 key of the id it is registered under, see `subject_keys`; 0: nobody
            registered it. Candidates that stand for one subject have its key.
        kind: `Kind`.
        document, document_status: the best document it holds, and how sure that is.
        document_from, document_until: (n,) int32 days between which the document is valid.
        number: `NumberForm`, what the text of its number tells.
        issuers: (n, ISSUERS_MAX) uint64 keys of the platforms that issued its numbers, then 0.
        title_card: `YesNo`, the number stands in the opening titles.
        recheck: NRTA's review of the finished film.
        investment_cny: (n,) int32 yuan, 0 unknown; filed_on: (n,) int32 day, 0 unknown.
        form, ai_generated, ai_label: how it is made, and how it is marked.
        episode_s_min: (n,) uint16 seconds of its shortest episode, 0 unknown.
        special_subjects: flags `SpecialSubject`; co_review: `YesNo`, whom they concern agreed.
        uploader: who put it up; platform_review: `YesNo`, reviewed by the platform before.
        provider_until: (n,) int32 end of its provider's licence to show programmes online.
        version: is it the file approved; rerun: `YesNo`; reviewed_on: (n,) int32 day, 0 unknown.
        access: free or paid; main_push: `YesNo`, the platform sells or pushes it as its main title.
        watch: flags `Watch`; minor_impact: flags `MinorImpact`, of reviewers.
        minors_pool: `YesNo`, in the pool for minors; human_review: `YesNo`, passed for pop-ups.
        quality_grade, account_grade: `Grade` of the title and of its account's credit.
        support, support_from, support_until: list membership and its days.
        plan: `Plan`, as published; plan_listed_on: (n,) int32 day the list that names the title was
            published, 0 when no published list names it.
        room_grade, anchor_grade: violation `Grade`s; rated_on: (n,) int32 day, 0 unknown.
        room_quality, anchor_quality: quality `Grade`s, of the same rating.
        restriction, restriction_from, restriction_until: order in force and its days.
        category: of a room; category_review: `YesNo`, a change of it was reviewed.
        merchant, qualified_until: who sells there, and (n,) int32 until when qualified.
        out_of_scope: `YesNo`, the room shows programmes beyond commerce; operator_grade: `Grade`.
        advance_report, monitoring: what notice 78 asks before and during.
        score_basis: what its utility was worked out from; metric_fraud: `YesNo`.
        listings: (n, LISTINGS_MAX) int64 entries of dated lists, see `listing`, then 0.
        tropes: flags `Trope` of its themes.
        series, provider, duplicate: (n, 1) int32 numbers of the series, of who provides it, and of
            those it is nearly the same as; 0 unknown.
        filed_theme: (n, 1) int32 number of the theme it is filed under with the regulator.
        primary_theme, theme_set: (n, 1) int32 numbers of the first of its themes as told, and of
            all of them taken together; 0 unknown.
        themes: (n, THEMES_MAX) int32 numbers of canonical themes, then 0.
    """

    is_registered: BoolArray = _column(np.bool_, internal=True)
    subject: WordArray = _column(np.uint64, internal=True)
    kind: IntArray = _words(Kind)
    document: IntArray = _words(Document, ages=True)
    document_status: IntArray = _words(DocumentStatus, ages=True)
    document_from: IntArray = _since()
    document_until: IntArray = _until()
    number: IntArray = _words(NumberForm, internal=True)
    issuers: WordArray = _column(np.uint64, internal=True, width=ISSUERS_MAX)
    title_card: IntArray = _words(YesNo)
    recheck: IntArray = _words(Recheck, ages=True)
    investment_cny: IntArray = _amount(np.int32, 2_000_000_000)
    filed_on: IntArray = _on()
    form: IntArray = _words(Form)
    ai_generated: IntArray = _words(Ai)
    ai_label: IntArray = _words(AiLabel)
    episode_s_min: IntArray = _amount(np.uint16, 65_535)
    special_subjects: IntArray = _flags(SpecialSubject)
    co_review: IntArray = _words(YesNo)
    uploader: IntArray = _words(Uploader)
    platform_review: IntArray = _words(YesNo)
    provider_until: IntArray = _through(ages=True)
    version: IntArray = _words(Version)
    rerun: IntArray = _words(YesNo)
    reviewed_on: IntArray = _on()
    access: IntArray = _words(Access)
    main_push: IntArray = _words(YesNo)
    watch: IntArray = _flags(Watch)
    minor_impact: IntArray = _flags(MinorImpact)
    minors_pool: IntArray = _words(YesNo)
    human_review: IntArray = _words(YesNo)
    quality_grade: IntArray = _words(Grade, ages=True)
    account_grade: IntArray = _words(Grade, ages=True)
    support: IntArray = _words(Support, ages=True)
    support_from: IntArray = _since()
    support_until: IntArray = _until()
    plan: IntArray = _words(Plan, ages=True)
    plan_listed_on: IntArray = _on()
    room_grade: IntArray = _words(Grade)
    anchor_grade: IntArray = _words(Grade)
    rated_on: IntArray = _on(ages=True)
    room_quality: IntArray = _words(Grade, ages=True)
    anchor_quality: IntArray = _words(Grade, ages=True)
    restriction: IntArray = _words(Restriction)
    restriction_from: IntArray = _since()
    restriction_until: IntArray = _until()
    category: IntArray = _words(Category)
    category_review: IntArray = _words(YesNo)
    merchant: IntArray = _words(Merchant, ages=True)
    qualified_until: IntArray = _through(ages=True)
    out_of_scope: IntArray = _words(YesNo)
    operator_grade: IntArray = _words(Grade, ages=True)
    advance_report: IntArray = _words(AdvanceReport)
    monitoring: IntArray = _words(Monitoring)
    score_basis: IntArray = _words(ScoreBasis)
    metric_fraud: IntArray = _words(YesNo)
    listings: IntArray = _column(np.int64, width=LISTINGS_MAX, listings=True, lists=Listing)
    tropes: IntArray = _flags(Trope, internal=True)
    series: IntArray = _label()
    provider: IntArray = _label()
    duplicate: IntArray = _label()
    filed_theme: IntArray = _label()
    primary_theme: IntArray = _label(internal=True)
    theme_set: IntArray = _label(internal=True)
    themes: IntArray = _column(np.int32, width=THEMES_MAX, labels=True)

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def is_drama(self) -> BoolArray:
        """(n,) bool: a drama, or something nobody told us the kind of."""
        is_drama: BoolArray = (self.kind == Kind.DRAMA) | (self.kind == Kind.UNKNOWN)
        return is_drama

    @property
    def is_room(self) -> BoolArray:
        """(n,) bool: a live room."""
        is_room: BoolArray = self.kind == Kind.ROOM
        return is_room

    def take(self, index: IntArray) -> Self:
        """Return the rows at `index` (k,); a row may be taken more than once."""
        return type(self)(*(getattr(self, f.name)[index] for f in fields(self)))

    def with_columns(self, **columns: NDArray[Any]) -> Self:
        """Return the same rows with some columns replaced."""
        return type(self)(*(columns.get(f.name, getattr(self, f.name)) for f in fields(self)))

    def aged(self) -> Self:
        """Return the same rows with every fact that a stale source may have changed UNKNOWN.

        INVARIANT: this never opens a slot. So a grade is kept and only its day forgotten: the worst
        grade, once known, is not better for being old. Of lists only those that favour are lost.
        """
        ageing = (f.name for f in fields(self) if "ages" in f.metadata)
        old = {name: np.zeros_like(getattr(self, name)) for name in ageing}
        kept = np.where(self.listings >> 40 < _BENEFITS_FROM, self.listings, 0)
        return self.with_columns(**old, listings=kept)

    def narrowed(self) -> Self:
        """Return the same rows without places that none of them uses, in columns of several."""
        return self.with_columns(
            **{
                name: np.ascontiguousarray(column[:, : _used(column)])
                for name, column in self._wide()
            }
        )

    def widened(self) -> Self:
        """Return the same rows with as many places as any row may need, in columns of several."""
        widened = {}
        for name, column in self._wide():
            whole = np.zeros((len(self), WIDTHS[name]), column.dtype)
            whole[:, : column.shape[1]] = column
            widened[name] = whole
        return self.with_columns(**widened)

    def _wide(self) -> Iterable[tuple[str, NDArray[Any]]]:
        return [(name, getattr(self, name)) for name in WIDTHS]

    @classmethod
    def unknown(cls, count: int) -> Self:
        """Return `count` rows of which nothing is known."""
        columns = []
        for f in fields(cls):
            shape = (count, WIDTHS[f.name]) if f.name in WIDTHS else (count,)
            columns.append(np.full(shape, f.metadata.get("empty", 0), f.metadata["dtype"]))
        return cls(*columns)

    @classmethod
    def concatenate(cls, parts: Iterable["Facts"]) -> Self:
        """Return the rows of all parts, in order."""
        tables = list(parts)
        return cls(*(np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(cls)))


WIDTHS: Final = {f.name: f.metadata["width"] for f in fields(Facts) if "width" in f.metadata}
"""Columns of several values a row → how many at most."""


def _used(column: NDArray[Any]) -> int:
    """Return how many places some row uses, at least 1; a row's values come first, then 0."""
    return max(1, int(column.any(axis=0).sum()))
