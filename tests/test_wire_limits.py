"""How many may connect: one more is closed, the others are served, and the log has its files."""

import resource
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.serving import request, served, until

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
ALLOWS = """
import resource, sys
from ranker.serving.wire_limits import allow_files, connections
from ranker.settings import Settings

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (300, int(sys.argv[1])))
settings = Settings(connections_max=500)
allow_files(settings)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], connections(settings))
"""


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def is_answered(connection: socket.socket) -> bool:
    """Tell whether a server speaks to a connection, and does not close it."""
    with suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(HELLO)
        return connection.recv(100) != b""
    return False


def test_one_connection_too_many_is_closed_and_the_others_are_served(tmp_path: Path) -> None:
    with served(tmp_path, connections_max=3) as app, ExitStack() as stack:
        assert app.rerank(request()).decision.placements  # its channel is the first
        held = [stack.enter_context(connected(app.server.port)) for _ in range(2)]
        assert all(map(is_answered, held))
        for _ in range(5):
            with connected(app.server.port) as more:
                assert not is_answered(more)
        assert app.rerank(request()).decision.placements
        held[0].close()

        def has_room() -> bool:
            with connected(app.server.port) as more:
                return is_answered(more)

        until(has_room)


@pytest.mark.parametrize(("most", "told"), [(1_000, "756 500"), (400, "400 144")])
def test_a_server_allows_itself_the_files_it_needs(most: int, told: str) -> None:
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < most:
        pytest.skip("this machine allows fewer open files")
    done = subprocess.run(
        [sys.executable, "-c", ALLOWS, str(most)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == told
