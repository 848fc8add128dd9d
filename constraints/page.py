"""The page a slate is for: everything a rule may know of it, and nothing of the candidates."""

from enum import StrEnum
from typing import Final, NamedTuple

POSITIONS_MAX: Final = 64  # LIMIT: tail and slots of a page share one machine word
SHAPES_MAX: Final = 256  # LIMIT: page shapes whose tables are kept
PAGES_MAX: Final = 4_096  # LIMIT: pages of which is remembered what shape they have
SLOTS_MAX: Final = 50  # LIMIT: slots a page; longer lists are asked for page by page


class ViewerClass(StrEnum):
    """Who looks at the page."""

    UNKNOWN = "unknown"
    ADULT = "adult"
    MINOR = "minor"


def slots_from(start: int, stop: int) -> int:
    """Return the word with a bit for each slot of [start, stop)."""
    return ((1 << max(stop, start, 0)) - 1) & ~((1 << max(start, 0)) - 1)


class Page(NamedTuple):
    """One page of one surface on one day; pages alike to a policy share what is compiled for them.

    Words of slots have bit j for the j-th slot of this page, from 0. A place is a slot, or -1 for
    the position just above slot 0, -2 above that.

    Attributes:
        surface, terminal: as in the policy; `terminal` may be one the policy does not know.
        day: days since 1970-01-01 in Asia/Shanghai, of the instant of the request.
        slot_count: slots to fill on this page, 1 to SLOTS_MAX.
        first_slot: slots of the surface above this page.
        first_screen_slots: slots seen without scrolling on this terminal.
        is_recommended: the surface recommends (a search result, say, does not).
        viewer_class, is_personalised: about the viewer, for the scope of rules.
        reserved: word of the slots the caller fills itself; rules do not look at it.
        tail_count: positions just above this page that windows look back to.
    """

    surface: str
    terminal: str
    day: int
    slot_count: int
    first_screen_slots: int
    first_slot: int = 0
    is_recommended: bool = True
    viewer_class: ViewerClass = ViewerClass.UNKNOWN
    is_personalised: bool = True
    reserved: int = 0
    tail_count: int = 0

    @property
    def open(self) -> int:
        """Word of the slots to fill."""
        return self.slots & ~self.reserved

    @property
    def slots(self) -> int:
        """Word of all slots of the page."""
        return slots_from(0, self.slot_count)

    def run(self, start: int, stop: int) -> int:
        """Return the word of positions of the places [start, stop); bit 0 is the highest place."""
        last = min(stop, self.slot_count)
        return slots_from(start + self.tail_count, last + self.tail_count)

    @property
    def first_screen_above(self) -> int:
        """Positions above this page that are on a first screen this page continues."""
        return min(self.first_slot, self.tail_count) if self.first_screen else 0

    @property
    def first_screen(self) -> int:
        """Word of the slots of this page that are seen without scrolling."""
        seen = self.first_screen_slots - self.first_slot
        return slots_from(0, min(seen, self.slot_count))
