"""Keeps the tables of the decision log fresh: `slotwarden audit rotate`, beside the server."""

import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ranker.telemetry import alarm, note

NICE: Final = ("nice", "-n", "19")  # pages come first
_COMMAND: Final = "from ranker.cli import main; main()"


class Rotator:
    """Rotates now and then in a process of its own, which yields to all others.

    Args:
        data_dir: folder of the logs.
        every_s: how often, 0 for never. Without the extra `audit` it is never.
        monotonic_s: clock.
    """

    def __init__(
        self, data_dir: Path, every_s: float, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._data_dir, self._now_s = data_dir, monotonic_s
        self._every_s = every_s if find_spec("pyarrow") else 0.0
        self._due_s = monotonic_s() + every_s
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Begin a rotation that is due, and tell how the last one ended."""
        if self._process is not None:
            self._ended(self._process)
        elif self._every_s and self._now_s() >= self._due_s:
            self._due_s = self._now_s() + self._every_s
            command = [*NICE, sys.executable, "-P", "-c", _COMMAND, "audit", "rotate"]
            where = ["--workers", "1", "--data-dir", str(self._data_dir), "--json"]
            try:
                self._process = subprocess.Popen(
                    [*command, *where], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
                )
            except OSError as error:
                alarm("NOT_ROTATED", "the tables were not made", fault=str(error))

    def _ended(self, process: "subprocess.Popen[bytes]") -> None:
        code = process.poll()
        if code is None:
            return
        self._process = None
        assert process.stderr is not None
        with process.stderr as stream:
            told = stream.read().decode("utf-8", "replace")[-200:]
        if code:
            alarm("NOT_ROTATED", "the tables were not made", fault=told.strip())
        else:
            note("tables rotated")

    def stop(self) -> None:
        """End a rotation that is under way; the next one takes its remains away."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None
