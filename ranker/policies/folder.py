"""The policy folder: its `*.toml` files together are the policy in force."""

from pathlib import Path

from constraints.errors import PolicyError
from constraints.policy import Policy, parse_policy


def load_policy(folder: Path) -> Policy:
    """Read the policy of a folder.

    Raises:
        PolicyError: a file cannot be read or says something it may not.
    """
    return parse_policy(read_files(sorted(folder.glob("*.toml"))) or _nothing(folder))


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


def _nothing(folder: Path) -> dict[str, bytes]:
    raise PolicyError(folder.name, "", "the folder holds no *.toml file")
