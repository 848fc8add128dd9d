"""Every error the product raises on purpose: whose fault it is, and a stable reason.

Messages are lower case, one line, without a final stop; what a user wrote stands in backticks.
"""


class GovernanceError(Exception):
    """Base of all errors below.

    Attributes:
        reason: stable UPPER_SNAKE word for machines; it never changes once released.
        field: the part of the input at fault, dotted (`candidates.utilities`), or empty.
    """

    reason: str = "GOVERNANCE"

    def __init__(self, message: str, *, reason: str = "", field: str = "") -> None:
        super().__init__(message)
        self.reason = reason or self.reason
        self.field = field


class PolicyError(GovernanceError):
    """A policy file says something it may not; the author mends it."""

    reason = "POLICY_INVALID"

    def __init__(self, file: str, place: str, fault: str) -> None:
        super().__init__(f"{file}: {place}: {fault}" if place else f"{file}: {fault}")
        self.file, self.place, self.fault = file, place, fault


class CaseError(GovernanceError):
    """A case file says something it may not; the author mends it.

    Attributes:
        file: its name.
        case: `case 3 (its name)`, empty where the file as a whole is at fault.
        place: the field at fault, empty for the whole of it.
        fault: what is wrong with it.
    """

    reason = "CASE_INVALID"

    def __init__(self, file: str, case: str, place: str, fault: str) -> None:
        super().__init__(": ".join(filter(None, (file, case, place, fault))))
        self.file, self.case, self.place, self.fault = file, case, place, fault


class SettingsError(GovernanceError):
    """The service cannot start as it is set up; the operator mends it."""

    reason = "SETTINGS_INVALID"


class FactError(GovernanceError):
    """One value of one row of facts cannot be read."""

    reason = "FACT_INVALID"

    def __init__(self, column: str, fault: str) -> None:
        super().__init__(f"{column}: {fault}", field=column)
        self.column, self.fault = column, fault


class RequestError(GovernanceError):
    """The caller sent something that cannot be decided."""

    reason = "REQUEST_INVALID"


class UnknownSurfaceError(GovernanceError):
    """The policy has no such surface, or is not the one the caller expects."""

    reason = "NO_POLICY_FOR_SURFACE"


class FactsUnavailableError(GovernanceError):
    """Our facts are missing or too old to decide by."""

    reason = "FACTS_TOO_OLD"


class OverloadedError(GovernanceError):
    """More was asked than a limit allows, or the decision log cannot take a record.

    Attributes:
        retry_ms: when to try again, 0 where nobody can tell.
    """

    reason = "OVERLOADED"

    def __init__(
        self, message: str, *, reason: str = "", field: str = "", retry_ms: int = 0
    ) -> None:
        super().__init__(message, reason=reason, field=field)
        self.retry_ms = retry_ms


class DeadlineError(GovernanceError):
    """The caller's deadline leaves no time for a lawful page."""

    reason = "DEADLINE_TOO_NEAR"


class UnauthenticatedError(GovernanceError):
    """Nobody we know calls."""

    reason = "IDENTITY_UNKNOWN"


class ForbiddenError(GovernanceError):
    """Who calls may not call this."""

    reason = "METHOD_DENIED"


class UnknownRecordError(GovernanceError):
    """The decision log does not hold the record."""

    reason = "NO_SUCH_RECORD"


class UnpreparedError(GovernanceError):
    """Something must be made first: the operator does."""

    reason = "UNPREPARED"


class UnlawfulSlateError(GovernanceError):
    """The slate could not be made lawful: our own fault, never the caller's."""

    reason = "VERIFY_FAILED"


def quoted(text: str, chars_max: int = 40) -> str:
    """Return a user's text fit for a one-line message: shortened, control characters escaped."""
    short = text if len(text) <= chars_max else f"{text[:chars_max]}…"
    return short if short.isprintable() else ascii(short)[1:-1]
