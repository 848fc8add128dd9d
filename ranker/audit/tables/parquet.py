"""Writes tables as Parquet. The only place of the tables that knows how Arrow holds them."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from constraints.errors import SettingsError
from ranker.audit.tables.manifest import File
from ranker.audit.tables.schema import Batch, Row, Table

LEVEL: Final = 3  # of compression
_CHUNK: Final = 1 << 20
MISSING: Final = "install `slotwarden[audit]`: tables need duckdb, pyarrow and xlsxwriter"


def arrow() -> Any:
    """Return pyarrow.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise SettingsError(MISSING) from None
    return pa


def _schema(table: Table) -> Any:
    pa = arrow()
    types = {"text": pa.string(), "int": pa.int64(), "real": pa.float64(), "bool": pa.bool_()}
    return pa.schema([(name, types[kind]) for name, kind in table.columns.items()])


def as_table(table: Table, batch: Batch) -> Any:
    """Return rows as an Arrow table."""
    pa, schema = arrow(), _schema(table)
    of = pa.array(batch.of, pa.int32())
    heads = _columns(batch.heads, schema, 0)
    told = [column.take(of) for column in heads]
    return pa.table([*told, *_columns(batch.rows, schema, len(table.head))], schema=schema)


def _columns(rows: Sequence[Row], schema: Any, begin: int) -> list[Any]:
    pa = arrow()
    columns = zip(*rows, strict=True)
    return [pa.array(each, schema.field(begin + at).type) for at, each in enumerate(columns)]


class Files:
    """Files of one part, written as rows come; they are there whole or not at all.

    Args:
        root: folder of the tables.
        name: of the drafts; no other part has it.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self._open: dict[str, tuple[Table, Any, int]] = {}

    def write(self, table: Table, folder: tuple[str, ...], batch: Batch) -> None:
        """Append rows to the file of their table and folder.

        Raises:
            OSError: it cannot be written.
        """
        path = self._path(table, folder)
        if path not in self._open:
            draft = _draft(self.root / path)
            draft.parent.mkdir(parents=True, exist_ok=True)
            writer = arrow().parquet.ParquetWriter(
                draft, _schema(table), compression="zstd", compression_level=LEVEL
            )
            self._open[path] = (table, writer, 0)
        _, writer, rows = self._open[path]
        writer.write_table(as_table(table, batch))
        self._open[path] = (table, writer, rows + len(batch.rows))

    def _path(self, table: Table, folder: tuple[str, ...]) -> str:
        parts = [
            f"{key}={quote(value, safe='')}" for key, value in zip(table.by, folder, strict=True)
        ]
        return "/".join([table.name, *parts, f"{self.name}.parquet"])

    def close(self, name: str) -> tuple[File, ...]:
        """Put all files in their places, on the disk.

        Args:
            name: of each file, without suffix: other records, another name.

        Raises:
            OSError: one cannot be written.
        """
        done = []
        for path, (table, writer, rows) in sorted(self._open.items()):
            writer.close()
            target = f"{path.rpartition('/')[0]}/{name}.parquet"
            digest = _settled(_draft(self.root / path), self.root / target)
            done.append(File(table=table.name, path=target, rows=rows, sha256=digest))
        return tuple(done)


def write_register(root: Path, table: Table, rows: Sequence[Row]) -> File:
    """Write a whole table as one file, named by what is in it.

    Raises:
        OSError: it cannot be written.
    """
    pa, schema = arrow(), _schema(table)
    columns = _columns(rows, schema, 0) if rows else [pa.array([], f.type) for f in schema]
    draft = _draft(root / table.name / "fresh")
    draft.parent.mkdir(parents=True, exist_ok=True)
    content = pa.table(columns, schema=schema)
    pa.parquet.write_table(content, draft, compression="zstd", compression_level=LEVEL)
    path = f"{table.name}/{_digest(draft)[:16]}.parquet"
    return File(table=table.name, path=path, rows=len(rows), sha256=_settled(draft, root / path))


def _draft(path: Path) -> Path:
    """Return where a file is written first; readers of such folders pass over hidden files."""
    return path.with_name(f".{path.name}.draft")


def _settled(draft: Path, path: Path) -> str:
    digest = _digest(draft)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return digest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_parquet(columns: Mapping[str, str], rows: Sequence[Row], path: Path) -> None:
    """Write an answer as one file.

    Args:
        columns: name → type.
        rows: values, as the types say.
        path: of the file.

    Raises:
        OSError: it cannot be written.
    """
    pa = arrow()
    table: Any = Table("answer", {}, columns)  # type: ignore[arg-type]
    schema = _schema(table)
    told = _columns(rows, schema, 0) if rows else [pa.array([], f.type) for f in schema]
    pa.parquet.write_table(pa.table(told, schema=schema), path)
