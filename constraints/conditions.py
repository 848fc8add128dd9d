"""Conditions on facts, as a policy writes them: which candidates a rule speaks of.

`{ kind = ["drama"], ai_generated = ["yes", "suspected"] }`: every column named must be as said, by
any of its words. Whether a fact that is UNKNOWN counts as said, the asker decides by its strict
side. What stands on no list is on none.
"""

from collections.abc import Iterator
from dataclasses import fields
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)

from constraints.facts import DAY_MAX, BoolArray, Facts, IntArray
from constraints.rule import Day, Strict

DAYS_MAX: Final = 36_600  # LIMIT: days a condition looks back
AMOUNT_MAX: Final = 2_000_000_000  # LIMIT: of a bound


class Past(Strict):
    """A day that is known and past, today included; at most `days_max` days ago where given."""

    days_max: Annotated[int, Field(ge=0, le=DAYS_MAX)] | None = None


class Amount(Strict):
    """A known number, `least` to `most`, both included."""

    least: Annotated[int, Field(ge=1, le=AMOUNT_MAX)] | None = None
    most: Annotated[int, Field(ge=1, le=AMOUNT_MAX)] | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> "Amount":
        if self.least is None and self.most is None:
            raise ValueError("least: give least, most or both")
        if self.least and self.most and self.most < self.least:
            raise ValueError("most: is less than least")
        return self


class Conditions(Strict):
    """Base of `Where`, which has an optional field for each column a condition may name."""

    enums: ClassVar[dict[str, Any]] = {}

    @model_validator(mode="after")
    def _says_something(self) -> "Conditions":
        for name, told in self.told:
            if told == ():
                raise ValueError(f"{name}: names no word")
        return self

    @model_serializer(mode="wrap")
    def _named_only(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not said: a column added later changes no digest of a policy."""
        return {name: value for name, value in write(self).items() if value is not None}

    @cached_property
    def told(self) -> tuple[tuple[str, Any], ...]:
        """Columns named, with what is said of each."""
        named = ((name, getattr(self, name)) for name in type(self).model_fields)
        return tuple((name, told) for name, told in named if told is not None)

    @property
    def ageing(self) -> list[str]:
        """Columns named that a stale source turns UNKNOWN."""
        return [name for name, _ in self.told if name in _AGEING]

    def where(self, facts: Facts, day: Day, *, unknown: bool) -> BoolArray:
        """Tell which rows are as said, to steer: one look-up a column.

        Args:
            facts: n rows.
            day: of the page.
            unknown: what an UNKNOWN fact counts as.

        Returns:
            (n,) bool.
        """
        found = np.ones(len(facts), np.bool_)
        for name, told in self.told:
            column = getattr(facts, name)
            match told:
                case Past():
                    past = column <= day
                    if told.days_max is not None:
                        past &= day - column <= told.days_max
                    found &= np.where(column == 0, unknown, past)
                case Amount():
                    inside = (column >= (told.least or 1)) & (column <= (told.most or DAY_MAX))
                    found &= np.where(column == 0, unknown, inside)
                case "running":
                    found &= np.where(column == 0, unknown, day < column)
                case _ if name == "listings":
                    found &= self._listed(column, day)
                case _:
                    found &= _table(name, told, unknown)[column]
        return found

    def _listed(self, entries: IntArray, day: Day) -> BoolArray:
        wanted = np.zeros(256, np.bool_)
        wanted[_numbers("listings", getattr(self, "listings", ()))] = True
        start, stop = entries >> 20 & 0xFFFFF, entries & 0xFFFFF
        running = wanted[entries >> 40] & (start <= day) & (day < stop)
        listed: BoolArray = running.any(axis=1)
        return listed

    def flips(self, facts: Facts) -> tuple[IntArray, ...]:
        """Name the days on which a row may begin or cease to be as said."""
        found: list[IntArray] = []
        for name, told in self.told:
            column = getattr(facts, name)
            if isinstance(told, Past):
                found.append(column)
                if told.days_max is not None:
                    found.append(column + np.int32(told.days_max + 1))
            elif told == "running":
                found.append(column)
            elif name == "listings":
                for place in range(column.shape[1]):
                    entries = column[:, place]
                    found += [entries >> 20 & 0xFFFFF, entries & 0xFFFFF]
        return tuple(each.astype(np.int32) for each in found)

    def holds(self, facts: Facts, day: Day, *, unknown: bool) -> BoolArray:
        """Tell which rows are as said, to judge: word by word, sharing nothing with `where`."""
        result = np.full(len(facts), True)
        for name, told in self.told:
            values = getattr(facts, name)
            if name == "listings":
                result &= _runs(told, values, day)
            elif isinstance(told, (Past, Amount)) or told == "running":
                known = values != 0
                result &= (known & _bounded(told, values, day)) | (~known & unknown)
            else:
                result &= _said(name, told, values) | ((values == 0) & unknown)
        return result


def _runs(told: tuple[str, ...], entries: IntArray, day: Day) -> BoolArray:
    """Tell which rows have an entry of one of the lists that has begun and not ended."""
    found = np.zeros(len(entries), np.bool_)
    for place in range(entries.shape[1]):
        term, after_last = np.divmod(entries[:, place], 1 << 20)
        listed, first = np.divmod(term, 1 << 20)
        for word in told:
            member = int(Conditions.enums["listings"][word.upper()])
            found |= (listed == member) & (day >= first) & ~(day >= after_last)
    return found


def _bounded(told: Any, values: IntArray, day: Day) -> BoolArray:
    """Tell which known values lie in bounds."""
    if isinstance(told, Amount):
        low = values >= told.least if told.least else np.full(len(values), True)
        high = values <= told.most if told.most else np.full(len(values), True)
        return np.asarray(low & high)
    if told == "running":
        return np.asarray(values > day)
    recent = values + told.days_max >= day if told.days_max is not None else values <= day
    return np.asarray((values <= day) & recent)


def _said(name: str, told: tuple[str, ...], values: IntArray) -> BoolArray:
    """Tell which values bear one of the words."""
    enum = Conditions.enums[name]
    found = np.zeros(len(values), np.bool_)
    for word in told:
        member = int(enum[word.upper()])
        found |= values & (1 << (member - 1)) != 0 if name in _FLAGS else values == member
    return found


def _numbers(name: str, words: tuple[str, ...]) -> list[int]:
    return [int(Conditions.enums[name][word.upper()]) for word in words]


def _table(name: str, words: tuple[str, ...], unknown: bool) -> BoolArray:
    """Return value of a column → as said: (256,) or, for flags, (65536,) bool."""
    numbers = _numbers(name, words)
    if name not in _FLAGS:
        table = np.zeros(256, np.bool_)
        table[numbers] = True
    else:
        word = sum(1 << number - 1 for number in set(numbers))
        table = np.arange(1 << 16) & word != 0
    table[0] = unknown
    return table


def _fields() -> Iterator[tuple[str, Any]]:
    """Yield each column a condition may name, with the type of what may be said of it."""
    for f in fields(Facts):
        enum = f.metadata["enum"]
        if "listings" in f.metadata:
            enum = f.metadata["lists"]
        if enum is not None:
            words = tuple(name.lower() for name, value in enum.__members__.items() if value)
            Conditions.enums[f.name] = enum
            yield f.name, (tuple[Literal[words], ...] | None, None)  # type: ignore[valid-type]
        elif "on" in f.metadata:
            yield f.name, (Past | None, None)
        elif "through" in f.metadata:
            yield f.name, (Literal["running"] | None, None)
        elif "amount" in f.metadata:
            yield f.name, (Amount | None, None)


_AGEING: Final = frozenset(f.name for f in fields(Facts) if "ages" in f.metadata)
_FLAGS: Final = frozenset(f.name for f in fields(Facts) if "flags" in f.metadata)
Where: Any = create_model("Where", __base__=Conditions, **dict(_fields()))
"""A condition; its fields are columns of `Facts`."""
