"""Names of themes, series and providers, and their numbers: synonyms are one theme and one cap."""

from collections.abc import Mapping
from typing import Final

from constraints.errors import FactError

NAMES_MAX: Final = 20_000_000  # LIMIT: names of one catalogue
_MARK = "\0"  # no tag holds one: so no theme is ever taken for a series


def group_name(column: str, text: str) -> str:
    """Return the name under which a group of another column than themes is numbered."""
    return f"{column}{_MARK}{text}"


def shown_name(name: str) -> str:
    """Return a name as people read it, without the column it is of."""
    return name.rpartition(_MARK)[2]


class Vocabulary:
    """Theme names and their numbers; every alias of a theme has the number of that theme.

    Numbers start at 1; 0 means no theme. A vocabulary only grows, so numbers stay valid.

    Args:
        aliases: tag → canonical theme (霸总, 总裁 and 豪门 are one theme, and one cap).
        names_max: how many names it holds at most.
    """

    def __init__(
        self, aliases: Mapping[str, str] | None = None, names_max: int = NAMES_MAX
    ) -> None:
        self.aliases = dict(aliases or {})
        self.names: list[str] = [""]
        self._numbers: dict[str, int] = {}
        self._names_max = names_max

    def __len__(self) -> int:
        return len(self.names)

    def number(self, tag: str) -> int:
        """Return the number of the tag's canonical theme, giving it one when it is new."""
        name = self.aliases.get(tag, tag)
        known = self._numbers.get(name)
        if known is None:
            if len(self.names) > self._names_max:
                raise FactError("themes", f"more than {self._names_max} different names")
            known = self._numbers[name] = len(self.names)
            self.names.append(name)
        return known

    def copy(self) -> "Vocabulary":
        """Return a copy that may grow without touching this one (inline facts of a request)."""
        other = Vocabulary(self.aliases, self._names_max)
        other.names = list(self.names)
        other._numbers = dict(self._numbers)
        return other
