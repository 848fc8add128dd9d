"""The policy folder: its `*.toml` files together are the policy in force."""

from pathlib import Path

from constraints.errors import PolicyError
from constraints.policy import Policy, parse_policy


class PolicyFolder:
    """A folder that is looked at again and again, and read only when a file changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts: dict[str, bytes] | None = None

    def load(self) -> Policy | None:
        """Return the policy of the folder, None when nothing changed since the last look.

        Raises:
            PolicyError: a file cannot be read or says something it may not.
        """
        texts = read_files(sorted(self._folder.glob("*.toml")))
        if texts == self._texts:
            return None
        self._texts = texts
        if not texts:
            raise PolicyError(self._folder.name, "", "the folder holds no *.toml file")
        return parse_policy(texts)


def read_files(paths: list[Path]) -> dict[str, bytes]:
    """Read files by name, for `parse_policy`.

    Raises:
        PolicyError: a file cannot be read.
    """
    texts = {}
    for path in paths:
        try:
            texts[path.name] = path.read_bytes()
        except OSError as error:
            raise PolicyError(path.name, "", (error.strerror or "cannot be read").lower()) from None
    return texts
