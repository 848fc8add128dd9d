"""The log held against others: witnesses, a manifest of the day, counters, callers' own lists."""

import base64
import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ranker.audit.checking import check, read_records
from ranker.audit.checkpoint import CHECKPOINT
from ranker.audit.desk import note_at_desk
from ranker.audit.log import FOLDER
from ranker.audit.witness import COSIGNED, cosigned_s
from ranker.v1 import log_pb2
from tests.commands import Done, spawn
from tests.serving import NOW_US, request, served

NAME = "witness.example.cn/audit"


def call(folder: Path, count: int = 2) -> list[str]:
    with served(folder) as app:
        return [app.rerank(request(request_id=f"r{n}")).decision_id for n in range(count)]


def witness(data_dir: Path, home: Path, name: str = NAME) -> Done:
    return spawn(
        "audit", "witness", "--home", home, "--name", name, "--data-dir", data_dir, "--json"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    call(tmp_path / "data")
    return tmp_path / "data"


def test_a_log_that_only_grows_is_cosigned_and_bundles_show_it(
    folder: Path, tmp_path: Path
) -> None:
    home, out = tmp_path / "home", tmp_path / "bundle"
    assert witness(folder, home).code == 0
    call(folder)
    done = witness(folder, home)
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    key = told["witness_key"]
    assert told["size"] == check(folder / FOLDER).records
    assert cosigned_s(told["note"], key) > 1_700_000_000
    where = ("--data-dir", folder)
    assert spawn("audit", "export", "2", "--cosigned", "--out", out, *where).code == 0
    for command in (
        ["audit", "verify", str(out), "--witness", key],
        ["audit", "verify", str(out), "--witness", key, "--key", (folder / "log.pub").read_text()],
    ):
        assert "成立：1 条记录" in spawn(*command).out
    alone = [sys.executable, str(out / "verify.py"), str(out), "--witness", key, "--lang", "en"]
    assert "holds: 1 records" in subprocess.check_output(alone, text=True)
    other = json.loads(witness(folder, tmp_path / "other", "other").out)["witness_key"]
    refused = spawn("audit", "verify", out, "--witness", other, "--lang", "en")
    assert refused.code == 1
    assert "was not cosigned by this witness" in refused.out


def test_the_logs_of_all_workers_and_of_the_desk_are_cosigned(folder: Path, tmp_path: Path) -> None:
    note_at_desk(folder, "hold", "", "case")
    with served(folder, worker=1) as app:
        app.rerank(request())
    told = json.loads(witness(folder, tmp_path / "home").out)
    assert [Path(one["log"]).parent.name for one in told["logs"]] == ["worker-1", "desk"]
    assert all(
        (home / FOLDER / COSIGNED).exists() for home in (folder / "worker-1", folder / "desk")
    )


def test_a_cosignature_is_what_its_specification_says(folder: Path, tmp_path: Path) -> None:
    """Checked by hand, from c2sp.org/tlog-cosignature."""
    told = json.loads(witness(folder, tmp_path / "home").out)
    text, _, signatures = told["note"].partition("\n\n")
    line = next(line for line in signatures.splitlines() if f" {NAME} " in line)
    raw = base64.b64decode(line.split(" ")[2])
    key = base64.b64decode(told["witness_key"].split("+", 2)[2])
    assert (key[:1], len(raw)) == (b"\x04", 4 + 8 + 64)
    message = f"cosignature/v1\ntime {int.from_bytes(raw[4:12], 'big')}\n{text}\n".encode()
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[12:], message)


def test_a_log_that_went_back_is_not_cosigned(folder: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(folder, tmp_path / "old"))
    call(folder)
    assert witness(folder, tmp_path / "home").code == 0
    told = witness(old, tmp_path / "home").fault()
    assert "it went back; it is not cosigned" in told
    assert not (old / FOLDER / COSIGNED).exists()


def test_another_history_under_the_same_key_is_not_cosigned(folder: Path, tmp_path: Path) -> None:
    fork = Path(shutil.copytree(folder, tmp_path / "fork"))
    call(folder, 1)
    assert witness(folder, tmp_path / "home").code == 0
    call(fork, 3)  # longer, and other records under the same numbers
    told = witness(fork, tmp_path / "home").fault()
    assert "tells another history of the first" in told
    assert witness(folder, tmp_path / "home").code == 0, "the true one still is"


def test_a_changed_checkpoint_is_not_cosigned(folder: Path, tmp_path: Path) -> None:
    path = folder / FOLDER / CHECKPOINT
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[1] = str(int(lines[1]) + 1)
    path.write_text("\n".join(lines), encoding="utf-8")
    assert (
        "is not what the key signed; it is not cosigned" in witness(folder, tmp_path / "h").fault()
    )


def test_one_record_a_day_commits_to_all_logs(folder: Path, tmp_path: Path) -> None:
    call(tmp_path / "second")
    done = spawn("audit", "manifest", tmp_path / "second", "--data-dir", folder, "--json")
    told = json.loads(done.out)
    notes = [(d / FOLDER / CHECKPOINT).read_text() for d in (folder, tmp_path / "second")]
    assert told["checkpoints"] == notes
    (record,) = read_records(folder / "desk" / FOLDER)
    assert record.envelope.action == "manifest"
    assert json.loads(log_pb2.ControlBody.FromString(record.body).note) == notes
    assert told["desk_checkpoint"] == (folder / "desk" / FOLDER / CHECKPOINT).read_text()
    nothing = spawn("audit", "manifest", tmp_path / "nowhere", "--data-dir", folder)
    assert "nothing of this log was signed yet" in nothing.fault()


def test_a_server_commits_to_each_day_that_is_over(tmp_path: Path) -> None:
    clock = [NOW_US]
    with served(tmp_path, now_us=lambda: clock[0]) as app:
        app.server._day = app.server.state.in_use().catalogue.day  # type: ignore[union-attr]
        app.rerank(request())
        app.server.log._sync()
        app.server._tend()
        assert not (tmp_path / "desk").exists()
        clock[0] += 86_400_000_000
        app.server._tend()
        app.server._tend()
    (record,) = read_records(tmp_path / "desk" / FOLDER)
    assert record.envelope.action == "manifest"


def test_books_balance_and_say_so(folder: Path) -> None:
    with served(folder) as app:
        app.rerank(request())
        app.refusal(b"no message")
    done = spawn("audit", "reconcile", "--data-dir", folder, "--json")
    assert (done.code, done.err) == (0, "")
    first, second = json.loads(done.out)["runs"]
    assert (first["decisions"], first["answered"], first["refused"]) == (2, 2, 0)
    assert (second["decisions"], second["answered"], second["refused"]) == (1, 1, 1)
    assert all(run["balances"] and run["is_ended"] for run in (first, second))
    assert "收到" in spawn("audit", "reconcile", "--data-dir", folder).out


def test_what_callers_received_is_held_against_the_log(folder: Path, tmp_path: Path) -> None:
    ids = [one.envelope.decision_id for one in read_records(folder / FOLDER)]
    theirs = tmp_path / "theirs.csv"

    def write(field: str, named: list[str]) -> None:
        with theirs.open("w", newline="") as file:
            csv.writer(file).writerows([["shown_at", field], *(["x", one] for one in named)])

    write("decision_id", [one for one in ids if one])
    assert spawn("audit", "reconcile", theirs, "--data-dir", folder).code == 0
    write("request_id", ["r0", "r0", "r7"])
    done = spawn("audit", "reconcile", theirs, "--data-dir", folder, "--json")
    assert done.code == 1
    told = json.loads(done.out)["compared"]
    assert told == {"both": 1, "only_theirs": ["r7"], "only_ours": ["r1"], "twice": ["r0"]}
    shown = spawn("audit", "reconcile", theirs, "--data-dir", folder, "--lang", "en").out
    assert "1 that only they name: r7" in shown
    write("id", ["x"])
    told_of = spawn("audit", "reconcile", theirs, "--data-dir", folder).fault()
    assert "has no column decision_id or request_id" in told_of


def test_a_missing_decision_is_seen_in_the_books(folder: Path) -> None:
    from ranker.audit.reconcile import runs

    records = list(read_records(folder / FOLDER))
    without = [one for one in records if one.envelope.request_id != "r1"]
    assert len(without) == len(records) - 1
    assert [run.balances for run in runs(records)] == [True]
    assert [run.balances for run in runs(without)] == [False]
