"""A client of the service, as feed services should have one: deadline, safe retries, fallback.

It imports neither numpy nor the engine.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

import grpc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ranker.audit.checkpoint import public_key
from ranker.v1 import decision_pb2, rerank_pb2_grpc
from ranker.v1 import rerank_pb2 as pb

REPEATED: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""Nobody answered, or a server was stopped: Rerank is safe to repeat, it only adds a record."""
PUSHBACK: Final = "grpc-retry-pushback-ms"
SIGNED: Final = b"slotwarden-fallback/v1\n"
_Kind = tuple[str, str, int, bool, int, tuple[tuple[int, str], ...]]
"""Surface, terminal, viewer class, switch of personal recommendation, slots, and who stands in
those the caller fills: windows count them."""
KINDS_MAX: Final = 64  # LIMIT: kinds of pages whose fallback is kept, those used last
REPEATS_MAX: Final = 5  # LIMIT of repetitions of a call, within its deadline
BACKOFF_S: Final = 0.004  # before the first repetition, doubled for each; half to all is waited
_OPTIONS: Final = (("grpc.keepalive_time_ms", 60_000), ("grpc.enable_retries", 0))


class Origin(StrEnum):
    """Where a page comes from."""

    DECIDED = "decided"
    FALLBACK = "fallback"  # decided up to a minute ago, for all viewers of that class
    NONE = "none"  # no governed slot may be shown


class Slot(NamedTuple):
    """One slot.

    Attributes:
        id: what stands there; empty for nothing.
        duties: marks and numbers that must be shown with it, numbers of `Duty`.
        is_reserved: the caller fills it itself.
    """

    id: str
    duties: tuple[int, ...]
    is_reserved: bool


class Page(NamedTuple):
    """What may be shown.

    Attributes:
        slots: one a slot, in order; none where no governed slot may be shown.
        decision_id: under which to report what was shown.
        reply: of the service, where it decided.
        fault: why it did not.
    """

    origin: Origin
    slots: tuple[Slot, ...]
    decision_id: str = ""
    reply: pb.RerankResponse | None = None
    fault: str = ""


class _Held(NamedTuple):
    """A fallback slate, and until when it may be shown by our own steady clock."""

    slate: pb.FallbackSlate
    until_s: float


@dataclass
class _Kept:
    """The newest fallback slate of a kind of page, and what to ask for the next."""

    request: pb.RerankRequest
    held: _Held | None = None
    is_asked: bool = False


class Client:
    """Asks for pages.

    One object serves all threads of a process; it keeps one channel. Behind it a thread keeps a
    fallback slate fresh for each kind of page that was asked for.

    Args:
        address: host and port.
        credentials: of a TLS channel, None for plain text.
        token: bearer token, or empty.
        deadline_s: of a page, repetitions included.
        keys: public keys of the logs, a line each, as the platform published them; one of each
            worker. Without them fallback slates are believed as they come: set them.
        refresh_s: how often fallback slates are made anew; 0 for none at all.
        now_s: clock, seconds since 1970.
        monotonic_s: clock for how long a slate is held: one set wrong may not lengthen that.
    """

    def __init__(
        self,
        address: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        token: str = "",
        deadline_s: float = 0.1,
        keys: tuple[str, ...] = (),
        refresh_s: float = 20.0,
        now_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if credentials is None:
            self._channel = grpc.insecure_channel(address, _OPTIONS)
        else:
            self._channel = grpc.secure_channel(address, credentials, _OPTIONS)
        stub: Any = rerank_pb2_grpc.RerankServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._rerank, self._fallback = stub.Rerank, stub.FallbackSlate
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._deadline_s, self._refresh_s, self._now_s = deadline_s, refresh_s, now_s
        self._monotonic_s, self._keys = monotonic_s, dict(map(public_key, keys))
        self._kept: dict[_Kind, _Kept] = {}
        self._lock = threading.Lock()
        self._stop, self._wakes = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_fresh, name="fallback", daemon=True)
        if refresh_s:
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel."""
        self._stop.set()
        self._wakes.set()
        if self._thread.is_alive():
            self._thread.join()
        self._channel.close()

    def page(self, request: pb.RerankRequest) -> Page:
        """Return a page that may be shown, whatever becomes of the service.

        Args:
            request: as Rerank takes it.

        Raises:
            grpc.RpcError: the request itself is at fault; repeating it helps nobody.
        """
        self._note(request)
        try:
            reply = self._repeated(request)
        except grpc.RpcError as error:
            call: Any = error
            if call.code() in (
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.FAILED_PRECONDITION,
                grpc.StatusCode.UNAUTHENTICATED,
                grpc.StatusCode.PERMISSION_DENIED,
            ):
                raise
            return self._instead(request, f"{call.code().name}: {call.details()}")
        reserved = decision_pb2.SLOT_STATE_RESERVED
        slots = tuple(
            Slot(p.id, tuple(owed.duty for owed in p.duties), p.state == reserved)
            for p in reply.decision.placements
        )
        return Page(Origin.DECIDED, slots, reply.decision_id, reply)

    def _repeated(self, request: pb.RerankRequest) -> pb.RerankResponse:
        """Call, and repeat what may be repeated while the deadline lasts."""
        until_s, repeats = time.monotonic() + self._deadline_s, 0
        while True:
            left_s = until_s - time.monotonic()
            try:
                found: pb.RerankResponse = self._rerank(
                    request, timeout=max(left_s, 0.001), metadata=self._metadata
                )
            except grpc.RpcError as error:
                pause_s = _pause(error, repeats)
                if pause_s is None or time.monotonic() + pause_s >= until_s:
                    raise
                time.sleep(pause_s)
                repeats += 1
            else:
                return found

    def _instead(self, request: pb.RerankRequest, fault: str) -> Page:
        """Return what may be shown instead: a fallback slate, or nothing. Never the raw list."""
        kept = self._kept.get(_kind(request)) if _is_first(request) else None
        held = kept.held if kept else None
        if held is None or self._is_over(held):
            return Page(Origin.NONE, (), fault=fault)
        slate = held.slate
        slots = tuple(Slot(one.id, tuple(one.duties), one.reserved) for one in slate.slots)
        return Page(Origin.FALLBACK, slots, slate.decision_id, fault=fault)

    def _is_over(self, held: _Held) -> bool:
        """Tell whether a slate may not be shown any more, by either clock."""
        is_past = self._now_s() * 1e6 >= held.slate.expires_us
        return is_past or self._monotonic_s() >= held.until_s

    def _note(self, request: pb.RerankRequest) -> None:
        """Remember a first page of each kind: its candidates are asked for ahead."""
        if not _is_first(request):
            return
        kind = _kind(request)
        copied = pb.RerankRequest()
        copied.CopyFrom(request)  # the caller may use its own again
        with self._lock:
            kept = self._kept.pop(kind, None)
            is_new = kept is None
            if kept is None:
                kept = _Kept(copied)
                if len(self._kept) >= KINDS_MAX:
                    del self._kept[next(iter(self._kept))]
            kept.request = copied
            self._kept[kind] = kept  # the last used is the last
        if is_new:
            self._wakes.set()

    def _keep_fresh(self) -> None:
        due_s = 0.0
        while not self._stop.is_set():
            is_due = time.monotonic() >= due_s
            with self._lock:
                asked = [kept for kept in self._kept.values() if is_due or not kept.is_asked]
            for kept in asked:
                self._refresh(kept)
            if is_due:
                due_s = time.monotonic() + self._refresh_s
            self._wakes.wait(max(due_s - time.monotonic(), 0.0))
            self._wakes.clear()

    def _refresh(self, kept: _Kept) -> None:
        kept.is_asked, begun_s = True, self._monotonic_s()
        asked = pb.FallbackSlateRequest(request=kept.request)
        asked.request.ClearField("viewer_id")  # it is for all viewers of that class
        asked.request.ClearField("session_id")
        try:
            reply = self._fallback(asked, timeout=5.0, metadata=self._metadata)
        except grpc.RpcError:
            return  # the last one serves until it expires
        if not self._is_signed(reply):
            return
        slate, before = pb.FallbackSlate.FromString(reply.slate), kept.held
        is_older = before is not None and slate.decided_us < before.slate.decided_us
        if _is_for(slate, asked.request) and not is_older:
            lasts_s = (slate.expires_us - slate.decided_us) / 1e6
            kept.held = _Held(slate, begun_s + lasts_s)

    def _is_signed(self, reply: pb.FallbackSlateResponse) -> bool:
        """Tell whether a key we know signed a slate."""
        try:
            name, public = public_key(reply.key)
            if self._keys and self._keys.get(name) != public:
                return False
            Ed25519PublicKey.from_public_bytes(public).verify(reply.signature, SIGNED + reply.slate)
        except (InvalidSignature, ValueError):
            return False
        return True


def _is_first(request: pb.RerankRequest) -> bool:
    return not (request.first_slot or request.page_token or request.tail_ids)


def _kind(request: pb.RerankRequest) -> _Kind:
    is_personal = request.personalised if request.HasField("personalised") else True
    return (
        request.surface,
        request.terminal,
        request.viewer_class,
        is_personal,
        request.slot_count,
        tuple(sorted((one.slot, one.id) for one in request.reserved)),
    )


def _is_for(slate: pb.FallbackSlate, request: pb.RerankRequest) -> bool:
    """Tell whether a slate is one for a page: a signature does not say whose answer it is."""
    *page, slots, reserved = _kind(request)
    told = [slate.surface, slate.terminal, slate.viewer_class, slate.personalised]
    theirs = [slot.slot for slot in slate.slots if slot.reserved]
    return (told, len(slate.slots), theirs) == (page, slots, [slot for slot, _ in reserved])


def _pause(error: grpc.RpcError, repeats: int) -> float | None:
    """Return how long to wait before the next try, None where there must be none.

    Args:
        error: of the last try.
        repeats: how often the call was repeated already.
    """
    call: Any = error
    if call.code() in REPEATED and repeats < REPEATS_MAX:
        return BACKOFF_S * (1 << repeats) * random.uniform(0.5, 1.0)
    if call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and repeats == 0:
        told = dict(call.trailing_metadata() or ()).get(PUSHBACK, "")
        return int(told) / 1000 if told.isdecimal() else None
    return None
