from ranker.v1 import exposure_pb2 as _exposure_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECORD_KIND_UNSPECIFIED: _ClassVar[RecordKind]
    RECORD_KIND_DECISION: _ClassVar[RecordKind]
    RECORD_KIND_EXPOSURE: _ClassVar[RecordKind]
    RECORD_KIND_CONTROL: _ClassVar[RecordKind]
    RECORD_KIND_HEARTBEAT: _ClassVar[RecordKind]
RECORD_KIND_UNSPECIFIED: RecordKind
RECORD_KIND_DECISION: RecordKind
RECORD_KIND_EXPOSURE: RecordKind
RECORD_KIND_CONTROL: RecordKind
RECORD_KIND_HEARTBEAT: RecordKind

class Envelope(_message.Message):
    __slots__ = ("schema", "origin", "sequence", "kind", "instant_us", "body_sha256", "body_bytes", "engine", "decision_id", "request_id", "surface", "policy_digest", "facts_revision", "facts_digest", "facts_age_ms", "candidate_count", "filled_count", "empty_count", "blocked_count", "moved_count", "relaxed_count", "withdrawn_count", "action", "viewer_key_id", "live")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INSTANT_US_FIELD_NUMBER: _ClassVar[int]
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FACTS_REVISION_FIELD_NUMBER: _ClassVar[int]
    FACTS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FACTS_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FILLED_COUNT_FIELD_NUMBER: _ClassVar[int]
    EMPTY_COUNT_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MOVED_COUNT_FIELD_NUMBER: _ClassVar[int]
    RELAXED_COUNT_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    VIEWER_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    schema: int
    origin: str
    sequence: int
    kind: RecordKind
    instant_us: int
    body_sha256: bytes
    body_bytes: int
    engine: str
    decision_id: str
    request_id: str
    surface: str
    policy_digest: bytes
    facts_revision: int
    facts_digest: bytes
    facts_age_ms: int
    candidate_count: int
    filled_count: int
    empty_count: int
    blocked_count: int
    moved_count: int
    relaxed_count: int
    withdrawn_count: int
    action: str
    viewer_key_id: str
    live: bool
    def __init__(self, schema: _Optional[int] = ..., origin: _Optional[str] = ..., sequence: _Optional[int] = ..., kind: _Optional[_Union[RecordKind, str]] = ..., instant_us: _Optional[int] = ..., body_sha256: _Optional[bytes] = ..., body_bytes: _Optional[int] = ..., engine: _Optional[str] = ..., decision_id: _Optional[str] = ..., request_id: _Optional[str] = ..., surface: _Optional[str] = ..., policy_digest: _Optional[bytes] = ..., facts_revision: _Optional[int] = ..., facts_digest: _Optional[bytes] = ..., facts_age_ms: _Optional[int] = ..., candidate_count: _Optional[int] = ..., filled_count: _Optional[int] = ..., empty_count: _Optional[int] = ..., blocked_count: _Optional[int] = ..., moved_count: _Optional[int] = ..., relaxed_count: _Optional[int] = ..., withdrawn_count: _Optional[int] = ..., action: _Optional[str] = ..., viewer_key_id: _Optional[str] = ..., live: _Optional[bool] = ...) -> None: ...

class DecisionBody(_message.Message):
    __slots__ = ("decision", "first_slot", "tail_ids", "seam_unverified", "facts_strict", "request", "viewer_hmac")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    FIRST_SLOT_FIELD_NUMBER: _ClassVar[int]
    TAIL_IDS_FIELD_NUMBER: _ClassVar[int]
    SEAM_UNVERIFIED_FIELD_NUMBER: _ClassVar[int]
    FACTS_STRICT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    VIEWER_HMAC_FIELD_NUMBER: _ClassVar[int]
    decision: bytes
    first_slot: int
    tail_ids: _containers.RepeatedScalarFieldContainer[str]
    seam_unverified: bool
    facts_strict: bool
    request: bytes
    viewer_hmac: bytes
    def __init__(self, decision: _Optional[bytes] = ..., first_slot: _Optional[int] = ..., tail_ids: _Optional[_Iterable[str]] = ..., seam_unverified: _Optional[bool] = ..., facts_strict: _Optional[bool] = ..., request: _Optional[bytes] = ..., viewer_hmac: _Optional[bytes] = ...) -> None: ...

class ExposureBody(_message.Message):
    __slots__ = ("exposures", "duplicates", "unknown")
    EXPOSURES_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    exposures: _containers.RepeatedCompositeFieldContainer[LoggedExposure]
    duplicates: int
    unknown: int
    def __init__(self, exposures: _Optional[_Iterable[_Union[LoggedExposure, _Mapping]]] = ..., duplicates: _Optional[int] = ..., unknown: _Optional[int] = ...) -> None: ...

class LoggedExposure(_message.Message):
    __slots__ = ("exposure", "status", "decided_id")
    EXPOSURE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DECIDED_ID_FIELD_NUMBER: _ClassVar[int]
    exposure: _exposure_pb2.Exposure
    status: _exposure_pb2.ExposureStatus
    decided_id: str
    def __init__(self, exposure: _Optional[_Union[_exposure_pb2.Exposure, _Mapping]] = ..., status: _Optional[_Union[_exposure_pb2.ExposureStatus, str]] = ..., decided_id: _Optional[str] = ...) -> None: ...

class ControlBody(_message.Message):
    __slots__ = ("before", "after", "note")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    before: str
    after: str
    note: str
    def __init__(self, before: _Optional[str] = ..., after: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class HeartbeatBody(_message.Message):
    __slots__ = ("received", "answered", "refused")
    class RefusedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    received: int
    answered: int
    refused: _containers.ScalarMap[str, int]
    def __init__(self, received: _Optional[int] = ..., answered: _Optional[int] = ..., refused: _Optional[_Mapping[str, int]] = ...) -> None: ...
