"""Asks DuckDB, in a process of its own that can read the tables and nothing else.

`python -m ranker.audit.tables.engine` reads one task as JSON from standard input and writes one
answer as JSON. What SQL may do is held four times: one SELECT alone is run; DuckDB opens no file
but those below the folder of tables, and its configuration is locked; the process may write no
byte to any file; and it is interrupted when its time is over.
"""

import json
import math
import os
import resource
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ranker.audit.tables.kinds import LOGGED
from ranker.audit.tables.manifest import Manifest
from ranker.audit.tables.registers import REGISTERS
from ranker.audit.tables.schema import DATE, SURFACE, Table

NICE: Final = 19
ANSWER_BYTES_MAX: Final = 256 << 20  # LIMIT: text of one answer
_SQL_TYPES: Final = {"text": "VARCHAR", "int": "BIGINT", "real": "DOUBLE", "bool": "BOOLEAN"}
_FOLDERS: Final = {DATE: "DATE", SURFACE: "VARCHAR"}
_INTS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_INT_MAX: Final = (1 << 63) - 1
_REALS: Final = ("FLOAT", "DOUBLE", "DECIMAL")


class RefusedError(Exception):
    """What was asked cannot be answered; the text is for who asked."""


def opened(manifests: Mapping[Path, Manifest], threads: int, memory_mb: int) -> Any:
    """Open an empty database whose views are the tables, and lock it.

    Args:
        manifests: folders of tables, absolute, and what names their files: one of each log. What
            is no record, facts and rules, is that of the first.
        threads: LIMIT of a query.
        memory_mb: LIMIT of a query.
    """
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
        "temp_directory": "",
        "threads": threads,
        "memory_limit": f"{memory_mb}MB",
    }
    db = duckdb.connect(":memory:", config=settings)
    allowed = ", ".join(_quoted(f"{root}/") for root in manifests)
    db.execute(f"SET allowed_directories = [{allowed}]")
    db.execute("SET enable_external_access = false")
    for table in (*LOGGED, *REGISTERS):
        roots = list(manifests)[:1] if table in REGISTERS else list(manifests)
        paths = [
            str(root / file.path)
            for root in roots
            for file in reversed(manifests[root].files)  # the newest first: who wants those is fast
            if file.table == table.name
        ]
        db.execute(f"CREATE VIEW {table.name} AS {_view(table, paths)}")
    db.execute("SET lock_configuration = true")
    return db


def _view(table: Table, paths: list[str]) -> str:
    """Say in SQL what a table is: its files, or nothing of its columns."""
    if paths:
        told = ", ".join(map(_quoted, paths))
        types = ", ".join(f"'{name}': {_FOLDERS[name]}" for name in table.by)
        hive = f", hive_types = {{{types}}}" if types else ""
        by = "true" if types else "false"
        return f"SELECT * FROM read_parquet([{told}], hive_partitioning = {by}{hive})"
    columns = {name: _SQL_TYPES[kind] for name, kind in table.columns.items()}
    columns |= {name: _FOLDERS[name] for name in table.by}
    told = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
    return f"SELECT * FROM (SELECT {told}) WHERE false"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def checked(db: Any, sql: str) -> str:
    """Return SQL that is one SELECT.

    Raises:
        RefusedError: it is something else, or cannot be parsed.
    """
    import duckdb

    text = sql.strip().rstrip(";").strip()
    for tried in (text, f"SELECT * FROM ({text}\n) LIMIT 1"):  # one that ends the bracket is none
        try:
            found = db.extract_statements(tried)
        except duckdb.Error as error:
            raise RefusedError(_first_line(error)) from None
        if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
            raise RefusedError("only one SELECT is answered")
    return text


def ask(db: Any, sql: str, values: dict[str, Any], rows: int, seconds: float) -> dict[str, Any]:
    """Answer one SELECT.

    Args:
        db: as `opened`.
        sql: with `$name` for values.
        values: of those names.
        rows: LIMIT of rows; one more tells that there are more.
        seconds: LIMIT of time.

    Returns:
        `columns` as pairs of name and type, `rows`, and `more`.

    Raises:
        RefusedError: it cannot be answered, or took too long.
    """
    import duckdb

    text = checked(db, sql)
    timer = threading.Timer(seconds, db.interrupt)
    timer.start()
    try:
        db.execute(f"SELECT * FROM ({text}\n) LIMIT {rows + 1}", values)
        columns = [(told[0], _type(str(told[1]))) for told in db.description or ()]
        found = db.fetchall()
    except duckdb.InterruptException:
        raise RefusedError(f"it took longer than {seconds:g} seconds") from None
    except duckdb.Error as error:
        raise RefusedError(_first_line(error)) from None
    finally:
        timer.cancel()
    kinds = [_fitting(kind, [row[at] for row in found]) for at, (_, kind) in enumerate(columns)]
    told = [[_cell(v, k) for v, k in zip(row, kinds, strict=True)] for row in found[:rows]]
    names = [name for name, _ in columns]
    columns = list(zip(names, kinds, strict=True))
    return {"columns": columns, "rows": told, "more": len(found) > rows}


def _fitting(kind: str, values: list[Any]) -> str:
    """Return the type of a column: whole numbers that other programs could not hold are text."""
    is_large = kind == "int" and any(abs(value) > _INT_MAX for value in values if value)
    return "text" if is_large else kind


def _type(told: str) -> str:
    if told == "BOOLEAN":
        return "bool"
    if told.removeprefix("U") in _INTS:
        return "int"
    return "real" if told.startswith(_REALS) else "text"


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "text":
        return str(value)
    if kind == "real":
        return float(value) if math.isfinite(value) else None
    return value


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "cannot be read")


def answer(task: dict[str, Any]) -> dict[str, Any]:
    """Answer a task: see `asking.Asking`."""
    manifests = {}
    for root in map(Path, task["roots"]):
        manifest = Manifest.load(root)
        if manifest is None:
            return {"refused": "there are no tables yet; run `slotwarden audit rotate`"}
        manifests[root] = manifest
    try:
        db = opened(manifests, task["threads"], task["memory_mb"])
        told = ask(db, task["sql"], task["values"], task["rows"], task["seconds"])
    except RefusedError as error:
        return {"refused": str(error)}
    told |= {
        "last_sequence": sum(one.last_sequence for one in manifests.values()),
        "rotated_us": min(one.rotated_us for one in manifests.values()),
        "left_out": sum(len(one.left_out) for one in manifests.values()),
    }
    return told


def main() -> int:
    """Answer the task on standard input."""
    os.nice(NICE)
    task = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    text = json.dumps(answer(task), ensure_ascii=False)
    if len(text) > ANSWER_BYTES_MAX:
        text = json.dumps({"refused": "the answer is too large; ask for fewer rows"})
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
