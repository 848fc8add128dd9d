"""Errors to gRPC statuses: the only place that knows gRPC's codes."""

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


def to_status(error: Exception) -> grpc.Status:
    """Return the rich status of an error; one that is not ours tells the caller nothing."""
    code, message, reason, field = grpc.StatusCode.INTERNAL, "internal error", "INTERNAL", ""
    if isinstance(error, GovernanceError) and type(error) in CODES:
        code, message = CODES[type(error)], str(error)
        reason, field = error.reason, error.field
    details = [_packed(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN))]
    if field:
        broken = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        details.append(_packed(error_details_pb2.BadRequest(field_violations=[broken])))
    status = status_pb2.Status(code=code.value[0], message=message, details=details)
    found: Any = rpc_status.to_status(status)
    if isinstance(error, OverloadedError) and error.retry_ms:
        pushback = (PUSHBACK, str(error.retry_ms))
        found = found._replace(trailing_metadata=(*found.trailing_metadata, pushback))
    return found  # type: ignore[no-any-return]


def _packed(detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
