"""What the rules of a page shape ask of each verdict, laid out for the loops that give reasons."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from constraints.catalogue import QUARANTINE
from constraints.effects import Block, Pin, RowEffect, Show, Sink, Weight
from constraints.facts import BoolArray, FloatArray, IntArray, WordArray
from constraints.page import SHAPES_MAX
from constraints.shape import VERDICTS, Shape

BLOCK, SINK, WEIGHT, SHOW = range(4)
"""What an effect does; the loops know nothing of pins."""
Article: TypeAlias = tuple[str, str]
"""Id of a rule, and the row of the law it rests on; the row is empty where none is known."""


class Tables(NamedTuple):
    """The e effects of r rules.

    Attributes:
        column: (r,) int32 column of each rule's verdicts; of rules that do something to rows.
        start: (r * VERDICTS + 1,) int32 the effects of each verdict of each rule.
        kind: (e,) uint8, BLOCK to SHOW.
        article: (e,) int32 whose effect it is, and why.
        word: (e,) uint64 slots of a block.
        ratio: (e,) float64 of a weight, else 1.
        duty: (e,) int32 of what is to be shown, else 0.
        own: int32 article of each rule that steers the page, by its own row of the law.
        labelled: (a,) bool, of each article whether the groups of its rule have names.
        quarantine: article of rows in quarantine.
        slots: word of all slots of the page.
        effects_max: most effects that one row can have.
    """

    column: IntArray
    start: IntArray
    kind: IntArray
    article: IntArray
    word: WordArray
    ratio: FloatArray
    duty: IntArray
    own: IntArray
    labelled: BoolArray
    quarantine: int
    slots: np.uint64
    effects_max: int


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """The articles of a page shape, and their texts.

    Attributes:
        articles: a of them; rules: the ids of theirs.
        text: (b,) uint8, UTF-8 of rule ids and rows, article by article.
        text_start: (2a + 1,) int32; the id of article i is text 2i, its row text 2i + 1.
    """

    articles: tuple[Article, ...]
    rules: tuple[str, ...]
    text: IntArray
    text_start: IntArray

    @classmethod
    def of(cls, articles: tuple[Article, ...]) -> "Named":
        """Lay out the texts of articles."""
        texts = [text.encode() for article in articles for text in article]
        start = np.zeros(len(texts) + 1, np.int32)
        np.cumsum([len(text) for text in texts], out=start[1:])
        text = np.frombuffer(b"".join(texts), np.uint8).copy()
        return cls(articles, tuple(rule for rule, _ in articles), text, start)


@lru_cache(SHAPES_MAX)
def tables_of(shape: Shape) -> tuple[Tables, Named]:
    """Lay out what the rules of a page shape ask."""
    known: dict[Article, int] = {}

    def article(rule: str, source: str) -> int:
        return known.setdefault((rule, source), len(known))

    own = [article(rule.id, rule.source) for rule in shape.rules]
    column, counts, rows, most = list[int](), list[IntArray](), list[tuple[Any, ...]](), 1
    for rule, at, effects in zip(shape.rules, shape.columns, shape.effects, strict=True):
        counted = np.zeros(VERDICTS, np.int32)
        for verdict in sorted(effects):
            told = article(rule.id, rule.source_of(verdict))
            found = [row for effect in effects[verdict] if (row := _row(effect, told))]
            counted[verdict] = len(found)
            rows.extend(found)
        if counted.any():
            column.append(at)
            counts.append(counted)
            most += int(counted.max())
    start = np.zeros(len(column) * VERDICTS + 1, np.int32)
    np.cumsum(np.array(counts, np.int32), out=start[1:])
    quarantine = article(QUARANTINE, "")
    labelled = {rule.id for rule in shape.rules if rule.labels}
    kind, of, word, ratio, duty = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    tables = Tables(
        np.array(column, np.int32),
        start,
        np.array(kind, np.uint8),
        np.array(of, np.int32),
        np.array(word, np.uint64),
        np.array(ratio, np.float64),
        np.array(duty, np.int32),
        np.array(own, np.int32),
        np.array([rule in labelled for rule, _ in known], np.bool_),
        quarantine,
        np.uint64(shape.page.slots),
        most,
    )
    return tables, Named.of(tuple(known))


def _row(effect: RowEffect, article: int) -> tuple[Any, ...]:
    match effect:
        case Block(slots):
            return BLOCK, article, slots, 1.0, 0
        case Sink():
            return SINK, article, 0, 1.0, 0
        case Weight(ratio) if ratio != 1:
            return WEIGHT, article, 0, ratio, 0
        case Show(duty):
            return SHOW, article, 0, 1.0, int(duty)
        case Weight() | Pin():
            return ()
    raise AssertionError(effect)
