"""The dashboard and the alert rules speak of metrics there are, and the rules are tested."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from ranker import telemetry

FOLDER = Path(__file__).parents[1] / "docs" / "observability"
PROMTOOL = shutil.which("promtool")


def names() -> set[str]:
    assert telemetry.STAGES
    found = {family.name: family.type for family in REGISTRY.collect()}
    told = set(found)
    for name, kind in found.items():
        if kind == "counter":
            told.add(f"{name}_total")
        elif kind == "histogram":
            told |= {f"{name}_{end}" for end in ("bucket", "sum", "count")}
    return told


@pytest.mark.parametrize("file", ["alerts.yml", "alerts_test.yml", "dashboard.json"])
def test_only_metrics_there_are_are_named(file: str) -> None:
    text = (FOLDER / file).read_text(encoding="utf-8")
    named = set(re.findall(r"slotwarden_[a-z_]+[a-z]", text))
    assert named
    assert named <= names()


def test_the_dashboard_shows_what_operators_must_see() -> None:
    told = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    shown = " ".join(target["expr"] for panel in told["panels"] for target in panel["targets"])
    ours = {n for n in names() if n.startswith("slotwarden_") and not n.endswith("_created")}
    seen = {name for name in ours if name in shown}
    for name in ("stage_seconds_sum", "facts_age_seconds", "log_unsigned", "page_worth_total"):
        assert f"slotwarden_{name}" in seen


@pytest.mark.skipif(not PROMTOOL, reason="needs promtool (Debian: prometheus)")
def test_promtool_believes_the_rules() -> None:
    for command in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run(
            [str(PROMTOOL), *command], cwd=FOLDER, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
