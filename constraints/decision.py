"""What was decided: the slate, the reasons, what was relaxed, what stayed empty."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from constraints.effects import Duty
from constraints.rule import Violation

BLOCKED_MAX: Final = 50  # LIMIT: blocked candidates listed by name; all are counted


class Cause(IntEnum):
    """How a rule came to touch a candidate."""

    BLOCKED = 1  # may not stand in the slot
    CAPPED = 2  # its group was full there
    SUNK = 3  # stands below all others
    WEIGHTED = 4  # its utility was multiplied
    FLOOR = 5  # a floor needed the slot
    DISPLACED = 6  # another candidate stands there, for that one's reason
    WITHDRAWN = 7  # the verifier emptied its slot
    PINNED = 8  # a pin gives it its slot
    KEPT = 9  # the slot is kept for whom a pin names


class Void(IntEnum):
    """Why a pin does not hold."""

    NOT_OFFERED = 1  # nothing offered is registered under its id
    RESERVED = 2  # the caller fills the slot itself
    BLOCKED = 3  # it may not stand in the slot
    SUNK = 4  # it stands below all others
    PINNED_ABOVE = 5  # another rule pins it to a slot above, which is open to it
    TAKEN = 6  # another candidate pinned to the slot stands there
    NO_ROOM = 7  # a hard cap is full there, or the verifier emptied the slot, which stays empty


class SlotState(IntEnum):
    """What a slot holds."""

    FILLED = 1
    EMPTY = 2
    RESERVED = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule's part in where a candidate stands.

    Attributes:
        rule_id: the rule.
        cause: how it acted.
        ratio: factor on the utility, for WEIGHTED, and of the other for DISPLACED; else 1.
        group: group at fault among the rule's, for CAPPED and what follows from it; else -1.
        by: candidate that stands there instead, for FLOOR, DISPLACED and KEPT; else -1.
        source: row of the law it rests on.
        slot: slot it speaks of: the one a move wanted, or the first one a block left it; else -1.
    """

    rule_id: str
    cause: Cause
    ratio: float = 1.0
    group: int = -1
    by: int = -1
    source: str = field(default="", compare=False)
    slot: int = field(default=-1, compare=False)


@dataclass(frozen=True, slots=True)
class Owed:
    """A duty a placement is shown with, the rule that asks for it, and its row of the law."""

    duty: Duty
    rule_id: str
    source: str = field(default="", compare=False)


class Placement(NamedTuple):
    """One slot of the page.

    Attributes:
        slot: from 0 on this page.
        state: filled, empty or reserved.
        is_first_screen: seen without scrolling.
        candidate: index in the request, -1 unless filled.
        utility, scored: as received, and after weights; 0 unless filled.
        is_registered: False when the candidate's kind is only its caller's word.
        reasons: rules that pinned, weighed, sank or floored the candidate here.
        duties: what the client must show with it.
    """

    slot: int
    state: SlotState
    is_first_screen: bool = False
    candidate: int = -1
    utility: float = 0.0
    scored: float = 0.0
    is_registered: bool = True
    reasons: tuple[Reason, ...] = ()
    duties: tuple[Owed, ...] = ()


class Move(NamedTuple):
    """A candidate that would stand on the page by utility alone, and stands lower or not at all.

    Attributes:
        candidate: index in the request.
        wanted: its slot by utility alone.
        slot: its slot now, -1 when it is not on the page.
        reasons: the deciding one first.
    """

    candidate: int
    wanted: int
    slot: int
    reasons: tuple[Reason, ...]


class Blocked(NamedTuple):
    """A candidate that may stand in no slot of the page, the rules that say so, their sources."""

    candidate: int
    rule_ids: tuple[str, ...]
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VoidPin:
    """A pin that does not hold on the page.

    Attributes:
        rule_id: the rule that pins.
        slot: of this page.
        subject: id of whom it pins.
        void: why it does not hold.
        candidate: the most useful one it names, -1 when none is offered.
        reasons: rules that keep it out of the slot; none for NOT_OFFERED and RESERVED.
    """

    rule_id: str
    slot: int
    subject: str
    void: Void
    candidate: int = -1
    reasons: tuple[Reason, ...] = ()


class Words(NamedTuple):
    """Who stands where, who does not, and why.

    Attributes:
        placements: one a slot, in order.
        moves: in order of the slot wanted.
        blocked: the most useful first, at most BLOCKED_MAX.
    """

    placements: tuple[Placement, ...]
    moves: tuple[Move, ...]
    blocked: tuple[Blocked, ...]


@dataclass(eq=False)
class Parts(ABC):
    """The same, with its words only where somebody asks; equal to others that say the same.

    Attributes:
        slate: candidate of each slot, -1 for none.
        empty_slots: slots to fill that hold nobody.
        blocked_count, moved_count: how many may stand nowhere, and how many are held back.
        unregistered_count: placements that are not registered.
        deciding: the rule that decided each move that has a reason.
    """

    slate: list[int]
    empty_slots: list[int]
    blocked_count: int
    moved_count: int
    unregistered_count: int
    deciding: list[str]

    @property
    def filled_count(self) -> int:
        """How many slots are filled."""
        return len(self.slate) - self.slate.count(-1)

    @property
    @abstractmethod
    def words(self) -> Words:
        """All of it in words."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parts):
            return NotImplemented
        return (self.words, self.blocked_count) == (other.words, other.blocked_count)

    def __hash__(self) -> int:
        return hash(tuple(self.slate))


class Plain(Parts):
    """Parts that are words already."""

    def __init__(self, words: Words, blocked_count: int) -> None:
        self._words = words
        super().__init__(
            [one.candidate for one in words.placements],
            [one.slot for one in words.placements if one.state is SlotState.EMPTY],
            blocked_count,
            len(words.moves),
            sum(not one.is_registered for one in words.placements),
            [move.reasons[0].rule_id for move in words.moves if move.reasons],
        )

    @property
    def words(self) -> Words:
        """The words given."""
        return self._words


@dataclass(frozen=True, slots=True)
class Decision:
    """A lawful slate and why. A pure function of candidates, facts, page and policy.

    Attributes:
        parts: who stands where, who does not, and why.
        void_pins: by slot; a page of the surface that does not hold a pin's slot says nothing.
        relaxed: soft rules given up, as the verifier counted them.
        shadow: what rules in shadow mode object to; they decided nothing.
        withdrawn: hard violations the verifier found and emptied; any is an alarm.
        rounds: of improvement that were asked for.
        worth: what the page is worth: utility after weights times the discount of its slot, added
            up; the discount of slot 0 is 1.
        free_bound: the most it could be worth given only who may stand where: what caps, floors and
            the search's imperfection cost together is at most the difference.
        is_proved_best: no lawful page is better.
        solver_failed: the solver raised or returned no slate, and the reference filled the page.
        compiled_anew: what was compiled ahead did not hold, so the rows were compiled for this
            page alone: slower, and the same decision.
    """

    parts: Parts
    void_pins: tuple[VoidPin, ...]
    relaxed: tuple[Violation, ...]
    shadow: tuple[Violation, ...]
    withdrawn: tuple[Violation, ...]
    rounds: int
    worth: float
    free_bound: float
    is_proved_best: bool
    solver_failed: bool
    compiled_anew: bool = field(default=False, compare=False)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """One a slot, in order."""
        return self.parts.words.placements

    @property
    def moves(self) -> tuple[Move, ...]:
        """Who is held back, in order of the slot wanted."""
        return self.parts.words.moves

    @property
    def blocked(self) -> tuple[Blocked, ...]:
        """Who may stand nowhere, the most useful first, at most BLOCKED_MAX."""
        return self.parts.words.blocked

    @property
    def blocked_count(self) -> int:
        """How many may stand nowhere."""
        return self.parts.blocked_count

    @property
    def slate(self) -> list[int]:
        """Candidate of each slot, -1 for none."""
        return self.parts.slate
