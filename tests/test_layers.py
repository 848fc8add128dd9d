"""What may import what: the table of the house style, held by reading the code.

If a test here fails, move the code; do not widen the table without saying why.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from constraints.rules import rule_types

ROOT = Path(__file__).parent.parent
OURS = {"constraints", "ranker", "training", "loadtests", "tests", "proto"}

MAY_IMPORT = {
    "constraints": ["constraints"],
    "ranker": ["constraints", "ranker"],
    "ranker/v1": ["ranker.v1"],
    "training": ["constraints", "ranker.scoring", "ranker.audit", "training"],
    "loadtests": ["ranker.v1", "ranker.sample", "loadtests"],
    "loadtests/bench": ["constraints", "ranker", "loadtests"],  # but its judge: see below
}
BESIDES = {"loadtests/serving.py": ["constraints", "ranker"]}  # it starts the server under load

BUILDERS = {
    "constraints.program",
    "constraints.shape",
    "constraints.steering",
    "constraints.solve",
    "constraints.kernel",
    "constraints.reasons",
    "constraints.pinning",
    "constraints.govern",
    "constraints.certify",
    "constraints.costs",
}
CLOCKS_THREADS_CHANCE_AND_IO = {
    *("time", "datetime.datetime", "random", "secrets", "uuid", "numpy.random", "threading"),
    *("asyncio", "multiprocessing", "concurrent", "subprocess", "socket", "ssl", "logging", "os"),
    *("sqlite3", "tempfile", "shutil", "urllib", "http"),
}


COMPILED_BY = {"kernel", "bare", "inline"}


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    return relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the full names a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: a relative import hides what is imported"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.partition(".")[0] in OURS}


def reached(start: Path) -> set[Path]:
    """Return every file of ours that importing one brings in, packages' own files included."""
    known = {module(path): path for path in files("constraints") + files("loadtests")}
    seen, waiting = set[Path](), [start]
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for name in ours(path):
            parts = name.split(".")
            found = {known.get(".".join(parts[:end])) for end in range(1, len(parts) + 1)}
            waiting += [each for each in found - seen if each]
    return seen


def _folder(path: Path) -> str:
    fitting = [folder for folder in MAY_IMPORT if relative(path).startswith(f"{folder}/")]
    return max(fitting, key=len)


def _offenders() -> Iterator[str]:
    for folder in ("constraints", "ranker", "training", "loadtests"):
        for path in files(folder):
            allowed = MAY_IMPORT[_folder(path)] + BESIDES.get(relative(path), [])
            for name in sorted(ours(path)):
                if not any(of(name, package) for package in allowed):
                    yield f"{relative(path)} imports {name}"


def test_every_package_imports_only_what_the_table_allows() -> None:
    assert list(_offenders()) == []


def test_exceptions_of_the_table_are_still_needed() -> None:
    for path in BESIDES:
        assert not (ROOT / path).parent.exists() or ours(ROOT / path) - {"loadtests", "ranker.v1"}


def test_the_law_has_no_clock_thread_chance_or_file() -> None:
    for path in files("constraints"):
        if path.name != "__main__.py":
            for name in imports(path):
                found = [bad for bad in CLOCKS_THREADS_CHANCE_AND_IO if of(name, bad)]
                assert not found, f"{relative(path)} imports {name}"


def test_the_law_reads_no_clock_and_draws_nothing() -> None:
    banned = {"now", "today", "utcnow", "random", "default_rng", "RandomState", "open", "print"}
    for path in files("constraints"):
        if path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "attr", getattr(called, "id", ""))
            assert name not in banned, f"{relative(path)} calls {name}"


def test_what_proves_a_slate_shares_no_code_with_what_builds_it() -> None:
    brought_in = {module(path) for path in reached(ROOT / "constraints/verify.py")}
    assert {"constraints.verify", "constraints.rule", "constraints.facts"} <= brought_in
    assert not {name for name in brought_in for builder in BUILDERS if of(name, builder)}


@pytest.mark.parametrize("name", rule_types())
def test_rule_knows_neither_builder_nor_verifier_nor_another_rule(name: str) -> None:
    path = ROOT / f"constraints/rules/{name}.py"
    for imported in ours(path):
        assert not of(imported, "constraints.verify")
        assert not of(imported, "constraints.rules")
        assert not any(of(imported, builder) for builder in BUILDERS)


def test_kernels_know_nothing_of_rules_pages_or_policies() -> None:
    known = ("effects", "facts", "program", "kernel", "jit")
    for path in files("constraints/kernel"):
        for name in ours(path):
            assert any(of(name, f"constraints.{part}") for part in known), relative(path)


def test_the_judge_of_the_load_tests_shares_no_code_with_what_it_judges() -> None:
    judge = ROOT / "loadtests/judge.py"
    for path in reached(judge):
        names = [name for name in ours(path) if not of(name, "loadtests")]
        assert not names, f"{relative(path)} imports {names}"


def test_the_judge_of_the_bench_imports_nothing_of_ours() -> None:
    assert not ours(ROOT / "loadtests/bench/judge.py")


def test_proto_is_no_package() -> None:
    """An `__init__.py` there would hide the library that is called proto."""
    assert not list((ROOT / "proto").rglob("__init__.py"))


def test_nothing_imports_tests() -> None:
    for folder in ("constraints", "ranker", "training", "loadtests"):
        for path in files(folder):
            assert not [name for name in imports(path) if of(name, "tests")], relative(path)


def _kernels() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path in sorted(
        p for folder in ("constraints", "ranker", "loadtests") for p in files(folder)
    ):
        if "constraints.jit" in path.read_text("utf-8"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    names = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
                    if names & COMPILED_BY:
                        yield path, node


def test_no_kernel_counts_from_the_end() -> None:
    """Their indices are taken as they are: -1 is in front of the array. See `constraints.jit`."""
    seen = 0
    for path, function in _kernels():
        seen += 1
        for node in ast.walk(function):
            if isinstance(node, ast.Subscript):
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                at_fault = [p for p in parts if isinstance(p, ast.UnaryOp)]
                assert not at_fault, f"{relative(path)}:{node.lineno}"
    assert seen > 100
