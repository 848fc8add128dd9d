"""`slotwarden policy`: the rules in force."""

from pathlib import Path
from typing import Annotated

import typer

from constraints.errors import GovernanceError
from constraints.policy import parse_policy
from ranker.cli.shared import (
    Json,
    fail,
    policy_app,
    print_json,
)
from ranker.policies.folder import read_files


@policy_app.command("check")
def policy_check(
    paths: Annotated[list[Path], typer.Argument(help="*.toml files or folders: one policy.")],
    as_json: Json = False,
) -> None:
    """Check a policy: the first mistake with file, rule, field and fault; or its digest."""
    found = [f for p in paths for f in (sorted(p.glob("*.toml")) if p.is_dir() else [p])]
    try:
        policy = parse_policy(read_files(found))
    except GovernanceError as error:
        if as_json:
            print_json({"fault": str(error)})
            raise typer.Exit(1) from None
        fail(str(error))
    if as_json:
        print_json({"digest": policy.digest, "rules": [rule.id for rule in policy.rules]})
        return
    for rule in policy.rules:
        print(f"{rule.id}  {rule.type}  {rule.source}  {rule.mode}")
    print(f"{len(policy.rules)} rules, digest {policy.digest}")
