"""The id join: from the ids of a request to rows of a snapshot, at the cost of a few cache misses.

An id that is a plain decimal number below 2**64 is kept as that number, so it is found by text
and by number alike; any other id is kept as text. Each kind has one hash table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from constraints.errors import FactError, SettingsError
from constraints.facts import IntArray, WordArray
from ranker.facts import id_reference
from ranker.facts.id_reference import END, ByteArray, Slots

PROBE_MAX: Final = 64  # LIMIT: slots an id may stand behind its home; honest ids need about 25
SALT_COUNT: Final = 8  # LIMIT: hash functions tried until no id stands farther
TEXT_BYTES_MAX: Final = 2**32 - 2  # LIMIT: UTF-8 bytes of all ids together
ROW_MAX: Final = 2**31 - 1
EMPTY: Final = 2**32 - 1


@cache
def kernels() -> Any:
    """Return the module with the loops: compiled when numba is installed."""
    try:
        from ranker.facts import id_kernels
    except ImportError as error:
        if (error.name or "").startswith(("constraints", "ranker")):
            raise  # a fault of our own is no reason to be slow
        return id_reference
    return id_kernels


@dataclass(frozen=True, slots=True, eq=False)
class IdIndex:
    """Where each id stands. Immutable; the arrays may be memory-mapped and shared.

    A table has 1.5 slots an id, and its ids stand in the order of their hashes: at the slot that
    the hash points to, or behind the id before. So a search ends at the first larger hash. A slot
    is three words of 32 bits: in `id_numbers` both halves of the mixed number and the row; in
    `id_texts` the upper half of the hash, the row and where the id begins in `id_letters`. An
    empty slot has all bits set. That is 18 bytes a number, and 19 a text besides its letters.

    INVARIANT: an id is compared whole, never by its hash alone.
    LIMIT: the hashes keep no secret. Whoever knows them can write long ids that fall together
    under all of them; then the build is refused, and no row is ever wrong or slow to find.

    Attributes:
        id_numbers, id_texts: (slots, 3) uint32.
        id_letters: UTF-8 of the ids that are no numbers, uint8, the byte END behind each.
        id_hashing: (2, 2) uint64: home slots and salt of the hash, of numbers and of texts.
    """

    id_numbers: Slots
    id_texts: Slots
    id_letters: ByteArray
    id_hashing: WordArray

    def __post_init__(self) -> None:
        """Hold plain read-only arrays, mapped or not: the kernels compile for one kind only."""
        self._hold("id_hashing", np.uint64, (2, 2))
        (number_size, _), (text_size, _) = self.id_hashing.tolist()
        self._hold("id_numbers", np.uint32, (number_size + PROBE_MAX, 3))
        self._hold("id_texts", np.uint32, (text_size + PROBE_MAX, 3))
        self._hold("id_letters", np.uint8, (self.id_letters.size,))

    def _hold(self, name: str, dtype: type, shape: tuple[int, ...]) -> None:
        column = getattr(self, name)
        if column.dtype != dtype or column.shape != shape:
            raise SettingsError(f"{name}: {column.dtype} {column.shape} is no part of an id index")
        held = np.ascontiguousarray(column).view()
        held.flags.writeable = False
        object.__setattr__(self, name, held)

    @classmethod
    def build(cls, ids: Sequence[str], rows: IntArray) -> Self:
        """Index ids.

        Args:
            ids: n ids of any text; of an id told twice the later row counts.
            rows: (n,) row of each, 0 to ROW_MAX.

        Raises:
            FactError: too many ids fall together under every hash function, or they are too long.
        """
        rows = _checked(rows, len(ids))
        raw, ends = _packed(ids)
        is_number, words = kernels().read_texts(raw, ends, np.uint64(0))
        numbers, number_hash = _number_table(words[is_number], rows[is_number])
        if is_number.any():
            others = np.flatnonzero(~is_number)
            ids, rows = [ids[at] for at in others.tolist()], rows[others]
            raw, ends = _packed(ids)
        if len(raw) > TEXT_BYTES_MAX:
            raise FactError("id", f"all ids together exceed {TEXT_BYTES_MAX} bytes")
        letters = raw.copy()
        letters[ends] = END
        starts = np.concatenate([[0], ends[:-1] + 1])[: len(ids)]
        texts, text_hash = _table(
            lambda salt: kernels().read_texts(raw, ends, np.uint64(salt))[1],
            lambda words, order: (words >> np.uint64(32), rows[order], starts[order]),
            ids,
        )
        return cls(numbers, texts, letters, np.array([number_hash, text_hash], np.uint64))

    @classmethod
    def build_numeric(cls, numbers: WordArray, rows: IntArray) -> Self:
        """Index ids that are all plain decimal numbers; see `build`.

        Args:
            numbers: (n,) uint64.
            rows: (n,) row of each, 0 to ROW_MAX.
        """
        none = cls.build((), np.zeros(0, np.int32))
        table, hashing = _number_table(_words(numbers), _checked(rows, len(numbers)))
        both = np.array([hashing, none.id_hashing[1]], np.uint64)
        return cls(table, none.id_texts, none.id_letters, both)

    @classmethod
    def open(cls, columns: Mapping[str, NDArray[Any]]) -> Self:
        """Take an index from columns that were saved; other columns may stand among them."""
        names = [each.name for each in fields(cls)]
        missing = [name for name in names if name not in columns]
        if missing:
            raise SettingsError(f"{missing[0]}: a column of the index is missing")
        return cls(*(columns[name] for name in names))

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return all state by name, fit to be saved."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def rows_of_numbers(self, numbers: WordArray, missing: int) -> IntArray:
        """Return the row of each number, (n,) int32, and `missing` for one that has none.

        Args:
            numbers: (n,) uint64.
            missing: any int32.
        """
        table = (self.id_numbers, self.id_hashing)
        found: IntArray = kernels().find_numbers(_words(numbers), *table, missing)
        return found

    def rows_of_texts(self, ids: Sequence[str], missing: int) -> IntArray:
        """Return the row of each id, (n,) int32, and `missing` for one that has none."""
        if not len(ids):  # most pages have no tail: it is not worth the call
            return np.empty(0, np.int32)
        tables = (self.id_numbers, self.id_texts, self.id_letters, self.id_hashing)
        found: IntArray = kernels().find_texts(*_packed(ids), *tables, missing)
        return found

    def ids_of(self, rows: IntArray, most: int) -> list[str]:
        """Return ids of some rows, at most so many, numbers first; every slot is looked at."""
        wanted = rows.astype(np.uint32)
        at = np.flatnonzero(np.isin(self.id_numbers[:, 2], wanted))[:most]
        numbers = id_reference.numbers_of(self.id_numbers[at], int(self.id_hashing[0, 1]))
        at = np.flatnonzero(np.isin(self.id_texts[:, 1], wanted))[: most - len(numbers)]
        starts = self.id_texts[at, 2].astype(np.int64)
        ends = np.flatnonzero(self.id_letters == END) if len(at) else starts
        stops = ends[np.searchsorted(ends, starts)]
        pairs = zip(starts.tolist(), stops.tolist(), strict=True)
        texts = (self.id_letters[start:stop].tobytes() for start, stop in pairs)
        told = [text.decode("utf-8", "surrogatepass") for text in texts]
        return [*map(str, numbers.tolist()), *told]


def warm() -> None:
    """Run the kernels once, so that they are compiled."""
    index = IdIndex.build(["1", "a"], np.zeros(2, np.int32))
    index.rows_of_numbers(np.ones(1, np.uint64), -1)
    index.rows_of_texts(["1", "a"], -1)


def _words(numbers: WordArray) -> WordArray:
    """Return a copy of numbers: the kernels compile for one kind of array only."""
    if numbers.dtype != np.uint64:
        raise TypeError(f"numbers are uint64, not {numbers.dtype}")  # -1 must not find 2**64 - 1
    return np.array(numbers)


def _checked(rows: IntArray, count: int) -> IntArray:
    if rows.shape != (count,) or (count and not 0 <= rows.min() <= rows.max() <= ROW_MAX):
        raise ValueError(f"rows must be {count} numbers from 0 to {ROW_MAX}")
    return rows


def _packed(ids: Sequence[str]) -> tuple[ByteArray, IntArray]:
    """Return the UTF-8 of all ids, one byte behind each, and where each ends, (n,) int64."""
    raw = np.frombuffer(("\n".join(ids) + "\n").encode("utf-8", "surrogatepass"), np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    if len(ends) != len(ids):  # an id holds a line feed itself, or there is none
        each = [key.encode("utf-8", "surrogatepass") for key in ids]
        raw = np.frombuffer(b"\n".join(each) + b"\n", np.uint8)
        ends = np.cumsum([len(key) + 1 for key in each], dtype=np.int64) - 1
    return raw, ends


def _number_table(numbers: WordArray, rows: IntArray) -> tuple[Slots, tuple[int, int]]:
    return _table(
        lambda salt: id_reference.mixed(numbers, salt),
        lambda words, order: (words >> np.uint64(32), words & np.uint64(EMPTY), rows[order]),
        numbers,
    )


def _table(
    hashed: Callable[[int], WordArray],
    slot: Callable[[WordArray, IntArray], tuple[IntArray, IntArray, IntArray]],
    ids: Sequence[str] | WordArray,
) -> tuple[Slots, tuple[int, int]]:
    """Lay a table out under the first salt that leaves no id too far from home.

    Args:
        hashed: the words of all ids, (n,) uint64, under a salt.
        slot: the three words of each slot, from the ids' words and their places in `ids`.
        ids: n ids, to tell those that are the same.

    Returns:
        (size + PROBE_MAX, 3) uint32, and its (size, salt).
    """
    for salt in range(SALT_COUNT):
        words = hashed(salt)
        order = _last_of_each(np.argsort(words, kind="stable"), words, ids)
        words = words[order]
        size = len(order) + len(order) // 2 + 1
        steps = np.arange(len(order))
        home = ((words >> np.uint64(32)) * np.uint64(size) >> np.uint64(32)).astype(np.int64)
        place = np.maximum.accumulate(home - steps) + steps  # at home, or behind the one before
        if np.all(place - home <= PROBE_MAX - 1):
            table = np.full((size + PROBE_MAX, 3), EMPTY, np.uint32)
            for column, values in enumerate(slot(words, order)):
                table[place, column] = values
            return table, (size, salt)
    raise FactError("id", f"more than {PROBE_MAX} ids fall together under every hash function")


def _last_of_each(order: IntArray, words: WordArray, ids: Sequence[str] | WordArray) -> IntArray:
    """Drop from `order`, which sorts `words`, all but the last of each id."""
    ordered = words[order]
    later, dropped = set(), []
    for at in reversed(np.flatnonzero(ordered[1:] == ordered[:-1]).tolist()):
        later.add(ids[order[at + 1]])
        if ids[order[at]] in later:
            dropped.append(at)
    return np.delete(order, dropped)
