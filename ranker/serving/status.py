"""Errors to gRPC statuses: the only place that knows gRPC's codes."""

import time
from typing import Any, Final

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from constraints.errors import (
    DeadlineError,
    FactsUnavailableError,
    ForbiddenError,
    GovernanceError,
    OverloadedError,
    RequestError,
    UnauthenticatedError,
    UnknownRecordError,
    UnknownSurfaceError,
    UnlawfulSlateError,
    UnpreparedError,
)

DOMAIN: Final = "slotwarden"
PUSHBACK: Final = "grpc-retry-pushback-ms"
"""Trailing metadata: clients with a retry policy try again after so many milliseconds."""
SERVER_US: Final = "slotwarden-server-us"
"""Trailing metadata of every call: microseconds since it came in, waiting included."""

CODES: Final[dict[type[GovernanceError], grpc.StatusCode]] = {
    RequestError: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownSurfaceError: grpc.StatusCode.FAILED_PRECONDITION,
    FactsUnavailableError: grpc.StatusCode.UNAVAILABLE,
    OverloadedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UnlawfulSlateError: grpc.StatusCode.INTERNAL,
    UnknownRecordError: grpc.StatusCode.NOT_FOUND,
    UnpreparedError: grpc.StatusCode.FAILED_PRECONDITION,
    DeadlineError: grpc.StatusCode.DEADLINE_EXCEEDED,
    UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
}


def to_status(error: Exception, begun_s: float | None = None) -> grpc.Status:
    """Return the rich status of an error; one that is not ours tells the caller nothing.

    Args:
        error: what went wrong.
        begun_s: when the call came in, by `time.perf_counter`; None tells no time.
    """
    told = "internal error", "INTERNAL", ""
    code, retry_ms = grpc.StatusCode.INTERNAL, 0
    if isinstance(error, GovernanceError) and type(error) in CODES:
        code, told = CODES[type(error)], (str(error), error.reason, error.field)
        retry_ms = error.retry_ms if isinstance(error, OverloadedError) else 0
    more = [(PUSHBACK, str(retry_ms))] if retry_ms else []
    found: Any = _status(code, *told)
    if begun_s is not None:
        more.append((SERVER_US, str(int((time.perf_counter() - begun_s) * 1e6))))
    return found._replace(trailing_metadata=(*found.trailing_metadata, *more))  # type: ignore[no-any-return]


def _status(code: grpc.StatusCode, message: str, reason: str, field: str) -> grpc.Status:
    details = [_packed(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN))]
    if field:
        broken = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        details.append(_packed(error_details_pb2.BadRequest(field_violations=[broken])))
    status = status_pb2.Status(code=code.value[0], message=message, details=details)
    return rpc_status.to_status(status)


def _packed(detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
