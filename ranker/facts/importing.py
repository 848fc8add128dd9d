"""Imports CSV files into the fact store: a file whole or not at all, each fault with its place."""

import csv
import io
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from constraints.errors import FactError, quoted
from constraints.fact_text import COLUMNS, NUMBERS, TEXT_CHARS_MAX, parse_row
from constraints.record_number import form_fault
from constraints.terms import NumberForm
from constraints.vocabulary import Vocabulary
from ranker.clock import day_at
from ranker.facts import aliases, confirming, listings
from ranker.facts.store import Entity, FactStore, Row

ID_CHARS_MAX: Final = 128  # LIMIT: characters of an id
ROWS_MAX: Final = 1_000_000  # LIMIT: rows of one file
TEXT_COLUMNS: Final = (
    *("title", "document_number", "support_list", "plan_batch"),
    *("program", "people"),
)
"""Columns of a subject that no rule reads: kept for people, or to find what concerns it."""

_SHAPES: Final[dict[Entity, tuple[str, tuple[str, ...]]]] = {
    "subject": ("id", (*TEXT_COLUMNS, *COLUMNS)),
    "candidate": ("candidate_id", ("subject_id",)),
    "alias": ("tag", aliases.COLUMNS),
    "listing": ("listing_id", listings.COLUMNS),
}
_ORDER: Final[tuple[Entity, ...]] = ("alias", "subject", "listing", "candidate")
"""Who is named comes before who names it; a title's lists come before its clips."""
_HEADER_BYTES_MAX: Final = 65_536  # LIMIT: of a file, in which its header is looked for
Change: TypeAlias = tuple[Entity, str, Row]
Check: TypeAlias = Callable[[str, Row], FactError | None]
"""Raises for a row that may not stand; returns why one that may is quarantined."""
QUARANTINED: Final = "kept, and shown nowhere until it is cleared up"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that cannot be read.

    Attributes:
        row: as a spreadsheet counts, the header being row 1; 0 for the file itself.
        column: name, or empty.
        fault: in the operator's words.
    """

    file: str
    row: int
    column: str
    fault: str

    def __str__(self) -> str:
        place = ": ".join(filter(None, [f"row {self.row}" if self.row else "", self.column]))
        return f"{self.file}: {place}: {self.fault}" if place else f"{self.file}: {self.fault}"


@dataclass(slots=True)
class Import:
    """Outcome of one file.

    Attributes:
        rows: rows read; changed: rows that changed the store; faults: rows or values refused.
        quarantined: rows kept whose facts contradict each other, so that they are shown nowhere.
        unconfirmed: rows of proposals that no person confirmed; they are left alone.
        is_kept: the store took the file (with faults only if that was asked for).
        revision: of the store afterwards.
    """

    file: str
    rows: int = 0
    changed: int = 0
    unconfirmed: int = 0
    is_kept: bool = False
    revision: int = 0
    faults: list[Fault] = field(default_factory=list)
    quarantined: list[Fault] = field(default_factory=list)

    def doubt(self, row: int, doubt: FactError | None) -> None:
        """Note that a row is kept in quarantine, if there is a doubt."""
        if doubt is not None:
            told = f"{doubt.fault}; {QUARANTINED}"
            self.quarantined.append(Fault(self.file, row, doubt.column, told))


def place_of(content: bytes) -> int:
    """Return the place of a file among several that are imported together, by its header."""
    text = content[:_HEADER_BYTES_MAX].decode("utf-8-sig", "replace").replace("\0", "")
    try:
        entity = _entity(_header(csv.reader(io.StringIO(text, newline=""))))
    except csv.Error:
        return 0
    return 0 if isinstance(entity, Fault) else _ORDER.index(entity)


def import_csv(
    store: FactStore,
    file: str,
    content: bytes,
    *,
    at_us: int,
    accept_partial: bool = False,
    tick: Callable[[int], None] | None = None,
) -> Import:
    """Import one file of subjects, candidates, aliases or lists; its header says which.

    A file may leave columns out: they keep their value. An empty value means unknown. Of a file
    with a column `confirmed` only rows in which it says `yes`, who said so and when, are taken.

    Args:
        store: where to.
        file: name for messages and the record.
        content: UTF-8 text, with or without a byte-order mark.
        at_us: when, microseconds since 1970 (UTC).
        accept_partial: keep the rows without a fault even if others have one.
        tick: told the number of rows read, every 1,000.
    """
    outcome = Import(file, revision=store.head().revision)
    changes = []
    for change in _read(store, content, outcome, day_at(at_us)):
        changes.append(change)
        if tick is not None and len(changes) % 1_000 == 0:
            tick(len(changes))
    if not outcome.faults or (accept_partial and changes):
        outcome.changed = store.apply(changes, actor=f"import {file}", at_us=at_us)
        outcome.is_kept = True
        outcome.revision = store.head().revision
    return outcome


def _read(store: FactStore, content: bytes, outcome: Import, today: int) -> Iterator[Change]:
    """Yield the rows without a fault; note the others."""

    def refuse(row: int, column: str, fault: str) -> None:
        outcome.faults.append(Fault(outcome.file, row, column, fault))

    text = _decoded(content)
    if isinstance(text, Fault):
        return refuse(text.row, "", text.fault)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    seen: set[str] = set()
    number = 0  # the last row that could be read
    try:
        header, number = _header(reader), 1
        entity = _entity(header)
        if isinstance(entity, Fault):
            return refuse(1, entity.column, entity.fault)
        (key_column, columns), check = _SHAPES[entity], _check(store, entity, today)
        begun = aliases.begun(header) if entity == "alias" else {}
        for number, cells in enumerate(reader, 2):
            if not cells:
                continue
            outcome.rows += 1
            if outcome.rows > ROWS_MAX:
                return refuse(number, "", f"the file has more than {ROWS_MAX} rows")
            if len(cells) != len(header):
                refuse(number, "", f"has {len(cells)} values for {len(header)} columns")
                continue
            told = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            key = told.pop(key_column)
            try:
                _check_id(key_column, key, seen)
                is_confirmed = confirming.is_confirmed(told, today)
                row = begun | {name: text for name, text in told.items() if name in columns}
                doubt = check(key, row) if is_confirmed else None
            except FactError as error:
                refuse(number, error.column, error.fault)
            else:
                outcome.doubt(number, doubt)
                outcome.unconfirmed += not is_confirmed
                if is_confirmed:
                    yield entity, key, row
            seen.add(key)
    except csv.Error as error:
        refuse(number + 1, "", f"is not CSV: {error}")


def _decoded(content: bytes) -> str | Fault:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Fault("", content[: error.start].count(b"\n") + 1, "", "is not UTF-8 text")
    if "\0" in text:
        return Fault("", text[: text.index("\0")].count("\n") + 1, "", "holds a NUL character")
    return text


def _entity(header: list[str]) -> Entity | Fault:
    for entity, (key, columns) in _SHAPES.items():
        if key in header:
            proposed = confirming.COLUMNS if confirming.CONFIRMED in header else ()
            known = {key, *columns, *proposed}
            for name in header:
                if name not in known:
                    return Fault("", 1, quoted(name), "is not a column here")
                if header.count(name) > 1:
                    return Fault("", 1, name, "stands twice in the header")
            return entity
    keys = ", ".join(f"`{key}`" for key, _ in _SHAPES.values())
    return Fault("", 1, "", f"the header must have one of {keys}")


def _header(reader: Iterator[list[str]]) -> list[str]:
    return [_column_name(cell) for cell in next(reader, [])]


def _column_name(cell: str) -> str:
    """Return the name in a cell of a header, which may follow words of people: `标签 tag`."""
    words, _, name = cell.strip().rpartition(" ")
    return cell if words.isascii() else name


def _check_id(column: str, key: str, seen: set[str]) -> None:
    if not key:
        raise FactError(column, "is missing")
    if len(key) > ID_CHARS_MAX or not key.isprintable():
        raise FactError(column, f"must be 1 to {ID_CHARS_MAX} printable characters")
    if key in seen:
        raise FactError(column, f"`{key}` stands twice in the file")


def _check(store: FactStore, entity: Entity, today: int) -> Check:
    """Return what tells whether a row of this entity may stand, given what the store holds."""
    subjects, candidates = store.state("subject"), store.state("candidate")
    if entity == "listing":
        entries = store.state("listing")
        return lambda key, row: listings.check_entry({**entries.get(key, {}), **row}, subjects)
    if entity == "alias":
        return aliases.check(store.state("alias"), today)

    def candidate(key: str, row: Row) -> FactError | None:
        if key in subjects:
            raise FactError("candidate_id", f"`{key}` is already the id of a subject")
        if row.get("subject_id", "") not in subjects:
            fault = f"`{quoted(row.get('subject_id', ''))}` is not a known subject"
            raise FactError("subject_id", fault)
        return None

    return _subject_check(subjects, candidates) if entity == "subject" else candidate


def _subject_check(subjects: Mapping[str, Row], candidates: Container[str]) -> Check:
    themes = Vocabulary()

    def subject(key: str, row: Row) -> FactError | None:
        if key in candidates:
            raise FactError("id", f"`{key}` is already the id of a candidate")
        merged = {**subjects.get(key, {}), **row}
        if not merged.get("kind"):
            raise FactError("kind", "is missing")
        for name in TEXT_COLUMNS:
            if len(row.get(name, "")) > TEXT_CHARS_MAX:
                raise FactError(name, f"is longer than {TEXT_CHARS_MAX} characters")
        parsed = parse_row(merged, themes)
        number, form = quoted(merged.get(NUMBERS, "")), parsed.get("number")
        if form == NumberForm.CONTRADICTORY:
            fault = f"`{number}` cannot be the number of {merged.get('document') or 'any document'}"
            return FactError(NUMBERS, fault)
        wrong = form_fault(merged.get(NUMBERS, "")) if form != NumberForm.RIGHT else None
        if wrong is not None and merged.get("document_status") == "claimed":
            fault = f"`{number}` is no licence or filing number: {wrong.told('en')}"
            raise FactError(NUMBERS, fault)
        return None

    return subject
