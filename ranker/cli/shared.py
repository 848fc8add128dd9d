"""What all commands of the command line share: how they print, fail and read their settings."""

import json
import os
import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from constraints.faults import did_you_mean
from ranker.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Decide which video may take which slot, and prove it.",
)
facts_app = typer.Typer(no_args_is_help=True, help="What we hold true of titles and rooms.")
policy_app = typer.Typer(no_args_is_help=True, help="The rules in force.")
audit_app = typer.Typer(no_args_is_help=True, help="The decision log: check it, read it.")
law_app = typer.Typer(no_args_is_help=True, help="What the law says, apart from any policy.")
app.add_typer(facts_app, name="facts")
app.add_typer(policy_app, name="policy")
app.add_typer(law_app, name="law")
app.add_typer(audit_app, name="audit")

WIDTH_MIN: Final = 140


class Language(StrEnum):
    """Language of what people read."""

    ZH = "zh"
    EN = "en"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Lang = Annotated[Language, typer.Option(help="Language of the page.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of facts and log.")]
PolicyDir = Annotated[Path | None, typer.Option(help="Folder of *.toml files.")]


def fail(message: str) -> NoReturn:
    """Print a fault to standard error and end with exit code 1."""
    print(message, file=sys.stderr)
    sys.exit(1)


def settings_with(**given: Any) -> Settings:
    """Read the settings; what an option gave stands above the environment."""
    known = {f"SLOTWARDEN_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith("SLOTWARDEN_") and name.upper() not in known:
            fail(f"{name}: is no setting{did_you_mean(name.upper(), known)}")
    return Settings(**{name: value for name, value in given.items() if value is not None})


def console() -> Console:
    """Return a console wide enough for Chinese tables where nobody watches its width."""
    wide = Console()
    return wide if wide.is_terminal else Console(width=WIDTH_MIN)


def print_json(value: object) -> None:
    """Print one JSON value, readable, its characters as they are, and days as 2026-09-01."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_as_text))


def _as_text(value: object) -> str:
    if isinstance(value, date | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


class Bar:
    """A bar of work done on standard error, where somebody watches it.

    Entered, it gives a function that takes how much is done.
    """

    def __init__(self, name: str, total: int | None = None) -> None:
        watched = Console(stderr=True)
        self._bar = Progress(console=watched, transient=True, disable=not watched.is_terminal)
        self._task = self._bar.add_task(name, total=total)

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __call__(self, done: int) -> None:
        """Show how much is done."""
        self._bar.update(self._task, completed=done)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
