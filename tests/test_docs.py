"""The documents say what the code says."""

from dataclasses import fields
from pathlib import Path

from constraints.fact_text import COLUMNS
from constraints.facts import Facts
from constraints.law import law_rows
from constraints.policy import shipped_policy
from constraints.terms import Listing
from ranker.cli.law_document import document
from ranker.facts.importing import TEXT_COLUMNS

DOCS = Path(__file__).parents[1] / "docs"
CASES = Path(__file__).parent / "cases"


def test_every_column_of_a_fact_file_is_documented_with_its_words() -> None:
    page = (DOCS / "facts.md").read_text(encoding="utf-8")
    for column in (*TEXT_COLUMNS, *COLUMNS):
        assert f"`{column}`" in page
    told = (f.metadata["enum"] for f in fields(Facts) if f.name in COLUMNS)
    for enum in (Listing, *filter(None, told)):
        for name, value in enum.__members__.items():
            assert value == 0 or f"`{name.lower()}`" in page, name


def test_the_page_of_the_law_is_what_the_law_the_policies_and_the_cases_make_it() -> None:
    page = (DOCS / "law.md").read_text(encoding="utf-8")
    assert page == document(shipped_policy(), CASES), "stale: run `make law-document`"


def test_the_page_of_the_law_has_every_row_and_every_rule() -> None:
    page = (DOCS / "law.md").read_text(encoding="utf-8")
    for key, row in law_rows().items():
        assert key == "PLATFORM" or (f"### {key} " in page and row.quote_zh in page)
    for rule in shipped_policy().compiled:
        assert f"| `{rule.id}`" in page
