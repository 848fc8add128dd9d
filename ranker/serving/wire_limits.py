"""What a server takes from the network at most: gRPC's options, and the files connections need."""

import resource
from contextlib import suppress
from typing import Final

from ranker.settings import Settings

FILES_BESIDE: Final = 256  # open files a worker needs beside its connections, and some to spare
_MESSAGE_BYTES: Final = (2 << 20, 8 << 20)
"""LIMIT: four times what a request may have, but within these; gRPC refuses what is larger."""
_OPTIONS: Final = (
    ("grpc.max_metadata_size", 16_384),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
)


def options(settings: Settings) -> tuple[tuple[str, int], ...]:
    """Return gRPC's options: workers share a port, and clients move between them."""
    age: tuple[tuple[str, int], ...] = ()
    if settings.connection_age_s:
        age = (
            ("grpc.max_connection_age_ms", settings.connection_age_s * 1000),
            ("grpc.max_connection_age_grace_ms", int(settings.drain_s * 1000) + 1),
        )
    least, most = _MESSAGE_BYTES
    wire = min(max(4 * settings.request_bytes_max, least), most)
    return (
        *_OPTIONS,
        ("grpc.max_receive_message_length", wire),
        ("grpc.max_allowed_incoming_connections", connections(settings)),
        *age,
        ("grpc.enable_channelz", int(settings.channelz)),
        ("grpc.so_reuseport", int(settings.workers > 1)),
    )


def connections(settings: Settings) -> int:
    """Return how many connections are taken: as many as are set, and the machine has files for.

    With no file left nobody could open the log's next segment, or newer facts.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return settings.connections_max
    return min(settings.connections_max, max(most - FILES_BESIDE, 1))


def allow_files(settings: Settings) -> None:
    """Allow this process as many open files as it may need, as far as the machine lets it."""
    some, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections(settings) + FILES_BESIDE
    wanted = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if some != resource.RLIM_INFINITY and some < wanted:
        with suppress(ValueError, OSError):  # a sandbox may forbid it; then the limit stands
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
