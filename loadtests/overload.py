"""Sends more than a server can answer, and looks what it still does.

`python -m loadtests.overload [--times N] [--quality MODE] [--json]`: the server has a processor of
its own, the sender another. The peak is what it answers to callers that wait; then calls come at a
multiple of it, whatever is answered. What counts are calls answered in time, how quickly the others
are refused, and that no reply is unlawful.
"""

import json
from collections.abc import Iterator
from typing import Final

import numpy as np

from loadtests.bench.figures import Figure, show
from loadtests.load import arguments, judgement, ready
from loadtests.sender import Sent, send

HANDS: Final = 32  # more than the server's threads: they are never idle
TIMEOUT_S: Final = 1.0
SOON_S: Final = 0.05  # a feed service that cannot wait for the queue
GOODPUT_MIN: Final = 0.8
REFUSED_MS_MAX: Final = 5.0
REFUSED_MIN: Final = 0.01  # of all, where more come than can be answered
LATE_MS_MAX: Final = 20.0  # a sender that is later measures itself


def main(words: list[str] | None = None) -> int:
    """Overload, judge, print, and fail where a bar is missed."""
    parser = arguments(__doc__)
    parser.add_argument("--times", type=float, default=3.0, help="the capacity")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the overload")
    asked = parser.parse_args(words)
    with ready(asked, HANDS) as found:
        rate, address, messages = asked.times * found.capacity, found.served.address, found.messages
        sent = send(address, messages, rate, asked.seconds, TIMEOUT_S, asked.seed)
        soon = send(address, messages, rate, asked.seconds / 2, SOON_S, asked.seed)
        alive = send(address, messages, found.capacity / 4, 3.0, TIMEOUT_S, 2)
    rows = [*figures(found.capacity, rate, sent, soon, alive)]
    rows += judgement(asked, found.pages, sent.replies + soon.replies)
    if asked.json:
        told = {"source": found.source.name, "figures": [one.as_json() for one in rows]}
        print(json.dumps(told, indent=1))
    else:
        show(rows, f"{asked.times:g} times what one core answers, {found.source.name}")
    return 0 if all(figure.is_met for figure in rows) else 1


def figures(capacity: float, rate: float, sent: Sent, soon: Sent, alive: Sent) -> Iterator[Figure]:
    """Tell what became of the calls.

    Args:
        capacity: calls a second that are answered at most.
        rate: calls a second that were due.
        sent: of them, with time enough.
        soon: of them, with little.
        alive: sent afterwards, at ease.
    """
    yield Figure("peak", capacity, "calls/s")
    yield Figure("due", rate, "calls/s")
    late = float(np.percentile(sent.late_ms, 99))
    yield Figure("the sender was late, p99", late, "ms", most=LATE_MS_MAX)
    yield Figure("unsent", sent.unsent, "calls", most=0.0)
    told = "answered before the deadline, of the peak"
    yield Figure(told, sent.goodput / capacity, "×", least=GOODPUT_MIN)
    told = f"answered, with {SOON_S * 1000:.0f} ms to the deadline, of the peak"
    yield Figure(told, soon.goodput / capacity, "×", least=GOODPUT_MIN)
    yield Figure("answered, p50", float(np.median(sent.ok_ms or [0.0])), "ms")
    yield Figure("answered, p99", float(np.percentile(sent.ok_ms or [0.0], 99)), "ms")
    is_over = rate > capacity
    share = len(sent.refused_ms) / sent.due
    yield Figure("refused", share, "of all", least=REFUSED_MIN if is_over else None)
    for status, count in sorted(sent.failed.items()):
        most = None if status == "DEADLINE_EXCEEDED" else 0.0  # the only one there may be
        yield Figure(status, count / sent.due, "of all", most=most)
    refused = np.array(sent.refused_server_us or [0]) / 1e3
    yield Figure("a refusal at the server, p50", float(np.median(refused)), "ms")
    yield Figure(
        "a refusal at the server, p99", float(np.percentile(refused, 99)), "ms", most=REFUSED_MS_MAX
    )
    theirs = np.array(sent.refused_ms or [0])
    yield Figure("the same at the sender, p50", float(np.median(theirs)), "ms")
    yield Figure("the same at the sender, p99", float(np.percentile(theirs, 99)), "ms")
    lost = len(alive.refused_ms) + sum(alive.failed.values())
    yield Figure("not answered afterwards, at a quarter of the peak", lost, "calls", most=0.0)


if __name__ == "__main__":
    raise SystemExit(main())
