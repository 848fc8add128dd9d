"""`slotwarden doctor` finds what would keep a server from serving."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from ranker.audit.log import FOLDER
from ranker.audit.segments import segments_of
from tests.commands import Done, spawn
from tests.serving import request, served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with served(tmp_path) as app:
        app.rerank(request(viewer_id="somebody"))
    return tmp_path


def looked(folder: Path, **environment: str) -> tuple[Done, dict[str, Any]]:
    done = spawn("doctor", "--data-dir", folder, "--json", **environment)
    return done, {one["en"]: (one["state"], one["told"]) for one in json.loads(done.out)}


def test_a_healthy_server_is_found_healthy(folder: Path) -> None:
    done, found = looked(folder)
    assert (done.code, done.err) == (0, "")
    assert "GB free" in found.pop("disk")[1], "how much is the machine's affair"
    assert "4096 connections" in found.pop("open files")[1], "likewise"
    assert {state for state, _ in found.values()} == {"ok"}
    assert "4 records" in found["decision log"][1]
    assert "4 signed" in found["decision log"][1]
    assert found["keys"][1].startswith("3 keys")
    zh, en = (spawn("doctor", "--data-dir", folder, "--lang", lang).out for lang in ("zh", "en"))
    assert all(told in zh for told in ("正常", "条规则", "已签名 4 条", "仅属主可读", "已编译"))
    assert "plain text on 127.0.0.1" in en
    assert en.isascii(), "each line in one language"


def test_each_fault_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "log.key").chmod(0o644)
    done, found = looked(folder)
    assert done.code == 1
    assert found["keys"][0] == "fail"
    assert "chmod 600" in found["keys"][1]
    (folder / "log.key").chmod(0o600)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.toml").write_text("[[rules]]\n")
    assert looked(folder, SLOTWARDEN_POLICY_DIR=str(broken))[1]["policy"][0] == "fail"
    nowhere = looked(folder, SLOTWARDEN_IDENTITIES=str(tmp_path / "none.toml"))[1]
    assert nowhere["identities"][0] == "fail"
    (path,) = segments_of(folder / FOLDER)
    path.write_bytes(path.read_bytes()[:-200])
    _, found = looked(folder)
    assert found["decision log"][0] == "fail"
    assert "are signed and" in found["decision log"][1]


def test_connections_that_could_take_all_files_are_told(folder: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most > 1_000_000:
        pytest.skip("this machine allows more open files than there may be connections")
    done, found = looked(folder, SLOTWARDEN_CONNECTIONS_MAX=str(most))
    assert done.code == 0
    assert found["open files"][0] == "warn"
    assert f"{most} connections" in found["open files"][1]
    assert looked(folder, SLOTWARDEN_CONNECTIONS_MAX="1")[1]["open files"][0] == "ok"


def test_a_new_machine_is_told_what_is_missing(tmp_path: Path) -> None:
    done, found = looked(tmp_path / "new", SLOTWARDEN_HOST="0.0.0.0")
    assert done.code == 0
    assert found["facts"][0] == found["certificates"][0] == "warn"
    assert not (tmp_path / "new").exists(), "it changes nothing"
