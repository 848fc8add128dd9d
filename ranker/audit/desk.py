"""The log of what people do at the command line: a server holds its own log, this one is theirs.

`DATA_DIR/desk` is a data folder like a server's: its log has a key, a tree and checkpoints of its
own, and every `slotwarden audit` command reads it with `--data-dir DATA_DIR/desk`.
"""

import time
from pathlib import Path
from typing import Final

from constraints.errors import SettingsError
from ranker.audit.log import DecisionLog
from ranker.audit.sealing import Sealer

FOLDER: Final = "desk"
WAIT_S: Final = 10.0  # LIMIT: how long a command waits for another one to finish its record


def note_at_desk(data_dir: Path, action: str, before: str, after: str, told: str = "") -> int:
    """Record what a person does; it is on the disk, and signed, when this returns.

    Args:
        data_dir: of the server.
        action: see `Envelope.action`.
        before: what it was, by digest or revision.
        after: what it is now.
        told: in words.

    Returns:
        The number of the record.

    Raises:
        SettingsError, OverloadedError, OSError: it could not be recorded; it must not be done.
    """
    log = _opened(data_dir / FOLDER)
    try:
        sealer = Sealer(log, data_dir / FOLDER)
        sequence = log.control(action, before, after, told)
        sealer.seal()
    finally:
        log.close()
    return sequence


def _opened(folder: Path) -> DecisionLog:
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            return DecisionLog(folder, "disk")
        except SettingsError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.02)
