"""The policy folder: its `*.toml` files together are the policy in force."""

from pathlib import Path

from constraints.errors import PolicyError
from constraints.policy import parse_policy


class PolicyFolder:
    """A folder that is looked at again and again, and read only when a file changed.

    Attributes:
        policy: the last good policy.
        texts: its files, name → content.

    Raises:
        PolicyError: there is no policy to begin with.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = self._read()
        self._judged = self._seen
        self.policy, self.texts = parse_policy(self._seen), self._seen

    def look(self) -> bool:
        """Look for a newer policy; tell whether there is one.

        Files count once two looks in a row found them the same: one may be half written.

        Raises:
            PolicyError: a file cannot be read or says something it may not, or a rule is gone.
        """
        seen, self._seen = self._seen, self._read()
        if self._seen != seen or seen == self._judged:
            return False
        self._judged = seen
        policy = parse_policy(seen)
        gone = {rule.id for rule in self.policy.rules} - {rule.id for rule in policy.rules}
        if gone:
            fault = 'is gone; a rule ends by mode = "off" or by its date until'
            raise PolicyError(self._folder.name, f"rule {min(gone)}", fault)
        is_newer = policy.digest != self.policy.digest
        self.policy, self.texts = policy, seen
        return is_newer

    def _read(self) -> dict[str, bytes]:
        if not self._folder.is_dir():
            raise PolicyError(self._folder.name, "", "there is no such folder")
        texts = read_files(sorted(self._folder.glob("*.toml")))
        if not texts:
            raise PolicyError(self._folder.name, "", "the folder holds no *.toml file")
        return texts


def read_files(paths: list[Path]) -> dict[str, bytes]:
    """Read files by name, for `parse_policy`.

    Raises:
        PolicyError: a file cannot be read, or two have one name.
    """
    texts: dict[str, bytes] = {}
    for path in paths:
        if path.name in texts:
            raise PolicyError(path.name, "", "two files of a policy have this name")
        try:
            texts[path.name] = path.read_bytes()
        except OSError as error:
            raise PolicyError(path.name, "", (error.strerror or "cannot be read").lower()) from None
    return texts
