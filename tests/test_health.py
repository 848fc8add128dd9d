"""`slotwarden health`: what a probe is told."""

import json
import subprocess
import sys
from pathlib import Path

from tests.serving import served
from tests.test_security import OURS, secured

SLOTWARDEN = str(Path(sys.executable).with_name("slotwarden"))


def health(*words: str) -> "subprocess.CompletedProcess[str]":
    return said_by(SLOTWARDEN, "health", *words)


def probe(*words: str) -> "subprocess.CompletedProcess[str]":
    return said_by(sys.executable, "-P", "-m", "ranker.probe", *words)


def said_by(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_health_of_a_server_that_serves(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        done = health("--address", app.server.address, "--json")
        assert done.returncode == 0
        assert json.loads(done.stdout)["serves"] is True
        done = health("--address", app.server.address, "--service", "ranker.v1.RerankService")
        assert (done.returncode, done.stdout.strip()) == (0, "SERVING")
        done = probe("--address", app.server.address)
        assert (done.returncode, done.stdout.strip()) == (0, "SERVING")
        done = health("--address", app.server.address, "--service", "nobody's")
        assert (done.returncode, done.stdout.strip()) == (1, "NOT_FOUND")
        app.server._say(serving=False)
        done = health("--address", app.server.address, "--json")
        assert done.returncode == 1
        assert json.loads(done.stdout)["status"] == "NOT_SERVING"


def test_health_of_no_server(tmp_path: Path) -> None:
    done = health("--address", "127.0.0.1:1", "--timeout", "1")
    assert (done.returncode, done.stdout.strip()) == (1, "UNAVAILABLE")
    done = probe("--address", "127.0.0.1:1")
    assert (done.returncode, done.stdout.strip()) == (1, "UNAVAILABLE")


def test_probe_imports_little() -> None:
    code = "import ranker.probe, sys; print('ranker.cli' in sys.modules, 'numba' in sys.modules)"
    assert said_by(sys.executable, "-P", "-c", code).stdout.strip() == "False False"


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    done = health("--cert", str(tmp_path / "some.pem"))
    assert done.returncode
    assert "--cert: and --key belong together" in done.stderr


def test_health_by_mutual_tls(tmp_path: Path) -> None:
    client = OURS.issue("probe.example.cn")
    files = {"ca": OURS.cert, "cert": client.cert, "key": client.key}
    words = []
    for name, content in files.items():
        path = tmp_path / f"{name}.pem"
        path.write_bytes(content)
        words += [f"--{name}", str(path)]
    with secured(tmp_path) as app:
        done = health("--address", app.server.address, *words)
        assert (done.returncode, done.stdout.strip()) == (0, "SERVING")
        done = probe("--address", app.server.address, *words)
        assert (done.returncode, done.stdout.strip()) == (0, "SERVING")
        done = health("--address", app.server.address, *words[:2])
        assert (done.returncode, done.stdout.strip()) == (1, "UNAVAILABLE")
