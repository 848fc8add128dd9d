"""Rows of text become columns of numbers; a value that cannot be read names its column."""

from dataclasses import fields
from datetime import date
from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints import facts as module
from constraints.errors import FactError
from constraints.facts import (
    COLUMNS,
    DAY_MAX,
    DAY_MIN,
    TEXT_CHARS_MAX,
    THEMES_MAX,
    UNKNOWN_DAY,
    DocumentStatus,
    Facts,
    Grade,
    Kind,
    Support,
    date_of,
    day_of,
    parse_row,
)
from constraints.vocabulary import Vocabulary
from tests import chance, make

ENUMS = {
    "kind": module.Kind,
    "document": module.Document,
    "document_status": module.DocumentStatus,
    "recheck": module.Recheck,
    "support": module.Support,
    "plan": module.Plan,
    "room_grade": module.Grade,
    "anchor_grade": module.Grade,
    "restriction": module.Restriction,
}
UNTIL = ["document_until", "support_until", "restriction_until"]
FROM = [name.replace("_until", "_from") for name in UNTIL]
DATES = [*FROM, *UNTIL, "plan_listed_on", "rated_on"]
NO_DATES = [
    *("2026-9-1", "20260901", "2026-W36-2", "01.09.2026", "2026/09/01", "2026-13-01", "2026-02-30"),
    *("1999-12-31", "2100-01-01", "2026-09-01T00:00:00", "today", "２０２６-09-01", "-026-09-01"),
]
seeded = settings(derandomize=True, database=None, deadline=None)


def parse(**row: str) -> dict[str, object]:
    return parse_row(row, Vocabulary())


def fault(**row: str) -> FactError:
    with pytest.raises(FactError) as caught:
        parse(**row)
    return caught.value


def columns(table: Facts) -> dict[str, list[object]]:
    return {f.name: getattr(table, f.name).tolist() for f in fields(table)}


def test_every_column_of_a_row_is_tried_below() -> None:
    assert sorted(COLUMNS) == sorted([*ENUMS, *DATES, "themes"])


@pytest.mark.parametrize("name", ENUMS)
def test_every_word_of_a_column_is_read_in_any_case(name: str) -> None:
    enum: type[IntEnum] = ENUMS[name]
    for word, value in list(enum.__members__.items())[1:]:
        assert parse(**{name: word.lower()}) == {name: int(value)}
        assert parse(**{name: f"  {word.title()} "}) == {name: int(value)}


@pytest.mark.parametrize("name", ENUMS)
@pytest.mark.parametrize("word", ["unknown", "0", "1", "no such word", "无"])
def test_any_other_word_is_refused_with_the_known_ones(name: str, word: str) -> None:
    known = ", ".join(list(ENUMS[name].__members__)[1:]).lower()
    error = fault(**{name: word})
    assert error.column == error.field == name
    assert str(error) == f"{name}: `{word}` is not one of {known}"


@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_is_refused(name: str, text: str) -> None:
    expected = f"{name}: `{text}` is not a date like 2026-09-01, year 2000 to 2099"
    assert str(fault(**{name: text})) == expected


@pytest.mark.parametrize("name", COLUMNS)
def test_value_longer_than_the_limit_is_refused(name: str) -> None:
    assert str(fault(**{name: "x" * (TEXT_CHARS_MAX + 1)})) == (
        f"{name}: is longer than {TEXT_CHARS_MAX} characters"
    )


def test_message_about_a_value_stays_on_one_short_line() -> None:
    assert "`a\\nb`" in str(fault(kind="a\nb"))
    assert f"`{'x' * 40}…`" in str(fault(kind="x" * 100))


@pytest.mark.parametrize("name", DATES)
def test_day_counts_from_1970_and_an_until_is_inclusive(name: str) -> None:
    assert parse(**{name: "2026-09-01"}) == {name: 20_697 + (name in UNTIL)}


@seeded
@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_date_is_read_and_turned_back(when: date) -> None:
    assert parse(rated_on=when.isoformat()) == {"rated_on": day_of(when)}
    assert date_of(day_of(when)) == when


@pytest.mark.parametrize(("begins", "ends"), list(zip(FROM, UNTIL, strict=True)))
def test_term_may_be_one_day_but_not_end_before_it_begins(begins: str, ends: str) -> None:
    one_day = parse(**{begins: "2026-09-01", ends: "2026-09-01"})
    assert one_day[ends] == one_day[begins] + 1
    error = fault(**{begins: "2026-09-02", ends: "2026-09-01"})
    assert str(error) == f"{ends}: is before {begins}"


def test_empty_text_is_an_unknown_value_or_an_open_term() -> None:
    assert parse(**dict.fromkeys(COLUMNS, " ")) == {}
    table = Facts.from_rows([{}], Vocabulary())
    assert columns(table) == columns(
        Facts.unknown(1).with_columns(is_registered=np.array([True])),
    )
    for name, value in columns(table).items():
        if name in FROM:
            assert value == [DAY_MIN]
        elif name in UNTIL:
            assert value == [DAY_MAX]
        elif name != "themes":
            assert value == [name == "is_registered"], "0 is UNKNOWN"
    assert UNKNOWN_DAY == 0


def test_columns_that_are_no_facts_are_left_out() -> None:
    assert parse(title="一夜", document_number="x", is_registered="false") == {}


def test_row_that_holds_none_for_an_empty_cell_is_read() -> None:
    assert parse_row({"kind": None, "themes": None}, Vocabulary()) == {}


def test_aliases_have_the_number_of_their_theme() -> None:
    themes = Vocabulary({"总裁": "霸总", "豪门": "霸总"})
    assert themes.number("豪门") == themes.number("霸总") == themes.number("总裁") == 1
    assert themes.number("甜宠") == 2
    assert themes.names == ["", "霸总", "甜宠"]
    assert len(themes) == 3


def test_themes_of_a_row_are_sorted_and_counted_once() -> None:
    themes = Vocabulary({"总裁": "霸总"})
    row = {"themes": " 甜宠 | 总裁 || 霸总|甜宠| "}
    assert parse_row(row, themes) == {"themes": [1, 2]}
    table = Facts.from_rows([{"themes": "霸总|甜宠"}, row], themes)
    assert table.themes.tolist() == [[1, 2] + [0] * (THEMES_MAX - 2)] * 2


def test_row_may_have_twelve_themes_but_not_one_more() -> None:
    tags = [f"theme {i}" for i in range(THEMES_MAX + 1)]
    assert parse(themes="|".join(tags[1:]))["themes"] == list(range(1, THEMES_MAX + 1))
    assert str(fault(themes="|".join(tags))) == "themes: has more than 12 themes"


def test_aliases_do_not_count_towards_the_limit_of_themes() -> None:
    themes = Vocabulary({f"alias {i}": "霸总" for i in range(30)})
    assert parse_row({"themes": "|".join(themes.aliases)}, themes) == {"themes": [1]}


def test_vocabulary_holds_as_many_themes_as_its_column_can_tell_apart() -> None:
    themes = Vocabulary()
    last = [themes.number(f"theme {i}") for i in range(32_000)][-1]
    assert last == 32_000 <= np.iinfo(Facts.unknown(0).themes.dtype).max
    assert themes.number("theme 0") == 1
    with pytest.raises(FactError, match=r"^themes: more than 32000 different themes$"):
        parse_row({"themes": "one more"}, themes)


def test_copy_of_a_vocabulary_grows_alone() -> None:
    themes = Vocabulary({"总裁": "霸总"})
    themes.number("霸总")
    copy = themes.copy()
    assert copy.number("总裁") == 1
    assert copy.number("甜宠") == 2
    assert len(themes) == 2


def test_table_of_rows_equals_its_rows_one_by_one() -> None:
    rng = chance.seeded("facts")
    rows = [chance.row(rng, make.TODAY) for _ in range(200)]
    themes = Vocabulary(chance.ALIASES)
    table = Facts.from_rows(rows, themes)
    alone = [Facts.from_rows([row], themes) for row in rows]
    assert columns(table) == columns(Facts.concatenate(alone))
    order = np.random.default_rng(0).integers(0, len(rows), 300)
    taken = Facts.concatenate([alone[i] for i in order])
    assert columns(table.take(order)) == columns(taken)


@seeded
@given(st.dictionaries(st.sampled_from(COLUMNS), st.text(max_size=20), max_size=6))
def test_any_text_is_read_or_refused_by_its_column(row: dict[str, str]) -> None:
    message = ""
    try:
        named = set(parse(**row))
    except FactError as error:
        named, message = {error.column}, str(error)
    assert named <= set(row)
    assert "\n" not in message


def test_facts_a_caller_sent_are_not_registered() -> None:
    sent = Facts.from_rows([make.drama()], Vocabulary(), is_registered=False)
    assert sent.is_registered.tolist() == [False]


def test_aged_facts_have_forgotten_what_a_stale_source_may_have_changed() -> None:
    rows = [make.drama(support="national", plan="law", themes="甜宠"), make.room(room_grade="e")]
    fresh, aged = make.facts(rows), make.facts(rows).aged()
    changed = {f.name for f in fields(Facts) if columns(fresh)[f.name] != columns(aged)[f.name]}
    assert changed == {"document", "document_status", "recheck", "support", "plan", "rated_on"}
    assert aged.document_status.tolist() == [DocumentStatus.UNKNOWN] * 2
    assert aged.support.tolist() == [Support.UNKNOWN] * 2
    assert aged.room_grade.tolist() == [0, Grade.E], "the worst grade is not better for being old"
    assert all(getattr(aged, f.name).dtype == getattr(fresh, f.name).dtype for f in fields(Facts))


def test_unknown_rows_know_nothing_until_told_their_kind() -> None:
    assert Facts.unknown(3).is_drama.all(), "nobody told us the kind"
    kinds = np.array([Kind.ROOM, Kind.UNKNOWN, Kind.VIDEO], np.uint8)
    rows = Facts.unknown(3).with_columns(kind=kinds)
    assert rows.kind.tolist() == kinds.tolist()
    assert rows.is_drama.tolist() == [False, True, False]
    assert rows.is_room.tolist() == [True, False, False]
    assert not rows.is_registered.any()
