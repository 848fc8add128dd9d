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

WAITING_MAX: Final = 256  # LIMIT: calls without their message; one more, and the oldest is ended
MESSAGE_S_MAX: Final = 5.0  # LIMIT: from a call's beginning to its message
RETRY_MS: Final = 50  # when to try again after too many calls at once
_SHARES: Final[dict[Priority, float]] = {"low": 0.25, "normal": 0.75, "high": 1.0}
"""Share of `calls_max` that may run or wait before calls of a priority are refused."""
_INTERNALS: Final[Any] = _server
_running: Final = threading.local()
_NO_MESSAGE: Final = b"requires exactly one request message"
Admit = Callable[[str, grpc.ServicerContext], Priority | None]


def no_room() -> OverloadedError:
    """Return what a call is refused with that finds no place."""
    return OverloadedError("too many calls at once", reason="ADMISSION_LIMIT", retry_ms=RETRY_MS)


def begun_s() -> float:
    """Return when the message of this thread's call came, by `time.perf_counter`; it may wait."""
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
        begun_s: when it began, then when its message came, by `time.perf_counter`.
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
        admit: tells the priority of a caller, or refuses it; given a method with its service. None
            stands for what is answered at once.
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
        behaviour, event, state, handler, _wait, read, write = args

        def message() -> Any:
            """Return the message, None where the caller has gone."""
            with state.condition:
                found, state.request = state.request, None
                return found if _INTERNALS._is_rpc_state_active(state) else None

        call = _Call(
            partial(fn, behaviour, event, state, handler, message, read, write), self._lock
        )
        received = _INTERNALS._receive_message(state, event.call, read)

        def arrived(told: Any) -> Any:
            finished = received(told)
            with self._lock:
                self._waiting.pop(call, None)
            if state.request is None:
                _end_without_message(event, state)
                call.over()
            else:
                self._arrived(call, event, state)
            return finished

        with state.condition:
            event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), arrived)
            state.due.add(_INTERNALS._RECEIVE_MESSAGE_TOKEN)
        with self._lock:
            self._waiting[call] = event.call
            oldest = next(iter(self._waiting)) if len(self._waiting) > WAITING_MAX else None
        if oldest is not None:
            self._end(oldest)
        return call

    def sweep(self) -> None:
        """End calls whose message does not come."""
        latest_s = time.perf_counter() - MESSAGE_S_MAX
        with self._lock:
            late = [call for call in self._waiting if call.begun_s < latest_s]
        for call in late:
            self._end(call)

    def close(self, until_s: float) -> None:
        """Let the threads end, when no calls come any more.

        Args:
            until_s: none is waited for any longer, by `time.perf_counter`.
        """
        for _ in self._deciders:
            self._ready.put(None)
        for thread in self._deciders:
            thread.join(max(until_s - time.perf_counter(), 0.0))

    def _end(self, call: _Call) -> None:
        with self._lock:
            ended = self._waiting.pop(call, None)
        if ended is not None:
            ended.cancel()

    def _arrived(self, call: _Call, event: Any, state: Any) -> None:
        """Queue a call whose message has come, or refuse it here, on gRPC's thread: soon, then."""
        call.begun_s = time.perf_counter()
        context = _INTERNALS._Context(event, state, None)
        try:
            has_place = self._finds_place(event.call_details.method.decode(), context)
        except Exception as error:  # noqa: BLE001 -- gRPC's thread must live, and the caller be told
            call.refused, has_place = error, False
        if has_place:
            self._queue(call)
        else:
            self._run(call)

    def _finds_place(self, method: str, context: grpc.ServicerContext) -> bool:
        """Tell whether a call must wait for a thread, or can be answered at once.

        Raises:
            GovernanceError: it is refused.
        """
        priority = self._admit(method, context)
        if priority is None:
            return False
        if self.is_full:
            raise no_room()
        if self._calls > self._calls_max * _SHARES[priority]:
            told = f"too many calls at once for priority {priority}"
            raise OverloadedError(told, reason="PRIORITY_LIMIT", retry_ms=RETRY_MS)
        return True

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


def _end_without_message(event: Any, state: Any) -> None:
    """End a call whose caller sends none, unless it has gone."""
    with state.condition:
        if _INTERNALS._is_rpc_state_active(state):
            _INTERNALS._abort(state, event.call, cygrpc.StatusCode.unimplemented, _NO_MESSAGE)


class Aside(futures.ThreadPoolExecutor):
    """Threads for streams that callers leave open, of which there may be so many.

    Args:
        threads: how many are served.
        name: of the threads.
        open_max: LIMIT of those open; one more is ended at once.
    """

    def __init__(self, threads: int, name: str, open_max: int) -> None:
        super().__init__(threads, name)
        self._lock, self._open, self._open_max = threading.Lock(), dict[Any, Any](), open_max

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "futures.Future[Any]":
        """Serve a stream."""
        stream = args[1].call
        if len(self._open) >= self._open_max:
            refused: futures.Future[Any] = futures.Future()
            stream.cancel()
            refused.set_result(None)
            return refused
        served = super().submit(fn, *args, **kwargs)
        with self._lock:
            self._open[served] = stream
        served.add_done_callback(self._closed)
        return served

    def end(self) -> None:
        """End all that are open."""
        with self._lock:
            streams = [*self._open.values()]
        for stream in streams:
            stream.cancel()

    def _closed(self, served: Any) -> None:
        with self._lock:
            self._open.pop(served, None)


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
