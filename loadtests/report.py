"""Adds verdicts up, and prints them as a table or as JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from loadtests.judge import Verdict
from loadtests.run import Run

EXAMPLES_MAX: Final = 5  # faults told in words, a kind
NOT_APPLICABLE: Final = "n/a"


@dataclass(slots=True)
class Summary:
    """The figures of one data set.

    Attributes:
        is_hostile: the solver was: its slates are lawful, and nothing more is asked of them.
        figures: name → number, in the order of the table; those in `bad` must be 0.
        bad: names of figures that must be 0.
        relaxed: rule id → how much was given up.
        examples: faults in words.
    """

    is_hostile: bool
    figures: dict[str, float] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    relaxed: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Every figure that must be 0 is 0."""
        return not any(self.figures[name] for name in self.bad)

    def must_be_zero(self, name: str, value: int, examples: Iterable[str] = ()) -> None:
        """Note a figure that must be 0, and a few words on why it is not."""
        self.figures[name] = value
        self.bad.add(name)
        self.examples += [f"{name}: {one}" for one in examples][:EXAMPLES_MAX]


def summarise(
    run: Run, verdicts: Iterable[Verdict], books: Iterable[str], *, is_hostile: bool
) -> Summary:
    """Add one data set up.

    Args:
        run: what was asked and answered.
        verdicts: of its pages, in order.
        books: faults that replies show only in a row.
        is_hostile: the solver was.
    """
    told = Summary(is_hostile)
    judged = [(page["name"], one) for (page, _), one in zip(run.pages, verdicts, strict=True)]
    books = list(books)

    def words(kind: str) -> list[str]:
        return [f"{name}: {fault}" for name, one in judged for fault in getattr(one, kind)]

    def total(kind: str) -> int:
        return sum(getattr(one, kind) for _, one in judged)

    def where(kind: str) -> list[str]:
        return [name for name, one in judged if getattr(one, kind)]

    told.figures["pages"] = len(judged)
    told.must_be_zero("failed calls", len(run.failures), run.failures)
    for name, kind in (("hard violations", "hard"), ("untrue statements", "untrue")):
        told.must_be_zero(name, len(words(kind)), words(kind))
    told.must_be_zero("broken books", len(books), books)
    told.figures["empty slots"] = total("empty")
    for name, kind in (
        ("empty slots the greedy fills", "fillable"),
        ("pages below the greedy", "is_below"),
        ("unexplained moves", "unexplained"),
        ("slots withdrawn", "withdrawn"),
    ):
        if is_hostile:
            told.figures[name] = total(kind)
        else:
            told.must_be_zero(name, total(kind), where(kind))
    for _, one in judged:
        told.relaxed.update(one.relaxed)
    told.must_be_zero("relaxed mismatches", len(words("mismatches")), words("mismatches"))
    told.figures["p50 ms"] = percentile(run.latencies_ms, 50)
    told.figures["p99 ms"] = percentile(run.latencies_ms, 99)
    told.figures["pages/s"] = len(judged) / run.seconds if run.seconds else 0.0
    return told


def percentile(values: list[float], share: int) -> float:
    """Return the value that `share` in 100 do not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * share // 100) - 1, 0)] if ordered else 0.0


_NOT_OF_HOSTILE: Final = (  # a solver without reason has no reasons
    "empty slots the greedy fills",
    "pages below the greedy",
    "unexplained moves",
)
_ROWS: Final = (
    "pages", "failed calls", "hard violations", "untrue statements", "broken books",
    "empty slots", "empty slots the greedy fills", "pages below the greedy", "unexplained moves",
    "slots withdrawn", "relaxed mismatches", "relaxed", "p50 ms", "p99 ms", "pages/s",
)  # fmt: skip


def print_table(summaries: Mapping[str, Summary], title: str) -> None:
    """Print a column a data set; what must be 0 and is not is red."""
    table = Table(title=title, caption="* must be 0", title_justify="left", caption_justify="left")
    table.add_column("")
    for name in summaries:
        table.add_column(name, justify="right")
    for row in _ROWS:
        if row == "relaxed":
            for rule_id in sorted({rule for one in summaries.values() for rule in one.relaxed}):
                counts = [str(one.relaxed[rule_id]) for one in summaries.values()]
                table.add_row(f"relaxed: {rule_id}", *counts)
            continue
        star = "*" if any(row in one.bad for one in summaries.values()) else ""
        table.add_row(row + star, *(_cell(one, row) for one in summaries.values()))
    Console().print(table)


def _cell(summary: Summary, row: str) -> str:
    if summary.is_hostile and row in _NOT_OF_HOSTILE:
        return NOT_APPLICABLE
    value = summary.figures[row]
    text = f"{value:.2f}" if row.endswith("ms") else f"{value:.0f}"
    return f"[bold red]{text}[/]" if row in summary.bad and value else text


def as_json(summaries: Mapping[str, Summary], **run: Any) -> dict[str, Any]:
    """Return everything as one object."""
    return {
        **run,
        "is_clean": all(one.is_clean for one in summaries.values()),
        "data_sets": {
            name: {
                **{
                    key.replace(" ", "_").replace("/", "_per_"): None
                    if one.is_hostile and key in _NOT_OF_HOSTILE
                    else value
                    for key, value in one.figures.items()
                },
                "relaxed": dict(sorted(one.relaxed.items())),
                "faults": one.examples,
            }
            for name, one in summaries.items()
        },
    }
