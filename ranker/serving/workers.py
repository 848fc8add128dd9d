"""Several server processes on one port: started before any of them knows gRPC, kept running.

The parent holds the port and never listens on it; each worker does (SO_REUSEPORT), and the kernel
spreads connections over them. A worker that ends is started again. A rolling restart stops one,
waits until another is ready in its place, and goes on with the next.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from constraints.errors import SettingsError
from ranker.settings import Settings
from ranker.telemetry import alarm, note

READY_FD: Final = "SLOTWARDEN_READY_FD"
"""Environment variable: where a worker says that it serves."""
READY_S_MAX: Final = 300.0  # LIMIT: of a start, a cold compiler included
BACKOFF_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # before a start that follows a crash
STEADY_S: Final = 60.0  # a worker that ran so long has not crashed in a row
_LOOK_S: Final = 0.1


@dataclass(slots=True)
class _Worker:
    """One worker.

    Attributes:
        process: None while it waits to be started again.
        ready: file the worker writes to when it serves.
        crashes: in a row; due_s: when it is started again.
    """

    process: "subprocess.Popen[bytes] | None" = None
    ready: int = -1
    is_ready: bool = False
    begun_s: float = 0.0
    crashes: int = 0
    due_s: float = 0.0


class Supervisor:
    """Keeps workers running until told to stop.

    Args:
        settings: of all of them; `workers` says how many.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers = [_Worker() for _ in range(settings.workers)]
        self._socket = _reserved(settings.host, settings.port)
        self.port: int = self._socket.getsockname()[1]
        self._stops = self._rolls = False

    def run(self) -> None:
        """Start all, and keep them until SIGTERM or SIGINT; SIGHUP restarts one after the other.

        Raises:
            SettingsError: a worker ends before it ever served.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_asked)
        signal.signal(signal.SIGHUP, self._roll_asked)
        try:
            for index in range(len(self._workers)):  # the first one makes what all share
                self._start(index)
                if not self._awaited(index):
                    raise SettingsError(f"worker {index} ended before it served; see above")
            address = f"{self._settings.host}:{self.port}"
            note("serving", address=address, workers=len(self._workers), pid=os.getpid())
            while not self._stops:
                self._look()
                if self._rolls:
                    self._rolls = False
                    self._roll()
                time.sleep(_LOOK_S)
        finally:
            self._stop()

    def _stop_asked(self, *_: object) -> None:
        self._stops = True

    def _roll_asked(self, *_: object) -> None:
        self._rolls = True

    def _start(self, index: int) -> None:
        worker = self._workers[index]
        if worker.ready >= 0:
            os.close(worker.ready)
        worker.ready, theirs = os.pipe()
        environment = {**os.environ, **self._told(index), READY_FD: str(theirs)}
        command = [sys.executable, "-m", "ranker.serving.worker"]
        worker.process = subprocess.Popen(command, env=environment, pass_fds=(theirs,))
        os.close(theirs)
        worker.is_ready, worker.begun_s = False, time.monotonic()

    def _told(self, index: int) -> Mapping[str, str]:
        """Return the settings of a worker as variables."""
        told = self._settings.model_dump(mode="json") | {"port": self.port, "worker": index}
        if told["metrics_port"]:
            told["metrics_port"] += index
        set_ones = {name: value for name, value in told.items() if value is not None}
        return {f"SLOTWARDEN_{name.upper()}": str(value) for name, value in set_ones.items()}

    def _awaited(self, index: int) -> bool:
        """Wait until a worker serves; tell whether it does."""
        worker = self._workers[index]
        until_s = time.monotonic() + READY_S_MAX
        while time.monotonic() < until_s and not self._stops:
            if self._says_ready(worker):
                return True
            if worker.process is None or worker.process.poll() is not None:
                return False
        return self._stops

    def _says_ready(self, worker: _Worker) -> bool:
        if not worker.is_ready and select.select([worker.ready], [], [], _LOOK_S)[0]:
            worker.is_ready = bool(os.read(worker.ready, 1))
        return worker.is_ready

    def _look(self) -> None:
        """Start again what ended."""
        for index, worker in enumerate(self._workers):
            now_s = time.monotonic()
            if worker.process is None:
                if now_s >= worker.due_s:
                    self._start(index)
            elif (code := worker.process.poll()) is not None:
                is_steady = now_s - worker.begun_s > STEADY_S
                worker.crashes = 1 if is_steady else worker.crashes + 1
                wait_s = BACKOFF_S[min(worker.crashes - 1, len(BACKOFF_S) - 1)]
                worker.process, worker.due_s = None, now_s + wait_s
                alarm("WORKER_ENDED", "a worker ended", worker=index, code=code, again_in_s=wait_s)

    def _roll(self) -> None:
        """Restart one after the other, while the others serve."""
        note("rolling restart", workers=len(self._workers))
        for index, worker in enumerate(self._workers):
            if self._stops:
                return
            self._look()  # others may end meanwhile
            if worker.process is not None:
                worker.process.terminate()
                self._ended(worker)
            self._start(index)
            if not self._awaited(index):
                alarm("ROLL_STOPPED", "a worker did not come back; the rest is not restarted")
                return
        note("rolled", workers=len(self._workers))

    def _ended(self, worker: _Worker) -> None:
        """Wait for a worker that was told to stop; one that does not is killed."""
        assert worker.process is not None
        try:
            worker.process.wait(self._settings.drain_s + self._settings.linger_s + 10)
        except subprocess.TimeoutExpired:
            alarm("WORKER_KILLED", "a worker did not stop in time", pid=worker.process.pid)
            worker.process.kill()
            worker.process.wait()
        worker.process = None

    def _stop(self) -> None:
        running = [worker for worker in self._workers if worker.process is not None]
        for worker in running:
            assert worker.process is not None
            worker.process.terminate()
        for worker in running:
            self._ended(worker)
        for worker in self._workers:
            if worker.ready >= 0:
                os.close(worker.ready)
        self._socket.close()
        note("stopped", workers=len(self._workers))


def _reserved(host: str, port: int) -> socket.socket:
    """Hold a port without listening on it.

    Raises:
        OSError: it is taken by somebody else.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        held.bind((host, port))
    except OSError as error:
        held.close()
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return held
