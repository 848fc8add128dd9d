"""The closed set of effects a rule may ask for. A new one is a design change, not a rule.

A level is how precious a soft effect is: 1 is given up last, LEVEL_MAX first; 0 is hard, never
given up. Words of slots are `Page` words.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

HARD: Final = 0
LEVEL_MAX: Final = 6  # LIMIT: soft levels; costs of all levels are packed into one int64


class Duty(IntEnum):
    """What a client must show with a candidate. Values are bits of a word of duties."""

    RECORD_NUMBER = 1
    AI_GENERATED = 2
    AI_POSSIBLE = 3
    AI_SUSPECTED = 4
    ROOM_CATEGORY = 5

    @property
    def word(self) -> int:
        """Return the word with the bit of this duty alone."""
        return 1 << self.value


@dataclass(frozen=True, slots=True)
class Block:
    """Keep a candidate out of `slots`."""

    slots: int


@dataclass(frozen=True, slots=True)
class Pin:
    """Show a candidate in `slot` and nowhere else on the page, and nobody else there.

    Void where a block or the caller keeps it out of the slot, where it is sunk, where another rule
    pins it above, and where it is not offered: then it, and the slot, are as any other. Of several
    candidates pinned to one slot one stands there, and the others nowhere.

    Attributes:
        slot: of this page.
        subject: id of whom it pins, for the report of a void pin.
    """

    slot: int
    subject: str


@dataclass(frozen=True, slots=True)
class Cap:
    """Show at most `most` of a group in `slots`, or in any run of `window_slots`.

    `above` positions just above slot 0 are counted with `slots`. A run reaches back into the tail
    by itself; `slots` is ignored when `window_slots` is given.
    """

    most: int
    slots: int = 0
    above: int = 0
    window_slots: int = 0
    level: int = HARD


@dataclass(frozen=True, slots=True)
class Floor:
    """Show at least `least` of a group in `slots`. Always soft: an unmet one is reported."""

    least: int
    slots: int
    level: int


@dataclass(frozen=True, slots=True)
class Weight:
    """Multiply a candidate's utility by `ratio`."""

    ratio: float


@dataclass(frozen=True, slots=True)
class Sink:
    """Place a candidate below every unsunk candidate of the page (排序沉底)."""


@dataclass(frozen=True, slots=True)
class Show:
    """Show a mark or number with the candidate wherever it stands; it moves nobody."""

    duty: Duty


RowEffect = Block | Pin | Weight | Sink | Show  # asked for a candidate by its own verdict
GroupEffect = Cap | Floor  # asked for all candidates of a group together
