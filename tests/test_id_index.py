"""The id join: every id finds its own row, by text and by number, whatever anybody makes of ids."""

import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from constraints.errors import FactError, SettingsError
from constraints.facts import IntArray
from ranker.facts import id_index, id_kernels, id_reference
from ranker.facts.columns import open_columns, save_columns
from ranker.facts.id_index import PROBE_MAX, ROW_MAX, IdIndex
from tests.chance import seeded

MISSING = -7
WORD = 2**64
ALPHABET = [
    "a",
    "b",
    "-",
    "0",
    "1",
    "9",
    "é",
    "短",
    "剧",
    "😀",
    "\n",
    "\0",
    " ",
    "\ud800",
    "\udfff",
]
EDGES = [
    *(
        "",
        "0",
        "00",
        "01",
        "1",
        "1\n",
        "\n",
        "\n\n",
        " 1",
        "+1",
        "-1",
        "1.0",
        "1_0",
        "１",
        "١",
        "0x1",
    ),
    *(str(WORD - 1), str(WORD), str(WORD + 4), "9" * 19, "9" * 20, "9" * 21, f"0{WORD - 1}"),
    *(
        "\ud83d\ude00",
        "😀",
        "\ud83d",
        "\ude00",
        "\0",
        "\0\0",
        "a\0",
        "a",
        "a" * 31,
        "a" * 32,
        "a" * 999,
    ),
]


def _text(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return str(rng.randrange(10 ** rng.randint(1, 22)))
    return "".join(rng.choices(ALPHABET, k=rng.choice([0, 1, 2, 3, 5, 8, 13, 31, 32, 33, 40, 70])))


def _rows(count: int) -> IntArray:
    return np.arange(count, dtype=np.int32)


def _words(numbers: Iterable[int]) -> "np.ndarray[Any, np.dtype[np.uint64]]":
    return np.array(list(numbers), np.uint64)


def _found(kernels: ModuleType, index: IdIndex, ids: list[str]) -> list[int]:
    tables = (index.id_numbers, index.id_texts, index.id_letters, index.id_hashing)
    rows: list[int] = kernels.find_texts(*id_index._packed(ids), *tables, MISSING).tolist()
    return rows


@pytest.mark.parametrize("number", range(60))
def test_every_text_finds_what_a_dict_would_find(number: int) -> None:
    rng = seeded("id index", number)
    told = [_text(rng) for _ in range(rng.choice([0, 1, 2, 7, 60, 700]))]
    rows = [rng.randrange(ROW_MAX + 1) for _ in told]
    known = dict(zip(told, rows, strict=True))
    index = IdIndex.build(told, np.array(rows, np.int64))
    asked = [*told, *(_text(rng) for _ in range(300)), *EDGES]
    rng.shuffle(asked)
    expected = [known.get(key, MISSING) for key in asked]
    assert index.rows_of_texts(asked, MISSING).tolist() == expected
    assert _found(id_reference, index, asked) == expected
    assert _found(id_kernels, index, asked) == expected


@pytest.mark.parametrize("number", range(30))
def test_every_number_finds_what_a_dict_would_find(number: int) -> None:
    rng = seeded("numbers", number)
    width = rng.choice([4, 12, 33, 64])
    drawn = [rng.randrange(2**width) for _ in range(rng.choice([0, 1, 5, 400, 5_000]))]
    told = _words([*drawn, 0, WORD - 1])
    index = IdIndex.build_numeric(told, _rows(len(told)))
    known = {each: row for row, each in enumerate(told.tolist())}
    asked = _words([*known, *(rng.randrange(2**width) for _ in range(500))])
    expected = [known.get(each, MISSING) for each in asked.tolist()]
    found = index.rows_of_numbers(asked, MISSING)
    assert found.dtype == np.int32
    assert found.tolist() == expected
    assert index.rows_of_texts([str(each) for each in asked.tolist()], MISSING).tolist() == expected
    table = (index.id_numbers, index.id_hashing)
    assert id_reference.find_numbers(asked, *table, MISSING).tolist() == expected


def test_the_edges_of_text_and_number_are_told_apart() -> None:
    index = IdIndex.build(EDGES, _rows(len(EDGES)))
    assert index.rows_of_texts(EDGES, MISSING).tolist() == list(range(len(EDGES)))
    plain = {each: EDGES.index(str(each)) for each in (0, 1, WORD - 1, 10**19 - 1)}
    assert index.rows_of_numbers(_words(plain), MISSING).tolist() == list(plain.values())
    rest = [key for key in EDGES if key not in {*map(str, plain)}]
    others = IdIndex.build(rest, _rows(len(rest)))
    assert (others.rows_of_numbers(_words([*plain, 10, 7]), MISSING) == MISSING).all()


def test_ids_told_as_text_and_as_numbers_give_the_same_table() -> None:
    rng = seeded("both ways")
    numbers = _words(rng.randrange(WORD) for _ in range(1_000))
    by_text = IdIndex.build([str(each) for each in numbers.tolist()], _rows(1_000)).columns()
    for name, column in IdIndex.build_numeric(numbers, _rows(1_000)).columns().items():
        assert column.tobytes() == by_text[name].tobytes()


def test_of_an_id_told_twice_the_later_row_counts() -> None:
    index = IdIndex.build(["a", "7", "b", "a", "7", "a"], _rows(6))
    assert index.rows_of_texts(["a", "b", "7"], MISSING).tolist() == [5, 2, 4]


def test_an_empty_index_finds_nothing_and_an_empty_request_is_answered() -> None:
    for index in (IdIndex.build([], _rows(0)), IdIndex.build_numeric(_words([]), _rows(0))):
        assert (index.rows_of_texts(EDGES, MISSING) == MISSING).all()
        assert (index.rows_of_numbers(_words([0, 5, WORD - 1]), MISSING) == MISSING).all()
        assert index.rows_of_texts([], MISSING).shape == (0,)
        assert index.rows_of_numbers(_words([]), MISSING).shape == (0,)


# How an adversary makes ids: both hash functions can be run backwards.
P1, P2, P4, P5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def _turned(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) % WORD


def _same_hash(rng: random.Random, count: int) -> list[str]:
    """Make ids of 16 ASCII characters that have one and the same XXH64 under seed 0."""
    target, made = rng.randrange(WORD), list[str]()
    while len(made) < count:
        first = rng.getrandbits(64) & 0x7F7F7F7F7F7F7F7F
        lane = _turned(first * P2 % WORD, 31) * P1 % WORD
        word = (_turned((P5 + 16) ^ lane, 27) * P1 + P4) % WORD
        lane = (word ^ target) * pow(P1, -1, WORD) % WORD
        second = _turned(lane, 33) * pow(P2, -1, WORD) % WORD
        if not second & 0x8080808080808080:
            made.append((first.to_bytes(8, "little") + second.to_bytes(8, "little")).decode())
    return made


def _unmixed(word: int) -> int:
    """Return the number that `mixed` turns into a word under salt 0."""
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        word ^= word >> shift ^ word >> 2 * shift
        word = word * pow(factor, -1, WORD) % WORD
    return word


@pytest.mark.parametrize("count", [2, 3, PROBE_MAX, PROBE_MAX + 2, 300])
def test_texts_of_one_hash_find_their_own_rows(count: int) -> None:
    rng = seeded("one hash", count)
    ids = _same_hash(rng, count + 20)
    words = id_reference.read_texts(*id_index._packed(ids), 0)[1]
    assert len(set(words.tolist())) == 1, "they do not collide"
    told = [*ids[:count], ids[0]]
    index = IdIndex.build(told, _rows(count + 1))
    assert index.id_hashing[1, 1] == (count > PROBE_MAX), "a crowd moves to another hash function"
    expected = [count, *range(1, count), *[MISSING] * 20]
    assert index.rows_of_texts(ids, MISSING).tolist() == expected
    assert _found(id_reference, index, ids) == expected


@pytest.mark.parametrize("first", [0, 2**32 - 10, 2**63, WORD - 150])
def test_numbers_made_to_crowd_find_their_own_rows(first: int) -> None:
    numbers = _words(_unmixed(first + each) for each in range(150))
    assert id_reference.mixed(numbers, 0).tolist() == [first + each for each in range(150)]
    for count in (PROBE_MAX, 140):
        index = IdIndex.build_numeric(numbers[:count], _rows(count))
        assert index.id_hashing[0, 1] == (count > PROBE_MAX)
        expected = [*range(count), *[MISSING] * (150 - count)]
        assert index.rows_of_numbers(numbers, MISSING).tolist() == expected
        table = (index.id_numbers, index.id_hashing)
        assert id_reference.find_numbers(numbers, *table, MISSING).tolist() == expected


def test_a_crowd_under_every_hash_function_is_refused() -> None:
    ids = [f"id-{each}" for each in range(PROBE_MAX + 1)]
    for word in (0, 2**40, WORD - 1):

        def bad(_: int, word: int = word) -> "np.ndarray[Any, np.dtype[np.uint64]]":
            return np.full(PROBE_MAX + 1, word, np.uint64)

        with pytest.raises(FactError, match=r"^id: more than 64 ids fall together"):
            id_index._table(bad, lambda words, order: (words, order, order), ids)


def test_the_compiled_hash_is_that_of_the_library() -> None:
    rng = seeded("xxh64")
    texts = ["".join(rng.choices(ALPHABET, k=length)) for length in range(150)] * 3
    for salt in (0, 1, 7, WORD - 1):
        packed = id_index._packed(texts)
        compiled = id_kernels.read_texts(*packed, np.uint64(salt))
        for one, other in zip(compiled, id_reference.read_texts(*packed, salt), strict=True):
            assert one.tolist() == other.tolist()


def test_honest_ids_stand_near_their_home_and_cost_the_bytes_that_are_stated() -> None:
    count = 200_000
    numbers = _words(range(10**12, 10**12 + 7 * count, 7))
    by_number = IdIndex.build_numeric(numbers, _rows(count))
    ids = [f"clip-{each}" for each in numbers.tolist()]
    by_text = IdIndex.build(ids, _rows(count))
    assert by_number.id_hashing[:, 1].tolist() == by_text.id_hashing[:, 1].tolist() == [0, 0]
    assert sum(each.nbytes for each in by_number.columns().values()) < 18.02 * count
    letters = sum(map(len, ids))
    assert sum(each.nbytes for each in by_text.columns().values()) - letters < 19.02 * count
    assert (by_number.rows_of_numbers(numbers, MISSING) == _rows(count)).all()
    assert (by_text.rows_of_texts(ids, MISSING) == _rows(count)).all()


def test_a_saved_index_is_mapped_read_only_and_runs_through_the_same_compiled_code(
    tmp_path: Path,
) -> None:
    ids = [*EDGES, *(f"clip-{each}" for each in range(100))]
    built = IdIndex.build(ids, _rows(len(ids)))
    save_columns(tmp_path / "one", built.columns() | {"other": _rows(3)}, {})
    opened = IdIndex.open(open_columns(tmp_path / "one")[0])
    id_index.warm()
    for index in (built, opened):
        assert index.rows_of_texts(ids, MISSING).tolist() == list(range(len(ids)))
        index.rows_of_numbers(_words([3]), MISSING)
        assert not any(column.flags.writeable for column in index.columns().values())
    for kernel in (id_kernels.find_numbers, id_kernels.find_texts, id_kernels.read_texts):
        assert len(kernel.signatures) == 1


def test_columns_that_are_no_index_are_refused() -> None:
    columns = IdIndex.build(["a", "b", "3"], _rows(3)).columns()
    for name, column in columns.items():
        with pytest.raises(SettingsError, match=f"^{name}: a column of the index is missing$"):
            IdIndex.open({key: each for key, each in columns.items() if key != name})
        with pytest.raises(SettingsError, match=f"^{name}: int16 .* is no part of an id index$"):
            IdIndex.open(columns | {name: column.astype(np.int16)})
        if name != "id_letters":
            with pytest.raises(SettingsError, match=f"^{name}: .* is no part of an id index$"):
                IdIndex.open(columns | {name: column[:-1]})


def test_no_content_of_a_table_leads_a_search_outside_of_it() -> None:
    rng = np.random.default_rng(5)
    ids = [f"clip-{each}" for each in range(500)]
    columns = dict(IdIndex.build([*ids, "1"], _rows(501)).columns())
    for high in (1, 2**8, 2**32):
        for name in ("id_numbers", "id_texts"):
            columns[name] = rng.integers(0, high, columns[name].shape, np.uint32)
        index = IdIndex.open(columns)
        assert (index.rows_of_texts(ids, MISSING) == MISSING).mean() > 0.9
        index.rows_of_numbers(rng.integers(0, WORD, 5_000, np.uint64, endpoint=False), MISSING)


@pytest.mark.parametrize("stored", [b"abcd\xff", b"ab\xff\xff", b"abd\xff", b"abc", b"ab\xff", b""])
def test_an_id_is_not_found_where_its_hash_leads_to_another_text(stored: bytes) -> None:
    columns = IdIndex.build(["abc"], _rows(1)).columns()
    index = IdIndex.open(columns | {"id_letters": np.frombuffer(stored, np.uint8)})
    assert _found(id_kernels, index, ["abc"]) == [MISSING]
    assert _found(id_reference, index, ["abc"]) == [MISSING]


@pytest.mark.parametrize("salt", range(id_index.SALT_COUNT))
def test_mixing_is_undone_under_every_salt(salt: int) -> None:
    rng = seeded("unmix", salt)
    numbers = np.array([0, 1, WORD - 1, *(rng.getrandbits(64) for _ in range(500))], np.uint64)
    slots = np.zeros((len(numbers), 3), np.uint32)
    words = id_reference.mixed(numbers, salt)
    slots[:, 0], slots[:, 1] = words >> np.uint64(32), words & np.uint64(2**32 - 1)
    assert id_reference.numbers_of(slots, salt).tolist() == numbers.tolist()


@pytest.mark.parametrize("number", range(6))
def test_ids_are_told_of_rows_as_a_dict_would_tell_them(number: int) -> None:
    rng = seeded("ids of rows", number)
    keys = {"".join(rng.choices(ALPHABET, k=rng.randint(0, 12))) for _ in range(60)}
    keys |= {str(rng.getrandbits(rng.randint(1, 64))) for _ in range(60)}
    row_of = {key: rng.randrange(80) for key in sorted(keys)}
    index = IdIndex.build([*row_of], np.array([*row_of.values()], np.int32))
    wanted = rng.sample(range(80), 30)
    told = [key for key, row in row_of.items() if row in wanted]
    assert sorted(index.ids_of(np.array(wanted), 999)) == sorted(told)
    some = index.ids_of(np.array(wanted), 10)
    assert len(set(some)) == 10
    assert set(some) < set(told)
    assert index.ids_of(np.zeros(0, np.int64), 10) == []


def test_rows_and_numbers_out_of_range_are_refused() -> None:
    for rows in (_rows(2), _rows(1) - 1, _rows(1).astype(np.int64) + ROW_MAX + 1, _rows(1)[None]):
        with pytest.raises(ValueError, match=r"^rows must be 1 numbers from 0 to 2147483647$"):
            IdIndex.build(["a"], rows)
        with pytest.raises(ValueError, match=r"^rows must be 1 numbers"):
            IdIndex.build_numeric(_words([1]), rows)
    index = IdIndex.build(["a"], np.array([ROW_MAX]))
    assert index.rows_of_texts(["a", "b"], -(2**31)).tolist() == [ROW_MAX, -(2**31)]
    with pytest.raises(TypeError, match=r"^numbers are uint64, not int64$"):
        index.rows_of_numbers(np.array([-1]), MISSING)


JOIN = """
import sys
if len(sys.argv) > 1:
    sys.modules["numba"] = None
import numpy as np
from ranker.facts import id_index
from tests.test_id_index import EDGES
id_index.warm()
index = id_index.IdIndex.build(EDGES[::2], np.arange(len(EDGES[::2])))
print(id_index.kernels().__name__)
print(index.rows_of_texts(EDGES, -1).tolist())
print(index.rows_of_numbers(np.array([0, 1, 2**64 - 1], np.uint64), -1).tolist())
print([column.tobytes().hex() for column in index.columns().values()])
"""


def test_the_join_is_the_same_where_numba_is_not_installed() -> None:
    root = Path(__file__).parent.parent
    source = JOIN.replace("from tests.test_id_index import EDGES", f"EDGES = {EDGES!a}")
    told = []
    for absent in ([], ["numba"]):
        command = [sys.executable, "-W", "error", "-c", source, *absent]
        run = subprocess.run(
            command, cwd=root, capture_output=True, text=True, check=True, timeout=60
        )
        told.append(run.stdout.split("\n", 1))
    assert [name for name, _ in told] == ["ranker.facts.id_kernels", "ranker.facts.id_reference"]
    assert told[0][1] == told[1][1]
