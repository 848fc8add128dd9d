"""The manifest: which files are the tables, what range of records each covers, and its SHA-256."""

import json
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from ranker.files import write_whole

FOLDER: Final = "query"
MANIFEST: Final = "manifest.json"
INDEX: Final = "index.sqlite"
SCHEMA: Final = 1


class File(BaseModel):
    """One file of a table.

    Attributes:
        table: its name.
        path: below the folder of the tables.
        rows: how many.
        sha256: of its bytes, hex.
    """

    model_config = ConfigDict(frozen=True)

    table: str
    path: str
    rows: int
    sha256: str


class Part(BaseModel):
    """What was made from a run of segments of one day.

    Attributes:
        first, last: numbers of its records; last is first - 1 where there is none yet.
        is_final: its segments are full: it is never made again.
        left_out: places in segments that are not whole records.
        files: with these records alone.
    """

    model_config = ConfigDict(frozen=True)

    first: int
    last: int
    is_final: bool
    left_out: tuple[str, ...] = ()
    files: tuple[File, ...] = ()


class Manifest(BaseModel):
    """What the tables are.

    Attributes:
        form: of this file and of the tables.
        origin: name of the log.
        rotated_us: when, microseconds since 1970 (UTC).
        signed: records under the checkpoint of that moment.
        parts: of the log, in order.
        registers: files of what is no record: facts, rules, articles.
    """

    form: int = SCHEMA
    origin: str = ""
    rotated_us: int = 0
    signed: int = 0
    parts: tuple[Part, ...] = ()
    registers: tuple[File, ...] = ()

    @property
    def last_sequence(self) -> int:
        """Number of the last record the tables reach, 0 for none."""
        return self.parts[-1].last if self.parts else 0

    @property
    def files(self) -> list[File]:
        """All files."""
        return [file for part in self.parts for file in part.files] + list(self.registers)

    @property
    def left_out(self) -> list[str]:
        """Places of the log that are not whole records."""
        return [place for part in self.parts for place in part.left_out]

    @classmethod
    def load(cls, folder: Path) -> "Manifest | None":
        """Read the manifest of a folder of tables; None where there is none of this form.

        Raises:
            OSError: it cannot be read.
        """
        try:
            found = cls.model_validate_json((folder / MANIFEST).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return found if found.form == SCHEMA else None

    def save(self, folder: Path) -> None:
        """Write it; from then on its files are the tables.

        Raises:
            OSError: it cannot be written.
        """
        told = self.model_dump(mode="json") | {"last_sequence": self.last_sequence}
        text = json.dumps(told, ensure_ascii=False, indent=1)
        write_whole(folder / MANIFEST, f"{text}\n".encode())
