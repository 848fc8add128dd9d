"""Traces of calls for OpenTelemetry: one span a call, a child a stage. Off unless it is set.

Needs the extra `otel`. Spans carry no id of a viewer, a session or a candidate.
"""

import time
from typing import Any, Final, Self

from constraints.errors import SettingsError
from ranker.settings import Settings
from ranker.telemetry import Laps

NAME: Final = "ranker.v1.RerankService/Rerank"
_PARENT: Final = ("traceparent", "tracestate")  # W3C Trace Context


class Tracing:
    """Begins traces.

    Args:
        provider: of OpenTelemetry's SDK; it samples, and exports.
    """

    def __init__(self, provider: Any) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider, self._propagator = provider, TraceContextTextMapPropagator()
        self._tracer = provider.get_tracer("slotwarden")

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return what traces as the settings say, None where they name no collector.

        Raises:
            SettingsError: the extra `otel` is not installed.
        """
        if not settings.otel_endpoint:
            return None
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        except ImportError:
            fault = "otel_endpoint: needs the extra otel: pip install 'slotwarden[otel]'"
            raise SettingsError(fault) from None
        resource = Resource.create({"service.name": "slotwarden", "worker": settings.worker})
        sampler = ParentBased(TraceIdRatioBased(settings.otel_share))
        provider = TracerProvider(sampler=sampler, resource=resource)
        exporter = OTLPSpanExporter(endpoint=settings.otel_endpoint)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def begin(self, context: Any) -> "Trace | None":
        """Begin the trace of a call, None where it is not sampled.

        Args:
            context: gRPC's, for the trace the caller is in.
        """
        told = {key: value for key, value in context.invocation_metadata() if key in _PARENT}
        span = self._tracer.start_span(NAME, self._propagator.extract(told))
        return Trace(self._tracer, span) if span.is_recording() else None

    def close(self) -> None:
        """Export what is left."""
        self._provider.shutdown()


class Trace(Laps):
    """One call: times its stages as `Laps` does, and keeps them."""

    __slots__ = ("_at_ns", "_span", "_tracer")

    def __init__(self, tracer: Any, span: Any) -> None:
        super().__init__()
        self._tracer, self._span, self._at_ns = tracer, span, time.time_ns()

    def __call__(self, stage: str) -> None:
        """Note that a stage is over."""
        from opentelemetry.trace import set_span_in_context

        super().__call__(stage)
        now_ns = time.time_ns()
        within = set_span_in_context(self._span)
        self._tracer.start_span(stage, within, start_time=self._at_ns).end(now_ns)
        self._at_ns = now_ns

    def tell(self, **attributes: str | int) -> None:
        """Say what the call was about."""
        self._span.set_attributes({f"slotwarden.{name}": told for name, told in attributes.items()})

    def end(self, reason: str) -> None:
        """End it.

        Args:
            reason: how the call ended; `OK` where it was answered.
        """
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("slotwarden.reason", reason)
        self._span.set_status(Status(StatusCode.OK if reason == "OK" else StatusCode.ERROR))
        self._span.end()
