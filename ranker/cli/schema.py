"""`slotwarden policy schema`: JSON Schemas of policy and case files, for editors."""

from enum import StrEnum
from typing import Annotated

import typer

from constraints.schemas import case_schema, policy_schema
from ranker.cli.shared import policy_app, print_json


class Of(StrEnum):
    """Kind of file."""

    POLICY = "policy"
    CASES = "cases"


@policy_app.command("schema")
def schema(of: Annotated[Of, typer.Option(help="Kind of file.")] = Of.POLICY) -> None:
    """Print the JSON Schema of policy or case files; see docs/policy-tests.md for editors."""
    print_json(policy_schema() if of == Of.POLICY else case_schema())
