"""The documents say what the code says."""

from dataclasses import fields
from pathlib import Path

from constraints.fact_text import COLUMNS
from constraints.facts import Facts
from constraints.terms import Listing
from ranker.facts.importing import TEXT_COLUMNS

DOCS = Path(__file__).parents[1] / "docs"


def test_every_column_of_a_fact_file_is_documented_with_its_words() -> None:
    page = (DOCS / "facts.md").read_text(encoding="utf-8")
    for column in (*TEXT_COLUMNS, *COLUMNS):
        assert f"`{column}`" in page
    told = (f.metadata["enum"] for f in fields(Facts) if f.name in COLUMNS)
    for enum in (Listing, *filter(None, told)):
        for name, value in enum.__members__.items():
            assert value == 0 or f"`{name.lower()}`" in page, name
