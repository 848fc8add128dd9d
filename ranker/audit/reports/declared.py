"""What a report is: sections of rows, figures over them, a chart."""

from typing import Literal, NamedTuple


class Figure(NamedTuple):
    """One number of a report.

    Attributes:
        zh, en: what it counts.
        sql: an aggregate over the rows of its section.
        wants: what it must be, where there is such a thing.
        is_share: it is shown in percent.
    """

    zh: str
    en: str
    sql: str
    wants: Literal["zero"] | None = None
    is_share: bool = False


class Chart(NamedTuple):
    """A picture of a section.

    Attributes:
        kind: bars, or a line over time.
        label: column of the labels; values: columns that are drawn.
    """

    kind: Literal["bars", "line"]
    label: str
    values: tuple[str, ...]


class Section(NamedTuple):
    """Rows of a report.

    Attributes:
        name: in links, of its sheet.
        zh, en: its heading.
        sql: one SELECT, with `$begin`, `$end` and `$surface`.
        figures: over its rows.
        chart: of its rows.
    """

    name: str
    zh: str
    en: str
    sql: str
    figures: tuple[Figure, ...] = ()
    chart: Chart | None = None


class Report(NamedTuple):
    """A report.

    Attributes:
        zh, en: its title.
        basis: rows of the law it answers to.
        sections: in order.
    """

    zh: str
    en: str
    basis: tuple[str, ...]
    sections: tuple[Section, ...]
