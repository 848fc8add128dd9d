"""`slotwarden policy analyze` and `diff`: what is wrong with a policy, and what changes."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from constraints.analyze.analysis import analyze
from constraints.analyze.compare import Verdict, compare
from constraints.analyze.findings import Finding, Kind, finding
from constraints.errors import PolicyError
from constraints.facts import day_of
from constraints.policy import parse_policy
from ranker.cli.shared import Bar, DataDir, Json, Lang, Language, policy_app, print_json
from ranker.clock import day_at, now_us
from ranker.facts.snapshot import Snapshot
from ranker.facts.store import FactStore
from ranker.policies.folder import read_files

SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As of this day.")]


@policy_app.command("analyze")
def policy_analyze(
    paths: Annotated[list[Path], typer.Argument(help="*.toml files or folders: one policy.")],
    day: Day = None,
    data_dir: DataDir = None,
    only: Annotated[list[Kind] | None, typer.Option(help="Only findings of this kind.")] = None,
    sarif: Annotated[Path | None, typer.Option(help="Write SARIF 2.1.0 here.")] = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Find rules that do nothing or cannot all hold. Exit 1 with findings, 2 if it cannot look."""
    try:
        files = read_files(_files(paths))
        on = _day(day)
        found = _analyzed(files, on, data_dir)
    except (OSError, PolicyError) as error:
        fault = (
            str(error) if isinstance(error, PolicyError) else f"{error.filename}: {error.strerror}"
        )
        print(fault, file=sys.stderr)
        raise typer.Exit(2) from None
    found = [one for one in found if not only or one.kind in only]
    if sarif:
        told = json.dumps(sarif_of(found, files, lang), ensure_ascii=False, indent=2)
        sarif.write_text(told, encoding="utf-8")
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            print(f"{one.severity}: {one.kind}: {_sentence(one, lang)}")
            print("".join(f"    {line}\n" for line in one.witness.splitlines()), end="")
    if any(one.severity != "note" for one in found):
        raise typer.Exit(1)


def _sentence(one: Finding, lang: str) -> str:
    """Say what is wrong with which rules; a finding of none says what alone."""
    return ": ".join(filter(None, (", ".join(one.rule_ids), one.told(lang))))


def _files(paths: Iterable[Path]) -> list[Path]:
    return [f for p in paths for f in (sorted(p.glob("*.toml")) if p.is_dir() else [p])]


def _day(day: datetime | None) -> int:
    return day_of(day.date()) if day else day_at(now_us())


def _analyzed(files: dict[str, bytes], day: int, data_dir: Path | None) -> list[Finding]:
    try:
        policy = parse_policy(files)
    except PolicyError as error:
        return [finding(Kind.UNKNOWN_REFERENCE, (), str(error), str(error))]
    facts = None
    if data_dir:
        with FactStore(data_dir) as store:
            facts = Snapshot.load(store, data_dir).facts
    with Bar("analyze", 100) as bar:
        return analyze(policy, day, facts, bar)


def sarif_of(found: Iterable[Finding], files: dict[str, bytes], lang: str) -> dict[str, Any]:
    """Write findings as SARIF 2.1.0, each at the line of its first rule's id."""
    results = [
        {
            "ruleId": one.kind.value,
            "level": one.severity,
            "message": {"text": _sentence(one, lang)},
            "locations": [_location(one, files)],
        }
        for one in found
    ]
    driver = {"name": "slotwarden", "rules": [{"id": kind.value} for kind in Kind]}
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _location(one: Finding, files: dict[str, bytes]) -> dict[str, Any]:
    for name, content in files.items():
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            is_id = line.replace(" ", "").startswith("id=")
            if one.rule_ids and is_id and f'"{one.rule_ids[0]}"' in line:
                return _place(name, number)
    return _place(next(iter(files), "policy"), 1)


def _place(name: str, line: int) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": name}, "region": {"startLine": line}}}


@policy_app.command("diff")
def policy_diff(
    before: Annotated[Path, typer.Argument(help="Folder or file of the policy in force.")],
    after: Annotated[Path, typer.Argument(help="Folder or file of the policy to come.")],
    day: Day = None,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Tell for each surface whether the second policy is stricter, looser, or neither.

    Hard rules are compared first; `differs` means they allow the same and the soft ones do not.
    """
    old, new = (parse_policy(read_files(_files([path]))) for path in (before, after))
    found = compare(old, new, _day(day))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        print(f"{one.surface}: {_VERDICTS[one.verdict] if lang == Language.ZH else one.verdict}")
        print("".join(f"    {line}\n" for line in one.witness.splitlines()), end="")


_VERDICTS: Final = {
    Verdict.EQUIVALENT: "等价",
    Verdict.DIFFERS: "仅软性规则不同",
    Verdict.STRICTER: "更严",
    Verdict.LOOSER: "更宽",
    Verdict.INCOMPARABLE: "不可比",
    Verdict.ADDED: "新增",
    Verdict.REMOVED: "移除",
}
