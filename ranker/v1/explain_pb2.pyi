from ranker.v1 import decision_pb2 as _decision_pb2
from ranker.v1 import rerank_pb2 as _rerank_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_STANDS: _ClassVar[Verdict]
    VERDICT_LOWER: _ClassVar[Verdict]
    VERDICT_BARRED: _ClassVar[Verdict]
    VERDICT_ABSENT: _ClassVar[Verdict]
VERDICT_UNSPECIFIED: Verdict
VERDICT_STANDS: Verdict
VERDICT_LOWER: Verdict
VERDICT_BARRED: Verdict
VERDICT_ABSENT: Verdict

class ExplainRequest(_message.Message):
    __slots__ = ("request", "candidate_id")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_ID_FIELD_NUMBER: _ClassVar[int]
    request: _rerank_pb2.RerankRequest
    candidate_id: str
    def __init__(self, request: _Optional[_Union[_rerank_pb2.RerankRequest, _Mapping]] = ..., candidate_id: _Optional[str] = ...) -> None: ...

class FactUsed(_message.Message):
    __slots__ = ("rule_id", "column", "value")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    column: str
    value: str
    def __init__(self, rule_id: _Optional[str] = ..., column: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class FactChange(_message.Message):
    __slots__ = ("column", "before", "after")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    column: str
    before: str
    after: str
    def __init__(self, column: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class SmallestChange(_message.Message):
    __slots__ = ("facts", "utility", "rule_id", "shown", "slot")
    FACTS_FIELD_NUMBER: _ClassVar[int]
    UTILITY_FIELD_NUMBER: _ClassVar[int]
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    facts: _containers.RepeatedCompositeFieldContainer[FactChange]
    utility: float
    rule_id: str
    shown: bool
    slot: int
    def __init__(self, facts: _Optional[_Iterable[_Union[FactChange, _Mapping]]] = ..., utility: _Optional[float] = ..., rule_id: _Optional[str] = ..., shown: _Optional[bool] = ..., slot: _Optional[int] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("verdict", "shown", "slot", "reasons", "citations", "facts", "facts_changed_us", "facts_age_ms", "cost", "change", "said_zh", "said_en", "policy_digest", "facts_revision", "instant_us")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    FACTS_CHANGED_US_FIELD_NUMBER: _ClassVar[int]
    FACTS_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    SAID_ZH_FIELD_NUMBER: _ClassVar[int]
    SAID_EN_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FACTS_REVISION_FIELD_NUMBER: _ClassVar[int]
    INSTANT_US_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    shown: bool
    slot: int
    reasons: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Reason]
    citations: _containers.RepeatedCompositeFieldContainer[_decision_pb2.Citation]
    facts: _containers.RepeatedCompositeFieldContainer[FactUsed]
    facts_changed_us: int
    facts_age_ms: int
    cost: float
    change: SmallestChange
    said_zh: str
    said_en: str
    policy_digest: str
    facts_revision: int
    instant_us: int
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., shown: _Optional[bool] = ..., slot: _Optional[int] = ..., reasons: _Optional[_Iterable[_Union[_decision_pb2.Reason, _Mapping]]] = ..., citations: _Optional[_Iterable[_Union[_decision_pb2.Citation, _Mapping]]] = ..., facts: _Optional[_Iterable[_Union[FactUsed, _Mapping]]] = ..., facts_changed_us: _Optional[int] = ..., facts_age_ms: _Optional[int] = ..., cost: _Optional[float] = ..., change: _Optional[_Union[SmallestChange, _Mapping]] = ..., said_zh: _Optional[str] = ..., said_en: _Optional[str] = ..., policy_digest: _Optional[str] = ..., facts_revision: _Optional[int] = ..., instant_us: _Optional[int] = ...) -> None: ...
