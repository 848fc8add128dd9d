"""Which tables a kind of record fills, and what reads it. A new kind is one line here."""

from collections.abc import Callable
from typing import Final, NamedTuple

from ranker.audit.records import Stored
from ranker.audit.tables.controls import CONTROLS, read_control
from ranker.audit.tables.decisions import BLOCKED, FINDINGS, MOVES, SLOTS, read_decision
from ranker.audit.tables.exposures import EXPOSURES, read_exposures
from ranker.audit.tables.schema import Rows, Table
from ranker.v1 import log_pb2


class Kind(NamedTuple):
    """A kind of record.

    Attributes:
        tables: it fills.
        read: adds the rows of one such record.
    """

    tables: tuple[Table, ...]
    read: Callable[[Stored, Rows], None]


KINDS: Final[dict[int, Kind]] = {
    log_pb2.RECORD_KIND_DECISION: Kind((SLOTS, BLOCKED, MOVES, FINDINGS), read_decision),
    log_pb2.RECORD_KIND_EXPOSURE: Kind((EXPOSURES,), read_exposures),
    log_pb2.RECORD_KIND_CONTROL: Kind((CONTROLS,), read_control),
}
LOGGED: Final = tuple(table for kind in KINDS.values() for table in kind.tables)
"""Every table made from records."""
