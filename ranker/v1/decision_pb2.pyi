from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SlotState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SLOT_STATE_UNSPECIFIED: _ClassVar[SlotState]
    SLOT_STATE_FILLED: _ClassVar[SlotState]
    SLOT_STATE_EMPTY: _ClassVar[SlotState]
    SLOT_STATE_RESERVED: _ClassVar[SlotState]

class Duty(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DUTY_UNSPECIFIED: _ClassVar[Duty]
    DUTY_RECORD_NUMBER: _ClassVar[Duty]
    DUTY_AI_GENERATED: _ClassVar[Duty]
    DUTY_AI_POSSIBLE: _ClassVar[Duty]
    DUTY_AI_SUSPECTED: _ClassVar[Duty]
    DUTY_ROOM_CATEGORY: _ClassVar[Duty]

class Cause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAUSE_UNSPECIFIED: _ClassVar[Cause]
    CAUSE_BLOCKED: _ClassVar[Cause]
    CAUSE_CAPPED: _ClassVar[Cause]
    CAUSE_SUNK: _ClassVar[Cause]
    CAUSE_WEIGHTED: _ClassVar[Cause]
    CAUSE_FLOOR: _ClassVar[Cause]
    CAUSE_DISPLACED: _ClassVar[Cause]
    CAUSE_WITHDRAWN: _ClassVar[Cause]
    CAUSE_PINNED: _ClassVar[Cause]
    CAUSE_KEPT: _ClassVar[Cause]

class VoidCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOID_CAUSE_UNSPECIFIED: _ClassVar[VoidCause]
    VOID_CAUSE_NOT_OFFERED: _ClassVar[VoidCause]
    VOID_CAUSE_RESERVED: _ClassVar[VoidCause]
    VOID_CAUSE_BLOCKED: _ClassVar[VoidCause]
    VOID_CAUSE_SUNK: _ClassVar[VoidCause]
    VOID_CAUSE_PINNED_ABOVE: _ClassVar[VoidCause]
    VOID_CAUSE_TAKEN: _ClassVar[VoidCause]
    VOID_CAUSE_NO_ROOM: _ClassVar[VoidCause]
SLOT_STATE_UNSPECIFIED: SlotState
SLOT_STATE_FILLED: SlotState
SLOT_STATE_EMPTY: SlotState
SLOT_STATE_RESERVED: SlotState
DUTY_UNSPECIFIED: Duty
DUTY_RECORD_NUMBER: Duty
DUTY_AI_GENERATED: Duty
DUTY_AI_POSSIBLE: Duty
DUTY_AI_SUSPECTED: Duty
DUTY_ROOM_CATEGORY: Duty
CAUSE_UNSPECIFIED: Cause
CAUSE_BLOCKED: Cause
CAUSE_CAPPED: Cause
CAUSE_SUNK: Cause
CAUSE_WEIGHTED: Cause
CAUSE_FLOOR: Cause
CAUSE_DISPLACED: Cause
CAUSE_WITHDRAWN: Cause
CAUSE_PINNED: Cause
CAUSE_KEPT: Cause
VOID_CAUSE_UNSPECIFIED: VoidCause
VOID_CAUSE_NOT_OFFERED: VoidCause
VOID_CAUSE_RESERVED: VoidCause
VOID_CAUSE_BLOCKED: VoidCause
VOID_CAUSE_SUNK: VoidCause
VOID_CAUSE_PINNED_ABOVE: VoidCause
VOID_CAUSE_TAKEN: VoidCause
VOID_CAUSE_NO_ROOM: VoidCause

class Decision(_message.Message):
    __slots__ = ("placements", "moves", "blocked", "blocked_count", "relaxed", "shadow", "withdrawn", "empty_slots", "citations", "seam_unverified", "facts_strict", "rounds", "worth", "free_bound", "proved_best", "void_pins")
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    RELAXED_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    EMPTY_SLOTS_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    SEAM_UNVERIFIED_FIELD_NUMBER: _ClassVar[int]
    FACTS_STRICT_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    WORTH_FIELD_NUMBER: _ClassVar[int]
    FREE_BOUND_FIELD_NUMBER: _ClassVar[int]
    PROVED_BEST_FIELD_NUMBER: _ClassVar[int]
    VOID_PINS_FIELD_NUMBER: _ClassVar[int]
    placements: _containers.RepeatedCompositeFieldContainer[Placement]
    moves: _containers.RepeatedCompositeFieldContainer[Move]
    blocked: _containers.RepeatedCompositeFieldContainer[BlockedCandidate]
    blocked_count: int
    relaxed: _containers.RepeatedCompositeFieldContainer[Finding]
    shadow: _containers.RepeatedCompositeFieldContainer[Finding]
    withdrawn: _containers.RepeatedCompositeFieldContainer[Finding]
    empty_slots: _containers.RepeatedScalarFieldContainer[int]
    citations: _containers.RepeatedCompositeFieldContainer[Citation]
    seam_unverified: bool
    facts_strict: bool
    rounds: int
    worth: float
    free_bound: float
    proved_best: bool
    void_pins: _containers.RepeatedCompositeFieldContainer[VoidPin]
    def __init__(self, placements: _Optional[_Iterable[_Union[Placement, _Mapping]]] = ..., moves: _Optional[_Iterable[_Union[Move, _Mapping]]] = ..., blocked: _Optional[_Iterable[_Union[BlockedCandidate, _Mapping]]] = ..., blocked_count: _Optional[int] = ..., relaxed: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., shadow: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., withdrawn: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., empty_slots: _Optional[_Iterable[int]] = ..., citations: _Optional[_Iterable[_Union[Citation, _Mapping]]] = ..., seam_unverified: _Optional[bool] = ..., facts_strict: _Optional[bool] = ..., rounds: _Optional[int] = ..., worth: _Optional[float] = ..., free_bound: _Optional[float] = ..., proved_best: _Optional[bool] = ..., void_pins: _Optional[_Iterable[_Union[VoidPin, _Mapping]]] = ...) -> None: ...

class Placement(_message.Message):
    __slots__ = ("slot", "state", "candidate", "id", "utility", "scored", "unregistered", "reasons", "first_screen", "duties", "joined")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    UTILITY_FIELD_NUMBER: _ClassVar[int]
    SCORED_FIELD_NUMBER: _ClassVar[int]
    UNREGISTERED_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    FIRST_SCREEN_FIELD_NUMBER: _ClassVar[int]
    DUTIES_FIELD_NUMBER: _ClassVar[int]
    JOINED_FIELD_NUMBER: _ClassVar[int]
    slot: int
    state: SlotState
    candidate: int
    id: str
    utility: float
    scored: float
    unregistered: bool
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    first_screen: bool
    duties: _containers.RepeatedCompositeFieldContainer[OwedDuty]
    joined: bool
    def __init__(self, slot: _Optional[int] = ..., state: _Optional[_Union[SlotState, str]] = ..., candidate: _Optional[int] = ..., id: _Optional[str] = ..., utility: _Optional[float] = ..., scored: _Optional[float] = ..., unregistered: _Optional[bool] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., first_screen: _Optional[bool] = ..., duties: _Optional[_Iterable[_Union[OwedDuty, _Mapping]]] = ..., joined: _Optional[bool] = ...) -> None: ...

class OwedDuty(_message.Message):
    __slots__ = ("duty", "rule_id", "source")
    DUTY_FIELD_NUMBER: _ClassVar[int]
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    duty: Duty
    rule_id: str
    source: str
    def __init__(self, duty: _Optional[_Union[Duty, str]] = ..., rule_id: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("candidate", "id", "wanted_slot", "shown", "slot", "reasons")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    WANTED_SLOT_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    candidate: int
    id: str
    wanted_slot: int
    shown: bool
    slot: int
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    def __init__(self, candidate: _Optional[int] = ..., id: _Optional[str] = ..., wanted_slot: _Optional[int] = ..., shown: _Optional[bool] = ..., slot: _Optional[int] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ...) -> None: ...

class BlockedCandidate(_message.Message):
    __slots__ = ("candidate", "id", "rule_ids", "sources")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    RULE_IDS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    candidate: int
    id: str
    rule_ids: _containers.RepeatedScalarFieldContainer[str]
    sources: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, candidate: _Optional[int] = ..., id: _Optional[str] = ..., rule_ids: _Optional[_Iterable[str]] = ..., sources: _Optional[_Iterable[str]] = ...) -> None: ...

class VoidPin(_message.Message):
    __slots__ = ("rule_id", "slot", "subject_id", "cause", "id", "reasons")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    slot: int
    subject_id: str
    cause: VoidCause
    id: str
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    def __init__(self, rule_id: _Optional[str] = ..., slot: _Optional[int] = ..., subject_id: _Optional[str] = ..., cause: _Optional[_Union[VoidCause, str]] = ..., id: _Optional[str] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("rule_id", "cause", "ratio", "group", "by_id", "source", "slot")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    RATIO_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    BY_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    cause: Cause
    ratio: float
    group: str
    by_id: str
    source: str
    slot: int
    def __init__(self, rule_id: _Optional[str] = ..., cause: _Optional[_Union[Cause, str]] = ..., ratio: _Optional[float] = ..., group: _Optional[str] = ..., by_id: _Optional[str] = ..., source: _Optional[str] = ..., slot: _Optional[int] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("rule_id", "level", "count", "group", "slots")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    level: int
    count: int
    group: str
    slots: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, rule_id: _Optional[str] = ..., level: _Optional[int] = ..., count: _Optional[int] = ..., group: _Optional[str] = ..., slots: _Optional[_Iterable[int]] = ...) -> None: ...

class Citation(_message.Message):
    __slots__ = ("rule_id", "rule_type", "source", "citation_zh", "citation_en", "quote_zh", "quote_en", "order_ref")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_TYPE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CITATION_ZH_FIELD_NUMBER: _ClassVar[int]
    CITATION_EN_FIELD_NUMBER: _ClassVar[int]
    QUOTE_ZH_FIELD_NUMBER: _ClassVar[int]
    QUOTE_EN_FIELD_NUMBER: _ClassVar[int]
    ORDER_REF_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    rule_type: str
    source: str
    citation_zh: str
    citation_en: str
    quote_zh: str
    quote_en: str
    order_ref: str
    def __init__(self, rule_id: _Optional[str] = ..., rule_type: _Optional[str] = ..., source: _Optional[str] = ..., citation_zh: _Optional[str] = ..., citation_en: _Optional[str] = ..., quote_zh: _Optional[str] = ..., quote_en: _Optional[str] = ..., order_ref: _Optional[str] = ...) -> None: ...
