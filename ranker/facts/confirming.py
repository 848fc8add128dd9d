"""Files of proposals: of them only rows that a person confirmed are facts."""

from typing import Final

from constraints.errors import FactError, quoted
from constraints.fact_text import parse_day
from ranker.facts.store import Row

CONFIRMED: Final = "confirmed"
BY: Final = "confirmed_by"
ON: Final = "confirmed_on"
EVIDENCE: Final = frozenset(
    (
        *("similarity", "by_name", "by_titles", "by_company", "tag_titles", "theme_titles"),
        *("shared_titles", "examples", "titles"),
    )
)
"""Columns a file of proposals may have beside the facts: for the person, and never kept."""
COLUMNS: Final = frozenset((CONFIRMED, BY, ON, *EVIDENCE))
NAME_CHARS_MAX: Final = 128  # LIMIT: of who confirmed

_WORDS: Final = {"yes": True, "是": True, "no": False, "否": False, "": False}


def is_confirmed(row: Row, today: int) -> bool:
    """Tell whether a row may be kept; a row of a file without the column `confirmed` may.

    Args:
        row: as told, with all columns of the file.
        today: day of the import; nobody has confirmed anything after it.

    Raises:
        FactError: nobody can tell whether it was confirmed, by whom or when.
    """
    if CONFIRMED not in row:
        return True
    said = row[CONFIRMED].lower()
    if said not in _WORDS:
        raise FactError(CONFIRMED, f"`{quoted(said)}` is not one of yes, no")
    check_name(row.get(BY, ""))
    if not _WORDS[said]:
        return False
    if not row.get(BY):
        raise FactError(BY, "is missing: who confirmed it?")
    if not row.get(ON):
        raise FactError(ON, "is missing: on which day was it confirmed?")
    try:
        day = parse_day(row[ON])
    except ValueError as error:
        raise FactError(ON, str(error)) from None
    if day > today:
        raise FactError(ON, f"`{row[ON]}` has not come yet")
    return True


def check_name(by: str) -> None:
    """Refuse a name that is too long to be one.

    Raises:
        FactError: it is.
    """
    if len(by) > NAME_CHARS_MAX:
        raise FactError(BY, f"is longer than {NAME_CHARS_MAX} characters")
