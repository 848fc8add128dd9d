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

    def add(self, page: Page, reply: bytes) -> None:
        """Keep a page and the bytes of its reply."""
        pickle.dump((page, reply), self._stream)
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


def _read(stream: IO[bytes]) -> Iterator[tuple[Page, Any]]:
    while True:
        try:
            page, reply = pickle.load(stream)
        except EOFError:
            return
        yield page, to_dict(RerankResponse.FromString(reply))


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
                verdicts = judge_all(chunk, source.ledger, source.law, tick)
                for (page, _), verdict in zip(chunk, verdicts, strict=True):
                    count += 1
                    unlawful += bool(verdict.hard)
                    untrue += bool(verdict.untrue or verdict.mismatches or verdict.unexplained)
                    faults = [*verdict.hard, *verdict.untrue, *verdict.mismatches]
                    examples += [f"{page['name']}: {one}" for one in faults][:EXAMPLES_MAX]
    print(json.dumps(Told(count, unlawful, untrue, examples[:EXAMPLES_MAX])._asdict()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
