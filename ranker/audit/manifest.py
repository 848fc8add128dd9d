"""A statement a day that commits to all logs: their checkpoints, in a record of the desk's log."""

import json
from collections.abc import Sequence
from pathlib import Path

from ranker.audit.checkpoint import CHECKPOINT, Checkpoint
from ranker.audit.desk import note_at_desk
from ranker.audit.log import FOLDER

ACTION = "manifest"


def commit_to(data_dirs: Sequence[Path]) -> tuple[int, list[str]]:
    """Record the last checkpoints of some logs at the desk of the first.

    Args:
        data_dirs: of the servers.

    Returns:
        The number of the record, and the checkpoints.

    Raises:
        ValueError: nothing of a log was signed yet.
        SettingsError, OverloadedError, OSError: it could not be recorded.
    """
    notes = []
    for one in data_dirs:
        path = one / FOLDER / CHECKPOINT
        if not path.exists():
            raise ValueError(f"{path}: there is none; nothing of this log was signed yet")
        notes.append(path.read_text(encoding="utf-8"))
    named = ", ".join(f"{c.origin} {c.size}" for c in map(Checkpoint.parse, notes))
    told = json.dumps(notes, ensure_ascii=False)
    return note_at_desk(data_dirs[0], ACTION, "", named, told), notes
