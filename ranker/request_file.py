"""Reads a request from a JSON file, in the words a person would write it in.

{"surface": "home", "terminal": "phone", "slot_count": 10,
 "candidates": [{"id": "t-0001", "utility": 8.5, "kind": "drama"}]}

Every other key is a field of RerankRequest.
"""

import json
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from constraints.errors import RequestError
from ranker.v1 import rerank_pb2 as pb

Sent = TypeVar("Sent", bound=Message)


def parse_request(content: bytes, surface: str = "") -> pb.RerankRequest:
    """Read a request.

    Args:
        content: the JSON, UTF-8.
        surface: overrides the file's surface unless empty.

    Raises:
        RequestError: naming the field that cannot be read.
    """
    try:
        values = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise _bad("request", f"is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise _bad("request", "must be a JSON object")
    candidates = values.pop("candidates", [])
    if not isinstance(candidates, list):
        raise _bad("candidates", "must be a list")
    viewer = values.get("viewer_class")
    if isinstance(viewer, str):
        values["viewer_class"] = f"VIEWER_CLASS_{viewer.upper()}"
    request = _parsed("request", values, pb.RerankRequest())
    for index, row in enumerate(candidates):
        place = f"candidates[{index}]"
        if not isinstance(row, dict):
            raise _bad(place, "must be an object")
        kind = row.get("kind")
        named = {"kind": f"CANDIDATE_KIND_{kind.upper()}"} if isinstance(kind, str) else {}
        request.rows.rows.append(_parsed(place, {**row, **named}, pb.CandidateRow()))
    if surface:
        request.surface = surface
    return request


def _refuse(number: str) -> float:
    raise ValueError(f"{number} is not a number")


def _parsed(place: str, values: dict[str, Any], message: Sent) -> Sent:
    try:
        json_format.ParseDict(values, message)
    except json_format.ParseError as error:
        fault = str(error).replace("\n", " ")
        raise _bad(place, fault[0].lower() + fault[1:].rstrip(".")) from None
    return message


def _bad(field: str, fault: str) -> RequestError:
    return RequestError(f"{field}: {fault}", reason="REQUEST_FILE_INVALID", field=field)
