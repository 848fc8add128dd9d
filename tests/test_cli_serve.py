"""`slotwarden serve` as an operator meets it: how it starts, refuses to start, and stops."""

import json
import signal
from pathlib import Path

import pytest

from tests.commands import serving, spawn
from tests.serving import fill, served


def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    told = {"SLOTWARDEN_POLICY_DIR": str(tmp_path / "policies")}
    done = spawn("serve", "--data-dir", tmp_path, "--port", "0", **told)
    assert done.fault() == "policies: there is no such folder"
    with served(tmp_path / "other") as app:
        port = str(app.server.port)
        done = spawn("serve", "--data-dir", tmp_path, "--port", port)
    assert done.code == 1
    assert done.err.splitlines()[-1] == f"cannot listen on 127.0.0.1:{port}: taken, or not ours"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    fill(tmp_path)
    with serving(tmp_path) as (process, _):
        assert process.stderr
        process.send_signal(number)
        rest = [json.loads(line)["message"] for line in process.stderr]
        assert (process.wait(10), rest) == (0, ["stopped"])


def test_sighup_restarts_a_lone_server(tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path) as (process, _):
        assert process.stderr
        process.send_signal(signal.SIGHUP)
        seen = list[str]()
        for line in process.stderr:
            seen.append(json.loads(line)["message"])
            if seen[-1] == "serving":
                break
        assert seen[0] == "stopped", "in good order"
        assert process.poll() is None, "the same process"
        process.send_signal(signal.SIGTERM)
        rest = [json.loads(line)["message"] for line in process.stderr]
        assert (process.wait(10), rest) == (0, ["stopped"])
