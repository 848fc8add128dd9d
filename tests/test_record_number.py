"""A number says who issued what; a bare prefix, no issuer or a letter for 审 or 备 is no number."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constraints.fact_text import read_facts
from constraints.law import law_rows
from constraints.record_number import (
    RecordNumber,
    Refusal,
    form_fault,
    is_record_number,
    normalise,
    parse,
)
from constraints.record_table import table
from constraints.rule import Day
from constraints.rules.own_record import OwnRecord
from constraints.vocabulary import Vocabulary
from tests.make import TODAY
from tests.number_strings import DAYS, judge, strings

BRACKETS = ["（）", "()", "〔〕", "【】", "[]", "﹝﹞"]
NOISE = ["", " ", "\u3000", "\u200b", "\ufeff", "·", "•", "\n"]
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
ISSUED = [
    *(("京", "审"), ("陇", "审"), ("总局", "审"), ("新", "备"), ("总局", "备")),
    *(("七猫", "备"), ("番茄", "备"), ("微信", "备")),
]


def read(text: str, day: date = TODAY) -> RecordNumber:
    found = parse(text, day=day)
    assert isinstance(found, RecordNumber), found
    return found


def refused(text: str, day: date = TODAY) -> tuple[str, ...]:
    found = parse(text, day=day)
    assert isinstance(found, Refusal), found
    return found.reasons


@pytest.mark.parametrize(
    "text",
    [
        "（七猫）网微剧备字（2025）第01177号",
        "（番茄）网微剧备字（2026）第847205号",
        "（京）网微剧审字（2024）第001号",
        "(京)网微剧审字(2024)第001号",
        "〔京〕网微剧备字〔２０２６〕第０１２３号",
        " （样例·京）网微剧审字（2026）第 001 号",
        "网剧审字（2022）第001号",
        "（总局）网影审字（2022）第002号",
    ],
)
def test_these_have_the_form_of_a_number(text: str) -> None:
    assert is_record_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "网微剧备字",
        "沪网微剧备字〔2026〕0123号",
        "京网微剧备字（2026）第001号",
        "网微剧备字(2026)第001号",
        "网微剧上字(2026)第001号",
        "（京）网微剧审字（1926）第001号",
        "（京）网微剧审字（2024）第号",
        "（京）网微剧审字（2024）第001号，（沪）网微剧审字（2024）第002号",
    ],
)
def test_these_have_not(text: str) -> None:
    assert not is_record_number(text)


@pytest.mark.parametrize(
    ("text", "document", "issuer_id", "issuer_class", "tier", "year", "serial"),
    [
        (
            "（七猫）网微剧备字（2025）第01177号",
            "filing",
            "qimao",
            "platform",
            "other",
            2025,
            "01177",
        ),
        (
            "（七猫）网微剧备字（2026）第02637号",
            "filing",
            "qimao",
            "platform",
            "other",
            2026,
            "02637",
        ),
        (
            *("（番茄）网微剧备字（2026）第847205号", "filing", "fanqie", "platform", "other"),
            *(2026, "847205"),
        ),
        ("网剧审字（2022）第001号", "licence", "nrta", "nrta", "key", 2022, "001"),
        ("（总局）网剧审字（2022）第001号", "licence", "nrta", "nrta", "key", 2022, "001"),
        ("网影审字（2022）第001号", "licence", "nrta", "nrta", "key", 2022, "001"),
        ("网影审字（2022）第002号", "licence", "nrta", "nrta", "key", 2022, "002"),
        ("（京）网微剧审字（2024）第001号", "licence", "京", "bureau", "key", 2024, "001"),
        ("（沪）网微剧备字（2026）第0123号", "filing", "沪", "bureau", "ordinary", 2026, "0123"),
        ("（总局）网微剧备字（2026）第1号", "filing", "nrta", "nrta", "ordinary", 2026, "1"),
        ("（蜀）网微剧备字（2026）第1号", "filing", "川", "bureau", "ordinary", 2026, "1"),
    ],
)
def test_a_number_says_what_it_is_and_who_issued_it(
    text: str, document: str, issuer_id: str, issuer_class: str, tier: str, year: int, serial: str
) -> None:
    found = read(text)
    assert (found.document, found.issuer_id, found.issuer_class) == (
        *(document, issuer_id, issuer_class),
    )
    assert (found.tier, found.year, found.serial) == (tier, year, serial)
    assert found.status == "claimed"
    assert not found.is_doubtful


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("沪网微剧备字〔2026〕0123号", ("ISSUER_NOT_IN_BRACKETS", "ORDINAL_MISSING")),
        ("京网微剧备字（2026）第001号", ("ISSUER_NOT_IN_BRACKETS",)),
        ("网微剧备字(2026)第001号", ("ISSUER_MISSING",)),
        ("网微剧上字(2026)第001号", ("ISSUER_MISSING", "LETTER_UNKNOWN")),
        ("网微剧备字", ("ISSUER_MISSING", "YEAR_MISSING", "SERIAL_MISSING")),
        ("", ("EMPTY",)),
        (" \u3000", ("EMPTY",)),
        ("七猫", ("STEM_MISSING",)),
        ("京" * 257, ("TEXT_TOO_LONG",)),
        ("（京）网剧备字（2026）第001号", ("LETTER_UNKNOWN",)),
        ("（七猫）网微剧审字（2025）第01177号", ("LICENCE_BY_PLATFORM",)),
        ("（七猫）网剧审字（2025）第001号", ("LICENCE_BY_PLATFORM",)),
        ("（新京报）网微剧备字（2026）第001号", ("ISSUER_UNKNOWN",)),
        ("（红果）网微剧备字（2026）第001号", ("ISSUER_UNKNOWN",)),
        ("（广）网微剧审字（2026）第001号", ("ISSUER_UNVERIFIED",)),
        ("（兵团）网微剧备字（2026）第001号", ("ISSUER_UNVERIFIED",)),
        ("（）网微剧备字（2026）第001号", ("ISSUER_MISSING",)),
        ("（京网微剧备字（2026）第001号", ("ISSUER_NOT_IN_BRACKETS",)),
        ("（一二三四五六七八九十一二三）网微剧备字（2026）第1号", ("ISSUER_TOO_LONG",)),
        ("备案号：（京）网微剧备字（2026）第001号", ("TEXT_BEFORE",)),
        ("（京）网微剧备字（2026）第001号（重剪版）", ("TEXT_AFTER",)),
        ("（京）网微剧备字（2027）第001号", ("YEAR_OUT_OF_RANGE",)),
        ("（京）网微剧备字（2021）第001号", ("YEAR_OUT_OF_RANGE",)),
        ("（京）网微剧备字（1926）第001号", ("YEAR_OUT_OF_RANGE",)),
        ("（京）网微剧备字2026第001号", ("YEAR_NOT_IN_BRACKETS",)),
        ("（京）网微剧备字（2026年）第001号", ("YEAR_WITH_WORD",)),
        ("（京）网微剧备字第001号", ("YEAR_MISSING",)),
        ("（京）网微剧备字（2026）第号", ("SERIAL_MISSING",)),
        ("（京）网微剧备字（2026）第123456789号", ("SERIAL_TOO_LONG",)),
        ("（京）网微剧备字（2026）第001", ("SUFFIX_MISSING",)),
        ("网影审字（2022）第001/002号", ("SEVERAL_NUMBERS",)),
        ("（京）网微剧审字（2024）第001号，（沪）网微剧审字（2024）第002号", ("SEVERAL_NUMBERS",)),
    ],
)
def test_a_refusal_names_every_fault(text: str, reasons: tuple[str, ...]) -> None:
    assert refused(text) == reasons


def test_every_fault_of_the_table_is_said_in_both_languages_and_by_some_string() -> None:
    said = {judge(text, DAYS[i % len(DAYS)]) for i, text in enumerate(strings(20_000, 7))}
    for reason, words in table().words.items():
        assert set(words) == {"zh", "en"}, reason
    late = {"SEVERAL_NUMBERS", "YEAR_WITH_WORD", "ORDINAL_MISSING", "SUFFIX_MISSING"}
    assert set(table().words) - said <= late, "these seldom come first"


def test_a_form_counts_from_its_first_day_only() -> None:
    micro, older = "（京）网微剧备字（2024）第1号", "网剧审字（2022）第001号"
    assert refused(micro, date(2024, 2, 4)) == ("FORM_NOT_IN_FORCE",)
    assert read(micro, date(2024, 2, 5)).form_id == "micro-filing-2024"
    assert refused(older, date(2022, 5, 31)) == ("FORM_NOT_IN_FORCE",)
    assert read(older, date(2022, 6, 1)).form_id == "web-drama-licence-2022"
    assert form_fault(micro) is None, "the form alone knows no day"


def test_a_filing_of_a_year_before_its_notice_is_doubtful() -> None:
    assert read("（京）网微剧备字（2023）第1号").is_doubtful


def test_a_platform_tells_its_own_filings_from_those_of_others() -> None:
    theirs, bureau = read("（番茄）网微剧备字（2026）第1号"), read("（京）网微剧备字（2026）第1号")
    assert theirs.is_foreign_to("qimao")
    assert not theirs.is_foreign_to("fanqie")
    assert not bureau.is_foreign_to("qimao")


def test_two_writings_of_one_number_share_a_key() -> None:
    number = "（川）网微剧备字（2026）第1号"
    assert read(number).key == read("（蜀）网微剧备字（2026）第0001号").key
    assert read(number).key != read("（川）网微剧审字（2026）第1号").key


def test_every_form_rests_on_a_row_of_the_law() -> None:
    forms = table().forms
    assert len({form.id for form in forms}) == len(forms)
    for form in forms:
        assert form.source in law_rows()
        assert form.grade in {"A", "B", "C"}
        assert form.since <= form.until


def test_every_short_name_stands_for_one_issuer() -> None:
    issuers = table().issuers
    assert sum(found.issuer_class == "bureau" for found in set(issuers.values())) == 31
    assert not table().unverified & set(issuers)
    assert all(normalise(name) == name for name in issuers)


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_letters_that_meet_over_a_space_are_normalised_too() -> None:
    assert normalise("e\u200b\u0301") == normalise(normalise("e\u200b\u0301")) == "é"


@given(
    issued=st.sampled_from(ISSUED),
    year=st.integers(2024, TODAY.year),
    serial=st.from_regex(r"[0-9]{1,8}", fullmatch=True),
    brackets=st.lists(st.sampled_from(BRACKETS), min_size=2, max_size=2),
    noise=st.sampled_from(NOISE),
    is_wide=st.booleans(),
)
def test_brackets_widths_and_spaces_make_no_difference(
    issued: tuple[str, str], year: int, serial: str, brackets: list[str], noise: str, is_wide: bool
) -> None:
    issuer, letter = issued
    official = f"（{issuer}）网微剧{letter}字（{year}）第{serial}号"
    found = read(official)
    (a, z), (b, y) = brackets
    text = noise.join(f"{a}{issuer}{z}网微剧{letter}字{b}{year}{y}第{serial}号")
    assert read(text.translate(WIDE) if is_wide else text) == found
    assert found.official() == official
    assert read(found.official()) == read(found.text) == found


def test_fifty_thousand_strings_are_read_or_refused_and_none_is_verified() -> None:
    for i, text in enumerate(strings(50_000, 20261124)):
        judge(text, DAYS[i % len(DAYS)])


@pytest.mark.parametrize("name", ["七猫", "qimao"])
def test_a_platform_is_ours_by_its_id_and_as_it_stands_in_numbers(name: str) -> None:
    told = {"kind": "drama", "document": "platform_filing"}
    numbers = ("（七猫）网微剧备字（2026）第1号", "（番茄）网微剧备字（2026）第1号")
    rows = [told | {"document_number": number} for number in numbers]
    facts = read_facts(rows, Vocabulary())
    rule = OwnRecord(type="own_record", id="own", source="LIC-03", platforms=(name,))
    day = Day(0)
    assert rule.rows(facts, day).tolist() == rule.judged(facts, day).tolist() == [0, 1]
