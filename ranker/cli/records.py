"""Records of the log as commands name them: by number or by decision id."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

from constraints.errors import quoted
from ranker.audit.checking import read_records
from ranker.audit.log import FOLDER
from ranker.audit.lookup import Lookup, decision_of
from ranker.audit.records import Stored
from ranker.audit.segments import segments_of
from ranker.cli.shared import fail, settings_with

DIGITS_MAX: Final = 20  # of a number of a record; an id has more


def log_folder(data_dir: Path | None) -> Path:
    """Return the folder of the log, or say that there is none."""
    folder = settings_with(data_dir=data_dir).data_dir / FOLDER
    if not segments_of(folder):
        fail(f"{folder}: holds no decision log")
    return folder


def numbers_of(folder: Path, which: list[str]) -> list[int]:
    """Turn numbers and decision ids into numbers."""
    wanted, known = {one for one in which if not _is_number(one)}, dict[str, int]()
    lookup = Lookup(folder.parent)
    for one in sorted(wanted):
        if (frame := lookup.indexed_id(one)) is not None:
            known[one] = frame.sequence
    if left := wanted - known.keys():
        first = min(map(lookup.search_from, left))
        for stored in whole(read_records(folder, first), folder):
            if (found := decision_of(stored)) in wanted:
                known[found] = stored.envelope.sequence
    for one in sorted(wanted - known.keys()):
        fail(f"`{quoted(one)}` is no decision of this log")
    return [known[one] if one in known else int(one) for one in which]


def _is_number(which: str) -> bool:
    return which.isascii() and which.isdigit() and len(which) < DIGITS_MAX


def whole(records: Iterator[Stored], folder: Path) -> Iterator[Stored]:
    """Yield the records of a log, or say where it is not whole."""
    try:
        yield from records
    except (ValueError, OSError) as error:
        not_whole(folder, error)


def not_whole(folder: Path, error: Exception) -> NoReturn:
    """Say where a log is not whole, and end."""
    fail(f"{folder}: {error}; run `slotwarden audit fsck`")
