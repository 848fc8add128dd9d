"""A policy: all rules in force, the surfaces they speak of, one digest, one ladder of levels.

It is written in TOML, over as many files as its authors like; together they are one policy.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from constraints.errors import PolicyError, UnknownSurfaceError, quoted
from constraints.faults import did_you_mean, place_and_fault
from constraints.law import law_rows
from constraints.page import PAGES_MAX, SHAPES_MAX, SLOTS_MAX, Page, ViewerClass
from constraints.rule import Name, Rule, Strict
from constraints.rules import rule_types
from constraints.toml_text import read_toml

RULES_MAX: Final = 200  # LIMIT: rules of a policy
WEIGHT_RANGE: Final = (0.25, 2.0)
NO_SURFACE: Final = "has no surface; give all files of the policy"
Slots = Annotated[int, Field(ge=1, le=SLOTS_MAX)]
Factor = Annotated[float, Field(gt=0, le=10)]
Model = TypeVar("Model", bound=Strict)
Made = TypeVar("Made")


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


class Seen(NamedTuple):
    """What the rules of a surface look at in a page of it.

    Attributes:
        terminals, viewers: that some rule names; those it does not name are alike to it.
        is_personalised: some rule asks whether the page is.
        reach: as `Rule.reach`, of all of them.
    """

    terminals: frozenset[str]
    viewers: frozenset[str]
    is_personalised: bool
    reach: int


class PolicyText(Strict):
    """A policy file; all files of a policy together are the policy.

    Attributes:
        weight_range: what the product of all weights of a candidate is clipped to.
        surface: the surfaces rules speak of.
        rules: the rules.
    """

    weight_range: tuple[Factor, Factor] | None = None
    surface: dict[Name, Surface] = {}
    rules: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Policy:
    """All rules in force. A policy is equal to itself alone: tables made for it are kept by it.

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

    @cached_property
    def compiled(self) -> tuple[Rule, ...]:
        """Rules a catalogue is compiled for: those that decide, and those only judged."""
        return tuple(rule for rule in self.rules if rule.mode != "off")

    @cached_property
    def carrying(self) -> tuple[tuple[int, Rule], ...]:
        """Rules in force for whom titles are offered though nobody does, by their place."""
        return tuple(
            (place, rule)
            for place, rule in enumerate(self.compiled)
            if rule.mode == "enforce" and getattr(rule, "carry", False)
        )

    @cached_property
    def terminals(self) -> frozenset[str]:
        """Terminals that some surface names; to rules all others are alike."""
        return frozenset(t for s in self.surfaces.values() for t in s.first_screen_slots)

    def surface(self, name: str) -> Surface:
        """Return a surface by name.

        Raises:
            UnknownSurfaceError: the policy has none of that name.
        """
        found = self.surfaces.get(name)
        if found is None:
            raise UnknownSurfaceError(f"surface: no policy for `{name}`", field="surface")
        return found

    def shape(self, page: Page) -> Page:
        """Return a page as rules see it, without what does not change what they ask."""
        seen = _seen(self, page.surface)
        viewer = page.viewer_class
        if viewer not in seen.viewers:
            viewer = next(one for one in ViewerClass if one not in seen.viewers)
        return page._replace(
            terminal=page.terminal if page.terminal in seen.terminals else "",
            first_slot=min(page.first_slot, max(page.first_screen_slots, seen.reach)),
            viewer_class=viewer,
            is_personalised=page.is_personalised or not seen.is_personalised,
            reserved=0,
        )

    def rules_for(self, page: Page, mode: str = "enforce") -> dict[int, Rule]:
        """Return the rules of a mode that are in force on a page, by their place in `compiled`."""
        return {
            place: rule
            for place, rule in enumerate(self.compiled)
            if rule.mode == mode and rule.applies(page)
        }


def by_shape(make: Callable[[Policy, Page], Made]) -> Callable[[Policy, Page], Made]:
    """Have something made once for all pages of a shape, and looked up for any page."""
    made = lru_cache(SHAPES_MAX)(make)
    return lambda policy, page: made(policy, _shape(policy, page))


@lru_cache(PAGES_MAX)
def _shape(policy: Policy, page: Page) -> Page:
    return policy.shape(page)


@lru_cache(SHAPES_MAX)
def _seen(policy: Policy, surface: str) -> Seen:
    rules = [one for one in policy.compiled if not one.surfaces or surface in one.surfaces]
    return Seen(
        frozenset(name for rule in rules for name in rule.terminals),
        frozenset(name for rule in rules for name in rule.viewer_classes),
        any(rule.personalised is not None for rule in rules),
        max((rule.reach for rule in rules), default=0),
    )


def parse_policy(texts: Mapping[str, bytes]) -> Policy:
    """Read a policy.

    Args:
        texts: file name → content. Names only serve error messages and order.

    Raises:
        PolicyError: naming file, place and fault of the first mistake.
    """
    return policy_of((name, _load(name, texts[name])) for name in sorted(texts))


def policy_of(files: Iterable[tuple[str, dict[str, Any]]]) -> Policy:
    """Make a policy of files already read: each its name and content, lists as tuples.

    Raises:
        PolicyError: as `parse_policy`.
    """
    surfaces: dict[str, Surface] = {}
    placed: list[tuple[str, int, Rule]] = []
    owner: dict[str, str] = {}
    weight_range: tuple[float, float] | None = None
    names: list[str] = []
    for name, content in files:
        names.append(name)
        file = _parse(PolicyText, content, name, "")
        for key, surface in file.surface.items():
            _once(owner, f"surface `{key}`", name, f"surface.{key}")
            surfaces[key] = surface
        for index, raw in enumerate(file.rules):
            placed.append((name, index, _parse_rule(raw, name, index)))
            _once(owner, f"rule `{placed[-1][2].id}`", name, f"rules.{index}.id")
        if file.weight_range:
            _once(owner, "weight_range", name, "weight_range")
            weight_range = file.weight_range
            if not weight_range[0] <= 1 <= weight_range[1]:
                raise PolicyError(name, "weight_range", "must include 1")
    if not surfaces:
        raise PolicyError(", ".join(names) or "policy", "", NO_SURFACE)
    if len(placed) > RULES_MAX:
        raise PolicyError("policy", "", f"has more than {RULES_MAX} rules")
    _check_scopes(placed, surfaces)
    rules = [rule for _, _, rule in placed]
    limits = weight_range or WEIGHT_RANGE
    for name, index, rule in placed:
        for factor in rule.factors():
            if not limits[0] <= factor <= limits[1]:
                fault = (
                    f"the factor {factor:g} is outside weight_range, {limits[0]:g} to {limits[1]:g}"
                )
                raise PolicyError(name, f"rules.{index}", fault)
    return Policy(surfaces, tuple(rules), limits, _digest(surfaces, rules, limits))


@cache
def shipped_policy() -> Policy:
    """Return the policy shipped with this version."""
    folder = files("constraints").joinpath("policies")
    return parse_policy({p.name: p.read_bytes() for p in folder.iterdir() if ".toml" in p.name})


def _load(name: str, content: bytes) -> dict[str, Any]:
    try:
        tables = read_toml(content)
    except ValueError as error:
        raise PolicyError(name, "", str(error)) from None
    if isinstance(tables.get("rules"), dict):
        raise PolicyError(name, "rules", "must be a list: write [[rules]], with two brackets")
    return tables


def _once(owner: dict[str, str], what: str, name: str, place: str) -> None:
    if what in owner:
        raise PolicyError(name, place, f"{quoted(what, 200)} already stands in {owner[what]}")
    owner[what] = name


def _parse_rule(raw: dict[str, Any], name: str, index: int) -> Rule:
    place, kind = f"rules.{index}", raw.get("type")
    if kind is None:
        raise PolicyError(name, f"{place}.type", "is missing")
    if not isinstance(kind, str) or kind not in rule_types():
        fault = f"`{quoted(str(kind))}` is no rule type; known are {', '.join(rule_types())}"
        raise PolicyError(name, f"{place}.type", fault)
    rule = _parse(rule_types()[kind], raw, name, place)
    for field in type(rule).model_fields:
        source = getattr(rule, field) if field.endswith("source") else None
        if source is not None and source not in law_rows():
            hint = did_you_mean(source, set(law_rows()))
            fault = f"`{quoted(source)}` is no row of law.toml{hint}"
            raise PolicyError(name, f"{place}.{field}", fault)
    return rule


def _parse(model: type[Model], raw: dict[str, Any], name: str, place: str) -> Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        within, fault = place_and_fault(error, model)
        raise PolicyError(name, ".".join(filter(None, (place, within))), fault) from None


def _check_scopes(placed: list[tuple[str, int, Rule]], surfaces: dict[str, Surface]) -> None:
    terminals = {name for surface in surfaces.values() for name in surface.first_screen_slots}
    for file, index, rule in placed:
        for field, known in (("surfaces", set(surfaces)), ("terminals", terminals)):
            for entry, name in enumerate(getattr(rule, field)):
                if name not in known:
                    fault = f"`{quoted(name)}` is not known{did_you_mean(name, known)}"
                    raise PolicyError(file, f"rules.{index}.{field}.{entry}", fault)


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
