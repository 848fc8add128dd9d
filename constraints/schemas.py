"""JSON Schemas of policy and case files, for editors: made of the models that read the files.

What an editor says of a field is what the docstring of its class says.
"""

import inspect
import re
import tomllib
from collections.abc import Iterator
from functools import cache, reduce
from importlib.resources import files
from operator import or_
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import GenerateJsonSchema

from constraints.cases.expected import FileText, PageText
from constraints.cases.rows import RowBase, words
from constraints.conditions import Conditions
from constraints.fact_text import COLUMNS
from constraints.facts import Facts
from constraints.law import law_rows
from constraints.policy import PolicyText
from constraints.rule import Rule
from constraints.rules import rule_types

_META: Final = {name: Facts.__dataclass_fields__[name].metadata for name in COLUMNS}
_LAW: Final = "LawRow"
_DAY: Final = "20[0-9]{2}-[0-9]{2}-[0-9]{2}"


def policy_schema() -> dict[str, Any]:
    """Return the schema of a policy file."""
    return _schema("PolicyFile", PolicyText, rules=(tuple[_any_rule(), ...], ()))  # type: ignore[misc]


def case_schema() -> dict[str, Any]:
    """Return the schema of a case file."""
    return _schema("CaseFile", FileText, rule=(_any_rule() | None, None))


def _any_rule() -> Any:
    kinds: Any = reduce(or_, rule_types().values())
    return Annotated[kinds, Field(discriminator="type")]


def _schema(name: str, base: type[BaseModel], **fields: Any) -> dict[str, Any]:
    model = create_model(name, __base__=base, __doc__=base.__doc__, **fields)
    schema = model.model_json_schema(schema_generator=_Described)
    finished = _finished(schema)
    finished["$defs"][_LAW] = _rows_of_the_law()
    return {"$schema": GenerateJsonSchema.schema_dialect, **finished}


class _Described(GenerateJsonSchema):
    """Writes schemas that say what a field means."""

    def model_schema(self, schema: Any) -> Any:
        """Describe a model and its fields."""
        written, model = super().model_schema(schema), schema["cls"]
        written.pop("title", None)
        written["description"] = _parts(model)[0]
        meanings = _meanings(model)
        for name, told in written.get("properties", {}).items():
            told.pop("title", None)
            if name in meanings:
                told["description"] = meanings[name]
            if issubclass(model, RowBase) and name in _META:
                written["properties"][name] = {"description": meanings.get(name, "")} | _column(
                    name
                )
            if issubclass(model, Rule) and name == "type":
                told["description"] = written["description"].partition("\n")[0]
            if issubclass(model, Rule) and name.endswith("source"):
                written["properties"][name] = {
                    "description": meanings[name],
                    _LAW: True,  # a reference, once all is written
                }
        return written


def _rows_of_the_law() -> dict[str, Any]:
    """Name every row a rule may rest on, with its citation."""
    rows = law_rows()
    said = [f"{row.citation('zh')} · {row.citation('en')}" for row in rows.values()]
    return {"enum": [*rows], "x-taplo": {"docs": {"enumValues": said}}}


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return field → what the docstrings of a model and of its bases say of it."""
    found: dict[str, str] = {}
    if issubclass(model, RowBase | Conditions):
        found |= column_meanings()
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base.__doc__:
            found |= _parts(base)[1]
    if issubclass(model, FileText | PageText | RowBase):
        zh = case_meanings()
        found = {name: f"{zh[name]} · {en}" if name in zh else en for name, en in found.items()}
    return found


@cache
def case_meanings() -> dict[str, str]:
    """Return field of a case file → what it means, in Chinese."""
    return tomllib.loads(_data("case_fields.toml"))


@cache
def column_meanings() -> dict[str, str]:
    """Return column of facts → what it means, in Chinese and English."""
    columns = tomllib.loads(_data("columns.toml"))
    return {name: f"{told['zh']} · {told['en']}" for name, told in columns.items()}


def _data(name: str) -> str:
    return files("constraints").joinpath(name).read_text(encoding="utf-8")


def _parts(model: type) -> tuple[str, dict[str, str]]:
    """Split a docstring in what it says of the class and of each attribute."""
    text = inspect.cleandoc(model.__doc__ or "")
    head, _, tail = text.partition("\nAttributes:\n")
    entries = re.sub(r"\n {8,}", " ", tail).splitlines()
    return head.strip(), {name: said for entry in entries for name, said in _entry(entry.strip())}


def _entry(text: str) -> Iterator[tuple[str, str]]:
    """Yield each name of an entry like `a, b: one thing; c: another` with what is said of it."""
    for part in re.split(r"; (?=[a-z_]+: )", text):
        named, colon, said = part.partition(": ")
        if colon:
            yield from ((name, said.strip()) for name in named.split(", "))


def _column(name: str) -> dict[str, Any]:
    """Say what a case may tell of a column of facts; an empty text is unknown."""
    meta, known = _META[name], words(name)
    either = "|".join(known)
    if "listings" in meta:
        entry = rf"({either})(:({_DAY})?\.\.({_DAY})?)?"
        return {"type": "string", "pattern": rf"^({entry}(\|{entry})*)?$"}
    if "flags" in meta:
        return {"type": "string", "pattern": rf"^(({either})(\|({either}))*)?$"}
    if known:
        return {"enum": [*known, ""]}
    if "labels" in meta:
        return {"type": "string"}
    if "amount" in meta:
        number = {"type": "integer", "minimum": 1, "maximum": meta["amount"]}
        return {"anyOf": [number, {"type": "string", "pattern": "^[0-9]*$"}]}
    return {"type": "string", "pattern": f"^({_DAY})?$"}


def _finished(value: Any) -> Any:
    """Return a schema without what TOML cannot say, and with its references to the law."""
    if isinstance(value, list):
        return [_finished(inner) for inner in value if inner != {"type": "null"}]
    if not isinstance(value, dict):
        return value
    kept = {k: _finished(v) for k, v in value.items() if (k, v) != ("default", None)}
    if kept.pop(_LAW, False):
        kept["$ref"] = f"#/$defs/{_LAW}"
    if len(kept.get("anyOf", ())) == 1:
        return kept.pop("anyOf")[0] | kept
    return kept
