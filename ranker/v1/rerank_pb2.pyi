from ranker.v1 import decision_pb2 as _decision_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ViewerClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIEWER_CLASS_UNSPECIFIED: _ClassVar[ViewerClass]
    VIEWER_CLASS_UNKNOWN: _ClassVar[ViewerClass]
    VIEWER_CLASS_ADULT: _ClassVar[ViewerClass]
    VIEWER_CLASS_MINOR: _ClassVar[ViewerClass]

class CandidateKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANDIDATE_KIND_UNSPECIFIED: _ClassVar[CandidateKind]
    CANDIDATE_KIND_DRAMA: _ClassVar[CandidateKind]
    CANDIDATE_KIND_ROOM: _ClassVar[CandidateKind]
    CANDIDATE_KIND_VIDEO: _ClassVar[CandidateKind]
VIEWER_CLASS_UNSPECIFIED: ViewerClass
VIEWER_CLASS_UNKNOWN: ViewerClass
VIEWER_CLASS_ADULT: ViewerClass
VIEWER_CLASS_MINOR: ViewerClass
CANDIDATE_KIND_UNSPECIFIED: CandidateKind
CANDIDATE_KIND_DRAMA: CandidateKind
CANDIDATE_KIND_ROOM: CandidateKind
CANDIDATE_KIND_VIDEO: CandidateKind

class FallbackSlateRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: RerankRequest
    def __init__(self, request: _Optional[_Union[RerankRequest, _Mapping]] = ...) -> None: ...

class FallbackSlateResponse(_message.Message):
    __slots__ = ("slate", "signature", "key")
    SLATE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    slate: bytes
    signature: bytes
    key: str
    def __init__(self, slate: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., key: _Optional[str] = ...) -> None: ...

class FallbackSlate(_message.Message):
    __slots__ = ("surface", "terminal", "viewer_class", "personalised", "slots", "decided_us", "expires_us", "decision_id", "policy_digest", "receipt")
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    VIEWER_CLASS_FIELD_NUMBER: _ClassVar[int]
    PERSONALISED_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    DECIDED_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_US_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    surface: str
    terminal: str
    viewer_class: ViewerClass
    personalised: bool
    slots: _containers.RepeatedCompositeFieldContainer[FallbackSlot]
    decided_us: int
    expires_us: int
    decision_id: str
    policy_digest: str
    receipt: Receipt
    def __init__(self, surface: _Optional[str] = ..., terminal: _Optional[str] = ..., viewer_class: _Optional[_Union[ViewerClass, str]] = ..., personalised: _Optional[bool] = ..., slots: _Optional[_Iterable[_Union[FallbackSlot, _Mapping]]] = ..., decided_us: _Optional[int] = ..., expires_us: _Optional[int] = ..., decision_id: _Optional[str] = ..., policy_digest: _Optional[str] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ...) -> None: ...

class FallbackSlot(_message.Message):
    __slots__ = ("slot", "id", "duties", "reserved")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DUTIES_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    slot: int
    id: str
    duties: _containers.RepeatedScalarFieldContainer[_decision_pb2.Duty]
    reserved: bool
    def __init__(self, slot: _Optional[int] = ..., id: _Optional[str] = ..., duties: _Optional[_Iterable[_Union[_decision_pb2.Duty, str]]] = ..., reserved: _Optional[bool] = ...) -> None: ...

class RerankRequest(_message.Message):
    __slots__ = ("surface", "terminal", "slot_count", "first_slot", "page_token", "tail_ids", "session_id", "reserved", "viewer_class", "personalised", "expected_policy_digest", "request_id", "viewer_id", "columns", "rows")
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    SLOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_SLOT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TAIL_IDS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    VIEWER_CLASS_FIELD_NUMBER: _ClassVar[int]
    PERSONALISED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VIEWER_ID_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    surface: str
    terminal: str
    slot_count: int
    first_slot: int
    page_token: str
    tail_ids: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    reserved: _containers.RepeatedCompositeFieldContainer[ReservedSlot]
    viewer_class: ViewerClass
    personalised: bool
    expected_policy_digest: str
    request_id: str
    viewer_id: str
    columns: CandidateColumns
    rows: CandidateRows
    def __init__(self, surface: _Optional[str] = ..., terminal: _Optional[str] = ..., slot_count: _Optional[int] = ..., first_slot: _Optional[int] = ..., page_token: _Optional[str] = ..., tail_ids: _Optional[_Iterable[str]] = ..., session_id: _Optional[str] = ..., reserved: _Optional[_Iterable[_Union[ReservedSlot, _Mapping]]] = ..., viewer_class: _Optional[_Union[ViewerClass, str]] = ..., personalised: _Optional[bool] = ..., expected_policy_digest: _Optional[str] = ..., request_id: _Optional[str] = ..., viewer_id: _Optional[str] = ..., columns: _Optional[_Union[CandidateColumns, _Mapping]] = ..., rows: _Optional[_Union[CandidateRows, _Mapping]] = ...) -> None: ...

class CandidateColumns(_message.Message):
    __slots__ = ("ids", "string_ids", "utilities", "kinds", "features", "facts")
    IDS_FIELD_NUMBER: _ClassVar[int]
    STRING_IDS_FIELD_NUMBER: _ClassVar[int]
    UTILITIES_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    string_ids: _containers.RepeatedScalarFieldContainer[str]
    utilities: _containers.RepeatedScalarFieldContainer[float]
    kinds: _containers.RepeatedScalarFieldContainer[CandidateKind]
    features: _containers.RepeatedCompositeFieldContainer[FeatureColumn]
    facts: _containers.RepeatedCompositeFieldContainer[FactRow]
    def __init__(self, ids: _Optional[_Iterable[int]] = ..., string_ids: _Optional[_Iterable[str]] = ..., utilities: _Optional[_Iterable[float]] = ..., kinds: _Optional[_Iterable[_Union[CandidateKind, str]]] = ..., features: _Optional[_Iterable[_Union[FeatureColumn, _Mapping]]] = ..., facts: _Optional[_Iterable[_Union[FactRow, _Mapping]]] = ...) -> None: ...

class FeatureColumn(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class CandidateRows(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[CandidateRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[CandidateRow, _Mapping]]] = ...) -> None: ...

class CandidateRow(_message.Message):
    __slots__ = ("id", "utility", "kind", "facts")
    ID_FIELD_NUMBER: _ClassVar[int]
    UTILITY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    utility: float
    kind: CandidateKind
    facts: FactRow
    def __init__(self, id: _Optional[str] = ..., utility: _Optional[float] = ..., kind: _Optional[_Union[CandidateKind, str]] = ..., facts: _Optional[_Union[FactRow, _Mapping]] = ...) -> None: ...

class ReservedSlot(_message.Message):
    __slots__ = ("slot", "id")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    slot: int
    id: str
    def __init__(self, slot: _Optional[int] = ..., id: _Optional[str] = ...) -> None: ...

class FactRow(_message.Message):
    __slots__ = ("kind", "document", "document_status", "document_from", "document_until", "recheck", "support", "support_from", "support_until", "plan", "plan_listed_on", "room_grade", "anchor_grade", "rated_on", "restriction", "restriction_from", "restriction_until", "themes", "document_number", "title_card", "investment_cny", "filed_on", "form", "ai_generated", "ai_label", "episode_s_min", "special_subjects", "co_review", "uploader", "platform_review", "provider_until", "version", "rerun", "reviewed_on", "access", "main_push", "watch", "minor_impact", "minors_pool", "human_review", "quality_grade", "account_grade", "room_quality", "anchor_quality", "category", "category_review", "merchant", "qualified_until", "out_of_scope", "operator_grade", "advance_report", "monitoring", "score_basis", "metric_fraud", "listings", "series", "provider", "duplicate", "filed_theme")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_STATUS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FROM_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_UNTIL_FIELD_NUMBER: _ClassVar[int]
    RECHECK_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_FROM_FIELD_NUMBER: _ClassVar[int]
    SUPPORT_UNTIL_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLAN_LISTED_ON_FIELD_NUMBER: _ClassVar[int]
    ROOM_GRADE_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_GRADE_FIELD_NUMBER: _ClassVar[int]
    RATED_ON_FIELD_NUMBER: _ClassVar[int]
    RESTRICTION_FIELD_NUMBER: _ClassVar[int]
    RESTRICTION_FROM_FIELD_NUMBER: _ClassVar[int]
    RESTRICTION_UNTIL_FIELD_NUMBER: _ClassVar[int]
    THEMES_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TITLE_CARD_FIELD_NUMBER: _ClassVar[int]
    INVESTMENT_CNY_FIELD_NUMBER: _ClassVar[int]
    FILED_ON_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    AI_GENERATED_FIELD_NUMBER: _ClassVar[int]
    AI_LABEL_FIELD_NUMBER: _ClassVar[int]
    EPISODE_S_MIN_FIELD_NUMBER: _ClassVar[int]
    SPECIAL_SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    CO_REVIEW_FIELD_NUMBER: _ClassVar[int]
    UPLOADER_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_REVIEW_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_UNTIL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RERUN_FIELD_NUMBER: _ClassVar[int]
    REVIEWED_ON_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    MAIN_PUSH_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    MINOR_IMPACT_FIELD_NUMBER: _ClassVar[int]
    MINORS_POOL_FIELD_NUMBER: _ClassVar[int]
    HUMAN_REVIEW_FIELD_NUMBER: _ClassVar[int]
    QUALITY_GRADE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_GRADE_FIELD_NUMBER: _ClassVar[int]
    ROOM_QUALITY_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_QUALITY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_REVIEW_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_FIELD_NUMBER: _ClassVar[int]
    QUALIFIED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_SCOPE_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_GRADE_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_REPORT_FIELD_NUMBER: _ClassVar[int]
    MONITORING_FIELD_NUMBER: _ClassVar[int]
    SCORE_BASIS_FIELD_NUMBER: _ClassVar[int]
    METRIC_FRAUD_FIELD_NUMBER: _ClassVar[int]
    LISTINGS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    FILED_THEME_FIELD_NUMBER: _ClassVar[int]
    kind: str
    document: str
    document_status: str
    document_from: str
    document_until: str
    recheck: str
    support: str
    support_from: str
    support_until: str
    plan: str
    plan_listed_on: str
    room_grade: str
    anchor_grade: str
    rated_on: str
    restriction: str
    restriction_from: str
    restriction_until: str
    themes: str
    document_number: str
    title_card: str
    investment_cny: str
    filed_on: str
    form: str
    ai_generated: str
    ai_label: str
    episode_s_min: str
    special_subjects: str
    co_review: str
    uploader: str
    platform_review: str
    provider_until: str
    version: str
    rerun: str
    reviewed_on: str
    access: str
    main_push: str
    watch: str
    minor_impact: str
    minors_pool: str
    human_review: str
    quality_grade: str
    account_grade: str
    room_quality: str
    anchor_quality: str
    category: str
    category_review: str
    merchant: str
    qualified_until: str
    out_of_scope: str
    operator_grade: str
    advance_report: str
    monitoring: str
    score_basis: str
    metric_fraud: str
    listings: str
    series: str
    provider: str
    duplicate: str
    filed_theme: str
    def __init__(self, kind: _Optional[str] = ..., document: _Optional[str] = ..., document_status: _Optional[str] = ..., document_from: _Optional[str] = ..., document_until: _Optional[str] = ..., recheck: _Optional[str] = ..., support: _Optional[str] = ..., support_from: _Optional[str] = ..., support_until: _Optional[str] = ..., plan: _Optional[str] = ..., plan_listed_on: _Optional[str] = ..., room_grade: _Optional[str] = ..., anchor_grade: _Optional[str] = ..., rated_on: _Optional[str] = ..., restriction: _Optional[str] = ..., restriction_from: _Optional[str] = ..., restriction_until: _Optional[str] = ..., themes: _Optional[str] = ..., document_number: _Optional[str] = ..., title_card: _Optional[str] = ..., investment_cny: _Optional[str] = ..., filed_on: _Optional[str] = ..., form: _Optional[str] = ..., ai_generated: _Optional[str] = ..., ai_label: _Optional[str] = ..., episode_s_min: _Optional[str] = ..., special_subjects: _Optional[str] = ..., co_review: _Optional[str] = ..., uploader: _Optional[str] = ..., platform_review: _Optional[str] = ..., provider_until: _Optional[str] = ..., version: _Optional[str] = ..., rerun: _Optional[str] = ..., reviewed_on: _Optional[str] = ..., access: _Optional[str] = ..., main_push: _Optional[str] = ..., watch: _Optional[str] = ..., minor_impact: _Optional[str] = ..., minors_pool: _Optional[str] = ..., human_review: _Optional[str] = ..., quality_grade: _Optional[str] = ..., account_grade: _Optional[str] = ..., room_quality: _Optional[str] = ..., anchor_quality: _Optional[str] = ..., category: _Optional[str] = ..., category_review: _Optional[str] = ..., merchant: _Optional[str] = ..., qualified_until: _Optional[str] = ..., out_of_scope: _Optional[str] = ..., operator_grade: _Optional[str] = ..., advance_report: _Optional[str] = ..., monitoring: _Optional[str] = ..., score_basis: _Optional[str] = ..., metric_fraud: _Optional[str] = ..., listings: _Optional[str] = ..., series: _Optional[str] = ..., provider: _Optional[str] = ..., duplicate: _Optional[str] = ..., filed_theme: _Optional[str] = ...) -> None: ...

class RerankResponse(_message.Message):
    __slots__ = ("decision", "decision_id", "policy_digest", "facts_revision", "facts_digest", "facts_age_ms", "receipt", "page_token", "instant_us")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FACTS_REVISION_FIELD_NUMBER: _ClassVar[int]
    FACTS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FACTS_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INSTANT_US_FIELD_NUMBER: _ClassVar[int]
    decision: _decision_pb2.Decision
    decision_id: str
    policy_digest: str
    facts_revision: int
    facts_digest: str
    facts_age_ms: int
    receipt: Receipt
    page_token: str
    instant_us: int
    def __init__(self, decision: _Optional[_Union[_decision_pb2.Decision, _Mapping]] = ..., decision_id: _Optional[str] = ..., policy_digest: _Optional[str] = ..., facts_revision: _Optional[int] = ..., facts_digest: _Optional[str] = ..., facts_age_ms: _Optional[int] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., page_token: _Optional[str] = ..., instant_us: _Optional[int] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("origin", "sequence")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    origin: str
    sequence: int
    def __init__(self, origin: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...
