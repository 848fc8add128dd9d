from ranker.v1 import log_pb2 as _log_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetRequest(_message.Message):
    __slots__ = ("decision_id", "sequence")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    sequence: int
    def __init__(self, decision_id: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("envelope", "body", "kind", "sequence", "proof")
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    envelope: bytes
    body: bytes
    kind: _log_pb2.RecordKind
    sequence: int
    proof: str
    def __init__(self, envelope: _Optional[bytes] = ..., body: _Optional[bytes] = ..., kind: _Optional[_Union[_log_pb2.RecordKind, str]] = ..., sequence: _Optional[int] = ..., proof: _Optional[str] = ...) -> None: ...

class QueryRequest(_message.Message):
    __slots__ = ("question", "value", "from_day", "until_day", "surface", "row_count_max")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    FROM_DAY_FIELD_NUMBER: _ClassVar[int]
    UNTIL_DAY_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_MAX_FIELD_NUMBER: _ClassVar[int]
    question: str
    value: str
    from_day: str
    until_day: str
    surface: str
    row_count_max: int
    def __init__(self, question: _Optional[str] = ..., value: _Optional[str] = ..., from_day: _Optional[str] = ..., until_day: _Optional[str] = ..., surface: _Optional[str] = ..., row_count_max: _Optional[int] = ...) -> None: ...

class QueryResponse(_message.Message):
    __slots__ = ("columns", "rows", "more", "last_sequence", "signed_count", "rotated_us", "left_out_count")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SIGNED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ROTATED_US_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_COUNT_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[QueryColumn]
    rows: _containers.RepeatedCompositeFieldContainer[QueryRow]
    more: bool
    last_sequence: int
    signed_count: int
    rotated_us: int
    left_out_count: int
    def __init__(self, columns: _Optional[_Iterable[_Union[QueryColumn, _Mapping]]] = ..., rows: _Optional[_Iterable[_Union[QueryRow, _Mapping]]] = ..., more: _Optional[bool] = ..., last_sequence: _Optional[int] = ..., signed_count: _Optional[int] = ..., rotated_us: _Optional[int] = ..., left_out_count: _Optional[int] = ...) -> None: ...

class QueryColumn(_message.Message):
    __slots__ = ("name", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class QueryRow(_message.Message):
    __slots__ = ("cells",)
    CELLS_FIELD_NUMBER: _ClassVar[int]
    cells: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, cells: _Optional[_Iterable[str]] = ...) -> None: ...
