"""Charts of a report as SVG: bars, and lines over time. They print in black and white, too."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from ranker.audit.reports.declared import Chart
from ranker.audit.tables.asking import Answer

LABELS_MAX: Final = 20  # LIMIT: bars, the longest first
POINTS_MAX: Final = 520  # LIMIT: points of a line
_WIDTH, _LEFT, _ROW = 680, 190, 22
_HEIGHT, _FOOT = 220, 40
_FILLS: Final = ("#1f4e79", "#b0b7bf")


def svg(chart: Chart, answer: Answer, names: dict[str, str]) -> str:
    """Draw a chart; empty where there is nothing to draw.

    Args:
        chart: of which columns.
        answer: the rows.
        names: column → heading, for the legend.
    """
    columns = list(answer.columns)
    sums: dict[str, list[float]] = {}
    for row in answer.rows:
        label = _label(row[columns.index(chart.label)])
        kept = sums.setdefault(label, [0.0] * len(chart.values))
        for at, name in enumerate(chart.values):
            kept[at] += float(row[columns.index(name)] or 0)
    if not sums:
        return ""
    legend = [names.get(name, name) for name in chart.values]
    return _line(sums, legend) if chart.kind == "line" else _bars(sums, legend)


def _label(value: Any) -> str:
    return "—" if value is None else str(value)


def _bars(sums: dict[str, list[float]], legend: Sequence[str]) -> str:
    shown = sorted(sums.items(), key=lambda one: -one[1][0])[:LABELS_MAX]
    most = max((value for _, values in shown for value in values), default=0) or 1
    each = _ROW * len(legend)
    parts, top = [], 26
    for label, values in shown:
        parts.append(_text(_LEFT - 8, top + each / 2 + 4, label[:24], "end"))
        for at, value in enumerate(values):
            width = (_WIDTH - _LEFT - 90) * value / most
            y = top + at * (_ROW - 4)
            parts.append(
                f'<rect x="{_LEFT}" y="{y:.0f}" width="{width:.1f}" height="{_ROW - 8}"'
                f' fill="{_FILLS[at % 2]}"/>'
            )
            parts.append(_text(_LEFT + width + 6, y + 11, f"{value:,.0f}", "start"))
        top += each
    return _framed(top + 6, [*_legend(legend), *parts])


def _line(sums: dict[str, list[float]], legend: Sequence[str]) -> str:
    points = list(sums.items())[-POINTS_MAX:]
    most = max((values[0] for _, values in points), default=0) or 1
    step = (_WIDTH - _LEFT) / max(len(points) - 1, 1)
    at = [
        (_LEFT / 2 + n * step, 26 + (_HEIGHT - _FOOT) * (1 - values[0] / most))
        for n, (_, values) in enumerate(points)
    ]
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    floor = 26 + _HEIGHT - _FOOT
    end = _WIDTH - _LEFT / 2
    parts = [
        f'<line x1="{_LEFT / 2}" y1="{floor}" x2="{end}" y2="{floor}" stroke="#888"/>',
        f'<polyline points="{drawn}" fill="none" stroke="{_FILLS[0]}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_FILLS[0]}"/>' for x, y in at),
        _text(_LEFT / 2 - 6, 34, f"{most:.1%}", "end"),
        _text(_LEFT / 2 - 6, floor, "0", "end"),
        _text(_LEFT / 2, floor + 18, points[0][0], "start"),
    ]
    if len(points) > 1:
        parts.append(_text(end, floor + 18, points[-1][0], "end"))
    return _framed(floor + 26, [*_legend(legend), *parts])


def _legend(legend: Sequence[str]) -> list[str]:
    parts, x = [], _LEFT
    for at, name in enumerate(legend):
        parts.append(f'<rect x="{x}" y="4" width="12" height="12" fill="{_FILLS[at % 2]}"/>')
        parts.append(_text(x + 18, 15, name, "start"))
        x += 40 + 14 * len(name)
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _framed(height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" xmlns="http://www.w3.org/2000/svg">'
        + "".join(parts)
        + "</svg>"
    )
