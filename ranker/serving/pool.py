"""The threads that decide pages, and what they refuse: too many calls, and the lesser of many."""

import threading
from concurrent import futures
from typing import Any, Final

from constraints.errors import OverloadedError
from ranker.serving.identities import Priority

ASIDE: Final = "refuse"  # threads that answer what finds no place, health probes too
RETRY_MS: Final = 50  # when to try again after too many calls at once
_SHARES: Final[dict[Priority, float]] = {"low": 0.25, "normal": 0.75, "high": 1.0}
"""Share of `calls_max` that may run or wait before calls of a priority are refused."""


class Pool(futures.ThreadPoolExecutor):
    """The threads that decide pages. Calls beyond the limit go to others, aside, to be refused."""

    def __init__(self, threads: int, calls_max: int) -> None:
        super().__init__(threads, thread_name_prefix="rerank")
        self._aside = futures.ThreadPoolExecutor(2, thread_name_prefix=ASIDE)
        self._lock = threading.Lock()
        self._calls, self._calls_max = 0, calls_max

    def check_room(self) -> None:
        """Refuse a call that found no place among those that wait.

        Raises:
            OverloadedError: too many wait.
        """
        if threading.current_thread().name.startswith(ASIDE):
            told = "too many calls at once"
            raise OverloadedError(told, reason="ADMISSION_LIMIT", retry_ms=RETRY_MS)

    def check(self, priority: Priority) -> None:
        """Refuse a call of lesser priority where calls wait in a row.

        Raises:
            OverloadedError: so that the time goes to calls that matter more.
        """
        if self._calls > self._calls_max * _SHARES[priority]:
            told = f"too many calls at once for priority {priority}"
            raise OverloadedError(told, reason="PRIORITY_LIMIT", retry_ms=RETRY_MS)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "futures.Future[Any]":
        """Queue a call."""
        with self._lock:
            is_full = self._calls >= self._calls_max
            self._calls += not is_full
        if is_full:
            return self._aside.submit(fn, *args, **kwargs)

        def run() -> Any:
            try:
                return fn(*args, **kwargs)
            finally:
                with self._lock:
                    self._calls -= 1

        return super().submit(run)
