"""Files that are there whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, raw: bytes) -> None:
    """Write a file, or put it in place of an older one; it is on the disk when this returns.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    draft = path.with_name(path.name + ".draft")
    with draft.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_path(path.parent)


def sync_path(path: Path) -> None:
    """Put on the disk what a file holds, or the names in a folder; whoever wrote them.

    Raises:
        OSError: that failed.
    """
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
