from ranker.v1 import rerank_pb2 as _rerank_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutcomeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_KIND_UNSPECIFIED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_CLICK: _ClassVar[OutcomeKind]
    OUTCOME_KIND_WATCHED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_FINISHED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_LIKED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_SHARED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_FOLLOWED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_DISLIKED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_COMPLAINED: _ClassVar[OutcomeKind]

class ExposureStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPOSURE_STATUS_UNSPECIFIED: _ClassVar[ExposureStatus]
    EXPOSURE_STATUS_RECORDED: _ClassVar[ExposureStatus]
    EXPOSURE_STATUS_DUPLICATE: _ClassVar[ExposureStatus]
    EXPOSURE_STATUS_LATE: _ClassVar[ExposureStatus]
    EXPOSURE_STATUS_UNKNOWN: _ClassVar[ExposureStatus]
    EXPOSURE_STATUS_MISMATCHED: _ClassVar[ExposureStatus]
    EXPOSURE_STATUS_MISTIMED: _ClassVar[ExposureStatus]
OUTCOME_KIND_UNSPECIFIED: OutcomeKind
OUTCOME_KIND_CLICK: OutcomeKind
OUTCOME_KIND_WATCHED: OutcomeKind
OUTCOME_KIND_FINISHED: OutcomeKind
OUTCOME_KIND_LIKED: OutcomeKind
OUTCOME_KIND_SHARED: OutcomeKind
OUTCOME_KIND_FOLLOWED: OutcomeKind
OUTCOME_KIND_DISLIKED: OutcomeKind
OUTCOME_KIND_COMPLAINED: OutcomeKind
EXPOSURE_STATUS_UNSPECIFIED: ExposureStatus
EXPOSURE_STATUS_RECORDED: ExposureStatus
EXPOSURE_STATUS_DUPLICATE: ExposureStatus
EXPOSURE_STATUS_LATE: ExposureStatus
EXPOSURE_STATUS_UNKNOWN: ExposureStatus
EXPOSURE_STATUS_MISMATCHED: ExposureStatus
EXPOSURE_STATUS_MISTIMED: ExposureStatus

class ReportRequest(_message.Message):
    __slots__ = ("exposures",)
    EXPOSURES_FIELD_NUMBER: _ClassVar[int]
    exposures: _containers.RepeatedCompositeFieldContainer[Exposure]
    def __init__(self, exposures: _Optional[_Iterable[_Union[Exposure, _Mapping]]] = ...) -> None: ...

class Exposure(_message.Message):
    __slots__ = ("decision_id", "slot", "id", "shown_at_us", "outcomes")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SHOWN_AT_US_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    slot: int
    id: str
    shown_at_us: int
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, decision_id: _Optional[str] = ..., slot: _Optional[int] = ..., id: _Optional[str] = ..., shown_at_us: _Optional[int] = ..., outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("kind", "value")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    kind: OutcomeKind
    value: float
    def __init__(self, kind: _Optional[_Union[OutcomeKind, str]] = ..., value: _Optional[float] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("statuses", "receipt")
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedScalarFieldContainer[ExposureStatus]
    receipt: _rerank_pb2.Receipt
    def __init__(self, statuses: _Optional[_Iterable[_Union[ExposureStatus, str]]] = ..., receipt: _Optional[_Union[_rerank_pb2.Receipt, _Mapping]] = ...) -> None: ...
