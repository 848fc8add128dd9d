"""What a case may say of a page and expect of its slate: the models of a case file."""

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from constraints.cases.rows import Candidate, Row
from constraints.decision import Cause, Void
from constraints.effects import Duty
from constraints.page import POSITIONS_MAX, SLOTS_MAX, Page
from constraints.rule import Name, RuleId, Strict

FIRST_DAY: Final = date(2001, 1, 1)  # LIMIT: facts know no day before 2000
LAST_DAY: Final = date(2099, 12, 31)
FIRST_SLOT_MAX: Final = 10_000  # LIMIT: slots above the page of a case
COUNT_MAX: Final = 10_000  # LIMIT: of what is relaxed
CASES_MAX: Final = 1_000  # LIMIT: cases a file
CANDIDATES_MAX: Final = 200  # LIMIT: candidates a case
CauseName: Any = Literal[tuple(cause.name.lower() for cause in Cause)]
VoidName: Any = Literal[tuple(void.name.lower() for void in Void)]
DutyName: Any = Literal[tuple(duty.name.lower() for duty in Duty)]
Text = Annotated[str, Field(max_length=200)]
SlotNumber = Annotated[int, Field(ge=0, lt=SLOTS_MAX)]
Count = Annotated[int, Field(ge=1, le=COUNT_MAX)]


def _reserved(value: Any) -> Any:
    """Let a list name the slots alone, without what the caller puts there."""
    if not isinstance(value, tuple):
        return value
    if not all(type(slot) is int for slot in value):
        raise ValueError("must be a list of slots, or a table of slots")
    return {str(slot): None for slot in value}


def _slots(value: Any) -> tuple[int, ...] | str:
    if value in ("page", "first_screen"):
        return str(value)
    slots = (value,) if type(value) is int else value
    if isinstance(slots, tuple) and slots and all(type(slot) is int for slot in slots):
        return slots
    raise ValueError("must be a slot, a list of slots, `page` or `first_screen`")


Slots = Annotated[
    tuple[int, ...] | str,
    PlainValidator(
        _slots,
        json_schema_input_type=int
        | Annotated[list[int], Field(min_length=1)]
        | Literal["page", "first_screen"],
    ),
]


class PageText(Strict):
    """The page a case is about.

    Attributes:
        surface: page or feed, as the policy names it.
        terminal: as the policy names it, `phone` unless said.
        day: of the request; a fixed day unless said.
        slot_count: slots to fill, 3 unless said.
        first_slot: slots of the surface above this page, 0 unless said.
        viewer_class: who looks at the page.
        is_personalised: false for a page that is not personally recommended.
        first_screen_slots: slots seen without scrolling; with a rule of the file's own only, for
            a policy says it.
        is_recommended: false for a surface that does not recommend; with a rule of the file's own
            only, for a policy says it.
        tail: what stands just above this page, nearest last.
        reserved: slots the caller fills itself: a list of them, or slot → what it puts there.
    """

    surface: Name | None = None
    terminal: Name | None = None
    day: Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)] | None = None
    slot_count: Annotated[int, Field(ge=1, le=SLOTS_MAX)] | None = None
    first_slot: Annotated[int, Field(ge=0, le=FIRST_SLOT_MAX)] | None = None
    viewer_class: Literal["unknown", "adult", "minor"] | None = None
    is_personalised: bool | None = None
    first_screen_slots: Annotated[int, Field(ge=0, le=SLOTS_MAX)] | None = None
    is_recommended: bool | None = None
    tail: Annotated[tuple[Row, ...], Field(max_length=POSITIONS_MAX)] | None = None
    reserved: (
        Annotated[
            dict[str, Row | None],
            BeforeValidator(_reserved, json_schema_input_type=list[int] | dict[str, Row]),
        ]
        | None
    ) = None


class Expected(PageText):
    """What a case expects. Only what is named is looked at.

    Attributes:
        slate: the whole page from slot 0: an id, "" for a slot that stays empty, "#" for one that
            the caller fills.
        in_slots: id → slots of which it stands in one: a number, a list, `page`, `first_screen`.
        not_in_slots: id → slots in none of which it stands.
        absent: ids that stand nowhere on the page.
        empty: all slots that stay empty.
        decided_by: id → the rule that decided where it stands, or that it stands nowhere.
        because: id → how that rule acted.
        sources: id → row of the law that rests on.
        blocked: all ids that may stand nowhere on the page.
        blocked_by: id → a rule that lets it stand nowhere on the page.
        left_alone: ids that no rule decided, nor marked where the case tells duties.
        duties: id → what the client must show with it, all of it.
        relaxed: rule → how often it had to be given up; names all such rules.
        shadow: rule in shadow mode → how often it would object; names all such rules.
        scored: id → its utility after all weights.
        void_pins: "slot id" → why the pin does not hold; names all such pins.
        rules_in_force: ids of all rules that decide on this page.
    """

    slate: tuple[Text, ...] | None = None
    in_slots: dict[Name, Slots] = {}
    not_in_slots: dict[Name, Slots] = {}
    absent: tuple[Name, ...] = ()
    empty: tuple[SlotNumber, ...] | None = None
    decided_by: dict[Name, Name] = {}
    because: dict[Name, CauseName] = {}
    sources: dict[Name, Name] = {}
    blocked: tuple[Name, ...] | None = None
    blocked_by: dict[Name, Name] = {}
    left_alone: tuple[Name, ...] = ()
    duties: dict[Name, tuple[DutyName, ...]] | None = None
    relaxed: dict[RuleId, Count] | None = None
    shadow: dict[RuleId, Count] | None = None
    scored: dict[Name, Annotated[float, Field(ge=0)]] = {}
    void_pins: dict[Text, VoidName] | None = None
    rules_in_force: tuple[Name, ...] | None = None


EXPECTATIONS: Final = tuple(set(Expected.model_fields) - set(PageText.model_fields))


class CaseText(Expected):
    """One case: a page, who is offered for it, and what becomes of them.

    Attributes:
        name: a sentence in snake_case or in any words, once a file.
        candidates: who is offered.
        rule: fields of the file's own rule that this case changes.
        without: fields of the file's own rule that this case leaves out.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    candidates: Annotated[tuple[Candidate, ...], Field(max_length=CANDIDATES_MAX)]
    rule: dict[str, Any] = {}
    without: tuple[Name, ...] = ()


class FileText(Strict):
    """A case file.

    Attributes:
        page: what all pages of the file have in common.
        rule: a rule that the cases are about, instead of the policy.
        aliases: tag → theme: several tags that are one theme.
        case: the cases.
    """

    page: PageText = PageText()
    rule: dict[str, Any] | None = None
    aliases: dict[Name, Name] = {}
    case: Annotated[tuple[CaseText, ...], Field(min_length=1, max_length=CASES_MAX)]


def slots_of(told: tuple[int, ...] | str, page: Page) -> set[int]:
    """Return the slots of this page that are meant."""
    if isinstance(told, str):
        word = page.first_screen if told == "first_screen" else page.slots
        return {slot for slot in range(page.slot_count) if word >> slot & 1}
    return {*told}
