"""The threads that decide pages, and what they refuse: too many calls, and the lesser of many.

gRPC's own pool gives a call a thread before its message is there: a few callers that never send one
would hold them all. Here a call takes a thread once there is something to decide, and is let in or
refused before it takes a place among those that wait.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from contextlib import suppress
from functools import partial
from typing import Any, Final

import grpc
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from constraints.errors import OverloadedError
from ranker.serving.identities import Priority

WAITING_MAX: Final = 1_024  # LIMIT: calls without their message; one more, and the oldest is ended
MESSAGE_S_MAX: Final = 5.0  # LIMIT: from a call's beginning to its message
CLOSE_S_MAX: Final = 5.0  # LIMIT: waited for a thread at the end
RETRY_MS: Final = 50  # when to try again after too many calls at once
_SHARES: Final[dict[Priority, float]] = {"low": 0.25, "normal": 0.75, "high": 1.0}
"""Share of `calls_max` that may run or wait before calls of a priority are refused."""
_INTERNALS: Final[Any] = _server
_running: Final = threading.local()
Admit = Callable[[str, grpc.ServicerContext], Priority]


def no_room() -> OverloadedError:
    """Return what a call is refused with that finds no place."""
    return OverloadedError("too many calls at once", reason="ADMISSION_LIMIT", retry_ms=RETRY_MS)


def begun_s() -> float:
    """Return when the call of this thread came in, by `time.perf_counter`; it may have waited."""
    call = getattr(_running, "call", None)
    return call.begun_s if call is not None else time.perf_counter()


def let_in() -> None:
    """Go on with the call of this thread, unless it was refused.

    Raises:
        Exception: what it was refused with: it found no place, or may not be made.
    """
    call = getattr(_running, "call", None)
    if call is not None and call.refused is not None:
        raise call.refused


class _Call:
    """A call, which gRPC takes for the future of its end.

    Attributes:
        run: decides it.
        begun_s: when it came in, by `time.perf_counter`.
        refused: with what; it is then run to be told.
    """

    __slots__ = ("_is_over", "_lock", "_then", "begun_s", "refused", "run")

    def __init__(self, run: Callable[[], Any], lock: threading.Lock) -> None:
        self.run, self.begun_s = run, time.perf_counter()
        self.refused: Exception | None = None
        self._lock, self._is_over = lock, False
        self._then: Callable[[Any], None] | None = None

    def add_done_callback(self, then: Callable[[Any], None]) -> None:
        """Have something done when it is over."""
        with self._lock:
            if not self._is_over:
                self._then = then
                return
        then(self)

    def over(self) -> None:
        """Do what is to be done when it is over."""
        with self._lock:
            self._is_over = True
        if self._then is not None:
            self._then(self)


class Pool(futures.ThreadPoolExecutor):
    """Threads that take calls whose message is there.

    Args:
        threads: how many.
        calls_max: LIMIT of the calls that run or wait.
        admit: tells the priority of a caller, or refuses it; given a method with its service.
    """

    def __init__(self, threads: int, calls_max: int, admit: Admit) -> None:
        super().__init__(1)  # gRPC asks for its kind; its own threads never start
        self._admit, self._calls_max, self._calls = admit, calls_max, 0
        self._lock = threading.Lock()
        self._ready = queue.SimpleQueue[_Call | None]()
        self._waiting: dict[_Call, Any] = {}
        self._deciders = [
            threading.Thread(target=self._work, name=f"rerank-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._deciders:
            thread.start()

    @property
    def calls(self) -> int:
        """How many run or wait."""
        return self._calls

    @property
    def is_full(self) -> bool:
        """No more calls are taken now."""
        return self._calls >= self._calls_max

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Take a call in; gRPC does so on its one thread, and reads messages there."""
        if args[0] is not _INTERNALS._unary_response_in_pool:
            call = _Call(partial(fn, *args, **kwargs), self._lock)
            self._queue(call)
            return call
        behaviour, event, state, handler, wait, read, write = args

        def message() -> Any:
            """Return the message; where there is none, let gRPC say so."""
            found, state.request = state.request, None
            return wait() if found is None else found

        call = _Call(
            partial(fn, behaviour, event, state, handler, message, read, write), self._lock
        )
        received = _INTERNALS._receive_message(state, event.call, read)

        def arrived(told: Any) -> Any:
            finished = received(told)
            self._waiting.pop(call, None)
            self._arrived(call, event, state)
            return finished

        with state.condition:
            event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), arrived)
            state.due.add(_INTERNALS._RECEIVE_MESSAGE_TOKEN)
        self._waiting[call] = event.call
        if len(self._waiting) > WAITING_MAX:
            self._end(next(iter(self._waiting)))
        return call

    def sweep(self) -> None:
        """End calls whose message does not come."""
        latest_s = time.perf_counter() - MESSAGE_S_MAX
        for call in list(self._waiting):
            if call.begun_s < latest_s:
                self._end(call)

    def close(self) -> None:
        """Let the threads end, when no calls come any more; none is waited for over CLOSE_S_MAX."""
        for _ in self._deciders:
            self._ready.put(None)
        for thread in self._deciders:
            thread.join(CLOSE_S_MAX)

    def _end(self, call: _Call) -> None:
        ended = self._waiting.pop(call, None)
        if ended is not None:
            ended.cancel()

    def _arrived(self, call: _Call, event: Any, state: Any) -> None:
        """Queue a call whose message has come, or refuse it here, on gRPC's thread: soon, then."""
        if state.request is not None:
            context = _INTERNALS._Context(event, state, None)
            try:
                self._check(event.call_details.method.decode("utf-8", "replace"), context)
            except Exception as error:  # noqa: BLE001 -- gRPC's thread must live, and the caller be told
                call.refused = error
                self._run(call)
                return
        self._queue(call)

    def _check(self, method: str, context: grpc.ServicerContext) -> None:
        if self.is_full:
            raise no_room()
        priority = self._admit(method, context)
        if self._calls > self._calls_max * _SHARES[priority]:
            told = f"too many calls at once for priority {priority}"
            raise OverloadedError(told, reason="PRIORITY_LIMIT", retry_ms=RETRY_MS)

    def _queue(self, call: _Call) -> None:
        with self._lock:
            self._calls += 1
        self._ready.put(call)

    def _work(self) -> None:
        while (call := self._ready.get()) is not None:
            self._run(call)
            del call  # what it holds is not needed while we wait for the next
            with self._lock:
                self._calls -= 1

    def _run(self, call: _Call) -> None:
        _running.call = call
        try:
            with suppress(Exception):  # gRPC has told whatever it was
                call.run()
        finally:
            _running.call = call.refused = None  # it holds the frame that holds it
            call.over()


class Aside(futures.ThreadPoolExecutor):
    """Threads for streams that callers leave open, of which there may be so many.

    Args:
        threads: how many are served.
        name: of the threads.
        open_max: LIMIT of those open; one more is ended at once.
    """

    def __init__(self, threads: int, name: str, open_max: int) -> None:
        super().__init__(threads, name)
        self._lock, self._open, self._open_max = threading.Lock(), 0, open_max

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "futures.Future[Any]":
        """Serve a stream."""
        with self._lock:
            is_full = self._open >= self._open_max
            self._open += not is_full
        if is_full:
            refused: futures.Future[Any] = futures.Future()
            args[1].call.cancel()
            refused.set_result(None)
            return refused
        served = super().submit(fn, *args, **kwargs)
        served.add_done_callback(self._closed)
        return served

    def _closed(self, _served: Any) -> None:
        with self._lock:
            self._open -= 1


class _AtOnce(futures.ThreadPoolExecutor):
    """Runs what it is given where it is given: gRPC takes nothing but a pool."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "futures.Future[Any]":
        done: futures.Future[Any] = futures.Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Door(grpc.GenericRpcHandler):
    """Sends calls to their handlers, and refuses them while their pool is full.

    A refusal must be cheap, for there are most of them when there is least time: it runs on the
    thread that takes calls in, waits for no other, and reads no request.

    Args:
        handlers: of methods, each with the threads it runs on.
        refuse: ends a call of a method.
    """

    def __init__(
        self,
        handlers: Sequence[tuple[grpc.GenericRpcHandler, Pool]],
        refuse: Callable[[str, grpc.ServicerContext], bytes],
    ) -> None:
        self._handlers, self._refuse = handlers, refuse
        self._at_once = _AtOnce(1)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a call, None for a method that is not ours."""
        for handler, pool in self._handlers:
            found = handler.service(details)
            if found is not None:
                return self._refusing(str(details.method)) if pool.is_full else found
        return None

    def _refusing(self, method: str) -> Any:
        def refused(requests: Any, context: grpc.ServicerContext) -> bytes:
            return self._refuse(method.rpartition("/")[2], context)

        told: Any = refused
        told.experimental_thread_pool = self._at_once
        # As a stream of requests: gRPC waits for the one of a method that has only one.
        return grpc.stream_unary_rpc_method_handler(told)
