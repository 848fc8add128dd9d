#!/usr/bin/env python3
"""Verifies an evidence bundle of Slotwarden. Needs Python 3.11 and `cryptography` alone.

    python3 verify.py FOLDER [--key KEY] [--witness KEY] [--lang zh|en] [--json]

The key in the bundle only shows that the bundle agrees with itself. Give the key you hold of the
platform (one line, `NAME+ID+KEY`) to learn that it is the platform's, and the one of a witness to
learn that it saw the log grow to this size.

证据包校验：只需 Python 3.11 与 cryptography。
包内公钥只能说明包自身一致；请用 --key 给出您持有的平台公钥。
"""

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WORDS = {
    "manifest": ("清单缺失或无法读取", "the manifest is missing or cannot be read"),
    "missing": ("文件缺失", "the file is missing"),
    "extra": ("清单之外的文件", "the file is not in the manifest"),
    "changed": ("文件被改动", "the file was changed"),
    "key": ("公钥无法读取", "the key cannot be read"),
    "other_key": ("检查点不是由给出的公钥签署", "the checkpoint was not signed by the key given"),
    "checkpoint": ("检查点签名无效", "the signature of the checkpoint is not valid"),
    "witness": ("检查点没有该见证方的签名", "the checkpoint was not cosigned by this witness"),
    "proof": ("证明不成立", "the proof does not hold"),
    "envelope": ("信封无法读取", "the envelope cannot be read"),
    "body": ("内容与信封承诺的摘要不符", "the body is not the one the envelope commits to"),
    "place": ("编号与证明的位置不符", "the number is not the place that is proved"),
}


class RefusedError(Exception):
    """Something does not hold."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(what)
        self.what, self.name = what, name


def sha256(raw: bytes) -> bytes:
    """Hash."""
    return hashlib.sha256(raw).digest()


def included(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for hashed in path:
        if last == 0:
            return False
        if at % 2 or at == last:
            found = sha256(b"\x01" + hashed + found)
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            found = sha256(b"\x01" + found + hashed)
        at, last = at // 2, last // 2
    return last == 0 and found == root


def fields(raw: bytes) -> dict[int, list[Any]]:
    """Read a protobuf message: field → values, numbers as int and all else as bytes."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(raw):
        tag, at = varint(raw, at)
        kind = tag & 7
        value: Any
        if kind == 0:
            value, at = varint(raw, at)
        elif kind == 2:
            length, at = varint(raw, at)
            value, at = raw[at : at + length], at + length
            if len(value) != length:
                raise ValueError
        else:
            raise ValueError
        found.setdefault(tag >> 3, []).append(value)
    return found


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """Read a number."""
    value = shift = 0
    while True:
        if at >= len(raw) or shift > 63:
            raise ValueError
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def read_key(line: str, kind: int = 1) -> tuple[str, bytes, bytes]:
    """Read NAME+ID+KEY: name, the four bytes of its id, and 32 bytes. Kind 4 is a witness."""
    name, _, rest = line.strip().partition("+")
    told, _, key = rest.partition("+")
    raw = base64.b64decode(key, validate=True)
    number = sha256(name.encode() + b"\n" + raw)[:4]
    if len(raw) != 33 or raw[0] != kind or number.hex() != told or not name:
        raise ValueError
    return name, number, raw[1:]


def signed(note: str, key: tuple[str, bytes, bytes]) -> tuple[int, bytes]:
    """Check the signature of a checkpoint; return size and root."""
    name, number, public = key
    text, _, signatures = note.partition("\n\n")
    origin, size, root = text.split("\n")
    if origin != name or str(int(size)) != size:
        raise ValueError
    if not signatures.endswith("\n"):
        raise ValueError
    for line in signatures[:-1].split("\n"):
        dash, signer, told = line.split(" ")
        raw = base64.b64decode(told, validate=True)
        if dash == "\u2014" and signer == name and raw[:4] == number:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], (text + "\n").encode())
            return int(size), base64.b64decode(root, validate=True)
    raise ValueError


def cosigned(note: str, key: tuple[str, bytes, bytes]) -> None:
    """Check that a witness cosigned a checkpoint (c2sp.org/tlog-cosignature)."""
    name, number, public = key
    text, _, signatures = note.partition("\n\n")
    for line in signatures.splitlines():
        dash, signer, told = line.split(" ")
        raw = base64.b64decode(told, validate=True)
        if dash == "\u2014" and signer == name and raw[:4] == number:
            head = f"cosignature/v1\ntime {int.from_bytes(raw[4:12], 'big')}\n"
            signed_text = f"{head}{text}\n".encode()
            return Ed25519PublicKey.from_public_bytes(public).verify(raw[12:], signed_text)
    raise ValueError


def check_files(folder: Path) -> list[str]:
    """Check that the bundle holds what its manifest names, byte by byte, and nothing else."""
    try:
        told = json.loads((folder / "manifest.json").read_bytes())
        named = {str(name): str(digest) for name, digest in told["files"].items()}
        records = sorted(map(str, told["records"]))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise RefusedError("manifest", "manifest.json") from None
    there = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - {"manifest.json"}
    for name in sorted(there - named.keys()):
        raise RefusedError("extra", name)
    for name, digest in sorted(named.items()):
        if name not in there:
            raise RefusedError("missing", name)
        if sha256((folder / name).read_bytes()).hex() != digest:
            raise RefusedError("changed", name)
    canonical = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if (folder / "manifest.json").read_bytes() != canonical.encode():
        raise RefusedError("manifest", "manifest.json")
    expected = {f"records/{n}.{kind}" for n in records for kind in ("envelope", "body")}
    expected |= {f"proofs/{n}.txt" for n in records} | {"key.pub", "verify.py"}
    if expected != named.keys():
        raise RefusedError("manifest", "manifest.json")
    return records


def check_record(
    folder: Path,
    name: str,
    key: tuple[str, bytes, bytes],
    witness: tuple[str, bytes, bytes] | None,
) -> dict[str, Any]:
    """Check one record: its body, its place in the log, and the signature above it."""
    envelope = (folder / "records" / f"{name}.envelope").read_bytes()
    body = (folder / "records" / f"{name}.body").read_bytes()
    proof = (folder / "proofs" / f"{name}.txt").read_text(encoding="utf-8")
    try:
        told = fields(envelope)
        origin, sequence, digest = told[2][0].decode(), told[3][0], told[6][0]
    except (ValueError, KeyError, IndexError, AttributeError):
        raise RefusedError("envelope", name) from None
    if sha256(body) != digest:
        raise RefusedError("body", name)
    head, _, note = proof.partition("\n\n")
    try:
        size, root = signed(note, key)
    except (ValueError, InvalidSignature):
        raise RefusedError("checkpoint", name) from None
    try:
        if witness:
            cosigned(note, witness)
    except (ValueError, InvalidSignature):
        raise RefusedError("witness", name) from None
    try:
        first, place, *path = head.split("\n")
        hashes = [base64.b64decode(line, validate=True) for line in path]
        index = int(place.removeprefix("index "))
    except ValueError:
        raise RefusedError("proof", name) from None
    leaf = sha256(b"\x00" + envelope)
    if first != "c2sp.org/tlog-proof@v1" or not included(leaf, index, size, hashes, root):
        raise RefusedError("proof", name)
    if (origin, sequence) != (key[0], index + 1):
        raise RefusedError("place", name)
    return {"record": sequence, "of": size}


def verify(folder: Path, given: str = "", seen_by: str = "") -> list[dict[str, Any]]:
    """Verify a bundle; return its records."""
    names = check_files(folder)
    try:
        inside = (folder / "key.pub").read_text(encoding="utf-8")
        key = read_key(given or inside)
        witness = read_key(seen_by, 4) if seen_by else None
    except (OSError, ValueError):
        raise RefusedError("key", "key.pub") from None
    if given and inside.strip() != given.strip():
        raise RefusedError("other_key", "key.pub")
    return [check_record(folder, name, key, witness) for name in names]


def main(words: list[str] | None = None) -> int:
    """Verify, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", default="", help="key of the platform, NAME+ID+KEY")
    parser.add_argument("--witness", default="", help="key of a witness, NAME+ID+KEY")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    zh = asked.lang == "zh"
    fault, found = None, []
    try:
        found = verify(asked.folder, asked.key, asked.witness)
    except RefusedError as refused:
        fault = {"file": refused.name, "fault": WORDS[refused.what][0 if zh else 1]}
    if asked.json:
        print(json.dumps({"holds": fault is None, "fault": fault, "records": found}))
    elif fault:
        print(f"{'不成立' if zh else 'does not hold'}: {fault['file']}: {fault['fault']}")
    else:
        by = "按您给出的公钥" if asked.key else "只按包内公钥"
        told = f"成立：{len(found)} 条记录（{by}）"
        if not zh:
            by = "the key you gave" if asked.key else "the key inside the bundle only"
            told = f"holds: {len(found)} records, by {by}"
        print(told)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
