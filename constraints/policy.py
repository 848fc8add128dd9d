"""A policy: all rules in force, the surfaces they speak of, one digest, one ladder of levels.

It is written in TOML, over as many files as its authors like; together they are one policy.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from constraints.errors import PolicyError, UnknownSurfaceError
from constraints.law import law_rows
from constraints.page import SLOTS_MAX, Page
from constraints.rule import Name, Rule, Strict
from constraints.rules import rule_types

FILE_BYTES_MAX: Final = 262_144  # LIMIT: one policy file
RULES_MAX: Final = 200  # LIMIT: rules of a policy
WEIGHT_RANGE: Final = (0.25, 2.0)
Slots = Annotated[int, Field(ge=1, le=SLOTS_MAX)]
Factor = Annotated[float, Field(gt=0, le=10)]


class Surface(Strict):
    """A page or feed.

    Attributes:
        is_recommended: the platform recommends here (a search result, say, is asked for).
        slot_count_max: most slots one page may have.
        first_screen_slots: terminal → slots seen without scrolling. The law gives no size.
    """

    is_recommended: bool = True
    slot_count_max: Slots = SLOTS_MAX
    first_screen_slots: dict[Name, Slots] = {}

    def first_screen(self, terminal: str) -> int:
        """Return the first screen of a terminal; one the policy does not know has the largest."""
        sizes = self.first_screen_slots
        return sizes.get(terminal, max(sizes.values(), default=0))


class _File(Strict):
    weight_range: tuple[Factor, Factor] | None = None
    surface: dict[Name, Surface] = {}
    rules: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules in force.

    Attributes:
        surfaces: name → surface.
        rules: in the order of their files' names, then of the file. Order decides nothing.
        weight_range: what the product of all weights of a candidate is clipped to.
        digest: SHA-256 of the content, hex; blank lines and comments do not change it.
    """

    surfaces: Mapping[str, Surface]
    rules: tuple[Rule, ...]
    weight_range: tuple[float, float]
    digest: str

    def surface(self, name: str) -> Surface:
        """Return a surface by name.

        Raises:
            UnknownSurfaceError: the policy has none of that name.
        """
        found = self.surfaces.get(name)
        if found is None:
            raise UnknownSurfaceError(f"surface: no policy for `{name}`", field="surface")
        return found

    def rules_for(self, page: Page, mode: str = "enforce") -> list[Rule]:
        """Return the rules of one mode that are in force on a page."""
        return [rule for rule in self.rules if rule.mode == mode and rule.applies(page)]


def parse_policy(texts: Mapping[str, bytes]) -> Policy:
    """Read a policy.

    Args:
        texts: file name → content. Names only serve error messages and order.

    Raises:
        PolicyError: naming file, place and fault of the first mistake.
    """
    surfaces: dict[str, Surface] = {}
    rules: list[Rule] = []
    owner: dict[str, str] = {}
    weight_range: tuple[float, float] | None = None
    for name in sorted(texts):
        file = _parse(_File, _load(name, texts[name]), name, "")
        for key, surface in file.surface.items():
            _once(owner, f"surface `{key}`", name, f"surface.{key}")
            surfaces[key] = surface
        for index, raw in enumerate(file.rules):
            rules.append(_parse_rule(raw, name, index))
            _once(owner, f"rule `{rules[-1].id}`", name, f"rules.{index}.id")
        if file.weight_range:
            _once(owner, "weight_range", name, "weight_range")
            weight_range = file.weight_range
            if not weight_range[0] <= 1 <= weight_range[1]:
                raise PolicyError(name, "weight_range", "must include 1")
    if not surfaces:
        raise PolicyError(", ".join(sorted(texts)) or "policy", "", "has no surface")
    if len(rules) > RULES_MAX:
        raise PolicyError("policy", "rules", f"has more than {RULES_MAX} rules")
    _check_scopes(rules, surfaces, owner)
    limits = weight_range or WEIGHT_RANGE
    return Policy(surfaces, tuple(rules), limits, _digest(surfaces, rules, limits))


def _load(name: str, text: bytes) -> dict[str, Any]:
    if len(text) > FILE_BYTES_MAX:
        raise PolicyError(name, "", f"is larger than {FILE_BYTES_MAX} bytes")
    try:
        return tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise PolicyError(name, "", "is not UTF-8 text") from None
    except RecursionError:
        raise PolicyError(name, "", "is nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        fault = str(error)
        raise PolicyError(name, "", f"is not TOML: {fault[0].lower()}{fault[1:]}") from None


def _once(owner: dict[str, str], what: str, name: str, place: str) -> None:
    if what in owner:
        raise PolicyError(name, place, f"{what} already stands in {owner[what]}")
    owner[what] = name


def _parse_rule(raw: dict[str, Any], name: str, index: int) -> Rule:
    rule: Rule = _parse(_any_rule(), raw, name, f"rules.{index}")
    if rule.source not in law_rows():
        raise PolicyError(name, f"rules.{index}.source", f"`{rule.source}` is no row of the law")
    return rule


@cache
def _any_rule() -> TypeAdapter[Any]:
    union: Any = reduce(or_, rule_types().values())
    return TypeAdapter(Annotated[union, Field(discriminator="type")])


def _parse(model: type[BaseModel] | TypeAdapter[Any], raw: Any, name: str, place: str) -> Any:
    adapter = model if isinstance(model, TypeAdapter) else TypeAdapter(model)
    try:
        return adapter.validate_python(_frozen(raw))
    except ValidationError as error:
        raise PolicyError(name, *_place_and_fault(error, place)) from None


def _frozen(value: Any) -> Any:
    """Turn TOML's lists into tuples: strict models take no list for one."""
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value


def _check_scopes(rules: list[Rule], surfaces: dict[str, Surface], owner: dict[str, str]) -> None:
    terminals = {name for surface in surfaces.values() for name in surface.first_screen_slots}
    for rule in rules:
        for field, known in (("surfaces", set(surfaces)), ("terminals", terminals)):
            for name in getattr(rule, field):
                if name not in known:
                    place = f"rule {rule.id}: {field}"
                    raise PolicyError(
                        owner[f"rule `{rule.id}`"], place, f"`{name}`{_or_else(name, known)}"
                    )


def _or_else(name: str, known: set[str]) -> str:
    near = get_close_matches(name, sorted(known), 1)
    return f" is not known; did you mean `{near[0]}`?" if near else " is not known"


def _digest(
    surfaces: dict[str, Surface], rules: list[Rule], weight_range: tuple[float, float]
) -> str:
    content = {
        "surfaces": {key: value.model_dump(mode="json") for key, value in surfaces.items()},
        "rules": sorted((rule.model_dump(mode="json") for rule in rules), key=lambda r: r["id"]),
        "weight_range": weight_range,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_FAULTS: Final[dict[str, str]] = {
    "missing": "is missing",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "date_type": "must be a date like 2026-09-01, without quotes",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "union_tag_not_found": "type is missing",
}


def _place_and_fault(error: ValidationError, place: str) -> tuple[str, str]:
    """Put the first mistake into the operator's words.

    Returns:
        The dotted place (rules.1.most_on_page) and the fault.
    """
    first = error.errors(include_url=False)[0]
    loc = [str(part) for part in first["loc"] if str(part) not in rule_types()]
    context = first.get("ctx", {})
    kind = first["type"]
    if kind == "value_error":
        field, _, fault = str(context["error"]).partition(": ")
        loc, fault = ([*loc, field], fault) if fault else (loc, field)
    elif kind == "extra_forbidden":
        fault = "is not a field here" + "".join(_near_fields(error, loc))
    elif kind == "union_tag_invalid":
        known = ", ".join(rule_types())
        loc, fault = [*loc, "type"], f"`{context['tag']}` is no rule type; known are {known}"
    elif kind == "string_pattern_mismatch":
        fault = "must be kebab-case: small letters, digits and single hyphens"
    else:
        words = _FAULTS.get(kind, first["msg"][0].lower() + first["msg"][1:])
        fault = re.sub(r"\{(\w+)\}", lambda match: str(context[match[1]]), words)
    return ".".join(filter(None, [place, *loc])), fault


def _near_fields(error: ValidationError, loc: list[str]) -> Iterator[str]:
    known = set(Surface.model_fields) | set(_File.model_fields)
    for rule_type in rule_types().values():
        known |= set(rule_type.model_fields)
    for near in get_close_matches(loc[-1], sorted(known), 1):
        yield f"; did you mean `{near}`?"
