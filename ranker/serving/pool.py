"""The threads that decide pages, and what they refuse: too many calls, and the lesser of many."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any, Final

import grpc

from constraints.errors import OverloadedError
from ranker.serving.identities import Priority

ASIDE: Final = "refuse"  # threads that answer what finds no place, health probes too
RETRY_MS: Final = 50  # when to try again after too many calls at once
_SHARES: Final[dict[Priority, float]] = {"low": 0.25, "normal": 0.75, "high": 1.0}
"""Share of `calls_max` that may run or wait before calls of a priority are refused."""


def no_room() -> OverloadedError:
    """Return what a call is refused with that finds no place."""
    return OverloadedError("too many calls at once", reason="ADMISSION_LIMIT", retry_ms=RETRY_MS)


class Pool(futures.ThreadPoolExecutor):
    """The threads that decide pages. Calls beyond the limit go to others, aside, to be refused."""

    def __init__(self, threads: int, calls_max: int) -> None:
        super().__init__(threads, thread_name_prefix="rerank")
        self._aside = futures.ThreadPoolExecutor(2, thread_name_prefix=ASIDE)
        self._lock = threading.Lock()
        self._calls, self._calls_max = 0, calls_max
        self._running = threading.local()

    def begun_s(self) -> float:
        """Return when the call of this thread came in, by `time.perf_counter`; it may have waited.

        On a thread of another pool that is now.
        """
        return getattr(self._running, "begun_s", None) or time.perf_counter()

    @property
    def calls(self) -> int:
        """How many run or wait."""
        return self._calls

    @property
    def is_full(self) -> bool:
        """No more calls are taken now."""
        return self._calls >= self._calls_max

    def check_room(self) -> None:
        """Refuse a call that found no place among those that wait.

        Raises:
            OverloadedError: too many wait.
        """
        if threading.current_thread().name.startswith(ASIDE):
            raise no_room()

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
        begun_s = time.perf_counter()
        with self._lock:
            is_full = self._calls >= self._calls_max
            self._calls += not is_full

        def run() -> Any:
            self._running.begun_s = begun_s
            try:
                return fn(*args, **kwargs)
            finally:
                if not is_full:
                    with self._lock:
                        self._calls -= 1

        return self._aside.submit(run) if is_full else super().submit(run)


class _AtOnce(futures.ThreadPoolExecutor):
    """Runs what it is given where it is given: gRPC takes nothing but a pool."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "futures.Future[Any]":
        done: futures.Future[Any] = futures.Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Door(grpc.GenericRpcHandler):
    """Sends calls to their handlers, and refuses them while the pool is full.

    A refusal must be cheap, for there are most of them when there is least time: it runs on the
    thread that takes calls in, waits for no other, and reads no request.

    Args:
        pool: the threads that decide.
        handlers: of the methods that run there.
        refuse: ends a call of a method.
    """

    def __init__(
        self,
        pool: Pool,
        handlers: Sequence[grpc.GenericRpcHandler],
        refuse: Callable[[str, grpc.ServicerContext], bytes],
    ) -> None:
        self._pool, self._handlers, self._refuse = pool, handlers, refuse
        self._at_once = _AtOnce(1)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a call, None for a method that is not ours."""
        for handler in self._handlers:
            found = handler.service(details)
            if found is not None:
                return self._refusing(str(details.method)) if self._pool.is_full else found
        return None

    def _refusing(self, method: str) -> Any:
        def refused(requests: Any, context: grpc.ServicerContext) -> bytes:
            return self._refuse(method.rpartition("/")[2], context)

        told: Any = refused
        told.experimental_thread_pool = self._at_once
        # As a stream of requests: gRPC waits for the one of a method that has only one.
        return grpc.stream_unary_rpc_method_handler(told)
