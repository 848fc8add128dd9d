"""Facts compiled for a policy's rules: what both halves of each rule say of every row, ahead.

Row-wise work is done here, when facts or policy change, so that a request only gathers rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from constraints.errors import OverloadedError
from constraints.facts import DAY_MAX, BoolArray, Facts, IntArray
from constraints.page import SHAPES_MAX
from constraints.rule import Day, Rule, Verdicts

CLASSES_MAX: Final = 65_535  # LIMIT: different verdict vectors, the quarantined ones' among them
TABLES: Final = 3  # of a shape: what is asked, what is demanded, what reasons are read from
QUARANTINED: Final = 0  # the class of rows on which the halves of a rule disagree
QUARANTINE: Final = "quarantine"
"""Stands for a rule's id where it is quarantine that keeps a row out."""
LABELS: Final = tuple(f.name for f in fields(Facts) if "labels" in f.metadata)
"""Names of the columns of facts that hold labels; their rows are groups of candidates."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """What one half of the rules says of n rows, dictionary-encoded.

    Attributes:
        class_of: (n,) uint16, QUARANTINED or the number of the row's verdict vector.
        verdicts: (c, r) uint8, verdict of each class by each rule; row 0 says nothing.
        by_rule: (r, c), the same, to be read rule by rule.
    """

    class_of: IntArray
    verdicts: Verdicts
    by_rule: Verdicts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_rule", _read_only(self.verdicts.T))


@dataclass(frozen=True, eq=False)
class Catalogue:
    """n rows of facts and what the rules say of them, from `day` on.

    A row holds while `day` <= the day of a page < its `holds_until`. All arrays are read-only.
    Builders read `steer`, judges `judge`; neither ever looks at the other's.

    Attributes:
        rules: the r rules compiled, of modes enforce and shadow.
        facts: n rows.
        steer, judge: what `Rule.rows` and `Rule.judged` say.
        holds_until: (n,) int32, first day after `day` on which a verdict may change.
        day: first day for which all this is true.
        labels: columns of label numbers, in the order of LABELS.
        label_counts: one more than the largest number in each.
        is_registered: the column of facts.
        cached: calls a function with hashable arguments, and remembers what it returned.
    """

    rules: tuple[Rule, ...]
    facts: Facts
    steer: Column
    judge: Column
    holds_until: IntArray
    day: Day
    labels: tuple[IntArray, ...] = field(init=False)
    label_counts: IntArray = field(init=False)
    is_registered: BoolArray = field(init=False)
    all_hold_until: Day = field(init=False)
    cached: Callable[..., Any] = field(init=False)

    def __post_init__(self) -> None:
        labels = tuple(_read_only(getattr(self.facts, name)) for name in LABELS)
        counts = np.array([column.max(initial=0) + 1 for column in labels], np.int64)
        for name, value in (
            ("labels", labels),
            ("label_counts", counts),
            ("is_registered", _read_only(self.facts.is_registered)),
            ("all_hold_until", int(self.holds_until.min(initial=DAY_MAX))),
            ("cached", lru_cache(SHAPES_MAX * TABLES)(_call)),
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def quarantined(self) -> IntArray:
        """Rows on which the halves of some rule disagree: every slot is closed to them."""
        return np.flatnonzero(self.steer.class_of == QUARANTINED)

    @property
    def bytes_a_row(self) -> float:
        """Memory of what a request reads of a row, in bytes: the rest is read when it changes."""
        counted = {rule.labels for rule in self.rules}
        columns = [self.facts.is_registered, self.facts.subject]
        columns += [c for name, c in zip(LABELS, self.labels, strict=True) if name in counted]
        columns += [self.steer.class_of, self.judge.class_of, self.holds_until]
        return float(sum(column.nbytes for column in columns) / max(len(self), 1))

    @property
    def facts_bytes_a_row(self) -> float:
        """Size of all facts of a row, in bytes; mapped from a file where the snapshot is saved."""
        columns = (getattr(self.facts, f.name) for f in fields(Facts))
        return float(sum(column.nbytes for column in columns) / max(len(self), 1))

    def holds(self, rows: IntArray, day: Day) -> bool:
        """Tell whether what is compiled of some rows is true of a day."""
        if not self.day <= day:
            return False
        return day < self.all_hold_until or bool((self.holds_until[rows] > day).all())

    def advanced(self, day: Day) -> "Catalogue":
        """Return the same facts compiled for a later day: only rows that may change are done."""
        if day < self.day:
            return compile_catalogue(self.rules, self.facts, day)
        due = np.flatnonzero(self.holds_until <= day)
        changed = compile_catalogue(self.rules, self.facts.take(due), day)
        return self._with(due, changed, self.facts, day)

    def recompiled(self, rows: IntArray, facts: Facts) -> "Catalogue":
        """Return a catalogue with the facts of some rows replaced: only they are compiled.

        Args:
            rows: (k,) rows, each once.
            facts: k rows.
        """
        changed = compile_catalogue(self.rules, facts, self.day)
        columns = []
        for f in fields(Facts):
            column = getattr(self.facts, f.name).copy()
            column[rows] = getattr(facts, f.name)
            columns.append(column)
        return self._with(rows, changed, Facts(*columns), self.day)

    def _with(self, rows: IntArray, changed: "Catalogue", facts: Facts, day: Day) -> "Catalogue":
        try:
            steer = _patched(self.steer, rows, changed.steer)
            judge = _patched(self.judge, rows, changed.judge)
        except OverloadedError:  # classes that no row has any more are in the way
            return compile_catalogue(self.rules, facts, day)
        holds_until = self.holds_until.copy()
        holds_until[rows] = changed.holds_until
        return Catalogue(self.rules, facts, steer, judge, _read_only(holds_until), day)


def compile_catalogue(rules: Sequence[Rule], facts: Facts, day: Day) -> Catalogue:
    """Ask both halves of every rule about every row.

    INVARIANT: compiling some rows gives what compiling all gives for them.

    Args:
        rules: rules of modes enforce and shadow.
        facts: n rows.
        day: first day the catalogue is for.

    Raises:
        OverloadedError: the rules tell more kinds of rows apart than there are classes.
    """
    steer, judge = _Encoder(len(facts)), _Encoder(len(facts))
    disagree: BoolArray = np.zeros(len(facts), np.bool_)
    holds_until = np.full(len(facts), DAY_MAX, np.int32)
    for rule in rules:
        steered, judged = rule.rows(facts, day), rule.judged(facts, day)
        disagree |= steered != judged
        steer.add(steered)
        judge.add(judged)
        for flip in rule.flips(facts):
            np.minimum(holds_until, flip, out=holds_until, where=flip > day)
    return Catalogue(
        tuple(rules),
        facts,
        steer.column(disagree),
        judge.column(disagree),
        _read_only(holds_until),
        day,
    )


class _Encoder:
    """Numbers the different verdict vectors of n rows, one rule after the other."""

    def __init__(self, count: int) -> None:
        self.number = np.zeros(count, np.int32)
        self.verdicts = np.zeros((1, 0), np.uint8)

    def add(self, verdicts: Verdicts) -> None:
        """Tell apart, among rows alike so far, those with different verdicts of one more rule."""
        width = int(verdicts.max(initial=0)) + 1
        key = self.number * np.int32(width) + verdicts
        seen = np.zeros(len(self.verdicts) * width, np.bool_)
        seen[key] = True
        keys = np.flatnonzero(seen)
        _check_count(len(keys) + 1)
        renumber = np.zeros(len(seen), np.int32)
        renumber[keys] = np.arange(len(keys), dtype=np.int32)
        self.number = renumber[key]
        told = (keys % width).astype(np.uint8)
        self.verdicts = np.column_stack([self.verdicts[keys // width], told])

    def column(self, quarantined: BoolArray) -> Column:
        """Return the column, with some rows in quarantine."""
        class_of = np.where(quarantined, QUARANTINED, self.number + 1).astype(np.uint16)
        nothing = np.zeros((1, self.verdicts.shape[1]), np.uint8)
        verdicts = np.concatenate([nothing, self.verdicts])
        return Column(_read_only(class_of), _read_only(verdicts))


def _patched(column: Column, rows: IntArray, changed: Column) -> Column:
    """Give some rows the classes of another column, numbering new verdict vectors at the end."""
    known = {vector.tobytes(): number for number, vector in enumerate(column.verdicts) if number}
    added: list[Verdicts] = []
    renumber = np.zeros(len(changed.verdicts), np.uint16)
    for number, vector in enumerate(changed.verdicts[1:], start=1):
        key = vector.tobytes()
        if key not in known:
            known[key] = len(column.verdicts) + len(added)
            _check_count(known[key] + 1)
            added.append(vector)
        renumber[number] = known[key]
    class_of = column.class_of.copy()
    class_of[rows] = renumber[changed.class_of]
    verdicts = np.vstack([column.verdicts, *added]) if added else column.verdicts
    return Column(_read_only(class_of), _read_only(verdicts))


def _check_count(classes: int) -> None:
    if classes > CLASSES_MAX:
        raise OverloadedError(
            f"rules: tell more than {CLASSES_MAX:,} kinds of rows apart", reason="TOO_MANY_CLASSES"
        )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view nobody can write through; kernels are compiled for such arrays alone."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
