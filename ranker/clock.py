"""The clock, and days as the law counts them: in Shanghai."""

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

SHANGHAI: Final = timezone(timedelta(hours=8))  # no summer time since 1991; a date is its midnight
INSTANT_US_MAX: Final = 253_370_764_800_000_000  # LIMIT: 9999-01-01, beyond which no date is told
_AHEAD_US: Final = SHANGHAI.utcoffset(None) // timedelta(microseconds=1)
_DAY_US: Final = timedelta(days=1) // timedelta(microseconds=1)


def now_us() -> int:
    """Return the clock, microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


def in_shanghai(instant_us: int) -> datetime:
    """Return an instant, microseconds since 1970 (UTC), as clocks in Shanghai show it."""
    whole, rest = divmod(instant_us, 1_000_000)
    return datetime.fromtimestamp(whole, UTC).astimezone(SHANGHAI).replace(microsecond=rest)


def day_at(instant_us: int) -> int:
    """Return the day in Shanghai, counted from 1970-01-01."""
    return (instant_us + _AHEAD_US) // _DAY_US
