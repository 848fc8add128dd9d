"""Puts what is wrong with a policy file into its author's words."""

import re
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from constraints.errors import quoted

_WORDS: Final[dict[str, str]] = {
    "missing": "is missing",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must be kebab-case: small letters, digits and single hyphens",
    "date_type": "must be a date like 2026-09-01, without quotes or time",
    "tuple_type": "must be a list",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


def place_and_fault(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """Name the first mistake.

    Args:
        error: what pydantic found.
        model: what was read.

    Returns:
        The dotted place within the model (`unlicensed_share.0.value`), empty for the whole of it,
        and the fault.
    """
    found = error.errors(include_url=False)
    first = next((e for e in found if _is_misspelt(found[0], e)), found[0])
    loc, kind, context = list(first["loc"]), first["type"], first.get("ctx", {})
    if kind == "value_error":
        field, _, fault = str(context["error"]).partition(": ")
        loc, fault = ([*loc, field], fault) if fault else (loc, field)
    elif kind == "extra_forbidden":
        fault = "is not a field here" + did_you_mean(str(loc[-1]), _fields_at(model, loc[:-1]))
    else:
        words = _WORDS.get(kind, first["msg"][0].lower() + first["msg"][1:])
        fault = re.sub(r"\{(\w+)\}", lambda match: str(context[match[1]]), words)
        if kind == "literal_error":
            fault += did_you_mean(str(first["input"]), set(re.findall("'(.*?)'", fault)))
        fault = re.sub(r"'([^']*)'", r"`\1`", fault)
        if loc and loc[-1] == "[key]":  # the mistake is in a name, which stands just before
            loc, fault = loc[:-2], f"name `{quoted(str(loc[-2]))}` {fault}"
    return ".".join(quoted(str(part)) for part in loc), fault


def _is_misspelt(missing: ErrorDetails, surplus: ErrorDetails) -> bool:
    """Tell whether what is missing stands there under a name much like its own."""
    *within, name = surplus["loc"] or ("",)
    return (
        (missing["type"], surplus["type"]) == ("missing", "extra_forbidden")
        and missing["loc"][:-1] == tuple(within)
        and bool(get_close_matches(str(missing["loc"][-1]), [str(name)]))
    )


def did_you_mean(name: str, known: set[str]) -> str:
    """Return a hint at the nearest known name, empty when none is near."""
    near = get_close_matches(name, sorted(known), 1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _fields_at(model: type[BaseModel], loc: list[int | str]) -> set[str]:
    """Return the names of the fields at a place."""
    kind: Any = model
    for part in loc:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = _plain(kind.model_fields[str(part)].annotation)
        else:  # a table of names, or a list: what it holds
            kind = _plain(get_args(kind)[get_origin(kind) is dict])
    return set(kind.model_fields)


def _plain(kind: Any) -> Any:
    """Return a type without what stands around it, as in `X | None` and `Annotated[X, …]`."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(k for k in get_args(kind) if k is not NoneType)
    return kind
