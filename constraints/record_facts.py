"""What the text of licence and filing numbers tells as facts: its form, its issuers.

Source: LIC-02 and LIC-03, notice 35 (2024) three 2. Nothing is verified here.
"""

from typing import Final

from constraints.record_number import match_form, normalise
from constraints.record_table import Issuer, table
from constraints.terms import Document, NumberForm

SEPARATOR: Final = "|"
"""Stands between the numbers of a title that several platforms filed."""

_DOCUMENTS: Final = {
    "key": Document.LICENCE,
    "ordinary": Document.BUREAU_FILING,
    "other": Document.PLATFORM_FILING,
}


def number_form(text: str, document: int) -> NumberForm:
    """Judge one or more numbers by themselves and by the document they are said to be of.

    An issuer in no table is a platform: those come and go, bureaus do not.

    Args:
        text: numbers as written, between them a `|`.
        document: `Document` stated, UNKNOWN contradicts nothing.
    """
    told = [_read(part) for part in _numbers(text)]
    for wrong in (NumberForm.CONTRADICTORY, NumberForm.MALFORMED):
        if any(form is wrong for form, _ in told):
            return wrong
    best = max((of for _, of in told), default=Document.UNKNOWN)
    agrees = document in (Document.UNKNOWN, best)
    return NumberForm.RIGHT if agrees else NumberForm.CONTRADICTORY


def issuers_of(text: str) -> list[str]:
    """Return the platforms that issued the numbers, each once, in order.

    They are ids of record_numbers.toml, or the short name as written where it is in none.
    """
    found: dict[str, None] = {}
    for part in _numbers(text):
        form, match, _ = match_form(part)
        if form is None or match is None or not match["issuer"]:
            continue
        issuer = _issuer(match["issuer"])
        if issuer.issuer_class == "platform":
            found[issuer.id] = None
    return [*found]


def _numbers(text: str) -> list[str]:
    return [part for part in text.split(SEPARATOR) if normalise(part)]


def _issuer(short: str) -> Issuer:
    return table().issuers.get(short) or Issuer(short, "platform")


def _read(text: str) -> tuple[NumberForm, Document]:
    """Judge one number by itself, and return the document it is of, UNKNOWN where it is wrong."""
    form, match, faults = match_form(text)
    others = [fault for fault in faults if fault.reason != "LICENCE_BY_PLATFORM"]
    short = (match["issuer"] or "") if match else ""
    if form is None or others or short in table().unverified:
        return NumberForm.MALFORMED, Document.UNKNOWN
    if not short and form.issuer_if_none:
        return NumberForm.RIGHT, _DOCUMENTS[form.tiers[form.issuer_if_none]]
    tier = form.tiers.get(_issuer(short).issuer_class)
    if tier is None:
        return NumberForm.CONTRADICTORY, Document.UNKNOWN
    return NumberForm.RIGHT, _DOCUMENTS[tier]
