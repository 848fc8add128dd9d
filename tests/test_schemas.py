"""The JSON Schemas for editors: current, true of every good file, and false of bad ones."""

import json
import tomllib
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from constraints.cases.expected import CaseText, FileText
from constraints.cases.rows import Candidate, RowBase
from constraints.conditions import Where
from constraints.fact_text import COLUMNS, NUMBERS
from constraints.rules import rule_types
from constraints.schemas import case_meanings, case_schema, column_meanings, policy_schema
from ranker.cli import main

TESTS = Path(__file__).parent
SCHEMAS = TESTS.parent / "docs" / "schemas"
MADE = {"policy": policy_schema(), "cases": case_schema()}
CHECK = {name: Draft202012Validator(schema) for name, schema in MADE.items()}


def plain(value: Any) -> Any:
    """Return TOML as an editor hands it to a schema: its days are texts."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def faults(name: str, text: str) -> list[str]:
    told = plain(tomllib.loads(text))
    return [f"{error.json_path}: {error.message}" for error in CHECK[name].iter_errors(told)]


@pytest.mark.parametrize("name", MADE)
def test_the_schemas_in_docs_are_current(name: str) -> None:
    written = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    assert written == MADE[name], "run make schemas"


@pytest.mark.parametrize("name", MADE)
def test_the_command_prints_the_schema(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["slotwarden", "policy", "schema", "--of", name])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in (0, None)
    assert capsys.readouterr().out == (SCHEMAS / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MADE)
def test_the_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(MADE[name])


def test_every_shipped_policy_is_as_its_schema_says() -> None:
    folder = files("constraints") / "policies"
    texts = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir() if ".toml" in p.name}
    assert texts
    assert [fault for text in texts.values() for fault in faults("policy", text)] == []


@pytest.mark.parametrize("path", sorted((TESTS / "cases").glob("*.toml")), ids=lambda p: p.stem)
def test_every_case_file_is_as_its_schema_says(path: Path) -> None:
    assert faults("cases", path.read_text(encoding="utf-8")) == []


UNSEEN = {
    *("cap_as_float", "first_screen_float"),  # 2.0 is a whole number to an editor
    *("date_as_text", "date_with_time", "day_as_text"),  # TOML's days are texts to an editor
    "surface_missing",  # which a case may leave out beside a rule of its own
}


def _bad(folder: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((TESTS / folder).glob("*.toml")):
        yield path, path.read_text(encoding="utf-8").partition("\n")[0]


@pytest.mark.parametrize(("name", "folder"), [("policy", "policies_bad"), ("cases", "cases_bad")])
def test_an_editor_shows_fields_that_are_missing_misspelt_or_of_another_type(
    name: str, folder: str
) -> None:
    kinds = ("is not a field here", "is missing", "must be a ", "must be true")
    shown = 0
    for path, expected in _bad(folder):
        fault = expected.rpartition(": ")[2]
        if fault.startswith(kinds) and path.stem not in UNSEEN:
            assert faults(name, path.read_text(encoding="utf-8")), path.name
            shown += 1
    assert shown > 20


def test_an_editor_can_say_what_each_field_of_a_rule_a_page_and_a_case_means() -> None:
    kinds = {model.__name__ for model in rule_types().values()}
    for schema in MADE.values():
        for kind in ({"CaseText", "PageText", "Candidate", "Row"} | kinds) & schema["$defs"].keys():
            told = schema["$defs"][kind]
            assert told["description"], kind
            for name, field in told["properties"].items():
                assert field.get("description"), f"{kind}.{name}"


def test_every_column_is_told_in_both_languages() -> None:
    assert {*COLUMNS, NUMBERS, *Where.model_fields} <= column_meanings().keys()
    assert all(" · " in told for told in column_meanings().values())


def test_every_field_of_a_case_file_is_told_in_both_languages() -> None:
    models = (FileText, CaseText, Candidate)
    fields = {name for model in models for name in model.model_fields} - {*COLUMNS, NUMBERS}
    assert fields == case_meanings().keys()
    kinds = MADE["cases"]["$defs"]
    for told in (MADE["cases"], kinds["CaseText"], kinds["PageText"], kinds["Candidate"]):
        for name, field in told["properties"].items():
            assert " · " in field["description"], name


def test_a_rule_type_is_completed_with_its_own_fields() -> None:
    kinds = {
        told["properties"]["type"]["const"]: told
        for told in MADE["policy"]["$defs"].values()
        if "type" in told.get("properties", {})
    }
    assert kinds.keys() == rule_types().keys()
    for name, model in rule_types().items():
        assert kinds[name]["properties"].keys() == model.model_fields.keys()
    assert RowBase.model_fields.keys() <= MADE["cases"]["$defs"]["Candidate"]["properties"].keys()
