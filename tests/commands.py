"""Runs `slotwarden` in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = int(os.environ.get("COMMAND_S", "60"))
SLOTWARDEN = str(Path(sys.executable).with_name("slotwarden"))


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    def fault(self) -> str:
        """Return the one line a command that failed says."""
        assert (self.code, self.out) == (1, "")
        (line,) = self.err.splitlines()
        return line


def spawn(*arguments: str | Path, **environment: str) -> Done:
    """Run a command to its end."""
    done = subprocess.run(
        [SLOTWARDEN, *map(str, arguments)],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | environment,
        timeout=TIMEOUT_S,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def serving(data_dir: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start a server and wait until it serves; yield the process and its address."""
    command = [SLOTWARDEN, "serve", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield process, _address(process)
        finally:
            process.kill()


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr
    for line in process.stderr:
        told = json.loads(line)
        if told["message"] == "serving":
            return str(told["address"])
    raise AssertionError("it never served")
