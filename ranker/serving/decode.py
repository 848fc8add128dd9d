"""Requests to arrays: every limit and shape of a request is checked here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from constraints.errors import OverloadedError, RequestError
from constraints.fact_text import COLUMNS, NUMBERS
from constraints.facts import FloatArray, IntArray, WordArray
from constraints.page import POSITIONS_MAX, SLOTS_MAX, ViewerClass
from ranker.settings import Settings
from ranker.v1 import rerank_pb2 as pb

try:
    from ranker.serving import decode_kernel as kernel
except ImportError:  # without numba
    kernel = None  # type: ignore[assignment]

ID_CHARS_MAX: Final = 128  # LIMIT: characters of an id
NAME_CHARS_MAX: Final = 64  # LIMIT: characters of a surface, a terminal or a feature
TOKEN_CHARS_MAX: Final = 65_536  # LIMIT: a page token; ours hold up to 63 ids, and need 46,000
DIGEST_CHARS_MAX: Final = 64  # LIMIT: characters of a digest
FEATURES_MAX: Final = 64  # LIMIT: feature columns
_VIEWERS: Final = (
    ViewerClass.UNKNOWN,
    ViewerClass.UNKNOWN,
    ViewerClass.ADULT,
    ViewerClass.MINOR,
)
_FIELDS: Final = pb.RerankRequest.DESCRIPTOR.fields_by_name
_NUMBERS: Final = tuple(
    _FIELDS[name].number for name in ("slot_count", "first_slot", "viewer_class", "personalised")
)
_TEXTS: Final = tuple(
    _FIELDS[name].number
    for name in (
        *("surface", "terminal", "expected_policy_digest", "request_id"),
        *("session_id", "viewer_id", "page_token"),
    )
)
_PRIVATE: Final = _TEXTS[-3:]
_KINDS: Final = len(pb.CandidateKind.items())


class _Candidates(NamedTuple):
    """See `Asked`."""

    ids: Sequence[str] | WordArray
    utility: FloatArray
    kinds: IntArray | None = None
    inline: Sequence[Mapping[str, str]] = ()


class Asked(NamedTuple):
    """A request, checked, as arrays.

    Attributes:
        kept: the request itself, without viewer, session and token, for the record.
        ids: n candidate ids, as text or as an array of numbers, each once.
        utility: (n,) float32, finite, >= 0.
        kinds: (n,) uint8 declared kinds, or None when none is declared.
        inline: n rows of text facts, or empty.
        reserved: slot → id of what the caller puts there, empty when unknown.
        joined: how many of the n nobody offered: the last ones.
    """

    kept: bytes
    request_id: str
    surface: str
    terminal: str
    slot_count: int
    first_slot: int
    page_token: str
    tail_ids: tuple[str, ...]
    session_id: str
    viewer_id: str
    reserved: Mapping[int, str]
    viewer_class: ViewerClass
    is_personalised: bool
    expected_policy_digest: str
    ids: Sequence[str] | WordArray
    utility: FloatArray
    kinds: IntArray | None
    inline: Sequence[Mapping[str, str]]
    joined: int = 0

    def with_joined(self, ids: Sequence[str]) -> "Asked":
        """Return the same with some more candidates, at utility 0, that nobody offered."""
        if not ids:
            return self
        told = [self.id_text(candidate) for candidate in range(len(self.ids))]
        utility = np.concatenate([self.utility, np.zeros(len(ids), self.utility.dtype)])
        return self._replace(ids=[*told, *ids], utility=utility, joined=len(ids))

    def id_texts(self, candidates: Sequence[int]) -> list[str]:
        """Return the ids of candidates as text; -1 stands for the last one."""
        if isinstance(self.ids, np.ndarray):
            return [*map(str, self.ids.take(candidates).tolist())]
        return [self.ids[one] for one in candidates]

    def id_text(self, candidate: int) -> str:
        """Return a candidate's id as text."""
        return str(self.ids[candidate])


def decode(data: bytes, settings: Settings) -> Asked:
    """Read and check a request.

    Raises:
        RequestError: naming the field at fault.
        OverloadedError: the message is larger than the limit.
    """
    if len(data) > settings.request_bytes_max:
        raise OverloadedError(
            f"request: has {len(data)} bytes, at most {settings.request_bytes_max} are read",
            reason="REQUEST_TOO_LARGE",
            field="request",
        )
    plain = _plain(data, settings)
    if plain is not None:
        return plain
    try:
        message = pb.RerankRequest.FromString(data)
    except DecodeError:
        raise RequestError(
            "request: is not a RerankRequest", reason="MALFORMED_MESSAGE", field="request"
        ) from None
    for field, most in (("surface", NAME_CHARS_MAX), ("terminal", NAME_CHARS_MAX),
                        ("session_id", ID_CHARS_MAX), ("viewer_id", ID_CHARS_MAX),
                        ("request_id", ID_CHARS_MAX),
                        ("page_token", TOKEN_CHARS_MAX),
                        ("expected_policy_digest", DIGEST_CHARS_MAX)):  # fmt: skip
        _check_text(field, getattr(message, field), most)
    if not message.surface:
        raise _bad("surface", "is missing", "SURFACE_MISSING")
    slots = message.slot_count
    if not 1 <= slots <= SLOTS_MAX:
        raise _bad("slot_count", f"is {slots}, must be 1 to {SLOTS_MAX}", "SLOT_COUNT_OUT_OF_RANGE")
    if message.viewer_class not in range(len(_VIEWERS)):
        raise _unknown_enum("viewer_class", message.viewer_class)
    tail_ids = tuple(message.tail_ids)
    if len(tail_ids) + slots > POSITIONS_MAX:
        most = POSITIONS_MAX - slots
        raise _bad("tail_ids", f"has {len(tail_ids)} ids, at most {most} fit", "TAIL_TOO_LONG")
    for index, key in enumerate(tail_ids):
        _check_text(f"tail_ids[{index}]", key, ID_CHARS_MAX)
    candidates = _candidates(message, settings)
    reserved = _reserved(message)
    viewer_id, session_id = message.viewer_id, message.session_id
    page_token = message.page_token
    message.ClearField("viewer_id")
    message.ClearField("session_id")
    message.ClearField("page_token")
    message.DiscardUnknownFields()  # they decide nothing, and may be about the viewer
    return Asked(
        kept=message.SerializeToString(deterministic=True),
        request_id=message.request_id,
        surface=message.surface,
        terminal=message.terminal,
        slot_count=slots,
        first_slot=message.first_slot,
        page_token=page_token,
        tail_ids=tail_ids,
        session_id=session_id,
        viewer_id=viewer_id,
        reserved=reserved,
        viewer_class=_VIEWERS[message.viewer_class],
        is_personalised=message.personalised if message.HasField("personalised") else True,
        expected_policy_digest=message.expected_policy_digest,
        ids=candidates.ids,
        utility=candidates.utility,
        kinds=candidates.kinds,
        inline=candidates.inline,
    )


def _plain(data: bytes, settings: Settings) -> Asked | None:
    """Read a request whose candidates are numbers with utilities, if nothing is wrong with it."""
    if not data or kernel is None:
        return None
    raw = np.frombuffer(data, np.uint8)
    found, ids, utility = kernel.read(raw, settings.candidate_count_max)
    if not len(ids):
        return None
    at = found.tolist()
    slots, first_slot, viewer, personalised = [at[field][1] for field in _NUMBERS]
    try:
        texts = [data[at[field][1] : at[field][2]].decode() for field in _TEXTS]
    except UnicodeDecodeError:
        return None
    surface, terminal, digest, request_id, session_id, viewer_id, page_token = texts
    told = "".join(texts)
    if not (
        surface
        and told.isprintable()
        and len(told) - len(page_token) <= NAME_CHARS_MAX  # then each of them is short enough
        and len(page_token) <= TOKEN_CHARS_MAX
        and 1 <= slots <= SLOTS_MAX
        and viewer < len(_VIEWERS)
    ):
        return None
    return Asked(
        kept=_without_viewer(data, at),
        request_id=request_id,
        surface=surface,
        terminal=terminal,
        slot_count=slots,
        first_slot=first_slot,
        page_token=page_token,
        tail_ids=(),
        session_id=session_id,
        viewer_id=viewer_id,
        reserved={},
        viewer_class=_VIEWERS[viewer],
        is_personalised=bool(personalised) or not at[_NUMBERS[3]][2],
        expected_policy_digest=digest,
        ids=ids,
        utility=utility,
        kinds=None,
        inline=(),
    )


def _without_viewer(data: bytes, at: list[list[int]]) -> bytes:
    """Cut the fields out that are about the viewer."""
    for key, _, end in sorted([at[field] for field in _PRIVATE if at[field][2]], reverse=True):
        data = data[:key] + data[end:]
    return data


def warm() -> None:
    """Read one request, so that the kernel is compiled before one needs it."""
    columns = pb.CandidateColumns(ids=[1], utilities=[1.0])
    data = pb.RerankRequest(columns=columns).SerializeToString()
    if kernel is not None:
        kernel.read(np.frombuffer(data, np.uint8), 1)


def _candidates(message: pb.RerankRequest, settings: Settings) -> _Candidates:
    match message.WhichOneof("candidates"):
        case "columns":
            columns = message.columns
            field = "candidates.columns"
            if columns.ids and columns.string_ids:
                raise _bad(f"{field}.ids", "stand beside string_ids: give one", "IDS_AMBIGUOUS")
            ids: Sequence[str] | WordArray = (
                np.array(columns.ids, np.uint64) if columns.ids else list(columns.string_ids)
            )
            utilities: Sequence[float] = columns.utilities
            kind_values: Sequence[int] = columns.kinds
            facts: Iterable[pb.FactRow] = columns.facts
        case "rows":
            rows, field = message.rows.rows, "candidates.rows"
            ids = [row.id for row in rows]
            utilities, kind_values = [row.utility for row in rows], [row.kind for row in rows]
            facts = [row.facts for row in rows] if any(r.HasField("facts") for r in rows) else []
        case _:
            raise _bad("candidates", "is missing", "CANDIDATES_MISSING")
    count = len(ids)
    if not 1 <= count <= settings.candidate_count_max:
        fault = f"has {count} candidates, must be 1 to {settings.candidate_count_max}"
        raise _bad(field, fault, "CANDIDATE_COUNT_OUT_OF_RANGE")
    _check_ids(f"{field}.ids", ids)
    inline = [_fact_row(row) for row in facts]
    if inline and not settings.inline_facts:
        fault = "this server takes no facts from callers"
        raise _bad("candidates.facts", fault, "INLINE_FACTS_REFUSED")
    for name, values in (("utilities", utilities), ("kinds", kind_values), ("facts", inline)):
        if len(values) != count and (values or name == "utilities"):
            fault = f"has {len(values)} values for {count} ids"
            raise _bad(f"{field}.{name}", fault, "COLUMN_LENGTHS_DIFFER")
    if field == "candidates.columns":
        _check_features(message.columns.features, count)
    kinds = np.array(kind_values, np.int32) if kind_values else None
    if kinds is not None and ((kinds < 0) | (kinds >= _KINDS)).any():
        raise _unknown_enum(f"{field}.kinds", int(kinds[(kinds < 0) | (kinds >= _KINDS)][0]))
    return _Candidates(ids, _utility(f"{field}.utilities", utilities), kinds, inline)


def _utility(field: str, values: Any) -> FloatArray:
    utility = np.array(values, np.float32)
    if not (utility.min() >= 0 and utility.max() < np.inf):  # nor where one is no number
        index = int(np.argmin(np.isfinite(utility) & (utility >= 0)))
        fault = f"{utility[index]} is not a finite number of 0 or more"
        raise _bad(f"{field}[{index}]", fault, "UTILITY_OUT_OF_RANGE")
    return utility + np.float32(0)  # -0.0 becomes 0.0


def _check_ids(field: str, ids: Sequence[str] | WordArray) -> None:
    if isinstance(ids, np.ndarray):
        ordered = np.sort(ids)
        is_repeated = bool((ordered[1:] == ordered[:-1]).any())
    else:
        is_repeated = len(set(ids)) != len(ids)
        for index, key in enumerate(ids):
            if not key:
                raise _bad(f"{field}[{index}]", "is empty", "CANDIDATE_ID_EMPTY")
            _check_text(f"{field}[{index}]", key, ID_CHARS_MAX)
    if is_repeated:
        seen: set[object] = set()
        for index, key in enumerate(ids):
            if key in seen:
                raise _bad(f"{field}[{index}]", f"`{key}` stands twice", "CANDIDATE_IDS_REPEATED")
            seen.add(key)


def _check_features(features: Sequence[pb.FeatureColumn], count: int) -> None:
    field = "candidates.columns.features"
    if len(features) > FEATURES_MAX:
        raise _bad(field, f"has more than {FEATURES_MAX} columns", "TOO_MANY_FEATURES")
    names: set[str] = set()
    for index, feature in enumerate(features):
        place = f"{field}[{index}]"
        _check_text(f"{place}.name", feature.name, NAME_CHARS_MAX)
        if not feature.name or feature.name in names:
            raise _bad(f"{place}.name", "is empty or stands twice", "FEATURE_NAME_INVALID")
        names.add(feature.name)
        if len(feature.values) != count:
            fault = f"has {len(feature.values)} values for {count} ids"
            raise _bad(f"{place}.values", fault, "COLUMN_LENGTHS_DIFFER")
        if not np.isfinite(np.array(feature.values, np.float32)).all():
            raise _bad(f"{place}.values", "holds a number that is not finite", "FEATURE_NOT_FINITE")


def _reserved(message: pb.RerankRequest) -> dict[int, str]:
    found: dict[int, str] = {}
    for index, reserved in enumerate(message.reserved):
        field = f"reserved[{index}]"
        if reserved.slot >= message.slot_count or reserved.slot in found:
            fault = f"{reserved.slot} is outside the page or stands twice"
            raise _bad(f"{field}.slot", fault, "RESERVED_SLOT_INVALID")
        _check_text(f"{field}.id", reserved.id, ID_CHARS_MAX)
        found[reserved.slot] = reserved.id
    if len(found) == message.slot_count:
        raise _bad("reserved", "leaves no slot to fill", "NO_OPEN_SLOT")
    return found


def _fact_row(row: pb.FactRow) -> dict[str, str]:
    return {name: getattr(row, name) for name in (NUMBERS, *COLUMNS)}


def _check_text(field: str, text: str, chars_max: int) -> None:
    if len(text) > chars_max:
        raise _bad(field, f"is longer than {chars_max} characters", "TEXT_TOO_LONG")
    if text and not text.isprintable():
        raise _bad(field, "holds a control character", "TEXT_NOT_PRINTABLE")


def _bad(field: str, fault: str, reason: str) -> RequestError:
    return RequestError(f"{field}: {fault}", reason=reason, field=field)


def _unknown_enum(field: str, value: int) -> RequestError:
    return _bad(field, f"{value} is not a value of this enum", "ENUM_VALUE_UNKNOWN")
