"""What is deployed fits the product: settings, ports, probes, names and times are those there are.

`make check-deploy` lints and validates the same files with the field's own tools.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from ranker.serving.identities import Gate
from ranker.serving.server import SERVICE
from ranker.settings import Settings
from tests.test_observability import names

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
UNIT = DEPLOY / "systemd" / "slotwarden.service"
FILES = [ROOT / "Dockerfile", *sorted(path for path in DEPLOY.rglob("*") if path.is_file())]
LOADED = """
from ranker.serving.warming import warm_up
from constraints import kernel
warm_up()
search = kernel.load().search
print(sum(search.stats.cache_misses.values()), "compiled")
"""
SET = re.compile(r"SLOTWARDEN_([A-Z0-9_]+)")


def text(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_settings_there_are_are_set(path: Path) -> None:
    named = {name.lower() for name in SET.findall(text(path))}
    assert named <= set(Settings.model_fields)


def test_kustomizations_name_every_file() -> None:
    for folder in ("base", "production"):
        told = text(KUBERNETES / folder / "kustomization.yaml")
        for path in (KUBERNETES / folder).iterdir():
            assert (
                path.name == "kustomization.yaml" or f"- {path.name}" in told or path.name in told
            )


def test_ports_are_those_the_server_listens_on() -> None:
    grpc_port = str(Settings.model_fields["port"].default)
    metrics = re.search(r"SLOTWARDEN_METRICS_PORT=(\d+)", text(ROOT / "Dockerfile"))
    assert metrics
    base = text(KUBERNETES / "base" / "kustomization.yaml")
    assert f"SLOTWARDEN_METRICS_PORT={metrics[1]}" in base
    for path in (KUBERNETES / "base").glob("*.yaml"):
        for port in re.findall(r"(?:[pP]ort|port): (\d+)", text(path)):
            assert port in (grpc_port, metrics[1]), path.name


def test_probes_ask_for_a_service_there_is() -> None:
    assert f"service: {SERVICE} }}" in text(KUBERNETES / "base" / "statefulset.yaml")


def test_kubernetes_adds_no_setting_of_its_own() -> None:
    """It would tell each container of the Service `slotwarden`: SLOTWARDEN_PORT=tcp://…"""
    assert "name: slotwarden\n" in text(KUBERNETES / "base" / "services.yaml")
    assert "enableServiceLinks: false" in text(KUBERNETES / "base" / "statefulset.yaml")


def test_what_imports_facts_ends_when_it_is_told_to(tmp_path: Path) -> None:
    script = re.search(r"trap .*\n.*done\n", text(KUBERNETES / "base" / "statefulset.yaml"))
    assert script
    (tmp_path / "slotwarden").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "slotwarden").chmod(0o755)
    where = {"PATH": f"{tmp_path}:{os.defpath}"}
    with subprocess.Popen(
        ["sh", "-uc", f"echo begun; {script[0]}"],
        env=where,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        time.sleep(0.2)  # it sleeps by now
        process.terminate()
        assert process.wait(5) == 0
        os.killpg(process.pid, signal.SIGKILL)  # what it slept with


def test_there_is_time_to_linger_and_drain() -> None:
    settings = text(KUBERNETES / "base" / "kustomization.yaml")
    needed = sum(
        float(found[1])
        for name in ("LINGER_S", "DRAIN_S")
        if (found := re.search(rf"SLOTWARDEN_{name}=(\d+)", settings))
    )
    pods = text(KUBERNETES / "base" / "statefulset.yaml")
    grace = re.search(r"terminationGracePeriodSeconds: (\d+)", pods)
    stop = re.search(r"TimeoutStopSec=(\d+)", text(UNIT))
    assert grace
    assert stop
    assert needed + 5 <= float(grace[1])
    assert Settings.model_fields["drain_s"].default + 5 <= float(stop[1])


@pytest.mark.parametrize("name", ["base/autoscaler.yaml", "adapter-rules.yaml"])
def test_autoscaler_goes_by_metrics_there_are(name: str) -> None:
    named = set(re.findall(r"slotwarden_[a-z0-9_]+", text(KUBERNETES / name)))
    made = {"slotwarden_request_p99_seconds"}  # by the adapter
    assert named
    assert named - made <= names()
    if name == "adapter-rules.yaml":
        assert made <= named


def test_identities_are_ones_the_server_takes() -> None:
    path = KUBERNETES / "production" / "identities.toml"
    assert tomllib.loads(text(path))
    Gate(path)  # raises where it cannot be read


def test_image_holds_what_it_needs_and_no_more() -> None:
    told = text(ROOT / "Dockerfile")
    ignored = text(ROOT / ".dockerignore").splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", told, re.MULTILINE)
    wanted = {name for names_ in copied for name in names_.split()}
    assert wanted == {line[1:] for line in ignored if line.startswith("!")}
    for name in wanted:
        assert (ROOT / name).exists()
    assert re.search(r"^USER \d+:\d+$", told, re.MULTILINE)
    assert 'CMD ["python", "-P", "-m", "ranker.probe"]' in told


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_unit_gives_the_server_few_rights() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


def test_kernels_are_loaded_from_where_nobody_may_write() -> None:
    """As in a container whose root file system is read-only."""
    script = (
        f"mount --make-rprivate / && mount --bind {ROOT} {ROOT} && mount -o remount,ro,bind {ROOT} "
        f"&& ! touch {ROOT}/made 2>/dev/null && HOME=/nonexistent {sys.executable} -P -c '{LOADED}'"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"nobody may mount here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0 compiled"
