"""The gRPC server: raw bytes in and out, health, reflection, metrics, drain."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar
from wsgiref.simple_server import WSGIServer

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from prometheus_client import start_http_server

from constraints.errors import GovernanceError, SettingsError
from constraints.govern import Solver
from constraints.solve import solve
from ranker.audit.log import DecisionLog
from ranker.audit.logs import home_of, homes_of
from ranker.audit.manifest import commit_to
from ranker.audit.sealing import Sealer
from ranker.audit.shown import Shown
from ranker.clock import day_at
from ranker.explaining import Explainer
from ranker.serving.answering import Answerer
from ranker.serving.books import Books
from ranker.serving.fallback import Fallbacks
from ranker.serving.identities import Gate, Priority
from ranker.serving.page_token import load_keys
from ranker.serving.pool import Aside, Door, Pool, begun_s, let_in, no_room
from ranker.serving.reporting import Reporter
from ranker.serving.rotation import Rotator
from ranker.serving.service import RerankService
from ranker.serving.state import State
from ranker.serving.status import SERVER_US, to_status
from ranker.serving.tls import Certificates
from ranker.serving.warming import warm_up
from ranker.serving.wire_limits import allow_files, options
from ranker.settings import Settings
from ranker.telemetry import (
    BEHIND,
    CALLS,
    LOG_UNSIGNED,
    LOG_UNSYNCED,
    REQUESTS,
    SECONDS,
    alarm,
    note,
    series,
)
from ranker.tracing import Tracing
from ranker.v1 import decision_log_pb2, explain_pb2, exposure_pb2, rerank_pb2

SERVICE: Final = rerank_pb2.DESCRIPTOR.services_by_name["RerankService"].full_name
EXPOSURE: Final = exposure_pb2.DESCRIPTOR.services_by_name["ExposureService"].full_name
EXPLAIN: Final = explain_pb2.DESCRIPTOR.services_by_name["ExplainService"].full_name
DECISION_LOG: Final = decision_log_pb2.DESCRIPTOR.services_by_name["DecisionLogService"].full_name
_GUARDED: Final = (SERVICE, EXPOSURE, EXPLAIN, DECISION_LOG)
Opened = TypeVar("Opened")
_COUNTED: Final = ("Rerank", "FallbackSlate")  # calls that the books balance
_OPEN_MAX: Final = 8_192  # LIMIT: calls and streams open; each kind has a lesser one of its own
_EXPLAIN_MAX: Final = 8  # LIMIT: explanations under way or waiting; one takes seconds
_ANSWER_MAX: Final = 16  # LIMIT: questions to the log; one is answered at a time
_CLOSE_S: Final = 5.0  # waited for threads at the end

# Streams that callers may leave open wait on threads of their own, never on one that decides pages.
# The health service's other way, without threads, sends under a lock that the end of a watch needs
# too: a few clients that come and go stop the whole server for ever.
_WATCHES: Final = Aside(64, "health-watch", 512)
_REFLECTIONS: Final = Aside(4, "reflection", 64)


class _Reflection(reflection.ReflectionServicer):
    def ServerReflectionInfo(self, request_iterator: Any, context: Any) -> Any:
        return super().ServerReflectionInfo(request_iterator, context)

    ServerReflectionInfo.experimental_thread_pool = _REFLECTIONS  # type: ignore[attr-defined]


class Server:
    """One server process.

    Args:
        settings: see `Settings`.
        solver: another than the product's only to test what a wrong one can do.

    Raises:
        PolicyError: there is no policy to start with.
        SettingsError: the data folder is in use by another server, or holds something unreadable.
        OSError: the port is taken.
    """

    def __init__(self, settings: Settings, *, solver: Solver = solve) -> None:
        self.settings = settings
        self.state = State(settings)
        home = home_of(settings.data_dir, settings.worker)
        self.log = DecisionLog(home, settings.durability)
        keys = load_keys(settings.data_dir)
        self.shown = self._opened(
            lambda: Shown(
                settings.data_dir,
                self.log.folder,
                2 * settings.exposure_s_max,
                self._now_us,
            )
        )
        self.service = RerankService(
            settings, self.state, self.log, keys, solver=solver, shown=self.shown
        )
        self.reporter = Reporter(self.log, self.shown, settings.exposure_s_max)
        self.books = Books(self.log, self.state)
        self.sealer = self._opened(lambda: Sealer(self.log, home))
        self.fallbacks = Fallbacks(self.service, self.sealer.signer, settings)
        self.health = health.HealthServicer(False, _WATCHES)
        self._metrics: WSGIServer | None = None
        self._stopped = threading.Event()
        self._says_serving = False
        self._day = day_at(self.state.now_us())
        self._pool = Pool(settings.threads, settings.calls_max, self._admit)
        self._explaining = Pool(1, _EXPLAIN_MAX, self._admit)
        self._answering = Pool(2, _ANSWER_MAX, self._admit)  # one answers, the other refuses
        CALLS.set_function(lambda: self._pool.calls)
        self._grpc = grpc.server(
            self._pool, options=options(settings), maximum_concurrent_rpcs=_OPEN_MAX
        )
        self.tracing = self._opened(lambda: Tracing.of(settings))
        self.gate = self._opened(lambda: Gate(settings.identities))
        every_s = settings.rotate_s if settings.worker == 0 else 0.0  # for all of them
        self.rotator = Rotator(settings.data_dir, every_s)
        self.explainer = Explainer(settings, self.state, keys)
        self._grpc.add_generic_rpc_handlers((Door(self._handlers(), self._refuse),))
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._grpc)
        if settings.reflection and settings.identities is None:
            names = (
                SERVICE,
                EXPLAIN,
                EXPOSURE,
                DECISION_LOG,
                health.SERVICE_NAME,
                reflection.SERVICE_NAME,
            )
            add: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
            add(_Reflection(names), self._grpc)
        if settings.channelz:
            self._opened(self._add_channelz)
        self._say(serving=False)
        try:
            self.port = self._bound()
        except (RuntimeError, SettingsError) as error:
            self.log.close()
            self.shown.close()
            if isinstance(error, SettingsError):
                raise
            raise OSError(
                f"cannot listen on {settings.host}:{settings.port}: taken, or not ours"
            ) from None

    def _handlers(self) -> list[tuple[grpc.GenericRpcHandler, Pool]]:
        """Return the methods, each with the threads it runs on: what is slow holds up no page."""
        answerer = Answerer(self.settings.data_dir, self.log.folder.parent)
        pages, slow, records = self._pool, self._explaining, self._answering
        methods = (
            (SERVICE, "Rerank", pages, self._rerank),
            (SERVICE, "FallbackSlate", pages, self._fallback),
            (EXPOSURE, "Report", pages, self._answers(self.reporter.report)),
            (EXPLAIN, "Explain", slow, self._answers(self._explained)),
            (DECISION_LOG, "Get", records, self._answers(answerer.get)),
            (DECISION_LOG, "Query", records, self._answers(answerer.query)),
        )
        return [(_handler(service, name, call, on), on) for service, name, on, call in methods]

    def _admit(self, method: str, context: grpc.ServicerContext) -> Priority | None:
        """Let a caller in, to a method with its service; probes of health are answered at once."""
        service, _, name = method.lstrip("/").partition("/")
        if service not in _GUARDED:
            return None
        return self.gate.admit(name, context).priority

    def _add_channelz(self) -> None:
        try:
            from grpc_channelz.v1 import channelz
        except ImportError:
            fault = "channelz: needs the extra debug: pip install 'slotwarden[debug]'"
            raise SettingsError(fault) from None
        channelz.add_channelz_servicer(self._grpc)

    def _bound(self) -> int:
        """Take the port, with TLS where there is a certificate."""
        where = f"{self.settings.host}:{self.settings.port}"
        if self.settings.tls_cert is None:
            return self._grpc.add_insecure_port(where)
        return self._grpc.add_secure_port(where, Certificates(self.settings).credentials())

    @property
    def address(self) -> str:
        """Host and port to call."""
        return f"{self.settings.host}:{self.port}"

    def start(self) -> None:
        """Compile what must be compiled, then accept calls and say so."""
        allow_files(self.settings)
        warm_up()
        self.books.begin(self.state.in_use())
        self.service.certifier.start()
        self.state.start(after_look=self._tend)
        self._start_metrics()
        self._grpc.start()
        self._say(serving=True)
        note("serving", address=self.address)

    def stop(self) -> None:
        """Refuse new calls, let running ones finish, sync the log."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._say(serving=False)
        time.sleep(self.settings.linger_s)  # probes and balancers look elsewhere first
        stopped = self._grpc.stop(self.settings.drain_s)
        _WATCHES.end()
        _REFLECTIONS.end()
        stopped.wait()
        until_s = time.perf_counter() + _CLOSE_S
        for pool in (self._pool, self._explaining, self._answering):
            pool.close(until_s)
        self.state.stop()
        BEHIND.count()  # what nobody counts any more: the denials of the last second too
        self.service.certifier.stop()
        self.rotator.stop()
        self.books.end()
        self.log.close()
        self.shown.close()
        self._seal()
        if self.tracing:
            self.tracing.close()
        if self._metrics:
            self._metrics.shutdown()
            self._metrics.server_close()
        note("stopped")

    def _start_metrics(self) -> None:
        port, host = self.settings.metrics_port, self.settings.host
        try:
            self._metrics = start_http_server(port, host)[0] if port else None
        except OSError:
            raise OSError(f"metrics port {port} on {host} is taken") from None

    def _tend(self) -> None:
        """Say whether calls can be answered: not with a log that fails, or facts too old."""
        self.gate.look()
        for pool in (self._pool, self._explaining, self._answering):
            pool.sweep()
        BEHIND.count()
        LOG_UNSYNCED.set(self.log.sequence - self.log.on_disk)
        LOG_UNSIGNED.set(self.log.sequence - self.sealer.size)
        if not self.log.is_healthy:
            self.log.probe()
        fit = self.log.is_healthy and self.state.is_usable and not self._stopped.is_set()
        if fit != self._says_serving:
            self._say(serving=fit)
        if fit:
            self.books.write(self.state.in_use())
            self._seal()
            self._close_day()
            self.rotator.look()

    def _opened(self, opening: Callable[[], Opened]) -> Opened:
        """Open what stands beside the log; without it the log is closed again."""
        try:
            return opening()
        except (SettingsError, OSError):
            self.log.close()
            raise

    def _seal(self) -> None:
        try:
            self.sealer.seal()
        except OSError as error:
            alarm("LOG_UNSEALED", "the decision log cannot be signed", fault=str(error))

    def _now_us(self) -> int:
        return self.state.now_us()

    def _close_day(self) -> None:
        """When a day in Shanghai is over, commit to what was signed by then."""
        day = day_at(self.state.now_us())
        if day == self._day:
            return
        try:
            if self.settings.worker == 0:  # for all of them
                commit_to(homes_of(self.settings.data_dir))
            self._day = day
        except (ValueError, OSError, GovernanceError) as error:
            alarm("NO_MANIFEST", "the day's manifest was not recorded", fault=str(error))

    def _say(self, *, serving: bool) -> None:
        self._says_serving = serving
        known = health_pb2.HealthCheckResponse
        for name in ("", SERVICE):
            self.health.set(name, known.SERVING if serving else known.NOT_SERVING)

    def _rerank(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        trace = self.tracing.begin(context) if self.tracing else None

        def answer() -> bytes:
            return self.service.rerank(data, context.time_remaining(), trace)

        def then(reason: str) -> None:
            self.books.count(reason)
            if trace is not None:
                trace.end(reason)

        try:
            reply = self._shielded(context, answer, then=then)
            if not self._says_serving:
                self._tend()  # the log has just taken a record again
            return reply
        finally:
            BEHIND.note(SECONDS.observe, time.perf_counter() - begun_s())

    def _refuse(self, method: str, context: grpc.ServicerContext) -> bytes:
        """Refuse a call that finds no place; it has not been read."""
        came_s, error = time.perf_counter(), no_room()
        REQUESTS.labels(error.reason).inc()
        if method in _COUNTED:
            self.books.count(error.reason)
        context.abort_with_status(to_status(error, came_s))
        raise AssertionError("abort raises")

    def _fallback(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        def answer() -> bytes:
            return self.fallbacks.slate(data, context.time_remaining())

        return self._shielded(context, answer, then=self.books.count)

    def _explained(self, data: bytes) -> bytes:
        return self.explainer.explain(data).SerializeToString(deterministic=True)

    def _answers(self, answer: Callable[[bytes], bytes]) -> Any:
        """Return the handler of a method that needs nothing but its message."""
        return lambda data, context: self._shielded(context, lambda: answer(data))

    def _shielded(
        self,
        context: grpc.ServicerContext,
        answer: Callable[[], bytes],
        then: Callable[[str], None] = lambda reason: None,
    ) -> bytes:
        """Answer a call that was let in; nothing but our own words reaches a caller."""
        reason, came_s = "OK", begun_s()
        try:
            let_in()
            answered = answer()
            spent_us = int((time.perf_counter() - came_s) * 1e6)
            context.set_trailing_metadata(((SERVER_US, str(spent_us)),))
            return answered
        except Exception as error:
            reason = error.reason if isinstance(error, GovernanceError) else "INTERNAL"
            self._report(error, reason)
            context.abort_with_status(to_status(error, came_s))
            raise AssertionError("abort raises") from error
        finally:
            BEHIND.note(series(REQUESTS, reason).inc)
            then(reason)

    def _report(self, error: Exception, reason: str) -> None:
        if not self.log.is_healthy:
            self._say(serving=False)
        if not isinstance(error, GovernanceError) or reason == "VERIFY_FAILED":
            alarm(reason, "a call failed through our own fault", fault=repr(error))


def _handler(service: str, method: str, answer: Any, pool: Pool) -> grpc.GenericRpcHandler:
    call: Any = partial(answer)  # it can be told its threads, and a method cannot
    call.experimental_thread_pool = pool
    # No deserialiser: parse errors are ours to word, and gRPC's own would tell too much.
    return grpc.method_handlers_generic_handler(
        service, {method: grpc.unary_unary_rpc_method_handler(call)}
    )
