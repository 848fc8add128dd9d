"""The rule types. The folder is the registry: a file holds one `Rule`, named as the file."""

from functools import cache
from importlib import import_module
from inspect import getmembers, isclass
from pathlib import Path
from typing import Literal

from constraints.rule import Rule


@cache
def rule_types() -> dict[str, type[Rule]]:
    """Return type name → class, sorted by name.

    Raises:
        TypeError: a file does not hold exactly one `Rule` whose `type` is the file's name.
    """
    found: dict[str, type[Rule]] = {}
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        module = import_module(f"{__name__}.{path.stem}")
        own = [
            member
            for _, member in getmembers(module, isclass)
            if issubclass(member, Rule) and member.__module__ == module.__name__
        ]
        if len(own) != 1 or own[0].model_fields["type"].annotation != _literal(path.stem):
            raise TypeError(f"{path.name} must hold one rule whose type is `{path.stem}`")
        found[path.stem] = own[0]
    return found


def _literal(name: str) -> object:
    return Literal[name]
