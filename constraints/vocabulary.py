"""Theme names and their numbers: synonyms are one theme, and one cap."""

from collections.abc import Mapping

from constraints.errors import FactError


class Vocabulary:
    """Theme names and their numbers; every alias of a theme has the number of that theme.

    Numbers start at 1; 0 means no theme. A vocabulary only grows, so numbers stay valid.

    Args:
        aliases: tag → canonical theme (霸总, 总裁 and 豪门 are one theme, and one cap).
    """

    # LIMIT: an int16 column holds the numbers.
    _THEMES_MAX = 32_000

    def __init__(self, aliases: Mapping[str, str] | None = None) -> None:
        self.aliases = dict(aliases or {})
        self.names: list[str] = [""]
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def number(self, tag: str) -> int:
        """Return the number of the tag's canonical theme, giving it one when it is new."""
        name = self.aliases.get(tag, tag)
        known = self._numbers.get(name)
        if known is None:
            if len(self.names) > self._THEMES_MAX:
                raise FactError("themes", f"more than {self._THEMES_MAX} different themes")
            known = self._numbers[name] = len(self.names)
            self.names.append(name)
        return known

    def copy(self) -> "Vocabulary":
        """Return a copy that may grow without touching this one (inline facts of a request)."""
        other = Vocabulary(self.aliases)
        other.names = list(self.names)
        other._numbers = dict(self._numbers)
        return other
