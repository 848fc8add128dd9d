"""Records of the log as commands name them: by number or by decision id."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

from constraints.errors import quoted
from ranker.audit.checking import read_records
from ranker.audit.desk import FOLDER as DESK
from ranker.audit.log import FOLDER
from ranker.audit.logs import homes_of
from ranker.audit.lookup import Lookup, decision_of
from ranker.audit.records import Stored
from ranker.audit.segments import segments_of
from ranker.cli.shared import fail, settings_with

DIGITS_MAX: Final = 20  # of a number of a record; an id has more


def log_folders(data_dir: Path | None) -> list[Path]:
    """Return the folders of all logs, by worker, or say that there is none."""
    where = settings_with(data_dir=data_dir).data_dir
    folders = [home / FOLDER for home in homes_of(where)]
    if not folders:
        fail(f"{where / FOLDER}: holds no decision log")
    return folders


def all_folders(data_dir: Path | None) -> list[Path]:
    """Return the same, and that of the desk's log behind them, where there is one."""
    desk = settings_with(data_dir=data_dir).data_dir / DESK / FOLDER
    return log_folders(data_dir) + ([desk] if desk.is_dir() else [])


def log_folder(data_dir: Path | None) -> Path:
    """Return the folder of a log of its own, or say that there is none."""
    folder = settings_with(data_dir=data_dir).data_dir / FOLDER
    if not segments_of(folder):
        fail(f"{folder}: holds no decision log")
    return folder


def located(data_dir: Path | None, which: list[str]) -> tuple[Path, list[int]]:
    """Turn numbers and decision ids into the log they stand in, and their numbers there.

    A number is one of the first worker's log, `worker-1/23` one of another's.
    """
    folders = log_folders(data_dir)
    found: dict[str, tuple[Path, int]] = {}
    for one in which:
        if placed := _numbered(folders, one):
            found[one] = placed
    for folder in folders:
        wanted = {one for one in which if one not in found}
        found |= {one: (folder, number) for one, number in _decisions(folder, wanted).items()}
    for one in which:
        if one not in found:
            fail(f"`{quoted(one)}` is no decision of this log")
    logs = dict.fromkeys(folder for folder, _ in found.values())
    if len(logs) > 1:
        fail(f"they stand in {len(logs)} logs, of several workers: ask for those of one at a time")
    return next(iter(logs)), [found[one][1] for one in which]


def _numbered(folders: list[Path], which: str) -> tuple[Path, int] | None:
    """Read a number of a record, if it is one."""
    home, slash, number = which.rpartition("/")
    if not (number.isascii() and number.isdigit() and len(number) < DIGITS_MAX):
        return None
    if not slash:
        return folders[0], int(number)
    for folder in folders:
        if folder.parent.name == home:
            return folder, int(number)
    return fail(f"`{quoted(home)}` has no log here")


def _decisions(folder: Path, wanted: set[str]) -> dict[str, int]:
    """Return the numbers of those decisions that stand in a log."""
    known, lookup = dict[str, int](), Lookup(folder.parent)
    for one in sorted(wanted):
        if (frame := lookup.indexed_id(one)) is not None:
            known[one] = frame.sequence
    if left := wanted - known.keys():
        first = min(map(lookup.search_from, left))
        for stored in whole(read_records(folder, first), folder):
            if (found := decision_of(stored)) in left:
                known[found] = stored.envelope.sequence
    return known


def whole(records: Iterator[Stored], folder: Path) -> Iterator[Stored]:
    """Yield the records of a log, or say where it is not whole."""
    try:
        yield from records
    except (ValueError, OSError) as error:
        not_whole(folder, error)


def not_whole(folder: Path, error: Exception) -> NoReturn:
    """Say where a log is not whole, and end."""
    fail(f"{folder}: {error}; run `slotwarden audit fsck`")
