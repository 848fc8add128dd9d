"""Checkpoints, proofs and evidence bundles: what a stranger checks without us."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import cryptography
import pytest

from constraints.errors import SettingsError
from ranker.audit import segments
from ranker.audit.bundle import Prover, write_bundle
from ranker.audit.checking import check, read_records
from ranker.audit.checkpoint import (
    CHECKPOINT,
    Checkpoint,
    Signer,
    check_proof,
    public_key,
    verified,
)
from ranker.audit.frames import Segment
from ranker.audit.log import FOLDER, DecisionLog
from ranker.audit.records import record
from ranker.audit.sealing import TREE, Sealer
from ranker.audit.standalone import verify as standalone
from ranker.v1 import log_pb2
from tests.commands import spawn
from tests.serving import request, served, settled


def _sealed(folder: Path, count: int, *, seal: bool = True) -> str:
    """Append records as a server does, sign them, and return the key."""
    log = DecisionLog(folder, durability="disk")
    try:
        sealer = Sealer(log, folder)
        for number in range(count):
            log.append(record(log_pb2.RECORD_KIND_HEARTBEAT, 1, f"r{number}".encode()))
        if seal:
            sealer.seal()
        return sealer.signer.verifier_key
    finally:
        log.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _sealed(tmp_path, 300)
    return tmp_path


def test_a_note_is_that_of_the_format(tmp_path: Path) -> None:
    signer = Signer(tmp_path / "key", "slotwarden/x")
    note = signer.sign(Checkpoint("slotwarden/x", 7, b"r" * 32))
    text, blank, signature = note.partition("\n\n")
    assert text == f"slotwarden/x\n7\n{base64.b64encode(b'r' * 32).decode()}"
    assert blank
    dash, name, told = signature.removesuffix("\n").split(" ")
    assert (dash, name, len(base64.b64decode(told))) == ("\u2014", "slotwarden/x", 68)
    assert verified(note, signer.verifier_key).size == 7
    assert public_key(signer.verifier_key) == ("slotwarden/x", signer.public)
    for at in range(len(note)):
        changed = note[:at] + chr(ord(note[at]) ^ 1) + note[at + 1 :]
        with pytest.raises(ValueError, match=r"\w"):
            verified(changed, signer.verifier_key)
    other = Signer(tmp_path / "other", "slotwarden/x")
    with pytest.raises(ValueError, match="not signed by the key"):
        verified(note, other.verifier_key)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Signer(tmp_path / "key", "x")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(SettingsError, match="others may read this key"):
        Signer(tmp_path / "key", "x")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(SettingsError, match="is no key"):
        Signer(tmp_path / "key", "x")


def test_every_record_is_proved_and_no_other_is_by_its_proof(folder: Path) -> None:
    prover, key = Prover(folder), (folder / "log.pub").read_text()
    entries = [one.raw for one in read_records(folder / FOLDER)]
    for sequence in range(1, 301):
        proof = prover.proof(sequence)
        assert check_proof(proof, entries[sequence - 1], key).size == 300
        with pytest.raises(ValueError, match="does not prove"):
            check_proof(proof, entries[sequence % 300], key)
    with pytest.raises(ValueError, match="is not among the 300 that are signed"):
        prover.proof(301)


def test_the_log_goes_on_signing_after_a_restart_and_what_was_not_signed_before(
    folder: Path,
) -> None:
    old = Prover(folder).checkpoint
    _sealed(folder, 5, seal=False)
    _sealed(folder, 5)
    found = check(folder / FOLDER)
    assert (found.signed, found.faults) == (310, ())
    assert Prover(folder).checkpoint.size == 310
    assert old.size == 300


def test_what_is_not_on_the_disk_yet_is_not_signed_after_a_failed_signature_either(
    tmp_path: Path,
) -> None:
    log = DecisionLog(tmp_path)
    sealer = Sealer(log, tmp_path)
    blocking, aside = log.folder / CHECKPOINT, tmp_path / "aside"

    def appended(count: int) -> None:
        for _ in range(count):
            log.append(record(log_pb2.RECORD_KIND_HEARTBEAT, 1, b"told"))

    try:
        for lap in range(5):
            appended(1)
            settled(log)  # the next sync is some time away
            appended(lap + 1)
            if blocking.exists():
                blocking.replace(aside)
            blocking.mkdir()
            with pytest.raises(OSError, match="director"):
                sealer.seal()
            blocking.rmdir()
            if lap % 2 and aside.exists():
                aside.replace(blocking)  # else the tree is made anew
            sealer.seal()
            assert sealer.size <= log.on_disk
            appended(1)
            sealer.seal()
            assert sealer.size <= log.on_disk
            settled(log)
            sealer.seal()
            assert sealer.size == log.sequence
            assert check(log.folder).faults == ()
    finally:
        log.close()


def test_a_tree_that_was_lost_is_made_anew_and_says_the_same(folder: Path) -> None:
    before = Prover(folder).checkpoint
    shutil.rmtree(folder / FOLDER / TREE)
    _sealed(folder, 1)
    assert Prover(folder).checkpoint.size == before.size + 1
    assert check(folder / FOLDER).faults == ()


def test_an_old_copy_of_the_log_does_not_go_on_beside_a_newer_checkpoint(folder: Path) -> None:
    (path,) = segments.segments_of(folder / FOLDER)
    frames = list(Segment.read(path).frames())
    path.write_bytes(path.read_bytes()[: frames[200].at])
    with pytest.raises(SettingsError, match="signed 300 records, and holds 200"):
        _sealed(folder, 1)
    assert "gap" in {fault.kind for fault in check(folder / FOLDER).faults}


def test_records_put_in_place_of_signed_ones_are_found(folder: Path, tmp_path: Path) -> None:
    """Whoever holds the disk can write a log that is whole; the signature is not theirs."""
    (path,) = segments.segments_of(folder / FOLDER)
    header = Segment.read(path).header
    assert header is not None
    forged = segments.Writer(path.with_name("forged"), header)
    for frame in Segment.read(path).frames():
        changed = log_pb2.Envelope.FromString(frame.envelope)
        changed.instant_us += frame.sequence == 17
        forged.append(frame.sequence, changed.SerializeToString(deterministic=True), frame.body)
    forged.close()
    forged.path.replace(path)
    assert [fault.kind for fault in check(folder / FOLDER).faults] == ["root"]
    shutil.rmtree(folder / FOLDER / TREE)
    with pytest.raises(SettingsError, match="are not those it signed"):
        _sealed(folder, 1)


def test_behind_a_record_that_is_not_whole_nothing_is_signed_and_the_log_goes_on(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _sealed(folder, 3, seal=False)
    (path,) = segments.segments_of(folder / FOLDER)
    second = list(Segment.read(path).frames())[301]
    raw = bytearray(path.read_bytes())
    raw[second.end - 1] ^= 1
    path.write_bytes(raw)
    _sealed(folder, 2)
    assert "record 302 is not whole" in caplog.text
    assert Prover(folder).checkpoint.size == 300
    assert [fault.sequence for fault in check(folder / FOLDER).faults] == [302]
    assert check(folder / FOLDER).last_sequence == 305


def test_a_tree_that_could_not_be_written_is_caught_up_with(folder: Path) -> None:
    log = DecisionLog(folder, durability="disk")
    sealer = Sealer(log, folder)
    tile = folder / FOLDER / TREE / "tile"
    tile.rename(tile.with_name("away"))
    tile.write_text("in the way")
    log.append(record(log_pb2.RECORD_KIND_HEARTBEAT, 1, b"x"))
    with pytest.raises(OSError, match=r"\w"):
        sealer.seal()
    log.append(record(log_pb2.RECORD_KIND_HEARTBEAT, 1, b"x"))
    made = sealer.seal()
    log.close()
    assert made is not None
    assert made.size == 302
    assert check(folder / FOLDER).faults == ()


def _bundle(folder: Path, out: Path) -> Path:
    write_bundle(Prover(folder), [1, 17, 300], out)
    return out


def test_a_bundle_verifies_in_a_python_that_knows_nothing_of_us(
    folder: Path, tmp_path: Path
) -> None:
    out = _bundle(folder, tmp_path / "out")
    command = [sys.executable, "-I", "-S", "-c", BARE, str(out), str(_site())]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stdout.strip()) == (0, "成立：3 条记录（只按包内公钥）")


BARE = """
import runpy, sys
sys.path.append(sys.argv[2])
class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"ranker", "constraints", "numpy", "google", "grpc"}:
            raise ImportError(name)
sys.meta_path.insert(0, Only())
sys.argv = ["verify.py", sys.argv[1]]
runpy.run_path(sys.argv[1] + "/verify.py", run_name="__main__")
"""


@pytest.mark.skipif("BARE_VENV" not in os.environ, reason="fetches a wheel: make prove-bundle")
def test_a_bundle_verifies_in_an_empty_venv_without_a_network(folder: Path, tmp_path: Path) -> None:
    out, bare = _bundle(folder, tmp_path / "out"), tmp_path / "bare"
    venv.create(bare, with_pip=True)
    python, wanted = str(bare / "bin" / "python"), f"cryptography=={cryptography.__version__}"
    subprocess.run([python, "-m", "pip", "-q", "install", wanted], check=True)
    listed = subprocess.check_output([python, "-m", "pip", "list"], text=True)
    assert "slotwarden" not in listed
    assert "protobuf" not in listed
    verify = [python, str(out / "verify.py"), str(out)]
    alone = ["unshare", "--map-root-user", "--net", *verify]
    reaching = "import socket; socket.create_connection(('198.51.100.1', 80), 1)"
    cut_off = ["unshare", "--map-root-user", "--net", python, "-c", reaching]
    assert (
        "unreachable"
        in subprocess.run(cut_off, check=False, capture_output=True, text=True).stderr.lower()
    )
    done = subprocess.run(alone, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "成立：3 条记录（只按包内公钥）")
    body = next(iter(sorted((out / "records").glob("*.body"))))
    body.write_bytes(body.read_bytes()[:-1] + bytes([body.read_bytes()[-1] ^ 1]))
    done = subprocess.run(alone, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (
        1,
        f"不成立: records/{body.name}: 文件被改动",
    )


def _site() -> Path:
    """Return the folder in which `cryptography` is installed."""
    return Path(cryptography.__file__).parents[1]


def _holds(out: Path, capsys: pytest.CaptureFixture[str], *words: str) -> bool:
    code = standalone.main([str(out), "--json", *words])
    assert json.loads(capsys.readouterr().out)["holds"] == (code == 0)
    return code == 0


def test_one_changed_byte_anywhere_in_a_bundle_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _bundle(folder, tmp_path / "out")
    assert _holds(out, capsys)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        step = 1 if len(whole) < 3_000 else 37
        for at in range(0, len(whole), step):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            assert not _holds(out, capsys), (path.name, at)
        path.write_bytes(whole)
    assert _holds(out, capsys)


def test_a_file_more_or_less_and_another_key_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _bundle(folder, tmp_path / "out")
    (out / "more").write_text("x")
    assert not _holds(out, capsys)
    (out / "more").unlink()
    key = (folder / "log.pub").read_text().strip()
    assert _holds(out, capsys, "--key", key)
    other = Signer(tmp_path / "other", key.partition("+")[0]).verifier_key
    assert not _holds(out, capsys, "--key", other)
    (out / "records" / f"{17:020d}.body").unlink()
    assert not _holds(out, capsys)


def test_a_manifest_written_anew_over_changed_records_does_not_help(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _bundle(folder, tmp_path / "out")
    for name, fault in (("envelope", "证明不成立"), ("body", "内容与信封")):
        copy = tmp_path / name
        shutil.copytree(out, copy)
        path = copy / "records" / f"{17:020d}.{name}"
        raw = path.read_bytes()
        path.write_bytes(raw.replace(b"r16", b"r99") if name == "body" else raw[:-1] + b"z")
        _resign(copy)
        assert standalone.main([str(copy)]) == 1
        assert fault in capsys.readouterr().out


def _resign(bundle: Path) -> None:
    told = json.loads((bundle / "manifest.json").read_text())
    for name in told["files"]:
        told["files"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    text = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (bundle / "manifest.json").write_text(text)


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Serve one call, and stop: the folder, and the id of the decision."""
    data_dir = tmp_path_factory.mktemp("decided")
    with served(data_dir) as app:
        reply = app.rerank(request())
    return data_dir, reply.decision_id


def test_a_decision_that_was_answered_is_exported_and_verified(
    decided: tuple[Path, str], tmp_path: Path
) -> None:
    data_dir, decision_id = decided
    where, out = ("--data-dir", data_dir), tmp_path / "bundle"
    assert "已签署" in spawn("audit", "fsck", *where).out
    done = spawn("audit", "export", decision_id, "1", "--out", out, *where)
    assert (done.code, done.err) == (0, "")
    key = (data_dir / "log.pub").read_text().strip()
    verified_by = spawn("audit", "verify", out, "--key", key, "--lang", "en")
    assert verified_by.out == "holds: 2 records, by the key you gave\n"
    proof = spawn("audit", "prove", decision_id, *where).out
    assert proof.startswith("c2sp.org/tlog-proof@v1\nindex 1\n")
    told = next(o for o in read_records(data_dir / FOLDER) if o.envelope.sequence == 2)
    assert check_proof(proof, told.raw, key).size == 4
    again = spawn("audit", "export", "1", "--out", out, *where)
    assert again.fault() == f"{out}: is there already"
    unknown = spawn("audit", "prove", "nobody", *where)
    assert unknown.fault() == "`nobody` is no decision of this log"
    late = spawn("audit", "prove", "99", *where)
    assert late.fault() == "record 99 is not among the 4 that are signed"
