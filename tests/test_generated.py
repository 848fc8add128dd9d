"""The contract, the code generated from it and the product's own words say the same."""

import subprocess
import sys
from collections.abc import Iterable
from enum import EnumType
from pathlib import Path
from typing import Any

import pytest

from constraints.decision import Cause, SlotState
from constraints.fact_text import COLUMNS, NUMBERS
from constraints.page import ViewerClass
from constraints.terms import Kind
from ranker.serving.decode import Asked, decode
from ranker.settings import Settings
from ranker.v1 import decision_pb2 as out
from ranker.v1 import rerank_pb2 as pb
from tests.serving import request

ROOT = Path(__file__).parents[1]
PACKAGE = Path("ranker", "v1")


def _sources(root: Path) -> dict[str, bytes]:
    files = sorted((root / PACKAGE).glob("*.py*"))
    return {path.name: path.read_bytes() for path in files if path.name != "__init__.py"}


def test_the_generated_code_is_what_the_contract_generates(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "proto" / "generate.py"), str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)
    generated = _sources(tmp_path)
    assert len(generated) == 18
    assert generated == _sources(ROOT), "run proto/generate.py"


def test_a_row_of_facts_has_the_columns_of_an_import_file() -> None:
    assert {field.name for field in pb.FactRow.DESCRIPTOR.fields} == {NUMBERS, *COLUMNS}


@pytest.mark.parametrize(
    ("sent", "ours", "missing"),
    [
        (out.SlotState, SlotState, ["UNSPECIFIED"]),
        (out.Cause, Cause, ["UNSPECIFIED"]),
        (pb.CandidateKind, Kind, []),
        (pb.ViewerClass, ViewerClass, ["UNSPECIFIED"]),
    ],
)
def test_an_enum_of_the_contract_has_the_names_of_ours(
    sent: Any, ours: EnumType, missing: Iterable[str]
) -> None:
    prefix = "".join(f"_{c}" if c.isupper() else c.upper() for c in sent.DESCRIPTOR.name)[1:]
    names = [name.removeprefix(f"{prefix}_") for name in sent.keys()]  # noqa: SIM118 -- no dict
    ours_named = [*missing, *(member.name for member in ours)]  # type: ignore[attr-defined]
    assert [name.replace("UNSPECIFIED", "UNKNOWN") for name in names] == [
        name.replace("UNSPECIFIED", "UNKNOWN") for name in ours_named
    ]


def _asked(**fields: Any) -> Asked:
    return decode(request(["a"], **fields).SerializeToString(), Settings())


def test_every_value_of_an_enum_is_read_as_its_namesake() -> None:
    for name, number in pb.CandidateKind.items():
        kinds = _asked(kinds=[number]).kinds
        named = name.removeprefix("CANDIDATE_KIND_").replace("UNSPECIFIED", "UNKNOWN")
        assert kinds is not None
        assert Kind(int(kinds[0])).name == named
    for name, number in pb.ViewerClass.items():
        named = name.removeprefix("VIEWER_CLASS_").replace("UNSPECIFIED", "UNKNOWN")
        assert _asked(viewer_class=number).viewer_class.name == named


def test_a_page_is_personalised_unless_it_says_otherwise() -> None:
    asked = [_asked(), _asked(personalised=True), _asked(personalised=False)]
    assert [each.is_personalised for each in asked] == [True, True, False]
