"""`slotwarden replay`: decide again what the log says, and say whether it comes out the same."""

import multiprocessing
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from constraints.policy import Policy, parse_policy
from ranker.audit.checking import read_records
from ranker.audit.impact import Impact
from ranker.audit.records import Stored
from ranker.audit.replay import Replayer, Verdict
from ranker.cli.impact import impact_json, show_impact
from ranker.cli.records import located, log_folders, whole
from ranker.cli.shared import (
    Bar,
    DataDir,
    Json,
    Lang,
    Language,
    app,
    console,
    fail,
    print_json,
    settings_with,
)
from ranker.cli.viewers import LookedUp, looked_up
from ranker.clock import in_shanghai
from ranker.policies.folder import read_files
from ranker.v1 import log_pb2

CHUNK: Final = 200  # decisions a worker takes at a time
TOLD_MAX: Final = 50  # LIMIT: decisions not exact that are named; all are counted
WORKERS_MAX: Final = 64  # LIMIT

_VERDICTS: Final = {
    Verdict.EXACT: ("逐字节相同", "the same, byte by byte"),
    Verdict.ENGINE_DIFFERS: ("当时的引擎版本不同，结果不同", "another engine, another result"),
    Verdict.POLICY_MISSING: ("当时的策略未保存", "its policy is not kept"),
    Verdict.FACTS_MISSING: ("当时的事实版本不在", "its revision of the facts is not there"),
    Verdict.KEY_DESTROYED: ("当月密钥已销毁，无法与用户关联", "its month's key was destroyed"),
    Verdict.BODY_DELETED: ("留存期满，内容已删除", "its body was deleted when its time was over"),
    Verdict.DIVERGED: ("同一引擎与输入，结果不同：告警", "same engine and inputs, another result"),
}
_WORDS: Final = {
    Language.ZH: {"title": "重放 {count} 条决策", "of": "结论", "n": "条数", "means": "含义"},
    Language.EN: {
        "title": "{count} decisions decided again",
        "of": "verdict",
        "n": "count",
        "means": "meaning",
    },
}


class Told(NamedTuple):
    """A decision that is not exact."""

    sequence: int
    decision_id: str
    verdict: str
    told: str


class Part(NamedTuple):
    """What a worker found in a chunk."""

    verdicts: Counter[str]
    told: list[Told]
    impact: Impact


@app.command()
def replay(
    which: Annotated[
        list[str] | None, typer.Argument(help="Numbers of records, or decision ids; else all.")
    ] = None,
    data_dir: DataDir = None,
    day: Annotated[str, typer.Option(help="Only of this day in Shanghai, 2026-11-26.")] = "",
    surface: Annotated[str, typer.Option(help="Only of this surface.")] = "",
    viewer: Annotated[
        str, typer.Option(help="Only of this viewer; that it was asked is recorded.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why a viewer is looked up.")] = "",
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="At most; 0 for all.")] = 0,
    policy: Annotated[
        Path | None, typer.Option(help="Folder of a draft: show what it would have changed.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=WORKERS_MAX)] = 1,
    lang: Lang = Language.ZH,
    as_json: Json = False,
) -> None:
    """Decide logged decisions again; fails if one comes out otherwise for no reason."""
    where = settings_with(data_dir=data_dir).data_dir
    draft = parse_policy(read_files(sorted(policy.glob("*.toml")))) if policy else None
    folders, wanted = log_folders(data_dir), set[int]()
    if which:
        folder, numbers = located(data_dir, which)
        folders, wanted = [folder], set(numbers)
    found_by = looked_up(where, viewer, reason) if viewer else None
    destroyed = found_by.destroyed if found_by else []
    every = (_asked(folder, wanted, day, surface, found_by) for folder in folders)
    asked = islice(chain.from_iterable(every), count or None)
    if workers == 1:
        _start(where, draft, destroyed)
        parts: Iterator[Part] = map(_replay, _chunks(asked))
        found = _summed(parts)
    else:
        spawning = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
        with ProcessPoolExecutor(workers, spawning, _start, (where, draft, destroyed)) as pool:
            found = _summed(_in_order(pool, _chunks(asked), 2 * workers))
    _tell(found, draft, lang, as_json=as_json)
    if draft is None and found.verdicts[Verdict.DIVERGED]:
        raise typer.Exit(1)


def _asked(
    folder: Path, wanted: set[int], day: str, surface: str, viewer: LookedUp | None
) -> Iterator[Stored]:
    for stored in whole(read_records(folder), folder):
        envelope = stored.envelope
        is_asked = (
            envelope.kind == log_pb2.RECORD_KIND_DECISION
            and (not wanted or envelope.sequence in wanted)
            and (not surface or envelope.surface == surface)
            and (viewer is None or viewer.may_be(stored))
            and (not day or f"{in_shanghai(envelope.instant_us):%Y-%m-%d}" == day)
        )
        if is_asked:
            yield stored


def _chunks(records: Iterator[Stored]) -> Iterator[list[tuple[bytes, bytes]]]:
    while chunk := [(one.raw, one.body) for one in islice(records, CHUNK)]:
        yield chunk


def _in_order(
    pool: Executor, chunks: Iterable[list[tuple[bytes, bytes]]], most: int
) -> Iterator[Part]:
    """Yield what workers find, with at most so many chunks in memory."""
    under_way: deque[Future[Part]] = deque()
    for chunk in chunks:
        under_way.append(pool.submit(_replay, chunk))
        if len(under_way) >= most:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _summed(parts: Iterator[Part]) -> Part:
    whole_of = Part(Counter(), [], Impact())
    with Bar("replay") as tick:
        for part in parts:
            whole_of.verdicts.update(part.verdicts)
            whole_of.told.extend(part.told[: TOLD_MAX - len(whole_of.told)])
            whole_of.impact.add(part.impact)
            tick(whole_of.verdicts.total())
    return whole_of


_replayer: Replayer


def _start(data_dir: Path, draft: Policy | None, destroyed: list[str]) -> None:
    global _replayer  # noqa: PLW0603 -- one a process, made once
    _replayer = Replayer(data_dir, draft, destroyed)


def _replay(chunk: list[tuple[bytes, bytes]]) -> Part:
    part = Part(Counter(), [], Impact())
    for raw, body in chunk:
        stored = Stored(log_pb2.Envelope.FromString(raw), raw, body)
        one = _replayer.replay(stored)
        part.verdicts[one.verdict] += 1
        if one.verdict != Verdict.EXACT:
            part.told.append(Told(one.sequence, one.decision_id, one.verdict.value, one.told))
        if _replayer.draft:
            envelope = stored.envelope
            snapshot = _replayer.snapshot(envelope.facts_revision, envelope.facts_digest)
            if snapshot is not None:
                part.impact.take(one, snapshot)
    return part


def _tell(found: Part, draft: Policy | None, lang: Language, *, as_json: bool) -> None:
    if as_json:
        told = {
            "decisions": found.verdicts.total(),
            "verdicts": {verdict.value: found.verdicts[verdict] for verdict in Verdict},
            "not_exact": [one._asdict() for one in found.told],
        }
        print_json(told if draft is None else impact_json(found.impact, draft))
        return
    if not found.verdicts:
        fail("no such decision")
    if draft is not None:
        show_impact(console(), found.impact, draft, lang)
        return
    words = _WORDS[lang]
    title = words["title"].format(count=found.verdicts.total())
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for heading in ("of", "n", "means"):
        table.add_column(words[heading])
    for verdict, (zh, en) in _VERDICTS.items():
        if found.verdicts[verdict]:
            means = zh if lang == Language.ZH else en
            table.add_row(verdict.value, str(found.verdicts[verdict]), means)
    console().print(table)
    for one in found.told:
        console().print(Text(f"{one.sequence} {one.decision_id} {one.verdict}: {one.told}"))
