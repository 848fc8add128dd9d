"""Licence and filing numbers of micro-dramas: what a number says, or what is wrong with it.

Source: LIC-01 to LIC-03, notice 35 (2024) three 2; the forms are data, in record_numbers.toml.
The form proves nothing; a number that has it is claimed, never verified.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from constraints.errors import quoted
from constraints.record_table import Document, Form, Issuer, IssuerClass, Table, Tier, table

TEXT_CHARS_MAX: Final = 256  # LIMIT: characters of a text that is looked at
ISSUER_CHARS_MAX: Final = 12  # LIMIT: characters of an issuer's short name
SERIAL_DIGITS_MAX: Final = 8  # LIMIT: digits of a serial

_BRACKETS: Final = str.maketrans("〔〕【】[]﹝﹞", "()()()()")
_OFFICIAL: Final = str.maketrans("()", "（）")
_NOISE: Final = re.compile(r"[\s\u200b\ufeff·•]+")
_BEFORE: Final = re.compile(r"(?P<extra>.*?)\((?P<issuer>[^()]*)\)", re.DOTALL)
_AFTER: Final = re.compile(
    r"(?P<open>\(?)(?P<year>[0-9]*)(?P<word>年?)(?P<close>\)?)(?P<late>年?)"
    r"(?P<ordinal>第?)(?P<serial>[0-9]*)(?P<suffix>号?)(?P<rest>.*)",
    re.DOTALL,
)
_MORE_SERIALS: Final = re.compile(r"[/、,;~-]第?[0-9]")


@dataclass(frozen=True, slots=True)
class RecordNumber:
    """A text with the form of a number, read.

    Attributes:
        text: normalised, with ASCII brackets.
        document: licence (审) or filing (备).
        issuer: short name as written, empty where the form needs none.
        issuer_id: `nrta`, the first short name of a province, or the id of a platform.
        tier: what issuer and document make it: key 重点, ordinary 普通, other 其他.
        serial: digits as written, zeros in front included.
        form_id: form of the table that it has.
        is_doubtful: its year is possible but earlier than the form was usual.
        status: always `claimed`; only a register can tell more.
    """

    text: str
    document: Document
    issuer: str
    issuer_id: str
    issuer_class: IssuerClass
    tier: Tier
    year: int
    serial: str
    form_id: str
    is_doubtful: bool
    status: Literal["claimed"] = field(default="claimed", init=False)

    @property
    def key(self) -> tuple[str, str, int, str]:
        """Return what two writings of one number share: issuer, form, year, bare serial."""
        return self.issuer_id, self.form_id, self.year, self.serial.lstrip("0")

    def official(self) -> str:
        """Return the number with the full-width brackets of the law's text."""
        return self.text.translate(_OFFICIAL)

    def is_foreign_to(self, platform: str) -> bool:
        """Tell whether a platform other than this one issued it (LIC-03)."""
        return self.issuer_class == "platform" and self.issuer_id != platform


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a stable code, and words for people."""

    reason: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text is no number; `faults` is never empty, and in order of the text."""

    text: str
    faults: tuple[Fault, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return the codes of the faults."""
        return tuple(fault.reason for fault in self.faults)

    def told(self, language: str) -> str:
        """Return all faults in one line, in `zh` or `en`."""
        if language == "zh":
            return "；".join(fault.zh for fault in self.faults)
        return "; ".join(fault.en for fault in self.faults)


def normalise(text: str) -> str:
    """Return a number with its brackets, digits and spaces in one form."""
    plain = _NOISE.sub("", unicodedata.normalize("NFKC", text).translate(_BRACKETS))
    # What stood on both sides of a space may now combine.
    return unicodedata.normalize("NFKC", plain)


def parse(text: str, *, day: date) -> RecordNumber | Refusal:
    """Read a number as of a day; strict to admit, loose only to say what is wrong.

    Args:
        text: one number, as somebody wrote it.
        day: in Asia/Shanghai; decides which forms are in force and which years are past.
    """
    form, found, faults = match_form(text)
    if form is None or found is None:
        return Refusal(text, faults)
    year, short = int(found["year"]), found["issuer"] or ""
    if not form.since <= day <= form.until:
        faults += (_fault("FORM_NOT_IN_FORCE"),)
    if year > day.year:
        faults += (_fault("YEAR_OUT_OF_RANGE", found["year"]),)
    issuer = table().issuers.get(short)
    if not short and form.issuer_if_none:
        issuer = Issuer(form.issuer_if_none, form.issuer_if_none)
    if issuer is None:
        code = "ISSUER_UNVERIFIED" if short in table().unverified else "ISSUER_UNKNOWN"
        faults += (_fault(code, short),)
    if faults or issuer is None:
        return Refusal(text, faults)
    return RecordNumber(
        text=found[0],
        document=form.document,
        issuer=short,
        issuer_id=issuer.id,
        issuer_class=issuer.issuer_class,
        tier=form.tiers[issuer.issuer_class],
        year=year,
        serial=found["serial"],
        form_id=form.id,
        is_doubtful=year < form.year_usual,
    )


def form_fault(text: str) -> Refusal | None:
    """Return what keeps a text from being a number on any day, None if nothing does.

    An issuer that is in no table is no fault of form: platforms come and go.
    """
    _, _, faults = match_form(text)
    return Refusal(text, faults) if faults else None


def is_record_number(text: str) -> bool:
    """Tell whether a text has the form of a licence or filing number, issuer included."""
    return form_fault(text) is None


def _fault(reason: str, part: str = "") -> Fault:
    words = table().words[reason]
    shown = quoted(part)
    return Fault(reason, words["zh"].replace("{part}", shown), words["en"].replace("{part}", shown))


def match_form(text: str) -> tuple[Form | None, re.Match[str] | None, tuple[Fault, ...]]:
    """Find the form a text has, and the faults that need no day; one of the two is there.

    The match is of the normalised text; its groups are issuer, year and serial.
    """
    if len(text) > TEXT_CHARS_MAX:
        return None, None, (_fault("TEXT_TOO_LONG"),)
    plain = normalise(text)
    for form in table().forms:
        found = form.pattern.fullmatch(plain)
        if found is not None:
            return form, found, tuple(_impossible(form, found))
    return None, None, tuple(_meant(plain, table())) or (_fault("STEM_MISSING"),)


def _impossible(form: Form, found: re.Match[str]) -> Iterator[Fault]:
    """Yield what the law rules out in a text of the right form."""
    issuer = table().issuers.get(found["issuer"] or "")
    if issuer is not None and issuer.issuer_class not in form.tiers:
        yield _fault("LICENCE_BY_PLATFORM", found["issuer"])
    if int(found["year"]) < form.year_min:
        yield _fault("YEAR_OUT_OF_RANGE", found["year"])


def _meant(plain: str, known: Table) -> Iterator[Fault]:
    """Yield what is wrong with a text of no form, by what its writer seems to have meant."""
    markers = list(known.marker.finditer(plain))
    if len(markers) != 1:
        yield _fault("SEVERAL_NUMBERS" if markers else "STEM_MISSING" if plain else "EMPTY")
        return
    (marker,) = markers
    forms = [form for form in known.forms if form.stem == marker["stem"]]
    yield from _before(plain[: marker.start()], forms)
    if marker["letter"] not in {form.letter for form in forms}:
        yield _fault("LETTER_UNKNOWN", f"{marker['letter']}字")
    yield from _after(plain[marker.end() :], min(form.year_min for form in forms))


def _before(before: str, forms: list[Form]) -> Iterator[Fault]:
    """Yield what is wrong before the words of a number: the place of its issuer."""
    whole = _BEFORE.fullmatch(before)
    issuer = whole["issuer"] if whole else before.strip("()")
    if whole and whole["extra"]:
        yield _fault("TEXT_BEFORE", whole["extra"])
    if not issuer:
        if before or not forms[0].issuer_if_none:
            yield _fault("ISSUER_MISSING")
    elif not whole:
        yield _fault("ISSUER_NOT_IN_BRACKETS", issuer)
    elif len(issuer) > ISSUER_CHARS_MAX:
        yield _fault("ISSUER_TOO_LONG", issuer)


def _after(after: str, year_min: int) -> Iterator[Fault]:
    """Yield what is wrong after the words of a number: year, serial and the rest."""
    found = _AFTER.fullmatch(after)
    if found is None:  # every part may be absent, so this cannot be
        return
    year, serial = found["year"], found["serial"]
    if not year:
        yield _fault("YEAR_MISSING")
    elif not (found["open"] and found["close"]):
        yield _fault("YEAR_NOT_IN_BRACKETS", year)
    if year and found["word"] + found["late"]:
        yield _fault("YEAR_WITH_WORD")
    if year and (len(year) != 4 or not year_min <= int(year) < 2100):
        yield _fault("YEAR_OUT_OF_RANGE", year)
    if not serial:
        yield _fault("SERIAL_MISSING")
    elif not found["ordinal"]:
        yield _fault("ORDINAL_MISSING")
    if len(serial) > SERIAL_DIGITS_MAX:
        yield _fault("SERIAL_TOO_LONG", serial)
    if serial and _MORE_SERIALS.match(found["rest"]):
        yield _fault("SEVERAL_NUMBERS")
    elif serial and not found["suffix"]:
        yield _fault("SUFFIX_MISSING")
    elif found["rest"]:
        yield _fault("TEXT_AFTER", found["rest"])
