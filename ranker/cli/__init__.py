"""The command line. What a command prints it also prints as `--json`; faults go to stderr."""

import sqlite3
from importlib.metadata import entry_points

from pydantic import ValidationError

from constraints.errors import GovernanceError
from constraints.faults import place_and_fault
from ranker.cli import (  # noqa: F401 -- they add their commands
    analyze,
    audit,
    audit_tables,
    backup,
    cases,
    costs,
    directives,
    doctor,
    explain,
    exposure,
    facts,
    health,
    law,
    law_changes,
    law_document,
    policy,
    reconcile,
    replay,
    report,
    retention,
    schema,
    serve,
    viewers,
)
from ranker.cli.shared import app, fail
from ranker.settings import Settings


def main() -> None:
    """Run the command line, with the commands other packages add."""
    for point in entry_points(group="slotwarden.commands"):
        app.command(point.name)(point.load())
    try:
        app()
    except GovernanceError as error:
        fail(str(error))
    except ValidationError as error:
        place, fault = place_and_fault(error, Settings)
        fail(f"SLOTWARDEN_{place.upper()}: {fault}")
    except sqlite3.Error as error:
        fail(f"facts.sqlite: {error}")
    except OSError as error:
        fault = (error.strerror or str(error)).lower()
        fail(f"{error.filename}: {fault}" if error.filename else fault)
