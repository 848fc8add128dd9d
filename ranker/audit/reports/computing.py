"""Computes reports from the tables of the decision log."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from constraints.law import law_rows
from ranker.audit.checkpoint import CHECKPOINT
from ranker.audit.log import FOLDER
from ranker.audit.logs import homes_of
from ranker.audit.reports.declared import Figure, Report, Section
from ranker.audit.reports.oversight import AI, LIVE, MINORS, TAKEDOWN
from ranker.audit.reports.pages import FIRST_SCREEN, PHASE_OUT, SUPPORT, THEMES
from ranker.audit.tables.asking import Answer, Asking, ask
from ranker.audit.tables.questions import WHEN

REPORTS: Final[dict[str, Report]] = {
    "first-screen": FIRST_SCREEN,
    "phase-out": PHASE_OUT,
    "themes": THEMES,
    "support": SUPPORT,
    "live": LIVE,
    "takedown": TAKEDOWN,
    "minors": MINORS,
    "ai": AI,
}
ROWS_MAX: Final = 20_000  # LIMIT: rows of a section
SECONDS_MAX: Final = 300.0  # LIMIT: of one section
_DECISIONS: Final = f"SELECT count(*) AS n FROM slots s WHERE {WHEN} AND s.slot = s.first_slot"


@dataclass(frozen=True)
class Counted:
    """A figure with its value, None where there is nothing it could be of."""

    figure: Figure
    value: float | None

    @property
    def is_missed(self) -> bool:
        """Tell whether it must be something else."""
        return self.figure.wants == "zero" and self.value not in (None, 0)


@dataclass(frozen=True)
class Part:
    """A section with its rows and figures."""

    section: Section
    answer: Answer
    figures: tuple[Counted, ...]


@dataclass(frozen=True)
class Computed:
    """A report.

    Attributes:
        name: of the report.
        begin, end: days in Shanghai, both included; surface: empty for all.
        parts: its sections.
        decisions: how many pages of these days the tables hold.
        checkpoint: what the logs had signed at that moment, as it is published; empty for nothing.
    """

    name: str
    report: Report
    begin: date
    end: date
    surface: str
    parts: tuple[Part, ...]
    decisions: int
    checkpoint: str

    def citations(self, lang: str) -> list[str]:
        """Return the acts and articles it answers to, in `zh` or `en`."""
        known = law_rows()
        return [known[source].citation(lang) for source in self.report.basis]

    @property
    def reach(self) -> Answer:
        """An answer that says how far the tables reach."""
        return self.parts[0].answer


def compute(
    data_dir: Path,
    name: str,
    begin: date,
    end: date,
    surface: str = "",
    tick: Callable[[int], None] = lambda done: None,
) -> Computed:
    """Compute a report.

    Args:
        data_dir: its folder `query` is asked.
        name: one of REPORTS.
        begin: first day, in Shanghai.
        end: last day.
        surface: of this one alone, unless empty.
        tick: told how many sections are done.

    Raises:
        RequestError: the days are not in order.
        SettingsError: there are no tables, or a library is missing.
        OverloadedError: it took too long or too much memory.
    """
    report, parts = REPORTS[name], []
    for done, part in enumerate(_parts(data_dir, report, begin, end, surface), 1):
        parts.append(part)
        tick(done)
    paths = [home / FOLDER / CHECKPOINT for home in homes_of(data_dir)]
    note = "\n".join(path.read_text(encoding="utf-8") for path in paths if path.exists())
    ((decisions,),) = _asked(data_dir, _DECISIONS, begin, end, surface).rows
    return Computed(name, report, begin, end, surface, tuple(parts), int(decisions), note)


def _parts(data_dir: Path, report: Report, begin: date, end: date, surface: str) -> Iterator[Part]:
    for section in report.sections:
        answer = _asked(data_dir, section.sql, begin, end, surface)
        figures = tuple[Counted, ...]()
        if section.figures:
            told = ", ".join(f"{each.sql} AS f{at}" for at, each in enumerate(section.figures))
            sql = f"SELECT {told} FROM ({section.sql}) x"
            (row,) = _asked(data_dir, sql, begin, end, surface).rows
            figures = tuple(map(_counted, section.figures, row))
        yield Part(section, answer, figures)


def _counted(figure: Figure, value: float | None) -> Counted:
    """Of nothing at all there are none, but there is no share of it."""
    if value is None:
        return Counted(figure, None if figure.is_share else 0.0)
    return Counted(figure, float(value))


def _asked(data_dir: Path, sql: str, begin: date, end: date, surface: str) -> Answer:
    values: dict[str, Any] = {
        "begin": begin.isoformat(),
        "end": end.isoformat(),
        "surface": surface,
    }
    wanted = Asking(
        sql=sql,
        values={k: v for k, v in values.items() if f"${k}" in sql},
        begin=begin,
        end=end,
        rows=ROWS_MAX,
        seconds=SECONDS_MAX,
    )
    return ask(data_dir, wanted)
