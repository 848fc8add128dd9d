"""Case files on disk: found, read and tried; also written down as JUnit writes tests."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from constraints.cases.comparing import differences
from constraints.cases.reading import Case, parse_cases
from constraints.cases.running import Outcome, run
from constraints.cases.words import Both
from constraints.errors import CaseError
from constraints.policy import Policy


class Tried(NamedTuple):
    """A case, what became of it, and what came out otherwise than told."""

    case: Case
    outcome: Outcome
    differences: tuple[Both, ...]


def read_cases(paths: Iterable[Path]) -> tuple[list[Case], list[CaseError]]:
    """Read files, and the `*.toml` files of folders.

    Returns:
        The cases of the good files, and the first fault of each other one.
    """
    cases: list[Case] = []
    faults: list[CaseError] = []
    for path in paths:
        found = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not found:
            faults.append(CaseError(str(path), "", "", "the folder holds no *.toml file"))
        for file in found:
            try:
                cases += parse_cases(file.name, file.read_bytes())
            except CaseError as error:
                faults.append(error)
            except OSError as error:
                fault = (error.strerror or "cannot be read").lower()
                faults.append(CaseError(str(file), "", "", fault))
    return cases, faults


def try_cases(
    cases: list[Case],
    policy: Policy,
    *,
    exact: bool = False,
    tick: Callable[[int], None] = lambda done: None,
) -> tuple[list[Tried], list[CaseError]]:
    """Decide cases and compare.

    Args:
        cases: in any order.
        policy: for the cases without a rule of their own.
        exact: see `differences`.
        tick: told how many are done.

    Returns:
        What was tried, and the faults of cases that do not fit the policy.
    """
    tried: list[Tried] = []
    faults: list[CaseError] = []
    for number, case in enumerate(cases, start=1):
        try:
            outcome = run(case, policy)
        except CaseError as fault:
            faults.append(fault)
        else:
            tried.append(Tried(case, outcome, differences(outcome, exact=exact)))
        tick(number)
    return tried, faults


def junit(tried: Iterable[Tried], language: str) -> bytes:
    """Write what was tried as JUnit XML: a suite a file, a test a case."""
    root = ET.Element("testsuites")
    suites: dict[str, ET.Element] = {}
    for case, _, found in tried:
        if case.file not in suites:
            suites[case.file] = ET.SubElement(root, "testsuite", name=case.file)
        suite = suites[case.file]
        test = ET.SubElement(suite, "testcase", classname=case.file, name=case.name)
        if found:
            lines = [one.told(language) for one in found]
            failure = ET.SubElement(test, "failure", message=lines[0])
            failure.text = "\n".join(lines)
    for suite in suites.values():
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
