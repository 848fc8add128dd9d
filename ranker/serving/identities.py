"""Who calls, and what that one may call: certificates or tokens, a matrix of methods, quotas.

Without a file of identities every caller may ask for pages, and only callers on this machine may
ask the decision log. With one, what is not named is denied.
"""

import hashlib
import hmac
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from constraints.errors import (
    ForbiddenError,
    OverloadedError,
    SettingsError,
    UnauthenticatedError,
    quoted,
)
from constraints.faults import place_and_fault
from ranker.telemetry import DENIED, alarm, note, note_behind

METHODS: Final = ("Rerank", "FallbackSlate", "Explain", "Report", "Get", "Query")
"""Every method there is, as identities name them."""
CONTROL: Final = ("Get", "Query")
"""Methods that tell what is on record."""
IDENTITIES_MAX: Final = 1_000  # LIMIT
TOKEN_CHARS_MIN: Final = 32  # a shorter token could be guessed
_BEARER: Final = "Bearer "
_LOCAL: Final = ("unix:", "ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D")
Priority = Literal["high", "normal", "low"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Identity(BaseModel):
    """One caller.

    Attributes:
        names: subject alternative names of its certificates, any one of them.
        tokens: SHA-256 of its bearer tokens, hex; a token has 32 characters at least.
        methods: it may call.
        calls_per_s: LIMIT of its calls, and as many at once; none unless given.
        priority: whose calls are refused first when there are too many.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...] = ()
    tokens: tuple[Digest, ...] = ()
    methods: tuple[Literal["Rerank", "FallbackSlate", "Explain", "Report", "Get", "Query"], ...]
    calls_per_s: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    priority: Priority = "normal"


class _Identities(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: dict[str, Identity] = Field(max_length=IDENTITIES_MAX)


class Caller(NamedTuple):
    """Who calls: a name for the record, and how it ranks."""

    name: str
    priority: Priority


ANYONE: Final = Caller("", "high")


class _Bucket:
    """Calls an identity has left: it fills with time."""

    def __init__(self, per_s: float, now_s: float) -> None:
        self.per_s, self._left, self._since_s = per_s, max(per_s, 1.0), now_s

    def take(self, now_s: float) -> float:
        """Take one; return 0, or how many seconds until there is one."""
        most = max(self.per_s, 1.0)
        self._left = min(most, self._left + (now_s - self._since_s) * self.per_s)
        self._since_s = now_s
        if self._left < 1:
            return (1 - self._left) / self.per_s
        self._left -= 1
        return 0.0


class Gate:
    """Lets calls in.

    Args:
        path: TOML file of identities, None for none.
        monotonic_s: clock of quotas.

    Raises:
        SettingsError: the file says something it may not.
    """

    def __init__(
        self, path: Path | None, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._path, self._now_s = path, monotonic_s
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}
        self._seen = b""
        self._by_name: dict[str, str] = {}
        self._tokens: list[tuple[str, str]] = []
        self._known: dict[str, Identity] = {}
        if path is not None:
            self._take(_read(path))

    def look(self) -> None:
        """Read the file again if it changed; one that cannot be read leaves the last in force."""
        if self._path is None:
            return
        try:
            self._take(_read(self._path))
        except SettingsError as error:
            alarm("IDENTITIES_REFUSED", "the last good identities stay in force", fault=str(error))

    def _take(self, raw: bytes) -> None:
        if raw == self._seen:
            return
        known = _parsed(self._path, raw)
        by_name: dict[str, str] = {}
        for name, one in known.items():
            for each in one.names:
                if each in by_name:
                    told = f"`{quoted(each)}` names both {by_name[each]} and {name}"
                    raise SettingsError(f"{self._path}: {told}")
                by_name[each] = name
        with self._lock:
            self._seen, self._known, self._by_name = raw, known, by_name
            self._tokens = [(token, name) for name, one in known.items() for token in one.tokens]
            self._buckets = {
                name: bucket
                for name, bucket in self._buckets.items()
                if name in known and known[name].calls_per_s == bucket.per_s
            }
        note("identities loaded", identities=len(known))

    def admit(self, method: str, context: Any) -> Caller:
        """Return who calls.

        Args:
            method: one of METHODS.
            context: gRPC's of the call.

        Raises:
            UnauthenticatedError: nobody we know.
            ForbiddenError: it may not call this method.
            OverloadedError: its quota is used up.
        """
        try:
            return self._admitted(method, context)
        except (UnauthenticatedError, ForbiddenError, OverloadedError) as error:
            DENIED.labels(error.reason, method).inc()
            told = {"retry_ms": error.retry_ms} if isinstance(error, OverloadedError) else {}
            note_behind("denied", reason=error.reason, method=method, peer=_peer(context), **told)
            raise

    def _admitted(self, method: str, context: Any) -> Caller:
        if self._path is None:
            if method in CONTROL and not _is_local(context):
                told = f"{method} is for callers on this machine until identities are configured"
                raise ForbiddenError(told, reason="METHOD_DENIED")
            return ANYONE
        name = self._named(context)
        identity = self._known.get(name) if name else None
        if identity is None:
            fault = "no identity that is known: a client certificate or a bearer token is needed"
            raise UnauthenticatedError(fault)
        if method not in identity.methods:
            raise ForbiddenError(f"`{name}` may not call {method}", reason="METHOD_DENIED")
        self._charge(name, identity)
        return Caller(name, identity.priority)

    def _named(self, context: Any) -> str:
        """Return the identity of a call: by its certificate, else by its token."""
        told = context.auth_context().get("x509_subject_alternative_name", ())
        for each in told:
            if found := self._by_name.get(each.decode("utf-8", "replace")):
                return found
        for key, value in context.invocation_metadata():
            is_token = key == "authorization" and isinstance(value, str)
            if is_token and value.startswith(_BEARER):
                return self._by_token(value.removeprefix(_BEARER))
        return ""

    def _by_token(self, token: str) -> str:
        if len(token) < TOKEN_CHARS_MIN:
            return ""
        digest, found = hashlib.sha256(token.encode()).hexdigest(), ""
        for known, name in self._tokens:  # all of them: how long it takes tells nothing
            if hmac.compare_digest(known, digest):
                found = name
        return found

    def _charge(self, name: str, identity: Identity) -> None:
        if identity.calls_per_s is None:
            return
        with self._lock:
            now_s = self._now_s()
            bucket = self._buckets.setdefault(name, _Bucket(identity.calls_per_s, now_s))
            wait_s = bucket.take(now_s)
        if wait_s:
            raise OverloadedError(
                f"`{name}` may call {identity.calls_per_s:g} times a second",
                reason="QUOTA_EXCEEDED",
                retry_ms=int(wait_s * 1000) + 1,
            )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


def _parsed(path: Path | None, raw: bytes) -> dict[str, Identity]:
    try:
        found = _Identities.model_validate(_frozen(tomllib.loads(raw.decode("utf-8"))))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    except ValidationError as error:
        place, fault = place_and_fault(error, _Identities)
        raise SettingsError(f"{path}: {place}: {fault}") from None
    for name, one in found.identity.items():
        if not (one.names or one.tokens):
            raise SettingsError(f"{path}: identity.{name}: has neither names nor tokens")
    return dict(found.identity)


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return {k: _frozen(v) for k, v in value.items()} if isinstance(value, dict) else value


def _is_local(context: Any) -> bool:
    return _peer(context).startswith(_LOCAL)


def _peer(context: Any) -> str:
    return str(context.peer())
