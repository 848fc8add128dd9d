"""Records: an envelope of digests, and the body it commits to."""

import hashlib
from importlib.metadata import version
from typing import Any, Final, NamedTuple

from ranker.audit.frames import Frame
from ranker.v1 import log_pb2 as pb

SCHEMA: Final = 1
ENGINE: Final = f"slotwarden/{version('slotwarden')}"


class Record(NamedTuple):
    """What is to be recorded, before it has a place in the log.

    Attributes:
        envelope: without origin, sequence and what is known of the body.
        body: serialised.
    """

    envelope: pb.Envelope
    body: bytes


class Stored(NamedTuple):
    """A record as it was read.

    Attributes:
        envelope: parsed; raw: as stored.
        body: as stored.
    """

    envelope: pb.Envelope
    raw: bytes
    body: bytes


def record(kind: Any, instant_us: int, body: bytes, **told: Any) -> Record:
    """Make a record.

    Args:
        kind: `RecordKind`.
        instant_us: microseconds since 1970 (UTC).
        body: serialised.
        told: other fields of the envelope.
    """
    envelope = pb.Envelope(
        schema=SCHEMA,
        kind=kind,
        instant_us=instant_us,
        body_sha256=hashlib.sha256(body).digest(),
        body_bytes=len(body),
        engine=ENGINE,
        **told,
    )
    return Record(envelope, body)


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
    if len(frame.body) != envelope.body_bytes:
        raise ValueError("the body is not as long as the envelope says")
    if hashlib.sha256(frame.body).digest() != envelope.body_sha256:
        raise ValueError("the body is not the one the envelope commits to")
    return Stored(envelope, frame.envelope, frame.body)
