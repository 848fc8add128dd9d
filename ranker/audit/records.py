"""Records: an envelope of digests, and the body it commits to."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import xxhash

import constraints
from ranker.audit.frames import Frame
from ranker.v1 import log_pb2 as pb
from ranker.wire import number, tags, text

SCHEMA: Final = 1
ENVELOPE: Final = tags(pb.Envelope)
_PLACE: Final = ("schema", "origin", "sequence")
_RANKER: Final = Path(__file__).parents[1]
_DECIDING: Final = (  # whose code a decision follows from, beside facts, policy and request
    (Path(constraints.__file__).parent, ("*.py", "*/*.py", "*.toml")),
    (_RANKER / "facts", ("*.py",)),
    (_RANKER / "serving", ("citing.py", "decode*.py", "encode*.py", "paging.py")),
    (_RANKER, ("wire.py",)),
)


@cache
def engine() -> str:
    """Return the version of the engine, and behind it a digest of all code that decides."""
    digest = xxhash.xxh3_64()
    for folder, patterns in _DECIDING:
        for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
            if path.parent.name not in ("policies", "cases"):
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"slotwarden/{version('slotwarden')}+{digest.hexdigest()}"


class Record(NamedTuple):
    """What is to be recorded, before it has a place in the log.

    Attributes:
        kind: `RecordKind`.
        told: the fields of its envelope behind `sequence`, as they are written.
        body: serialised.
    """

    kind: int
    told: bytes
    body: bytes

    @classmethod
    def of(cls, envelope: pb.Envelope, body: bytes) -> Self:
        """Make a record of an envelope; schema, origin and sequence are left out."""
        rest = pb.Envelope()
        rest.CopyFrom(envelope)
        for name in _PLACE:
            rest.ClearField(name)
        return cls(envelope.kind, rest.SerializeToString(deterministic=True), body)

    def envelope(self, origin: str, sequence: int) -> bytes:
        """Write the envelope of the record at its place in a log."""
        of = ENVELOPE
        place = text(of["origin"], origin) + number(of["sequence"], sequence)
        return number(of["schema"], SCHEMA) + place + self.told


class Stored(NamedTuple):
    """A record as it was read.

    Attributes:
        envelope: parsed; raw: as stored.
        body: as stored; empty where it was deleted.
    """

    envelope: pb.Envelope
    raw: bytes
    body: bytes

    @property
    def is_deleted(self) -> bool:
        """Its time of retention is over: the body is gone, and the envelope still proves it was."""
        return not self.body and bool(self.envelope.body_bytes)


def record(kind: Any, instant_us: int, body: bytes, **told: Any) -> Record:
    """Make a record.

    Args:
        kind: `RecordKind`.
        instant_us: microseconds since 1970 (UTC).
        body: serialised.
        told: other fields of the envelope.
    """
    envelope = pb.Envelope(
        kind=kind,
        instant_us=instant_us,
        body_sha256=hashlib.sha256(body).digest(),
        body_bytes=len(body),
        engine=engine(),
        **told,
    )
    return Record(kind, envelope.SerializeToString(deterministic=True), body)


def unpack(frame: Frame) -> Stored:
    """Read a record out of its frame.

    Raises:
        ValueError: envelope or body are not what they must be; it says which.
    """
    envelope = pb.Envelope()
    try:
        envelope.ParseFromString(frame.envelope)
    except Exception:  # noqa: BLE001 -- protobuf's own errors differ between its builds
        raise ValueError("the envelope cannot be read") from None
    if envelope.schema != SCHEMA:
        raise ValueError(f"the envelope is of schema {envelope.schema}, not {SCHEMA}")
    if envelope.sequence != frame.sequence:
        raise ValueError(f"the envelope says it is record {envelope.sequence}")
    if not frame.body:  # deleted, or none: `fsck` tells whether it may be
        return Stored(envelope, frame.envelope, b"")
    if len(frame.body) != envelope.body_bytes:
        raise ValueError("the body is not as long as the envelope says")
    if hashlib.sha256(frame.body).digest() != envelope.body_sha256:
        raise ValueError("the body is not the one the envelope commits to")
    return Stored(envelope, frame.envelope, frame.body)
