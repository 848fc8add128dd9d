"""The documents say what the code says."""

from pathlib import Path

from constraints.facts import (
    COLUMNS,
    Document,
    DocumentStatus,
    Grade,
    Kind,
    Plan,
    Recheck,
    Restriction,
    Support,
)
from ranker.facts.importing import TEXT_COLUMNS

DOCS = Path(__file__).parents[1] / "docs"


def test_every_column_of_a_fact_file_is_documented_with_its_words() -> None:
    page = (DOCS / "facts.md").read_text(encoding="utf-8")
    for column in (*TEXT_COLUMNS, *COLUMNS):
        assert f"`{column}`" in page
    for enum in (Kind, Document, DocumentStatus, Recheck, Support, Plan, Grade, Restriction):
        for name, value in enum.__members__.items():
            assert value == 0 or f"`{name.lower()}`" in page
