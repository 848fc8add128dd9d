"""Dated lists of the store: who stands on one, from when to when, by which order.

An entry names a member; every subject the member concerns has the entry among its facts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from constraints.errors import FactError, quoted
from constraints.fact_text import TEXT_CHARS_MAX, parse_listings
from constraints.facts import LISTINGS_MAX
from constraints.terms import Listing

COLUMNS: Final = ("list", "member", "from", "until", "order_ref", "note")
"""Columns of an entry beside its id."""

MEMBERS: Final[Mapping[Listing, str]] = {
    Listing.TAKEDOWN: "id",
    Listing.BLACK_TITLE: "id",
    Listing.BLACK_PROVIDER: "provider",
    Listing.BLACK_PROGRAM: "program",
    Listing.DENIED_PERSON: "people",
    Listing.CLOSED_ANCHOR: "people",
    Listing.EMBARGO: "id",
    Listing.KEY_CATALOGUE: "id",
    Listing.SHOWCASE: "id",
    Listing.KEY_DATE: "id",
    Listing.MAINSTREAM: "id",
    Listing.MUST_CARRY: "id",
}
"""List → the column of a subject that its members stand in; `id` is the subject's own."""


def check_entry(row: Mapping[str, str], subjects: Mapping[str, Mapping[str, str]]) -> None:
    """Tell whether an entry may stand.

    Raises:
        FactError: naming the column at fault.
    """
    for name in ("list", "member", "order_ref"):
        if not row.get(name):
            raise FactError(name, "is missing")
    for name in COLUMNS:
        if len(row.get(name, "")) > TEXT_CHARS_MAX:
            raise FactError(name, f"is longer than {TEXT_CHARS_MAX} characters")
    member = row["member"]
    if MEMBERS[_list_of(row)] == "id" and member not in subjects:
        raise FactError("member", f"`{quoted(member)}` is not a known subject")
    try:
        parse_listings(as_text(row))
    except ValueError as error:
        raise FactError("until" if row.get("until") else "from", str(error)) from None


def _list_of(row: Mapping[str, str]) -> Listing:
    name = row["list"].upper()
    if name not in Listing.__members__ or not Listing[name]:
        known = ", ".join(each.name.lower() for each in MEMBERS)
        raise FactError("list", f"`{quoted(row['list'])}` is not one of {known}")
    return Listing[name]


def _burdens(listed: Listing) -> bool:
    return listed < Listing.KEY_CATALOGUE


def as_text(row: Mapping[str, str]) -> str:
    """Write an entry as the column `listings` holds it."""
    return f"{row['list'].lower()}:{row.get('from', '')}..{row.get('until', '')}"


class Entries:
    """All entries of a revision, ready to be joined to subjects.

    One whose days cannot be read runs through all of them where its list burdens, and through none
    where it favours: no entry may keep the others from being read.

    Args:
        rows: entries as the store holds them.
    """

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self._of: dict[tuple[str, str], set[str]] = defaultdict(set)
        for row in rows:
            listed, text = _list_of(row), as_text(row)
            try:
                parse_listings(text)
            except ValueError:
                text = as_text({"list": row["list"]}) if _burdens(listed) else ""
            if text:
                self._of[MEMBERS[listed], row["member"]].add(text)

    def joined(self, subject_id: str, row: Mapping[str, str]) -> Mapping[str, str]:
        """Return a subject's row with every entry that concerns it.

        LIMIT: where there are more than LISTINGS_MAX, entries of one list become one, from the
        first day to the last for a list that burdens; of lists that favour none is kept.
        """
        told = {text.strip() for text in row.get("listings", "").split("|") if text.strip()}
        for column in set(MEMBERS.values()) if self._of else ():
            names = [subject_id] if column == "id" else row.get(column, "").split("|")
            for name in names:
                told |= self._of.get((column, name.strip()), set())
        if len(told) > LISTINGS_MAX:
            told = _merged(told)
        return {**row, "listings": "|".join(sorted(told))} if told else row


def _merged(told: Iterable[str]) -> set[str]:
    """Merge the entries of each list that burdens into one that runs through all their days."""
    terms: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for text in told:
        name, _, term = text.partition(":")
        first, _, last = term.partition("..")
        if _burdens(Listing[name.upper()]):
            terms[name].append((first, last))
    merged = set()
    for name, found in terms.items():
        first = min(begin for begin, _ in found)  # an open bound is the empty text
        last = "" if any(not end for _, end in found) else max(end for _, end in found)
        merged.add(f"{name}:{first}..{last}")
    return merged
