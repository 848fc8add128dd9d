"""A copy of a data folder that a server can go on from, taken while another one runs.

What is rebuilt from the rest (snapshots, tables, the index of what was shown) is left out. What
names other things is copied before them, and each file is looked for when its turn comes: of a log
the checkpoint first, which must never state more records than the copy holds; then policies and
keys of viewers; facts last.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from constraints.errors import SettingsError
from ranker.audit.checkpoint import CHECKPOINT, KEY, PUBLIC
from ranker.audit.desk import FOLDER as DESK
from ranker.audit.log import FOLDER as LOG
from ranker.audit.logs import homes_of
from ranker.audit.retention import HOLDS
from ranker.audit.segments import segments_of
from ranker.audit.viewers import FOLDER as VIEWERS
from ranker.audit.witness import COSIGNED
from ranker.files import sync_path
from ranker.policies.kept import FOLDER as POLICIES

FACTS: Final = "facts.sqlite"
_SINGLE: Final = (HOLDS, "page_token.keys")
_FOLDERS: Final = (POLICIES, VIEWERS)


class Copied(NamedTuple):
    """What was copied: logs with their records' files, and bytes of all files."""

    logs: int
    files: int
    bytes_copied: int


def back_up(data_dir: Path, out: Path, tick: Callable[[int], None] = lambda done: None) -> Copied:
    """Copy a data folder.

    Args:
        data_dir: of a server that may be running.
        out: folder that is not there yet; readable to its owner alone, for it holds keys.
        tick: told how many files were copied.

    Raises:
        SettingsError: the folder is there already, or there is nothing to copy.
        OSError, sqlite3.Error: something cannot be copied; `out` is taken away again.
    """
    homes = homes_of(data_dir)
    if (data_dir / DESK / LOG).is_dir():
        homes.append(data_dir / DESK)
    if out.exists():
        raise SettingsError(f"{out}: is there already")
    if not homes and not (data_dir / FACTS).exists():
        raise SettingsError(f"{data_dir}: holds nothing of a server")
    out.mkdir(mode=0o700, parents=True)
    try:
        return _copied(data_dir, homes, out, tick)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def _copied(data_dir: Path, homes: list[Path], out: Path, tick: Callable[[int], None]) -> Copied:
    copied: list[Path] = []
    for source in chain(chain.from_iterable(map(_of_log, homes)), _shared(data_dir)):
        target = out / source.relative_to(data_dir)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        copied.append(target)
        tick(len(copied))
    if (data_dir / FACTS).exists():  # last: every decision copied finds its revision
        _copy_facts(data_dir / FACTS, out / FACTS)
        copied.append(out / FACTS)
    for folder in {path.parent for path in copied}:
        sync_path(folder)
    return Copied(len(homes), len(copied), sum(path.stat().st_size for path in copied))


def _shared(data_dir: Path) -> Iterator[Path]:
    """Yield the files that all workers share, but facts."""
    yield from filter(Path.is_file, (data_dir / name for name in _SINGLE))
    for name in _FOLDERS:
        yield from filter(Path.is_file, sorted((data_dir / name).rglob("*")))


def _of_log(home: Path) -> Iterator[Path]:
    """Yield the files of a log in the order they must be copied in; its tree is made anew."""
    for first in (home / KEY, home / PUBLIC, home / LOG / CHECKPOINT, home / LOG / COSIGNED):
        if first.exists():
            yield first
    yield from segments_of(home / LOG)


def _copy_facts(source: Path, target: Path) -> None:
    """Copy the fact store as it stands between two changes."""
    held = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
    made = sqlite3.connect(target)
    try:
        held.backup(made)
    finally:
        made.close()
        held.close()
