"""Reads case files, and refuses what is not right with file, case, field and fault."""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from constraints.cases.expected import EXPECTATIONS, CaseText, FileText, PageText
from constraints.cases.rows import RESERVED_MARK
from constraints.errors import CaseError, quoted
from constraints.faults import did_you_mean, place_and_fault
from constraints.page import POSITIONS_MAX
from constraints.toml_text import read_toml

SLOT_COUNT: Final = 3
_OF_IDS: Final = (
    *("in_slots", "not_in_slots", "absent", "decided_by", "because", "sources", "blocked"),
    *("blocked_by", "left_alone", "duties", "scored"),
)
_OF_POLICY: Final = ("first_screen_slots", "is_recommended")


@dataclass(frozen=True, slots=True)
class Case:
    """One case, with what its file says of all.

    Attributes:
        file, number: where it stands, the first of a file being 1.
        page: of the case, and of its file where it says nothing; fields none says are None.
        told: the case as written.
        rule: its own rule as written; None for one about a policy.
        aliases: tag → theme.
    """

    file: str
    number: int
    page: PageText
    told: CaseText
    rule: dict[str, Any] | None
    aliases: dict[str, str]

    @property
    def name(self) -> str:
        """Its name."""
        return self.told.name

    @property
    def ids(self) -> list[str]:
        """Ids of its candidates, in order."""
        return [candidate.id for candidate in self.told.candidates]

    @property
    def slot_count(self) -> int:
        """Slots of its page."""
        return self.page.slot_count or SLOT_COUNT

    def fault(self, place: str, fault: str) -> CaseError:
        """Return an error about a field of the case."""
        return CaseError(self.file, _numbered(self.number, self.name), place, fault)


def parse_cases(file: str, content: bytes) -> tuple[Case, ...]:
    """Read a case file.

    Args:
        file: its name, for error messages.
        content: TOML, UTF-8.

    Raises:
        CaseError: naming file, case, field and fault of the first mistake.
    """
    try:
        raw = read_toml(content)
    except ValueError as error:
        raise CaseError(file, "", "", str(error)) from None
    return cases_of(file, raw)


def cases_of(file: str, raw: dict[str, Any]) -> tuple[Case, ...]:
    """Make cases of a file already read, its lists as tuples.

    Raises:
        CaseError: as `parse_cases`.
    """
    if isinstance(raw.get("case"), dict):
        raise CaseError(file, "", "case", "must be a list: write [[case]], with two brackets")
    try:
        text = FileText.model_validate(raw)
    except ValidationError as error:
        raise _placed(file, raw, *place_and_fault(error, FileText)) from None
    cases = tuple(_case(file, number, told, text) for number, told in enumerate(text.case, 1))
    names = [case.name for case in cases]
    for case in cases:
        if case.name in names[: case.number - 1]:
            raise case.fault("name", "already stands in this file")
        _check(case)
    return cases


def _numbered(number: int, name: Any) -> str:
    is_named = isinstance(name, str) and name
    return f"case {number} ({quoted(name, 80)})" if is_named else f"case {number}"


def _placed(file: str, raw: dict[str, Any], place: str, fault: str) -> CaseError:
    """Put the place of a mistake in words: the case by number and name, a candidate by its id."""
    found = re.match(r"case\.(\d+)\.?(.*)", place)
    if not found:
        return CaseError(file, "", place, fault)
    case, within = raw["case"][int(found[1])], found[2]
    told = case if isinstance(case, dict) else {}
    row = re.match(r"candidates\.(\d+)\.?(.*)", within)
    if row:
        candidate = told["candidates"][int(row[1])]
        key = candidate.get("id") if isinstance(candidate, dict) else None
        named = f"candidate `{quoted(key)}`" if isinstance(key, str) else f"candidate {row[1]}"
        within = ": ".join(filter(None, (named, row[2])))
    return CaseError(file, _numbered(int(found[1]) + 1, told.get("name")), within, fault)


def _case(file: str, number: int, told: CaseText, text: FileText) -> Case:
    own = {name: getattr(told, name) for name in PageText.model_fields}
    page = text.page.model_copy(update={k: v for k, v in own.items() if v is not None})
    rule = None
    case = Case(file, number, page, told, rule, text.aliases)
    if text.rule is None:
        for name in ("rule", "without"):
            if getattr(told, name):
                raise case.fault(name, "the file has no rule of its own")
        return case
    rule = text.rule | told.rule
    for name in told.without:
        if name not in rule:
            raise case.fault(
                "without",
                f"`{quoted(name)}` is no field of the rule{did_you_mean(name, set(rule))}",
            )
    kept = {key: value for key, value in rule.items() if key not in told.without}
    return Case(file, number, page, told, kept, text.aliases)


def _check(case: Case) -> None:
    """Check what one field of a case cannot tell by itself.

    Raises:
        CaseError: something does not fit.
    """
    told, ids, count = case.told, case.ids, case.slot_count
    for key in ids:
        if ids.count(key) > 1:
            raise case.fault("candidates", f"`{quoted(key)}` stands twice")
    if all(getattr(told, name) == CaseText.model_fields[name].default for name in EXPECTATIONS):
        raise case.fault("", "expects nothing")
    for place, key in _named(case):
        if key not in ids:
            raise case.fault(place, f"`{quoted(key)}` is no candidate{did_you_mean(key, set(ids))}")
    if told.slate is not None and len(told.slate) != count:
        fault = f"names {len(told.slate)} slots, and the page has {count}"
        raise case.fault("slate", fault)
    for place, slot in _slots_named(case):
        if not 0 <= slot < count:
            raise case.fault(
                place, f"slot {slot} is not on the page: its slots are 0 to {count - 1}"
            )
    if count + len(case.page.tail or ()) > POSITIONS_MAX:
        raise case.fault("tail", f"with the page has more than {POSITIONS_MAX} positions")
    for name in _OF_POLICY:
        if case.rule is None and getattr(case.page, name) is not None:
            raise case.fault(name, "is for a rule of the file's own; here the policy says it")


def _named(case: Case) -> Iterator[tuple[str, str]]:
    for name in _OF_IDS:
        yield from ((name, key) for key in getattr(case.told, name) or ())
    for slot, key in enumerate(case.told.slate or ()):
        if key not in ("", RESERVED_MARK):
            yield f"slate.{slot}", key


def _slots_named(case: Case) -> Iterator[tuple[str, int]]:
    for name in ("in_slots", "not_in_slots"):
        for key, slots in getattr(case.told, name).items():
            yield from ((f"{name}.{key}", slot) for slot in slots if isinstance(slot, int))
    yield from (("empty", slot) for slot in case.told.empty or ())
    for slot in case.page.reserved or ():
        if not slot.isdigit():
            raise case.fault("reserved", f"`{quoted(slot)}` is no slot")
        yield "reserved", int(slot)


def check_names(case: Case, rule_ids: Set[str], sources: Set[str]) -> None:
    """Check the names of rules and of rows of the law that a case expects.

    Raises:
        CaseError: there is none of that name.
    """
    told = case.told
    by_id = (
        (name, *pair)
        for name in ("decided_by", "blocked_by")
        for pair in getattr(told, name).items()
    )
    named = [(f"{name}.{key}", rule) for name, key, rule in by_id]
    named += [(name, rule) for name in ("relaxed", "shadow") for rule in getattr(told, name) or ()]
    named += [("rules_in_force", rule) for rule in told.rules_in_force or ()]
    for place, rule in named:
        if rule not in rule_ids:
            of = "this policy" if case.rule is None else "this file"
            fault = f"`{quoted(rule)}` is no rule of {of}{did_you_mean(rule, {*rule_ids})}"
            raise case.fault(place, fault)
    for key, source in told.sources.items():
        if source not in sources:
            fault = f"`{quoted(source)}` is no row of law.toml{did_you_mean(source, {*sources})}"
            raise case.fault(f"sources.{key}", fault)
