"""Sends pages to a server, then has every reply judged, on all processors."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, TypeAlias

from loadtests.judge import Judge, Verdict
from loadtests.pages import Page, follow
from loadtests.statute import Law, Ledger

Reply: TypeAlias = Mapping[str, Any]
Tick: TypeAlias = Callable[[], object]

_CHUNK: Final = 50  # pages judged between two steps of the progress bar
_ALONE_MAX: Final = 400  # fewer pages are judged here: a pool takes longer to start

_judge: Judge | None = None  # of a worker of the pool


@dataclass(slots=True)
class Run:
    """What was asked and answered.

    Attributes:
        pages: requests and replies, in order.
        latencies_ms: of every answered call, at the client.
        failures: what the calls said that were not answered.
        seconds: spent asking.
    """

    pages: list[tuple[Page, Reply]] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0


def ask(client: Any, pages: Iterable[Page], tick: Tick) -> Run:
    """Ask for pages one after the other; a follow-up continues the reply before it.

    Args:
        client: a `Client`.
        pages: as built.
        tick: called after every page.
    """
    import grpc

    from loadtests.client import shown_ids

    run, before = Run(), None
    for built in pages:
        page = built
        if built["follows"] and before:
            page = follow(built, before[0], shown_ids(*before), before[1]["page_token"])
        begun = time.perf_counter()
        try:
            reply, latency_ms = client.call(page)
        except grpc.RpcError as error:
            run.failures.append(f"{page['name']}: {error.code().name}: {error.details()}")
            before = None
        else:
            run.latencies_ms.append(latency_ms)
            before = (page, reply)
            run.pages.append(before)
        run.seconds += time.perf_counter() - begun
        tick()
    return run


def judge_all(
    pages: Sequence[tuple[Page, Reply]], ledger: Ledger, law: Law, tick: Tick
) -> Iterator[Verdict]:
    """Yield the verdict of every page, in order.

    Args:
        pages: requests and replies.
        ledger: the facts.
        law: the policy.
        tick: called after every page.
    """
    if len(pages) <= _ALONE_MAX:
        judge = Judge(ledger, law)
        for page, reply in pages:
            yield judge.judge(page, reply)
            tick()
        return
    chunks = [pages[at : at + _CHUNK] for at in range(0, len(pages), _CHUNK)]
    with ProcessPoolExecutor(
        max_workers=os.cpu_count(),
        mp_context=multiprocessing.get_context("spawn"),  # a channel does not survive a fork
        initializer=_appoint,
        initargs=(ledger, law),
    ) as pool:
        for verdicts in pool.map(_judge_chunk, chunks):
            for verdict in verdicts:
                yield verdict
                tick()


def _appoint(ledger: Ledger, law: Law) -> None:
    global _judge  # noqa: PLW0603 -- a worker's judge lives as long as the worker
    _judge = Judge(ledger, law)


def _judge_chunk(chunk: Sequence[tuple[Page, Reply]]) -> list[Verdict]:
    assert _judge is not None, "INVARIANT: the pool appoints a judge first"
    return [_judge.judge(page, reply) for page, reply in chunk]


class Books:
    """Checks what replies must say in a row: facts no older, one policy, receipts without gaps.

    Args:
        revision: of the facts the run began with.
        decisions: number → id of every decision in the server's log, the oldest first.
    """

    def __init__(self, revision: int, decisions: Mapping[int, str]) -> None:
        self._revision, self._decisions = revision, decisions
        self._behind = dict(pairwise(decisions))  # number of a decision → that of the next one
        self._digest = ""
        self._receipts: dict[str, int] = {}

    def faults(self, replies: Iterable[Reply]) -> Iterator[str]:
        """Yield what is wrong with the next replies, in words."""
        for reply in replies:
            if reply["facts_revision"] < self._revision:
                yield f"facts of revision {reply['facts_revision']} after {self._revision}"
            self._revision = max(self._revision, reply["facts_revision"])
            if reply["policy_digest"] != self._digest and self._digest:
                yield f"policy {reply['policy_digest']} after {self._digest}"
            self._digest = reply["policy_digest"]
            origin, sequence = reply["origin"], reply["sequence"]
            before = self._receipts.get(origin)
            expected = sequence if before is None else self._behind.get(before)
            if sequence != expected or not origin:
                yield f"receipt {sequence} of `{origin}`, expected {expected}"
            if self._decisions.get(sequence) != reply["decision_id"]:
                yield f"receipt {sequence}: the log holds another decision there, or none"
            self._receipts[origin] = sequence
