"""Tables of what is no record: facts as they were at each revision, rules, and articles."""

import json
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from constraints.law import law_rows
from constraints.policy import Policy
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
SUBJECTS: Final = Table(
    "subjects",
    head={},
    row={
        "subject_id": "text",
        "from_revision": "int",
        "until_revision": "int",
        **dict.fromkeys(_TOLD, "text"),
        "number_key": "text",
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
REGISTERS: Final = (SUBJECTS, CANDIDATES, RULES, ARTICLES)
"""Every table made from something else than records."""


def number_key(number: str) -> str:
    """Return a licence or filing number as it is compared: one width of signs, no spaces."""
    return "".join(unicodedata.normalize("NFKC", number).split()).lower()


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
    for row in _changes(data_dir / "facts.sqlite", "subject"):
        key, begins, ends, told = row
        number = number_key(told.get("document_number", ""))
        subjects.append((key, begins, ends, *(told.get(name) for name in _TOLD), number))
    for key, begins, ends, told in _changes(data_dir / "facts.sqlite", "candidate"):
        candidates.append((key, begins, ends, told.get("subject_id")))
    rows = law_rows().items()
    articles = [(key, row.citation("zh"), row.citation("en")) for key, row in rows]
    rules = [row for policy in all_kept(data_dir) for row in _rules(policy)]
    filled = zip(REGISTERS, (subjects, candidates, rules, articles), strict=True)
    return tuple(write_register(root, table, told) for table, told in filled)


def _changes(path: Path, entity: str) -> Iterator[tuple[str, int, int, dict[str, str]]]:
    """Yield each state of each id: id, revisions it holds [from, until), columns."""
    if not path.exists():
        return
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
    try:
        yield from (
            (key, begins, ends or FOREVER, json.loads(after))
            for key, begins, ends, after in db.execute(
                "SELECT id, revision, lead(revision) OVER (PARTITION BY id ORDER BY revision),"
                " after FROM change WHERE entity = ? ORDER BY id, revision",
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
