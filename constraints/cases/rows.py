"""Candidates as a case tells them: facts in the words of an import file, good where not told."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import IntEnum
from typing import Annotated, Any, Final, Self

import numpy as np
from pydantic import BeforeValidator, Field, create_model, model_validator

from constraints.cases.papers import good_row, own_labels
from constraints.errors import FactError
from constraints.fact_text import COLUMNS, NUMBERS, parse_row, read_facts
from constraints.facts import Facts, subject_keys
from constraints.faults import did_you_mean
from constraints.rule import Name, Strict
from constraints.vocabulary import Vocabulary

RESERVED_MARK: Final = "#"
_META: Final = {name: Facts.__dataclass_fields__[name].metadata for name in COLUMNS}


class RowBase(Strict):
    """Someone who stands on the page or above it; facts that are not told are good ones.

    Attributes:
        registered: false for one that nobody registered: its kind is only the caller's word.
        subject: id of the title it stands for, where that is not its own.
    """

    registered: bool = True
    subject: Name | None = None

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        try:
            parse_row(self.told, Vocabulary())
        except FactError as error:
            is_misspelt, text = "is not one of" in error.fault, self.told[error.column]
            near = did_you_mean(text, set(words(error.column))) if is_misspelt else ""
            raise ValueError(f"{error.column}: {error.fault}{near}") from None
        return self

    @property
    def told(self) -> dict[str, str]:
        """Column → text, of the columns the case names."""
        columns = ((name, getattr(self, name)) for name in (*COLUMNS, NUMBERS))
        return {name: text for name, text in columns if text is not None}

    def good_row(self, key: str, day: date) -> dict[str, str]:
        """Return column → text, with good papers where nothing is told."""
        return good_row(own_labels(key) | self.told, day)


def words(column: str) -> tuple[str, ...]:
    """Return the words a column is told in, empty where it takes other text."""
    meta: Mapping[str, Any] = _META.get(column, {})
    enum: type[IntEnum] | None = meta.get("lists") or meta.get("enum")
    members = enum.__members__.items() if enum else ()
    return tuple(name.lower() for name, value in members if value)


def facts_of(
    rows: Sequence[tuple[str, RowBase]], themes: Vocabulary, good_on: date | None
) -> Facts:
    """Read rows into columns.

    Args:
        rows: id and row of each; one without an id stands for no title.
        themes: grows with the themes told.
        good_on: what is not told is good on this day; where None, it is unknown.
    """
    told = [row.good_row(key or "nobody", good_on) if good_on else row.told for key, row in rows]
    table = read_facts(told, themes)
    registered = np.array([row.registered for _, row in rows], np.bool_)
    keys = subject_keys(row.subject or key for key, row in rows)
    return table.with_columns(
        is_registered=registered, subject=np.where(registered, keys, np.uint64(0))
    )


def _as_text(value: Any) -> Any:
    """Let a day stand without quotes, as TOML has days."""
    return value.isoformat() if type(value) is date else value


def _amount_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _fields() -> Iterator[tuple[str, Any]]:
    amount = Annotated[str, BeforeValidator(_amount_as_text, json_schema_input_type=int)]
    day = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=date)]
    for name, meta in _META.items():
        if "amount" in meta:
            yield name, (amount | None, None)
        elif words(name) or "labels" in meta:
            yield name, (str | None, None)
        else:
            yield name, (day | None, None)
    yield NUMBERS, (str | None, None)


Row: Any = create_model("Row", __base__=RowBase, __doc__=RowBase.__doc__, **dict(_fields()))


class Candidate(Row):
    """A candidate of the case; facts that are not told are good ones.

    Attributes:
        id: what the case calls it.
        utility: what the recommender thinks it is worth, 0 or more.
    """

    id: Name
    utility: Annotated[float, Field(ge=0, le=1e9)]

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if self.id == RESERVED_MARK:
            raise ValueError(f"id: `{RESERVED_MARK}` marks a slot the caller fills")
        return self
