"""pytest plugin: fixtures `policy` and `assert_lawful`, and `*.slot.toml` case files as tests.

Only pytest imports this file, in any run where Slotwarden is installed: so it imports nothing heavy
before something is used. Switch it off with `-p no:slotwarden`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from constraints.cases.reading import Case
    from constraints.policy import Policy

SUFFIX: Final = ".slot.toml"
OPTION: Final = "--slotwarden-policy"
INI: Final = "slotwarden_policy"
_POLICY: Final = pytest.StashKey["Policy"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the folder of the policy to options and settings."""
    group = parser.getgroup("slotwarden")
    group.addoption(OPTION, metavar="DIR", help="folder of *.toml files: the policy to test by")
    parser.addini(INI, "folder of the policy to test by; the shipped policy unless given")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect case files."""
    if file_path.name.endswith(SUFFIX):
        collected: CaseFile = CaseFile.from_parent(parent, path=file_path)
        return collected
    return None


@pytest.fixture(scope="session")
def policy(request: pytest.FixtureRequest) -> "Policy":
    """Return the policy to test by: of the option, of the setting, or the shipped one."""
    return _policy(request.config)


@pytest.fixture(scope="session")
def assert_lawful() -> Callable[..., None]:
    """Return `ranker.lawful.assert_lawful`."""
    from ranker.lawful import assert_lawful

    return assert_lawful


class CaseFile(pytest.File):
    """A file of cases."""

    def collect(self) -> Iterator["CaseItem"]:
        """Read the file; a mistake in it is an error of collection."""
        from constraints.cases.reading import parse_cases
        from constraints.errors import CaseError

        try:
            cases = parse_cases(self.path.name, self.path.read_bytes())
        except CaseError as error:
            raise self.CollectError(str(error)) from None
        for case in cases:
            item: CaseItem = CaseItem.from_parent(self, name=case.name)
            item.case = case
            yield item


class CaseItem(pytest.Item):
    """One case.

    Attributes:
        case: the case.
    """

    case: "Case"

    def runtest(self) -> None:
        """Decide the case and compare."""
        from constraints.cases.comparing import differences
        from constraints.cases.running import run
        from constraints.errors import CaseError

        try:
            found = differences(run(self.case, _policy(self.config)))
        except CaseError as error:
            pytest.fail(str(error), pytrace=False)
        if found:
            lines = (line for one in found for line in one)
            pytest.fail("\n".join(lines), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Name the case by its file."""
        return self.path, None, f"{self.path.name}: {self.name}"


def _policy(config: pytest.Config) -> "Policy":
    from constraints.errors import PolicyError
    from ranker.policies.folder import PolicyFolder
    from ranker.settings import SHIPPED_POLICIES

    known = config.stash.get(_POLICY, None)
    if known is None:
        given, ini = config.getoption(OPTION), config.getini(INI)
        beside = config.inipath.parent if config.inipath else config.rootpath
        folder = Path(given) if given else beside / ini if ini else SHIPPED_POLICIES
        try:
            known = config.stash[_POLICY] = PolicyFolder(folder).policy
        except PolicyError as error:
            pytest.fail(str(error), pytrace=False)
    return known
