"""The rows of the law, read from law.toml: what a rule's `source` refers to."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class LawRow:
    """One row: an article, its short quote, its first day in force and its evidence grade."""

    id: str
    act_zh: str
    act_en: str
    article_zh: str
    article_en: str
    quote_zh: str
    quote_en: str
    since: date
    grade: str

    def citation(self, language: str) -> str:
        """Return each act with its article, the leading one first, in `zh` or `en`."""
        acts, articles, mark = self.act_en, self.article_en, "; "
        if language == "zh":
            acts, articles, mark = self.act_zh, self.article_zh, "；"
        pairs = zip(acts.split(mark), articles.split(mark), strict=True)
        return mark.join(f"{act} {article}" for act, article in pairs)


@cache
def law_rows() -> dict[str, LawRow]:
    """Return id → row of the law shipped with this version."""
    text = files("constraints").joinpath("law.toml").read_text(encoding="utf-8")
    return {key: LawRow(id=key, **row) for key, row in tomllib.loads(text).items()}
