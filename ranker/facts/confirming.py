"""Files of proposals: of them only rows that a person confirmed are facts."""

from typing import Final

from constraints.errors import FactError, quoted
from ranker.facts.store import Row

CONFIRMED: Final = "confirmed"
BY: Final = "confirmed_by"
EVIDENCE: Final = frozenset(
    (
        *("similarity", "by_name", "by_titles", "by_company", "tag_titles", "theme_titles"),
        *("shared_titles", "examples", "titles"),
    )
)
"""Columns a file of proposals may have beside the facts: for the person, and never kept."""
COLUMNS: Final = frozenset((CONFIRMED, BY, *EVIDENCE))
NAME_CHARS_MAX: Final = 128  # LIMIT: of who confirmed

_WORDS: Final = {"yes": True, "是": True, "no": False, "否": False, "": False}


def is_confirmed(row: Row) -> bool:
    """Tell whether a row may be kept; a row of a file without the column `confirmed` may.

    Raises:
        FactError: nobody can tell whether it was confirmed, or by whom.
    """
    if CONFIRMED not in row:
        return True
    said, by = row[CONFIRMED].lower(), row.get(BY, "")
    if said not in _WORDS:
        raise FactError(CONFIRMED, f"`{quoted(said)}` is not one of yes, no")
    if _WORDS[said] and not by:
        raise FactError(BY, "is missing: who confirmed it?")
    if len(by) > NAME_CHARS_MAX:
        raise FactError(BY, f"is longer than {NAME_CHARS_MAX} characters")
    return _WORDS[said]
