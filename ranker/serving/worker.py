"""One worker of several: `python -m ranker.serving.worker`, started by the supervisor alone."""

import os
import signal
import threading

from ranker.serving.server import Server
from ranker.serving.workers import READY_FD
from ranker.settings import Settings
from ranker.telemetry import log_as_json

AWAKE_S = 0.5  # a signal may reach any thread, and its handler runs when the main one wakes


def main() -> None:
    """Serve until told to stop, or until the supervisor is gone."""
    # Ours alone: processes we start are told settings by the same kind of name.
    ready_fd = int(os.environ.pop(READY_FD))
    settings, parent = Settings(), os.getppid()
    log_as_json(worker=settings.worker)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = Server(settings)
    server.start()
    with os.fdopen(ready_fd, "wb") as ready:
        ready.write(b"1")
    while not stop.wait(AWAKE_S):
        if os.getppid() != parent:  # nobody would ever stop us
            break
    server.stop()


if __name__ == "__main__":
    main()
