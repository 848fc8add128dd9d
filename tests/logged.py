"""A decision log of real decisions over three days and two surfaces, and a plain recount of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ranker.audit.checking import read_records
from ranker.audit.log import FOLDER
from ranker.audit.segments import day_of
from ranker.audit.tables.asking import Asking, ask
from ranker.audit.tables.rotating import rotate
from ranker.v1 import decision_pb2, log_pb2
from ranker.v1 import rerank_pb2 as pb
from tests import make
from tests.serving import NOW_US, SUBJECTS, Served, put, request, served, settled

DAY_US = 86_400_000_000
CLIP = "7071067549771292737"
"""Id of a clip: nineteen digits, of which a spreadsheet keeps fifteen."""
FORMULA = '=HYPERLINK("http://example.org","剧")'
IDS = (CLIP, *SUBJECTS, "nobody")


@contextmanager
def logging(folder: Path) -> Iterator[Served]:
    """Serve calls on three days; between them a title is renamed, and its number changes."""
    now = [NOW_US]
    with served(folder, now_us=lambda: now[0]) as app:
        put(folder, "candidate_id", {CLIP: {"subject_id": "lead-3"}})
        for day in range(3):
            now[0] = NOW_US + day * DAY_US
            if day == 1:
                renamed = {"lead-0": make.drama(themes="甜宠", title="改名之后")}
                put(folder, "id", renamed | {"lead-1": make.drama(themes="悬疑", title=FORMULA)})
            app.server.state.refresh()
            for count in (3, 6, 12):
                now[0] += 1_000_000
                app.rerank(request(IDS, slot_count=count, surface="home", request_id=f"r{count}"))
                app.rerank(request(IDS[::-1], slot_count=count, surface="theatre", terminal="tv"))
        reserved = [pb.ReservedSlot(slot=1, id="ad")]
        app.rerank(request(["bare-0", "nobody"], slot_count=4, reserved=reserved))
        yield app


@contextmanager
def rotated(folder: Path) -> Iterator[Served]:
    """Serve the same, with tables of it made while it serves."""
    with logging(folder) as app:
        settled(app.server.log)
        app.server.sealer.seal()
        rotate(folder)
        yield app


def told(data_dir: Path, question: str, value: str = "", **fields: Any) -> list[dict[str, Any]]:
    """Ask, and return rows as dictionaries."""
    answer = ask(data_dir, Asking(question, value, rows=10_000, **fields))
    assert not answer.more
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


class Decided(NamedTuple):
    """A decision, read by plain code."""

    sequence: int
    id: str
    day: str
    surface: str
    revision: int
    message: Any


def decisions(data_dir: Path) -> list[Decided]:
    """Read every decision of a log."""
    found = []
    for stored in read_records(data_dir / FOLDER):
        told = stored.envelope
        if told.kind == log_pb2.RECORD_KIND_DECISION:
            body = log_pb2.DecisionBody.FromString(stored.body)
            message = decision_pb2.Decision.FromString(body.decision)
            key = (told.sequence, told.decision_id, day_of(told.instant_us)[0], told.surface)
            found.append(Decided(*key, told.facts_revision, message))
    return found
