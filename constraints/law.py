"""The rows of the law, read from law.toml: what a rule's `source` refers to."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Final

GRADES: Final = ("A", "B", "C", "R", "P")
DECIDES: Final = ("slot", "log")
PLATFORM: Final = "PLATFORM"
"""Row of rules that no article asks for."""


@dataclass(frozen=True, slots=True)
class LawRow:
    """One row: an article, its short quote, its first day in force and its evidence grade.

    Attributes:
        act_zh, act_en, article_zh, article_en: acts and their articles, parted by `；` and `; `.
        since, until: first day in force, and the first day no longer in force.
        reading_zh, reading_en: how the rules read it, and the strict side for unknown facts.
        grade: A to C by evidence, R recalled, P platform policy.
        decides: `slot`, or `log` where it decides no slot; then `why_zh` and `why_en` say why.
    """

    id: str
    act_zh: str
    act_en: str
    article_zh: str
    article_en: str
    quote_zh: str
    quote_en: str
    since: date
    grade: str
    until: date | None = None
    reading_zh: str = ""
    reading_en: str = ""
    decides: str = "slot"
    why_zh: str = ""
    why_en: str = ""

    def __post_init__(self) -> None:
        if self.grade not in GRADES or self.decides not in DECIDES:
            raise ValueError(f"law.toml: {self.id}: grade or decides is none of the known")
        if self.until is not None and self.until <= self.since:
            raise ValueError(f"law.toml: {self.id}: until: must be after since")
        if (self.decides == "slot") != (not self.why_zh and not self.why_en):
            raise ValueError(f"law.toml: {self.id}: why_zh: is for rows that decide no slot")
        is_read = self.decides == "slot" and self.id != PLATFORM
        if (is_read, is_read) != (bool(self.reading_zh), bool(self.reading_en)):
            raise ValueError(f"law.toml: {self.id}: reading_zh: is for rows that decide a slot")

    def citation(self, language: str) -> str:
        """Return each act with its article, the leading one first, in `zh` or `en`."""
        acts, articles, mark = self.act_en, self.article_en, "; "
        if language == "zh":
            acts, articles, mark = self.act_zh, self.article_zh, "；"
        pairs = zip(acts.split(mark), articles.split(mark), strict=True)
        return mark.join(act if article in "—-" else f"{act} {article}" for act, article in pairs)


@cache
def law_rows() -> dict[str, LawRow]:
    """Return id → row of the law shipped with this version."""
    text = files("constraints").joinpath("law.toml").read_text(encoding="utf-8")
    return {key: LawRow(id=key, **row) for key, row in tomllib.loads(text).items()}
