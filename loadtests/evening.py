"""A day in a few minutes, with its peak in the evening.

`locust -f loadtests/locustfile.py,loadtests/evening.py -H HOST:PORT -u USERS`: so many users are
there at the peak, and a day takes `--day` seconds.
"""

import math
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from locust import LoadTestShape, events

from loadtests.traffic import hours_of

HOURS: Final = 24
SPAWN_RATE: Final = 200.0


@events.init_command_line_parser.add_listener
def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--day", type=float, default=240.0, help="seconds that a day takes")


class EveningPeak(LoadTestShape):
    """Users as there are callers at each hour of a day; see `hours_of`."""

    _shares: tuple[float, ...] = ()

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there are now, between those of two hours."""
        runner: Any = self.runner
        asked = runner.environment.parsed_options
        if not self._shares:
            shares = hours_of(Path(asked.data))
            self._shares = tuple(share / max(shares) for share in shares)
        place = self.get_run_time() / asked.day * HOURS
        if place >= HOURS:
            return None
        hour, part = int(place), place % 1
        now, then = self._shares[hour], self._shares[(hour + 1) % HOURS]
        return math.ceil(asked.num_users * (now + (then - now) * part)), SPAWN_RATE
