"""Judges the replies of a load test, in a process of its own: `python -m loadtests.judging SPOOL`.

The spool is what `Spool` wrote: it is read by us alone, for it is pickled.
"""

import json
import os
import pickle
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from loadtests.client import to_dict
from loadtests.pages import Page
from loadtests.progress import progress
from loadtests.run import judge_all
from loadtests.traffic import traffic
from ranker.v1.rerank_pb2 import RerankResponse

EXAMPLES_MAX: Final = 20  # LIMIT: faults told in words
CLOCKS_S: Final = 2.0  # how far the server's clock may be from ours
_CHUNK: Final = 2_000  # replies read at once


class Told(NamedTuple):
    """What judges found.

    Attributes:
        judged: replies.
        unlawful: of these, with a hard violation.
        untrue: of these, with a statement that does not hold, or a move without a reason.
        examples: faults in words.
    """

    judged: int
    unlawful: int
    untrue: int
    examples: list[str]


class Spool:
    """Keeps pages and their replies in a file, to be judged when the load is over.

    Args:
        stream: where they are written.
        count, seed, data: of the traffic, see `traffic`.

    Attributes:
        kept: how many.
    """

    def __init__(self, stream: IO[bytes], count: int, seed: int, data: Path) -> None:
        self._stream, self.kept = stream, 0
        pickle.dump((count, seed, str(data)), stream)

    def add(self, page: Page, reply: bytes, sent_s: float, came_s: float) -> None:
        """Keep a page and the bytes of its reply, and when it was sent and answered.

        Args:
            page: what was asked.
            reply: bytes of the answer.
            sent_s: when it was asked, seconds since 1970.
            came_s: when it was answered.
        """
        pickle.dump((page, reply, sent_s, came_s), self._stream)
        self.kept += 1


def judged(path: Path) -> Told:
    """Judge a spool in another process, and wait for it; greenlets go on meanwhile.

    Raises:
        RuntimeError: it failed.
    """
    told = path.with_suffix(".json")
    command = [sys.executable, "-m", "loadtests.judging", str(path)]
    output = (os.POSIX_SPAWN_OPEN, 1, str(told), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    # Spawned, not forked: a fork runs handlers of gRPC, which now and then abort beside greenlets.
    pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=[output])
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        time.sleep(0.05)
    try:
        if ended[1]:
            raise RuntimeError(f"the judge ended with {os.waitstatus_to_exitcode(ended[1])}")
        return Told(**json.loads(told.read_text("utf-8")))
    finally:
        told.unlink(missing_ok=True)


class _Read(NamedTuple):
    """A page, its reply, and the fault of the instant the reply says it was decided at, if any."""

    page: Page
    reply: Any
    mistimed: list[str]


def _read(stream: IO[bytes]) -> Iterator[_Read]:
    while True:
        try:
            page, raw, sent_s, came_s = pickle.load(stream)
        except EOFError:
            return
        reply = to_dict(RerankResponse.FromString(raw))
        decided_s = reply["instant_us"] / 1e6
        # The judge takes the day from the reply: so its instant must be that of the call.
        is_then = sent_s - CLOCKS_S <= decided_s <= came_s + CLOCKS_S
        told = [] if is_then else [f"decided at {decided_s:.0f}, called at {sent_s:.0f}"]
        yield _Read(page, reply, told)


def main() -> int:
    """Judge, and print what was found as JSON."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # the load is over
    count = unlawful = untrue = 0
    examples: list[str] = []
    path = Path(sys.argv[1])
    with path.open("rb") as stream:
        pages, seed, data = pickle.load(stream)
        source = traffic(pages, seed, Path(data))
        replies = _read(stream)
        with progress("judging") as tick:
            while chunk := list(islice(replies, _CHUNK)):
                pairs = [(one.page, one.reply) for one in chunk]
                verdicts = judge_all(pairs, source.ledger, source.law, tick)
                for one, verdict in zip(chunk, verdicts, strict=True):
                    count += 1
                    unlawful += bool(verdict.hard)
                    false = [*verdict.untrue, *verdict.mismatches, *one.mistimed]
                    untrue += bool(false or verdict.unexplained)
                    faults = [*verdict.hard, *false]
                    examples += [f"{one.page['name']}: {each}" for each in faults][:EXAMPLES_MAX]
    print(json.dumps(Told(count, unlawful, untrue, examples[:EXAMPLES_MAX])._asdict()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
