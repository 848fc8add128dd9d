"""What a case file may say. Mistakes stand one a file in `cases_bad`, with their message."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from constraints.cases.comparing import differences
from constraints.cases.expected import EXPECTATIONS
from constraints.cases.papers import good_row, usual_day
from constraints.cases.reading import cases_of, parse_cases
from constraints.cases.running import Outcome, run
from constraints.decision import Move, Plain
from constraints.errors import CaseError
from constraints.policy import shipped_policy
from constraints.rule import Violation
from constraints.toml_text import FILE_BYTES_MAX, read_toml
from tests import make

FOLDER = Path(__file__).parent / "cases_bad"
GOLDEN = FOLDER.with_name("cases")
BAD = sorted(FOLDER.glob("*.toml"))
SURFACES = make.SURFACES + "[surface.small]\nslot_count_max = 5\n"
POLICY = make.policy(
    make.rule_text("fact_required", of={"kind": ["video"]}, id="no-video"), surfaces=SURFACES
)


def tried(content: bytes, file: str = "cases.toml") -> list[Outcome]:
    return [run(case, POLICY) for case in parse_cases(file, content)]


def fault_of(file: str, content: bytes) -> str:
    with pytest.raises(CaseError) as caught:
        tried(content, file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_mistake_is_named_with_file_case_field_and_fault(path: Path) -> None:
    content = path.read_bytes()
    expected = content.decode().partition("\n")[0].removeprefix("# expect: ")
    assert fault_of(path.name, content) == expected


PAGE = """
[[case]]
name = "a_case"
surface = "home"
candidates = [
  { id = "v", utility = 9, kind = "video" },
  { id = "a", utility = 8 },
  { id = "b", utility = 7 },
]
"""
# What the page really is: `a`, `b`, and an empty slot; `v` may stand nowhere.
TOLD = {
    "slate": ('["a", "b", ""]', '["v", "b", "a"]', "slot 0: expected `v`, got `a`; `v` may not"),
    "in_slots": ('{ a = "first_screen", b = [1, 2] }', "{ v = 0 }", "`v`: expected in slot 0, is"),
    "not_in_slots": ('{ v = "page", a = 1 }', "{ a = 0 }", "`a`: expected not in slot 0, is in"),
    "absent": ('["v"]', '["b"]', "`b`: expected nowhere on the page, is in slot 1"),
    "empty": ("[2]", "[]", "empty slots: expected none, got 2"),
    "decided_by": ('{ v = "no-video" }', '{ a = "no-video" }', "`a`: expected to be decided by"),
    "because": ('{ v = "blocked" }', '{ v = "sunk" }', "`v`: expected that it is sunk below"),
    "sources": ('{ v = "PLATFORM" }', '{ v = "FS-01" }', "`v`: expected to rest on `FS-01`, rests"),
    "blocked": ('["v"]', "[]", "may stand nowhere: expected none, got `v`"),
    "blocked_by": ('{ v = "no-video" }', '{ b = "no-video" }', "`b`: expected to be kept off"),
    "left_alone": ('["a", "b"]', '["v"]', "`v`: expected to be left alone; rule `no-video`"),
    "duties": ("{ a = [] }", '{ a = ["ai_generated"] }', "`a`: expected to be shown with `ai_gen"),
    "relaxed": ("{}", "{ no-video = 1 }", "relaxed rules: expected `no-video` 1, got none"),
    "shadow": ("{}", "{ no-video = 2 }", "objections of shadow rules: expected `no-video` 2, got"),
    "scored": ("{ a = 8 }", "{ a = 9 }", "`a`: expected a utility after weights of 9, got 8"),
    "void_pins": ("{}", '{ "0 v" = "blocked" }', "void pins: expected `0 v` blocked, got none"),
    "rules_in_force": ('["no-video"]', "[]", "rules in force: `no-video` there and not expected"),
}


def said(*lines: str, exact: bool = False) -> list[str]:
    (outcome,) = tried("\n".join((PAGE, *lines)).encode())
    return [one.en for one in differences(outcome, exact=exact)]


@pytest.mark.parametrize("name", sorted(EXPECTATIONS))
def test_each_expectation_passes_when_true_and_says_what_is_when_not(name: str) -> None:
    true, false, words = TOLD[name]
    assert said(f"{name} = {true}") == []
    found = said(f"{name} = {false}")
    assert found[0].startswith(words)


def test_everything_true_may_be_said_at_once() -> None:
    assert said(*(f"{name} = {told[0]}" for name, told in TOLD.items()), exact=True) == []


def test_only_an_exact_case_minds_what_it_does_not_say() -> None:
    assert said('absent = ["v"]') == []
    (found,) = said('absent = ["v"]', exact=True)
    assert found.startswith("`v`: rule `no-video` decides it (Platform policy): it may not stand")


def test_a_difference_is_said_in_chinese_first() -> None:
    (outcome,) = tried((PAGE + 'slate = ["v", "b", ""]').encode())
    (found,) = differences(outcome)
    assert found.told("zh") == (
        "第 0 位：预期 `v`，实为 `a`；`v` 不得占此位，规则 `no-video`（平台自定规则）"
    )
    assert found.told("en") == found.en


def test_a_page_on_which_no_rule_is_in_force_must_say_so() -> None:
    own = 'rule = { type = "own_record", id = "one", source = "LIC-01", since = 2030-01-01 }'
    content = own + PAGE + "relaxed = {}"
    (outcome,) = tried(content.encode())
    (found,) = differences(outcome)
    assert found.en.startswith("no rule is in force")
    (outcome,) = tried((content + "\nrules_in_force = []").encode())
    assert differences(outcome) == ()


def test_dates_and_amounts_may_stand_as_toml_has_them() -> None:
    texts = 'document_from = "2026-01-01", investment_cny = "5"'
    plain = "document_from = 2026-01-01, investment_cny = 5"
    told = [
        parse_cases("a.toml", PAGE.replace('kind = "video"', columns).encode() + b"empty = []")
        for columns in (texts, plain)
    ]
    assert told[0] == told[1]


def test_a_fact_that_is_not_told_is_good_on_the_day_of_the_page() -> None:
    room = {"kind": "room"}
    assert good_row(room, date(2031, 1, 1))["rated_on"] == "2030-12-31"
    assert good_row(room | {"rated_on": ""}, usual_day())["rated_on"] == ""
    assert good_row({"kind": "no such"}, usual_day(), "drama") == good_row(
        {"kind": "no such"}, usual_day()
    )


def test_a_good_number_is_one_of_the_document_that_a_case_names() -> None:
    for document, character in (
        ("licence", "审"),
        ("platform_filing", "备"),
        ("bureau_filing", "备"),
    ):
        row = good_row({"document": document}, usual_day())
        assert character in row["document_number"]
    assert good_row({"document": "none"}, usual_day())["document_number"] == ""
    assert good_row({"document_number": "x"}, usual_day())["document_number"] == "x"


def test_the_usual_day_of_a_case_is_that_of_all_tests() -> None:
    assert usual_day() == make.TODAY


def test_file_larger_than_the_limit_is_refused() -> None:
    whole = PAGE.encode() + b"empty = [2]\n"
    assert tried(whole + b"#" * (FILE_BYTES_MAX - len(whole)))
    fault = f"a.toml: is larger than {FILE_BYTES_MAX} bytes"
    assert fault_of("a.toml", whole + b"#" * FILE_BYTES_MAX) == fault


def test_file_that_is_no_text_is_refused() -> None:
    assert fault_of("a.toml", "# 用例".encode("gb18030")) == "a.toml: is not UTF-8 text"


ODD = (
    *(True, -1, 0, 99, 10**20, float("nan"), float("inf"), "", "x", "#", (), {}, (1,), ((),)),
    *({"a": 1}, {"a": {"a": 1}}, date(1, 1, 1), date(9999, 12, 31), ("a", "a"), "\x00", "a\nb"),
)


def oddly(told: dict[str, Any], chance: np.random.Generator) -> dict[str, Any]:
    """Return a file of one of its cases, one field of which has an odd value."""
    case = dict(told["case"][chance.integers(len(told["case"]))])
    page, rule = dict(told.get("page", {})), dict(told.get("rule", {}))
    rows = [dict(row) for row in case["candidates"]]
    table = [case, page, rule, *rows][chance.integers(3 + len(rows))] or case
    names = [*table, *(EXPECTATIONS if table is case else ())]
    table[names[chance.integers(len(names))]] = ODD[chance.integers(len(ODD))]
    if case["candidates"] and isinstance(case["candidates"], tuple):
        case["candidates"] = tuple(rows)
    own = {"rule": rule} if "rule" in told else {}
    return {**told, "page": page, "case": (case,), **own}


def test_a_field_of_any_value_is_decided_or_refused_in_one_line() -> None:
    chance = np.random.default_rng(20261126)
    raw = [read_toml(path.read_bytes()) for path in sorted(GOLDEN.glob("*.toml"))]
    refused = []
    for _ in range(1500):
        try:
            for case in cases_of("odd.toml", oddly(raw[chance.integers(len(raw))], chance)):
                differences(run(case, shipped_policy()), exact=True)
        except CaseError as error:
            refused.append(str(error))
    assert 500 < len(refused) < 1500
    assert not [fault for fault in refused if "\n" in fault]


def test_marks_count_only_where_a_case_tells_duties() -> None:
    marked = make.rule_text("must_show", of={"kind": ["drama"]}, duty="record_number", id="marks")
    policy = make.policy(marked)

    def found(*lines: str) -> list[str]:
        (case,) = parse_cases("a.toml", "\n".join((PAGE, *lines)).encode())
        return [one.en for one in differences(run(case, policy), exact=True)]

    assert found('left_alone = ["a"]') == []
    assert (
        found('left_alone = ["v"]', 'duties = { a = ["record_number"], b = ["record_number"] }')
        == []
    )
    assert found('duties = { a = ["record_number"] }') == [
        "`b`: expected to be shown with none, got `record_number`"
    ]
    (told,) = found(
        'left_alone = ["a"]', 'duties = { a = ["record_number"], b = ["record_number"] }'
    )
    assert told == "`a`: expected to be left alone; it must be shown with `record_number`"


def test_what_only_a_defect_of_the_product_does_is_reported_as_one() -> None:
    (outcome,) = tried((PAGE + "empty = [2]").encode())
    broken = replace(
        outcome.decision, solver_failed=True, withdrawn=(Violation("no-video", 0, (0,), 1),)
    )
    found = differences(replace(outcome, decision=broken))
    assert [one.en for one in found] == [
        "the verifier withdrew what rule `no-video` objects to: a defect of the product; report it",
        "the solver failed: a defect of the product; report it",
    ]


def test_whom_no_single_rule_holds_back_is_said_to_be_held_by_the_page() -> None:
    content = PAGE + 'slate = ["b", "a", ""]\ndecided_by = { a = "no-video" }'
    (outcome,) = tried(content.encode())
    decision = outcome.decision
    words = decision.parts.words._replace(moves=(Move(1, 0, 1, ()), Move(2, 0, 1, ())))
    moved = replace(decision, parts=Plain(words, decision.blocked_count))
    found = [one.en for one in differences(replace(outcome, decision=moved))]
    assert found[0].endswith("no single rule holds it back, but the page as a whole")
    assert found[2].endswith(
        "decided by rule `no-video`; no single rule holds it back, but the page as a whole"
    )
