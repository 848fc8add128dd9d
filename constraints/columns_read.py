"""Which columns of facts a half of a rule looks at: seen by watching it, never told."""

from collections.abc import Callable
from typing import Any

from constraints.facts import Facts
from constraints.rule import Day, Verdicts


class _Watched:
    """Stands for facts, and notes which columns are read."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.read: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._facts)

    def __getattr__(self, name: str) -> Any:
        self.read["kind" if name in ("is_drama", "is_room") else name] = None
        return getattr(self._facts, name)


def columns_read(half: Callable[[Facts, Day], Verdicts], facts: Facts, day: Day) -> tuple[str, ...]:
    """Return the columns that `Rule.rows` or `Rule.judged` of a rule looks at, in its order."""
    watched: Any = _Watched(facts)
    half(watched, day)
    return tuple(name for name in watched.read if name in Facts.__dataclass_fields__)
