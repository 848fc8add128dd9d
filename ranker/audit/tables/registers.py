"""Tables of what is no record: facts as they were at each revision, rules, and articles."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

from constraints.facts import Facts
from constraints.law import law_rows
from constraints.policy import Policy
from constraints.record_number import normalise
from ranker.audit.tables.manifest import File
from ranker.audit.tables.parquet import write_register
from ranker.audit.tables.schema import Row, Table
from ranker.policies.kept import all_kept

FOREVER: Final = (1 << 63) - 1
"""`until_revision` of what still holds."""
_TOLD: Final = (
    *("title", "kind", "document", "document_number", "document_status", "document_from"),
    *("document_until", "recheck", "support", "support_list", "plan", "themes", "series"),
    *("provider", "program", "people", "room_grade", "anchor_grade", "restriction", "category"),
)
_MORE: Final = (
    *("ai_generated", "ai_label", "minor_impact", "minors_pool"),
    *("restriction_from", "restriction_until", "rated_on", "special_subjects"),
)
SUBJECTS: Final = Table(
    "subjects",
    head={},
    row={
        "subject_id": "text",
        "from_revision": "int",
        "until_revision": "int",
        **dict.fromkeys(_TOLD, "text"),
        "number_key": "text",
        "since_us": "int",
        **dict.fromkeys(_MORE, "text"),
    },
)
CANDIDATES: Final = Table(
    "candidates",
    head={},
    row={
        "candidate_id": "text",
        "from_revision": "int",
        "until_revision": "int",
        "subject_id": "text",
    },
)
ALIASES: Final = Table(
    "aliases",
    head={},
    row={"tag": "text", "from_revision": "int", "until_revision": "int", "theme": "text"},
)
_LISTED: Final = ("list", "member", "from", "until", "order_ref", "note")
LISTINGS: Final = Table(
    "listings",
    head={},
    row={
        "listing_id": "text",
        "from_revision": "int",
        "until_revision": "int",
        "since_us": "int",
        "list": "text",
        "member": "text",
        "from_day": "text",
        "until_day": "text",
        "order_ref": "text",
        "note": "text",
    },
)
RULES: Final = Table(
    "rules",
    head={},
    row={
        "policy_digest": "text",
        "rule_id": "text",
        "type": "text",
        "source": "text",
        "level": "int",
        "mode": "text",
        "citation_zh": "text",
        "citation_en": "text",
    },
)
ARTICLES: Final = Table(
    "articles", head={}, row={"source": "text", "citation_zh": "text", "citation_en": "text"}
)
REGISTERS: Final = (SUBJECTS, CANDIDATES, RULES, ARTICLES, ALIASES, LISTINGS)
"""Every table made from something else than records."""


_WORDS: Final = {f.name for f in fields(Facts) if f.metadata.get("enum")} | {"list"}
_LISTS: Final = {f.name for f in fields(Facts) if f.metadata.get("flags")} | {"themes", "people"}


def number_key(number: str) -> str:
    """Return a licence or filing number as it is compared: one kind of signs, no spaces."""
    return normalise(number).lower()


def _as_compared(name: str, text: str | None) -> str | None:
    """Return a value as rules read it: an import takes words in any case, and spaces in lists."""
    if text is None:
        return None
    told = text.lower() if name in _WORDS else text
    return "|".join(part.strip() for part in told.split("|")) if name in _LISTS else told


def write_registers(data_dir: Path, root: Path) -> tuple[File, ...]:
    """Write the tables anew.

    Args:
        data_dir: folder of facts and policies.
        root: folder of the tables.

    Raises:
        OSError: one cannot be written.
        sqlite3.Error: the fact store cannot be read.
    """
    subjects, candidates = [], []
    path = data_dir / "facts.sqlite"
    for key, begins, ends, since_us, told in _changes(path, "subject"):
        number = number_key(told.get("document_number", ""))
        first = (_as_compared(name, told.get(name)) for name in _TOLD)
        more = (_as_compared(name, told.get(name)) for name in _MORE)
        subjects.append((key, begins, ends, *first, number, since_us, *more))
    for key, begins, ends, _, told in _changes(path, "candidate"):
        candidates.append((key, begins, ends, told.get("subject_id")))
    tags = [(k, b, e, t.get("theme")) for k, b, e, _, t in _changes(path, "alias")]
    entries = [
        (key, begins, ends, since_us, *(_as_compared(n, told.get(n)) for n in _LISTED))
        for key, begins, ends, since_us, told in _changes(path, "listing")
    ]
    rows = law_rows().items()
    articles = [(key, row.citation("zh"), row.citation("en")) for key, row in rows]
    rules = [row for policy in all_kept(data_dir) for row in _rules(policy)]
    told_of: tuple[Sequence[Row], ...] = (subjects, candidates, rules, articles, tags, entries)
    filled = zip(REGISTERS, told_of, strict=True)
    return tuple(write_register(root, table, told) for table, told in filled)


def _changes(path: Path, entity: str) -> Iterator[tuple[str, int, int, int, dict[str, str]]]:
    """Yield each state of each id: id, revisions it holds [from, until), since when, columns."""
    if not path.exists():
        return
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
    try:
        yield from (
            (key, begins, ends or FOREVER, since_us, json.loads(after))
            for key, begins, ends, since_us, after in db.execute(
                "SELECT id, revision, lead(revision) OVER (PARTITION BY id ORDER BY revision),"
                " at_us, after FROM change WHERE entity = ? ORDER BY id, revision",
                (entity,),
            )
        )
    finally:
        db.close()


def _rules(policy: Policy) -> Iterator[Row]:
    """Yield a row for each rule and each row of the law it names."""
    for rule in policy.rules:
        told = rule.model_dump()
        sources = [value for name, value in told.items() if name.endswith("source") and value]
        for source in dict.fromkeys(sources):
            row = law_rows()[source]
            yield (
                *(policy.digest, rule.id, told["type"], source, told.get("level", 0), rule.mode),
                *(row.citation("zh"), row.citation("en")),
            )
