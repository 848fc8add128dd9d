"""Tables as they are declared: columns with their types, apart from any library that holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Type: TypeAlias = Literal["text", "int", "real", "bool"]
Row: TypeAlias = tuple[Any, ...]
DATE, SURFACE = "date", "surface"
MANY: Final = "|"
"""Joins several values in one cell, as in a file of facts."""


@dataclass(frozen=True, eq=False)
class Table:
    """One table.

    Attributes:
        name: of its folder, and of the view a question reads.
        head: column → type, of what all rows of one record share.
        row: column → type, of the rest.
        by: columns that are folders (`date=2026-11-24`), always the first of the record's key.
    """

    name: str
    head: Mapping[str, Type]
    row: Mapping[str, Type]
    by: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, Type]:
        """All columns of its files."""
        return {**self.head, **self.row}


@dataclass
class Batch:
    """Rows of one table and one folder, before they are written.

    Attributes:
        heads: what the rows of each record share.
        rows: the rest of each row.
        of: for each row, which of `heads` it has.
    """

    heads: list[Row] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    of: list[int] = field(default_factory=list)


class Rows:
    """Collects the rows of many records, by table and folder."""

    def __init__(self) -> None:
        self.batches: dict[tuple[Table, tuple[str, ...]], Batch] = {}

    def add(self, table: Table, folder: tuple[str, ...], head: Row, rows: Sequence[Row]) -> None:
        """Take the rows of one record.

        Args:
            table: they belong to.
            folder: value of each of its `by`.
            head: values of its `head`.
            rows: values of its `row`, one tuple each.
        """
        if not rows:
            return
        batch = self.batches.get((table, folder))
        if batch is None:
            batch = self.batches[table, folder] = Batch()
        batch.of += [len(batch.heads)] * len(rows)
        batch.heads.append(head)
        batch.rows += rows

    def __len__(self) -> int:
        return sum(len(batch.rows) for batch in self.batches.values())
