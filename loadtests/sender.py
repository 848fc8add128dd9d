"""Sends calls when they are due, whatever became of those before: an open model, bounded.

A closed sender waits for slow replies, and so leaves out the calls that would have been slow
(coordinated omission). Here each call has its instant, drawn as a Poisson process, and is timed
from it.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import grpc

from loadtests.client import METHOD, SERVER_US

OPEN_MAX: Final = 4_000  # LIMIT: calls under way at once; what is due beyond counts as not sent
CHANNELS: Final = 4
READY_S_MAX: Final = 30.0  # until a server takes connections


class Answer(NamedTuple):
    """A reply.

    Attributes:
        page: number of the page it answers.
        raw: its bytes.
        sent_s, came_s: when the call was sent and answered, seconds since 1970.
    """

    page: int
    raw: bytes
    sent_s: float
    came_s: float


@dataclass(slots=True)
class Sent:
    """What became of the calls.

    Attributes:
        seconds: calls were due.
        answered: calls answered in that time, before their deadline, which runs from sending.
        due: calls that should have been sent; unsent: of these, not sent for want of room.
        late_ms: how late each call left, at the sender.
        ok_ms: of each answered call, from when it was due.
        refused_ms: of each refusal, likewise.
        refused_server_us: of each refusal, as the server timed it.
        failed: status → calls that ended otherwise.
        replies: what was answered.
    """

    seconds: float = 0.0
    answered: int = 0
    due: int = 0
    unsent: int = 0
    late_ms: list[float] = field(default_factory=list)
    ok_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    refused_server_us: list[int] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    replies: list["Answer"] = field(default_factory=list)

    @property
    def goodput(self) -> float:
        """Calls answered a second."""
        return self.answered / self.seconds


def send(
    address: str, pages: Sequence[bytes], rate: float, seconds: float, timeout_s: float, seed: int
) -> Sent:
    """Send calls at a rate, at random instants.

    Args:
        address: host and port.
        pages: requests, sent in turn.
        rate: calls a second.
        seconds: how long calls are due.
        timeout_s: deadline of each.
        seed: of the instants.

    Raises:
        TimeoutError: nobody takes connections at the address.
    """
    return asyncio.run(_Sender(address, pages, timeout_s).open(rate, seconds, seed))


def flood(
    address: str, pages: Sequence[bytes], hands: int, seconds: float, timeout_s: float
) -> Sent:
    """Keep so many calls under way all the time: what a server answers at most.

    Args:
        address: host and port.
        pages: requests, sent in turn.
        hands: calls under way.
        seconds: how long.
        timeout_s: deadline of each.
    """
    return asyncio.run(_Sender(address, pages, timeout_s).closed(hands, seconds))


class _Sender:
    def __init__(self, address: str, pages: Sequence[bytes], timeout_s: float) -> None:
        self._address, self._pages, self._timeout_s = address, pages, timeout_s
        self._sent, self._calls = Sent(), list[Any]()

    async def open(self, rate: float, seconds: float, seed: int) -> Sent:
        draw, under_way = random.Random(seed), set[asyncio.Task[None]]()
        channels = await self._connected()
        begun_s = due_s = time.perf_counter()
        number = 0
        while due_s < begun_s + seconds:
            wait_s = due_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            if len(under_way) >= OPEN_MAX:
                self._sent.unsent += 1
                await asyncio.sleep(0)
            else:
                task = asyncio.create_task(self._one(number, due_s))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            number += 1
            due_s += draw.expovariate(rate)
        sent = self._sent
        sent.due, sent.answered = number, len(sent.ok_ms)
        sent.seconds = time.perf_counter() - begun_s
        await asyncio.gather(*under_way)
        await asyncio.gather(*(channel.close() for channel in channels))
        return self._sent

    async def closed(self, hands: int, seconds: float) -> Sent:
        channels = await self._connected()
        begun_s, until_s = time.perf_counter(), time.perf_counter() + seconds

        async def hand(first: int) -> None:
            number = first
            while time.perf_counter() < until_s:
                await self._one(number, time.perf_counter())
                number += hands

        await asyncio.gather(*(hand(first) for first in range(hands)))
        self._sent.seconds = time.perf_counter() - begun_s
        self._sent.answered = len(self._sent.ok_ms)
        self._sent.due = sum(map(len, (self._sent.ok_ms, self._sent.refused_ms)))
        await asyncio.gather(*(channel.close() for channel in channels))
        return self._sent

    async def _connected(self) -> list[grpc.aio.Channel]:
        options = (("grpc.use_local_subchannel_pool", 1),)
        channels = [grpc.aio.insecure_channel(self._address, options) for _ in range(CHANNELS)]
        await asyncio.wait_for(
            asyncio.gather(*(channel.channel_ready() for channel in channels)), READY_S_MAX
        )
        self._calls = [channel.unary_unary(METHOD) for channel in channels]
        return channels

    async def _one(self, number: int, due_s: float) -> None:
        sent, page = self._sent, number % len(self._pages)
        sent.late_ms.append((time.perf_counter() - due_s) * 1e3)
        sent_s = time.time()
        try:
            call = self._calls[number % CHANNELS]
            reply = await call(self._pages[page], timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                name = error.code().name
                sent.failed[name] = sent.failed.get(name, 0) + 1
                return
            sent.refused_ms.append((time.perf_counter() - due_s) * 1e3)
            told = dict(error.trailing_metadata() or ())
            if SERVER_US in told:
                sent.refused_server_us.append(int(told[SERVER_US]))
            return
        sent.ok_ms.append((time.perf_counter() - due_s) * 1e3)
        sent.replies.append(Answer(page, reply, sent_s, time.time()))
