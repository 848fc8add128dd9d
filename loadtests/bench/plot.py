"""Draws utility against time."""

from pathlib import Path

import matplotlib.pyplot as plt

from loadtests.bench.measure import MODES
from loadtests.bench.report import TIMED, Line


def draw(path: Path, timed: dict[str, Line]) -> None:
    """Write an SVG or PNG: each method's p50 and objective; hollow where it breaks the law.

    Args:
        path: its ending tells the format.
        timed: method → its figures on the timed cell.
    """
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, each in timed.items():
        colour = "tab:blue" if name in MODES else "tab:orange"
        face = "none" if each.hard else colour
        axes.scatter(each.p50, 100 * each.worth, edgecolors=colour, facecolors=face, s=60)
        label = f"{name}: {100 * each.hard / each.pages:.0f} % breached" if each.hard else name
        offset = (6, 4)
        axes.annotate(label, (each.p50, 100 * each.worth), offset, textcoords="offset points")
    axes.set(
        xscale="log",
        xlabel="time of one page, p50, µs",
        ylabel="objective, % of the lawful optimum",
        title=f"{TIMED[0]} pages, {TIMED[1].candidates} candidates for {TIMED[1].slots} slots;"
        " hollow: breaks the law",
    )
    axes.axhline(100, color="grey", linewidth=0.8)
    axes.margins(x=0.2)
    figure.savefig(
        path, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else None
    )
    plt.close(figure)
