"""Books: what was answered must be on record, and what others say we answered, too."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ranker.audit.records import Stored
from ranker.v1 import log_pb2 as pb


class Run(NamedTuple):
    """One start of a server, to its stop or to where its records end.

    Attributes:
        first: number of its record `start`; begun_us: its instant.
        decisions: records of decisions.
        answered, refused, received: calls, as its last heartbeat counted them.
        is_ended: it recorded its stop.
    """

    first: int
    begun_us: int
    decisions: int
    received: int
    answered: int
    refused: int
    is_ended: bool

    @property
    def balances(self) -> bool:
        """Tell whether the books balance; of a run that was killed, as far as it counted."""
        counted = self.received == self.answered + self.refused
        if self.is_ended:
            return counted and self.decisions == self.answered
        return counted and self.decisions >= self.answered


class Compared(NamedTuple):
    """What others say was answered, beside the log.

    Attributes:
        both: ids on both sides.
        only_theirs: ids they name that are on no record; only_ours: the other way round.
        twice: ids they name more than once.
    """

    both: int
    only_theirs: list[str]
    only_ours: list[str]
    twice: list[str]


def runs(records: Iterable[Stored]) -> Iterator[Run]:
    """Yield the runs of a log."""
    run: Run | None = None
    for one in records:
        envelope = one.envelope
        if envelope.kind == pb.RECORD_KIND_CONTROL and envelope.action == "start":
            if run is not None:
                yield run
            run = Run(envelope.sequence, envelope.instant_us, 0, 0, 0, 0, is_ended=False)
        if run is None:
            continue
        if envelope.kind == pb.RECORD_KIND_DECISION:
            run = run._replace(decisions=run.decisions + 1)
        elif envelope.kind == pb.RECORD_KIND_HEARTBEAT:
            body = pb.HeartbeatBody.FromString(one.body)
            refused = sum(body.refused.values())
            run = run._replace(received=body.received, answered=body.answered, refused=refused)
        elif envelope.action == "stop":
            run = run._replace(is_ended=True)
    if run is not None:
        yield run


def compared(theirs: Iterable[str], ours: Iterable[str]) -> Compared:
    """Compare ids, of decisions or of requests."""
    counted, known = Counter(theirs), set(ours)
    named = set(counted)
    return Compared(
        both=len(named & known),
        only_theirs=sorted(named - known),
        only_ours=sorted(known - named),
        twice=sorted(one for one, count in counted.items() if count > 1),
    )
