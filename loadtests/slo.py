"""Service-level objectives of a load test: read from TOML, and held against what was measured."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

SHIPPED: Final = Path(__file__).with_name("slo.toml")
ROWS: Final = ("rerank", "server", "echo", "lawful", "true")
"""Rows of the report an objective may name."""
MEASURES: Final = ("p50_ms", "p99_ms", "failed_share")


Objectives: TypeAlias = Mapping[str, Mapping[str, float]]
"""Row → measure → bar."""


class SloError(ValueError):
    """A file of objectives holds something nobody measures."""


def read_slo(path: Path) -> dict[str, dict[str, float]]:
    """Read objectives: row → measure → bar.

    Raises:
        SloError: naming the field at fault.
    """
    told: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    for row, bars in told.items():
        known = MEASURES if row in ROWS else ("sent_share",) if row == "load" else None
        if known is None or not isinstance(bars, dict):
            raise SloError(f"{path}: [{row}]: is none of {', '.join((*ROWS, 'load'))}")
        for measure, bar in bars.items():
            if measure not in known:
                raise SloError(f"{path}: {row}.{measure}: is none of {', '.join(known)}")
            if isinstance(bar, bool) or not isinstance(bar, int | float) or not bar >= 0:
                raise SloError(f"{path}: {row}.{measure}: must be a number of 0 or more")
    return told


def breaches(
    slo: Mapping[str, Mapping[str, float]], measured: Mapping[str, Mapping[str, float]]
) -> Iterator[str]:
    """Say what was not kept; what nobody measured was not kept either.

    Args:
        slo: as `read_slo` gives it.
        measured: row → measure → value.
    """
    for row, bars in slo.items():
        for measure, bar in bars.items():
            value = measured.get(row, {}).get(measure)
            if value is None:
                yield f"{row}.{measure}: nothing was measured"
            elif (value < bar) if measure == "sent_share" else (value > bar):
                yield f"{row}.{measure}: {value:.4g}, the bar is {bar:g}"
