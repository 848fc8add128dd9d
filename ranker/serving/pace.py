"""How many rounds of improvement a page gets: chosen from the deadline left, before it starts."""

import threading
from typing import Final

from constraints.kernel.knobs import PATIENCE
from constraints.solve import ROUNDS

RESERVE_S: Final = 0.004
"""Left for all that follows the solver: verdict, reasons, decision log, reply."""
LEAST_S: Final = 0.0005
"""A deadline nearer than this cannot be kept, whatever the page: no work starts for it."""
_FIRST_GUESS_S: Final = 5e-6
_SHARE: Final = 0.05  # of the newest page in the running estimate
_STEP: Final = 10


class Pace:
    """Knows how long a round takes here, and how many a deadline leaves time for.

    The number chosen is an input of the decision and stands in reply and record; nothing is cut
    short by a clock.

    Args:
        quality: mode whose rounds a page gets where there is time.
    """

    def __init__(self, quality: str) -> None:
        self._most = ROUNDS[quality]
        self._round_s = _FIRST_GUESS_S
        self._lock = threading.Lock()

    def rounds(self, left_s: float | None) -> int:
        """Return how many rounds fit, even if something on the page stays broken to the end.

        Args:
            left_s: seconds until the deadline, None where the caller set none.
        """
        if left_s is None:
            return self._most
        fits = int(max(left_s - RESERVE_S, 0.0) / (self._round_s * PATIENCE))
        return min(fits - fits % _STEP, self._most)

    def learn(self, rounds: int, spent_s: float) -> None:
        """Take note of how long a page took that had so many rounds."""
        if rounds >= _STEP:
            with self._lock:
                self._round_s += _SHARE * (spent_s / rounds - self._round_s)
