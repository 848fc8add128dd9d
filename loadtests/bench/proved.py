"""Adds up what a proof found, and says it."""

from collections import Counter
from typing import Any, Final

from constraints.solve import ROUNDS

Row = dict[str, Any]
EXAMPLES_MAX: Final = 20  # pages at fault that are named


def summary(rows: list[Row]) -> Row:
    """Add up the rows of `prove.chunk`, and of `prove.solve_again` where `is_again`."""
    first = {row["chunk"]: row for row in rows if not row["is_again"]}
    told, kinds, largest = Counter[str](), Counter[str](), Counter[str]()
    offending = []
    for _, row in sorted(first.items()):
        told.update(row["told"])
        kinds.update(row["kinds"])
        largest |= Counter(row["largest"])
        offending += row["offending"]
    for row in rows:
        if row["is_again"]:
            before = first[row["chunk"]]
            for offset, one in enumerate(row["slates"]):
                told["again"] += 1
                if one != before["slates"][offset]:
                    told["unlike"] += 1
                    number = before["first"] + offset
                    offending.append(f"page {number}: another slate in a second process")
    counts = (
        *("pages", "lawful", "breaches", "again", "unlike", "differences"),
        *("greedy", "default", "compared_greedy", "compared_improved"),
    )
    return {name: told[name] for name in counts} | {
        "kinds": dict(kinds),
        "largest": dict(largest),
        "cpu_s": sum(row["seconds"] for row in rows),
        "offending": offending,
    }


def report(found: Row) -> str:
    """Say in lines what `summary` found; `wall_s` is of this run alone."""
    kinds = ", ".join(f"{count:,} {name}" for name, count in found["kinds"].items())
    largest = ", ".join(f"{count:,} {name}" for name, count in found["largest"].items())
    pages, minutes = found["pages"], found["cpu_s"] / 60
    few = pages - found["greedy"] - found["default"]
    rounds = f"none on {found['greedy']:,}, {ROUNDS['default']} on {found['default']:,}"
    compared = f"{found['compared_greedy']:,} greedy, {found['compared_improved']:,} with rounds"
    time = f"{minutes:.1f} min of CPU, {1000 * found['cpu_s'] / pages:.2f} ms a page"
    lines = (
        f"pages: {pages:,}, of the numbers 0 to {pages - 1}",
        f"kinds: {kinds}",
        f"rounds: {rounds}, a few on {few:,}",
        f"largest: {largest}",
        f"wholly lawful: {found['lawful']:,}",
        f"level-0 breaches: {found['breaches']:,} (must be 0)",
        f"other slates in a second process: {found['unlike']:,} of {found['again']:,} (must be 0)",
        f"other slates by the reference: {found['differences']:,} of {compared} (must be 0)",
        f"time: {time}; this run {found['wall_s'] / 60:.1f} min",
    )
    return "\n".join(lines)
