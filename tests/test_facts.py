"""Rows of text become columns of numbers; a value that cannot be read names its column."""

from dataclasses import fields
from datetime import date
from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.errors import FactError
from constraints.fact_text import COLUMNS, TEXT_CHARS_MAX, parse_row, read_facts
from constraints.facts import (
    DAY_MAX,
    DAY_MIN,
    LAST_DAY,
    THEMES_MAX,
    UNKNOWN_DAY,
    WIDTHS,
    Facts,
    date_of,
    day_of,
    subject_keys,
    unpack_listings,
)
from constraints.terms import DocumentStatus, Grade, Kind, Listing, NumberForm, Support, Trope
from constraints.vocabulary import NAMES_MAX, Vocabulary, shown_name
from tests import chance, make

_META = {f.name: f.metadata for f in fields(Facts) if f.name in COLUMNS}
FLAGS = [name for name, meta in _META.items() if "flags" in meta]
ENUMS = {name: meta["enum"] for name, meta in _META.items() if meta["enum"] and name not in FLAGS}
AMOUNTS = ["investment_cny", "episode_s_min"]
UNTIL = ["document_until", "support_until", "restriction_until"]
FROM = [name.replace("_until", "_from") for name in UNTIL]
THROUGH = ["provider_until", "qualified_until"]
GROUPS = ["series", "provider", "duplicate", "filed_theme"]
DATES = [*FROM, *UNTIL, *THROUGH, "plan_listed_on", "rated_on", "filed_on", "reviewed_on"]
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
    tried = [*ENUMS, *FLAGS, *AMOUNTS, *DATES, *GROUPS, "listings", "themes"]
    assert sorted(COLUMNS) == sorted(tried)
    assert "number" not in COLUMNS, "it is read from document_number"


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
    assert parse(**{name: "2026-09-01"}) == {name: 20_697 + (name in UNTIL + THROUGH)}


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
    table = read_facts([{}], Vocabulary())
    assert columns(table) == columns(
        Facts.unknown(1).with_columns(is_registered=np.array([True])),
    )
    for name, value in columns(table).items():
        if name in FROM:
            assert value == [DAY_MIN]
        elif name in UNTIL:
            assert value == [DAY_MAX]
        elif name not in WIDTHS:
            assert value == [name == "is_registered"], "0 is UNKNOWN"
    assert UNKNOWN_DAY == 0


def test_columns_that_are_no_facts_are_left_out() -> None:
    assert parse(title="一夜", is_registered="false", number="right", issuers="x") == {}


NUMBERS = [
    ("（京）网微剧审字（2024）第001号", "licence", NumberForm.RIGHT, []),
    ("（京）网微剧审字（2024）第001号", "", NumberForm.RIGHT, []),
    ("（京）网微剧审字（2024）第001号", "bureau_filing", NumberForm.CONTRADICTORY, []),
    ("（京）网微剧备字（2024）第001号", "bureau_filing", NumberForm.RIGHT, []),
    ("（七猫）网微剧备字（2025）第01177号", "platform_filing", NumberForm.RIGHT, ["qimao"]),
    ("（七猫）网微剧备字（2025）第01177号", "licence", NumberForm.CONTRADICTORY, ["qimao"]),
    ("（七猫）网微剧审字（2025）第01177号", "licence", NumberForm.CONTRADICTORY, ["qimao"]),
    ("（小站）网微剧备字（2025）第1号", "platform_filing", NumberForm.RIGHT, ["小站"]),
    ("网微剧备字", "platform_filing", NumberForm.MALFORMED, []),
    ("（广）网微剧审字（2024）第1号", "licence", NumberForm.MALFORMED, None),
    ("网剧审字（2022）第001号", "licence", NumberForm.RIGHT, []),
]


@pytest.mark.parametrize(("text", "document", "form", "issuers"), NUMBERS)
def test_number_tells_its_form_and_its_platforms(
    text: str, document: str, form: NumberForm, issuers: list[str] | None
) -> None:
    read = parse(document_number=text, document=document)
    assert read["number"] == form
    if issuers is not None:
        assert read["issuers"] == subject_keys(issuers).tolist()


def test_title_filed_by_several_platforms_bears_all_their_numbers() -> None:
    both = "（七猫）网微剧备字（2025）第1号|（小站）网微剧备字（2025）第2号"
    read = parse(document_number=both, document="platform_filing")
    assert read["number"] == NumberForm.RIGHT
    assert read["issuers"] == subject_keys(["qimao", "小站"]).tolist()
    torn = parse(document_number=both + "|网微剧备字", document="platform_filing")
    assert torn["number"] == NumberForm.MALFORMED


@pytest.mark.parametrize("name", FLAGS)
def test_flags_are_read_together_and_none_stands_alone(name: str) -> None:
    words = [word.lower() for word in _META[name]["enum"].__members__][1:]
    assert parse(**{name: "none"}) == {name: 1}
    assert parse(**{name: f"{words[1]}|{words[2]}"}) == {name: 0b110}
    assert str(fault(**{name: f"none|{words[1]}"})) == f"{name}: `none` stands beside others"
    assert f"{name}: `x` is not one of none, " in str(fault(**{name: "x"}))


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "１", "1e3", "9" * 30])
def test_amount_is_a_whole_number_from_one(name: str, text: str) -> None:
    assert parse(**{name: "65"}) == {name: 65}
    assert "is not a whole number from 1 to" in str(fault(**{name: text}))


def test_entries_of_lists_hold_both_their_days() -> None:
    text = "embargo:2026-09-01..2026-09-30|takedown|key_date:2026-10-01.."
    facts = make.facts([{"listings": text}])
    listed, start, stop = unpack_listings(facts.listings[0, :3])
    assert listed.tolist() == [Listing.TAKEDOWN, Listing.EMBARGO, Listing.KEY_DATE]
    assert start.tolist() == [DAY_MIN, day_of(date(2026, 9, 1)), day_of(date(2026, 10, 1))]
    assert stop.tolist() == [LAST_DAY, day_of(date(2026, 10, 1)), LAST_DAY]
    aged = facts.aged().listings[0].tolist()
    assert [entry >> 40 for entry in aged if entry] == [Listing.TAKEDOWN, Listing.EMBARGO]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("embargo:2026-09-01", "`embargo:2026-09-01` is not like embargo:2026-09-01..2026-09-30"),
        (
            "embargo:2026-09-02..2026-09-01",
            "`embargo:2026-09-02..2026-09-01` ends before it begins",
        ),
        ("embargo:x..", "`x` is not a date like 2026-09-01, year 2000 to 2099"),
        (
            "|".join(f"embargo:2026-09-{i:02}.." for i in range(1, 18)),
            "has more than 16 entries of lists",
        ),
    ],
)
def test_entry_of_a_list_that_cannot_be_read_is_refused(text: str, expected: str) -> None:
    assert str(fault(listings=text)) == f"listings: {expected}"


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
    assert parse_row(row, themes) == {
        "themes": [1, 2],
        "tropes": 1 << Trope.TYCOON - 1,
        "primary_theme": [1],
        "theme_set": [3],
    }
    assert shown_name(themes.names[3]) == "甜宠|霸总"
    table = read_facts([{"themes": "霸总|甜宠"}, row], themes)
    assert table.themes.tolist() == [[1, 2] + [0] * (THEMES_MAX - 2)] * 2


def test_a_series_a_provider_and_a_theme_of_one_name_are_three_groups() -> None:
    names = Vocabulary({"甲": "霸总"})
    row = parse_row(dict.fromkeys((*GROUPS, "themes"), "甲"), names)
    told = [row[name] for name in (*GROUPS, "themes")]
    assert told == [[1], [2], [3], [4], [5]], "and an alias is one of themes alone"
    assert [shown_name(names.names[number]) for (number,) in told] == [*"甲甲甲甲", "霸总"]


def test_marks_between_no_themes_are_no_theme() -> None:
    for text in (" ", "|", " | | "):
        assert not any(parse_row({"themes": text}, Vocabulary()).values())


def test_the_first_theme_told_is_the_primary_one_and_all_together_are_a_set() -> None:
    names = Vocabulary({"总裁": "霸总"})
    one, other, third = (
        parse_row({"themes": text}, names) for text in ("总裁|甜宠", "甜宠|霸总", "甜宠")
    )
    assert one["primary_theme"] == [names.number("霸总")]
    assert other["primary_theme"] == third["primary_theme"] == [names.number("甜宠")]
    assert one["theme_set"] == other["theme_set"] != third["theme_set"]


def test_tropes_are_read_from_tags_and_from_the_themes_they_stand_for() -> None:
    names = Vocabulary({"总监": "霸总"})
    for tags, tropes in (
        ("豪门", [Trope.TYCOON]),
        ("总监|甜宠", [Trope.TYCOON]),
        ("萌宝|离谱", [Trope.CHILD, Trope.ABSURD]),
        ("甜宠", [Trope.NONE]),
    ):
        assert parse_row({"themes": tags}, names)["tropes"] == sum(1 << t - 1 for t in tropes)
    assert "tropes" not in parse_row({"themes": ""}, names), "unknown, not none"


def test_row_may_have_twelve_themes_but_not_one_more() -> None:
    tags = [f"theme {i}" for i in range(THEMES_MAX + 1)]
    assert parse(themes="|".join(tags[1:]))["themes"] == list(range(1, THEMES_MAX + 1))
    assert str(fault(themes="|".join(tags))) == "themes: has more than 12 themes"


def test_aliases_do_not_count_towards_the_limit_of_themes() -> None:
    themes = Vocabulary({f"alias {i}": "霸总" for i in range(30)})
    assert parse_row({"themes": "|".join(themes.aliases)}, themes)["themes"] == [1]


def test_a_vocabulary_holds_so_many_names_and_its_column_can_tell_them_apart() -> None:
    themes = Vocabulary(names_max=100)
    assert [themes.number(f"theme {i}") for i in range(100)][-1] == 100
    assert np.iinfo(Facts.unknown(0).themes.dtype).max >= NAMES_MAX
    assert themes.number("theme 0") == 1
    with pytest.raises(FactError, match=r"^themes: more than 100 different names$"):
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
    table = read_facts(rows, themes)
    alone = [read_facts([row], themes) for row in rows]
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
    sent = read_facts([make.drama()], Vocabulary(), is_registered=False)
    assert sent.is_registered.tolist() == [False]


def test_aged_facts_have_forgotten_what_a_stale_source_may_have_changed() -> None:
    rows = [make.drama(support="national", plan="law", themes="甜宠"), make.room(room_grade="e")]
    fresh, aged = make.facts(rows), make.facts(rows).aged()
    changed = {f.name for f in fields(Facts) if columns(fresh)[f.name] != columns(aged)[f.name]}
    assert changed == {
        *("document", "document_status", "recheck", "support", "plan", "rated_on"),
        *("provider_until", "account_grade", "merchant"),
    }
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
