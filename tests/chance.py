"""Seeded random inputs: rows, pages, rules of any type. Tight on purpose, so that rules clash."""

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date, timedelta
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from constraints.fact_text import COLUMNS
from constraints.facts import Facts
from constraints.law import law_rows
from constraints.offer import Candidates
from constraints.page import POSITIONS_MAX, Page
from constraints.policy import WEIGHT_RANGE
from constraints.rule import Dated, Rule
from constraints.terms import (
    Document,
    DocumentStatus,
    Grade,
    Listing,
    Plan,
    Recheck,
    Restriction,
    Support,
)
from constraints.vocabulary import Vocabulary
from tests import make

DAYS = [
    *(date(2022, 5, 31), date(2022, 6, 1), date(2022, 11, 14), date(2023, 6, 1)),
    *(date(2024, 2, 4), date(2024, 2, 5), date(2024, 6, 1), make.TODAY),
]
SUBJECTS = [*law_rows()][:9]  # the only texts in rules are rows of the law: so pins may name some
TAGS = ["霸总", "总裁", "甜宠", "逆袭", "古装", "悬疑"]
ALIASES = {"总裁": "霸总"}


_OWN = {"kind", "document", "document_status", "recheck", "support", "plan", "room_grade"}
_OWN |= {"anchor_grade", "restriction"}  # drawn by `row` itself
ENUMS = {
    f.name: f.metadata["enum"]
    for f in fields(Facts)
    if f.name in COLUMNS and f.metadata["enum"] and f.name not in _OWN
}
EITHER = {"quota": [("most", "most_share", "least", "least_share")]}
"""Rule type → parameters of which it takes one; draws at random would seldom hit one alone."""
FLAGS = {f.name for f in fields(Facts) if "flags" in f.metadata}
DAYS_ON = ("filed_on", "reviewed_on", "provider_until", "qualified_until")


@dataclass(frozen=True)
class Instance:
    """One page with the candidates for it, and the rows of text they were read from.

    Attributes:
        rows: one a candidate.
        standing: what others show: slot, or -1 and down for the tail → row.
    """

    rows: list[make.Row]
    standing: dict[int, make.Row]
    candidates: Candidates
    page: Page


def seeded(*names: object) -> random.Random:
    """Return a generator that gives the same draws for the same names, on any machine."""
    return random.Random(":".join(map(str, names)))


def row(rng: random.Random, day: date) -> make.Row:
    """Draw a row of facts; about a third of all values is unknown, dates lie near `day`."""

    def some(enum: type) -> str:
        members = [name.lower() for name, value in enum.__members__.items() if value]
        return rng.choice([*members, members[-1], "", ""])

    def near(*days: int) -> str:
        return (day + timedelta(rng.choice(days))).isoformat()

    def term(name: str) -> make.Row:
        begins = near(-400, -1, 0, 1)
        told = {f"{name}_from": begins, f"{name}_until": max(begins, near(-1, 0, 1, 400))}
        return {key: text for key, text in told.items() if rng.random() < 0.3}

    kind = rng.choice(["drama", "drama", "drama", "room", "room", "video", ""])
    tags = "|".join(rng.sample(TAGS, rng.choice([0, 1, 1, 2, 3])))
    if rng.random() < 0.3:  # one with everything in order, or there would be hardly any
        good = {"drama": make.drama, "room": make.room}.get(kind, make.video)
        told = good(rated_on=near(0, -90), themes=tags, support=rng.choice(["national", ""]))
        return told | term("document") | term("support") | term("restriction")
    told = {
        "kind": kind,
        "themes": tags,
        "document": some(Document),
        "document_status": some(DocumentStatus),
        "recheck": some(Recheck),
        "support": some(Support),
        "plan": some(Plan),
        "plan_listed_on": rng.choice(["", near(-1, 0, 1)]),
        "room_grade": some(Grade),
        "anchor_grade": some(Grade),
        "rated_on": rng.choice(["", near(-400, -91, -90, -2, 0)]),
        "restriction": some(Restriction),
        "registered": rng.random() > 0.15,
    }
    told |= _details(seeded("details", rng.random()), day)
    return told | term("document") | term("support") | term("restriction")


PLATFORMS = [*law_rows()][:3]
"""Names under which platforms file; `own_record` draws its own from all rows of the law."""


def _details(rng: random.Random, day: date) -> make.Row:
    """Draw every column that general rules may name; each is unknown a third of the time."""
    told: make.Row = {}
    for name in sorted(ENUMS):
        words = [word.lower() for word, value in ENUMS[name].__members__.items() if value]
        if name in FLAGS:
            flags = rng.choice([["none"], rng.sample(words[1:], 1), rng.sample(words[1:], 2)])
            told[name] = "|".join(flags)
        else:
            told[name] = rng.choice(words)
    for name in DAYS_ON:
        told[name] = (day + timedelta(rng.choice([-400, -30, -1, 0, 1, 30]))).isoformat()
    told["investment_cny"] = str(rng.choice([1, 299_999, 300_000, 800_000, 1_000_000, 3_000_000]))
    told["episode_s_min"] = str(rng.choice([60, 899, 900, 1199, 1200]))
    told["series"] = rng.choice(["s1", "s2", "s3"])
    told["provider"] = rng.choice(["p1", "p2", "p3"])
    told["duplicate"] = rng.choice(["d1", "d2", "d3"])
    told["filed_theme"] = rng.choice(["f1", "f2", "f3"])
    told["document_number"] = rng.choice(["", f"({rng.choice(PLATFORMS)})网微剧备字(2025)第1号"])
    told["listings"] = "|".join(
        f"{word}:{(day + timedelta(a)).isoformat()}..{(day + timedelta(b)).isoformat()}"
        for word in rng.sample([m.name.lower() for m in Listing if m], rng.choice([0, 0, 1, 2]))
        for a, b in [rng.choice([(-5, -1), (-5, 0), (0, 0), (0, 9), (1, 9), (-400, 400)])]
    )
    return {name: text for name, text in told.items() if rng.random() < 0.65}


def instance(*names: object, count_max: int = 16, slots_max: int = 10) -> Instance:
    """Draw a page and candidates for it, with utilities that are all different."""
    rng, vocabulary = seeded("instance", *names), Vocabulary(ALIASES)
    day = rng.choice(DAYS)
    told = [row(rng, day) for _ in range(rng.randint(0, count_max))]
    who = seeded("subjects", *names)
    told = [each | {"subject": who.choice([*SUBJECTS, ""])} for each in told]
    worth = [rng.uniform(0, 10) for _ in told]
    tail, reserved, fields = _page(rng, day, slots_max)
    drawn = make.candidates(told, worth, vocabulary, tail=tail, reserved=reserved)
    page = make.page(day=day, tail=tail, reserved=reserved, **fields)
    standing = dict(enumerate(tail, start=-len(tail))) | reserved
    known = {at: row for at, row in standing.items() if row is not None}
    return Instance(told, known, drawn, page)


def _page(
    rng: random.Random, day: date, slots_max: int
) -> tuple[list[make.Row | None], dict[int, make.Row | None], dict[str, Any]]:
    """Draw a page: any surface, with or without tail, reserved slots, and slots above."""
    slot_count = rng.randint(1, slots_max)
    tail_count = min(rng.choice([0, 0, 3, rng.randint(1, 14)]), POSITIONS_MAX - slot_count)
    slots = rng.sample(range(slot_count), rng.choice([0, 0, 1, 2]) % (slot_count + 1))
    reserved = {slot: rng.choice([None, row(rng, day)]) for slot in slots}
    tail = [rng.choice([None, row(rng, day), row(rng, day)]) for _ in range(tail_count)]
    fields = {
        "surface": rng.choice(["home", "home", "theatre", "live"]),
        "terminal": rng.choice(["phone", "tv", "watch"]),
        "slot_count": slot_count,
        "first_screen_slots": rng.choice([0, 1, 2, 4, 6, 12]),
        "first_slot": rng.choice([0, 0, 0, 1, 3, tail_count]),
        "is_recommended": rng.random() < 0.8,
    }
    return tail, reserved, fields


def parameters(rng: random.Random, rule_type: type[Rule]) -> dict[str, Any]:
    """Draw parameters that the type accepts, from the types of its fields alone."""
    own = {k: v for k, v in rule_type.model_fields.items() if k not in Rule.model_fields}
    own = {k: v for k, v in own.items() if not k.endswith("source")}  # a row of the law, not free
    name = get_args(rule_type.model_fields["type"].annotation)[0]
    for _ in range(1000):
        told = {k: f for k, f in own.items() if f.is_required() or rng.random() < 0.6}
        for either in EITHER.get(name, ()):
            kept = rng.choice(either)
            told = {k: f for k, f in told.items() if k not in either} | {kept: own[kept]}
        for _ in range(20):  # an author's intent kept, until its values fit together
            drawn = {key: _value(rng, f.annotation, f.metadata) for key, f in told.items()}
            try:
                made = rule_type(type=name, id="x", source="x", **drawn)
            except ValidationError:
                continue
            if all(WEIGHT_RANGE[0] <= factor <= WEIGHT_RANGE[1] for factor in made.factors()):
                return _plain(drawn)
    raise AssertionError(f"no draw of parameters suits {name}")


def rule_text(name: str, rule_type: type[Rule], *names: object, **fixed: Any) -> str:
    """Draw a rule of a type, in force everywhere, as it stands in a policy file."""
    drawn = parameters(seeded("rule", name, *names), rule_type)
    return make.rule_text(name, **({k: v for k, v in drawn.items() if v is not None} | fixed))


def _value(rng: random.Random, kind: Any, metadata: Any = ()) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        bounds = [m for each in inner[1:] for m in getattr(each, "metadata", ())]
        return _value(rng, inner[0], bounds)
    if origin is Literal:
        return rng.choice(inner)
    if origin in (Union, UnionType):
        return _value(rng, inner[0], metadata)
    if origin is dict:
        keys = [_value(rng, inner[0]) for _ in range(rng.choice([0, 1, 1, 2]))]
        return {key: _value(rng, inner[1]) for key in keys}
    if origin is tuple:
        drawn = [_value(rng, inner[0]) for _ in range(rng.choice([0, 1, 1, 1, 2, 3]))]
        return tuple(_in_order(drawn))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _model(rng, kind)
    if kind is bool:
        return rng.random() < 0.7
    if kind is date:
        return rng.choice(DAYS)
    if kind is str:
        return rng.choice(SUBJECTS)
    return _number(rng, kind, metadata)


def _model(rng: random.Random, model: type[BaseModel]) -> BaseModel:
    """Draw a model: all it must have, and one to three things of what it may have."""
    told = model.model_fields
    may = [name for name, f in told.items() if not f.is_required()]
    named = {*rng.sample(may, min(len(may), rng.choice([1, 1, 2, 3])))}
    if "kind" in may and rng.random() < 0.5:  # most conditions speak of a kind
        named.add("kind")
    chosen = {k: f for k, f in told.items() if f.is_required() or k in named}
    for _ in range(50):
        drawn = {k: _value(rng, f.annotation, f.metadata) for k, f in chosen.items()}
        with suppress(ValidationError):
            return model(**drawn)
    raise AssertionError(f"no draw suits {model.__name__}")


def _in_order(drawn: list[Any]) -> list[Any]:
    """Sort dated entries and drop what repeats, as a careful author would."""
    if drawn and isinstance(drawn[0], Dated):
        return sorted({entry.since: entry for entry in drawn}.values(), key=lambda e: e.since)
    return list(dict.fromkeys(drawn))


def _number(rng: random.Random, kind: Any, metadata: Any) -> int | float:
    bounds = {k: getattr(m, k) for m in metadata for k in ("ge", "gt", "le", "lt") if hasattr(m, k)}
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if kind is int:
        return rng.randint(low, min(low + 4, high) if rng.random() < 0.7 else high)
    inside = rng.uniform(low + 0.01, high - 0.01)
    ends = [bounds[k] for k in ("ge", "le") if k in bounds]
    return float(rng.choice([round(inside, 2), round(inside, 2), inside, *ends]))


def _plain(value: Any) -> Any:
    """Turn models back into what a policy file says."""
    if isinstance(value, BaseModel):
        told = {name: getattr(value, name) for name in type(value).model_fields}
        return {key: _plain(inner) for key, inner in told.items() if inner is not None}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value
