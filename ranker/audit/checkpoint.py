"""Signed statements of how large the tree is and what its root is (c2sp.org/tlog-checkpoint).

A checkpoint is a signed note (c2sp.org/signed-note): origin, size and root, and a line for each
signature. Keys are Ed25519.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from constraints.errors import SettingsError
from ranker.audit.tree import HASH_BYTES, is_included, leaf_hash

ED25519: Final = b"\x01"
CHECKPOINT: Final = "checkpoint"
"""File of the last signed checkpoint, in the folder of the log."""
KEY: Final = "log.key"
PUBLIC: Final = "log.pub"
"""Files of the private and the public key, beside the folder of the log."""
PROOF: Final = "c2sp.org/tlog-proof@v1"
DASH: Final = "\u2014"


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes that name a key in a signature line."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


class Checkpoint(NamedTuple):
    """What a log states of itself.

    Attributes:
        origin: name of the log, and of its key.
        size: leaves of the tree.
        root: 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, note: str) -> Self:
        """Read the statement of a note; its signatures are not looked at.

        Raises:
            ValueError: it is none.
        """
        text, blank, _ = note.partition("\n\n")
        lines = text.split("\n")
        if not blank or len(lines) != 3 or not lines[0]:
            raise ValueError("is no checkpoint")
        origin, size, root = lines
        found = cls(origin, int(size) if size.isdigit() else -1, decoded(root, HASH_BYTES))
        if f"{text}\n" != found.text:
            raise ValueError("is no checkpoint")
        return found


class Signer:
    """Signs checkpoints with the key of a log.

    Args:
        path: file of the private key, 32 bytes; made when missing, readable to its owner alone.
        name: of the log.

    Raises:
        SettingsError: others may read it, or it is no key.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        if not path.exists():
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "wb") as file:
                file.write(Ed25519PrivateKey.generate().private_bytes_raw())
                file.flush()
                os.fsync(file.fileno())
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: others may read this key; chmod 600")
        raw = path.read_bytes()
        if len(raw) != HASH_BYTES:
            raise SettingsError(f"{path}: is no key")
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public = self._key.public_key().public_bytes_raw()

    @property
    def verifier_key(self) -> str:
        """The public key in one line: name, key id, and key (c2sp.org/signed-note)."""
        told = base64.b64encode(ED25519 + self.public).decode()
        return f"{self.name}+{key_id(self.name, self.public).hex()}+{told}"

    def sign_bytes(self, raw: bytes) -> bytes:
        """Return the signature of some bytes, 64 long."""
        return self._key.sign(raw)

    def sign(self, checkpoint: Checkpoint) -> str:
        """Return the signed note."""
        signature = key_id(self.name, self.public) + self.sign_bytes(checkpoint.text.encode())
        line = f"{DASH} {self.name} {base64.b64encode(signature).decode()}\n"
        return f"{checkpoint.text}\n{line}"


def public_key(verifier_key: str) -> tuple[str, bytes]:
    """Read a public key of one line: the name and 32 bytes.

    Raises:
        ValueError: it is none.
    """
    name, _, rest = verifier_key.strip().partition("+")
    told_id, _, told_key = rest.partition("+")
    raw = decoded(told_key, 1 + HASH_BYTES)
    if not name or raw[:1] != ED25519 or key_id(name, raw[1:]).hex() != told_id:
        raise ValueError("is no verifier key")
    return name, raw[1:]


def verified(note: str, verifier_key: str) -> Checkpoint:
    """Return the checkpoint of a note that a key signed.

    Raises:
        ValueError: it is no checkpoint, of another log, or the key did not sign it.
    """
    name, public = public_key(verifier_key)
    found = Checkpoint.parse(note)
    if found.origin != name:
        raise ValueError(f"is of the log {found.origin}")
    signatures = note.partition("\n\n")[2]
    if not signatures.endswith("\n"):
        raise ValueError("does not end with a line")
    for line in signatures.split("\n"):
        dash, _, rest = line.partition(" ")
        signer, _, told = rest.partition(" ")
        if dash != DASH or signer != name:
            continue
        raw = decoded(told, 4 + 64)
        if raw[:4] != key_id(name, public):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], found.text.encode())
        except InvalidSignature:
            raise ValueError("is not what the key signed") from None
        return found
    raise ValueError("is not signed by the key")


def decoded(text: str, length: int) -> bytes:
    """Read base64 of so many bytes.

    Raises:
        ValueError: it is none.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("holds what is no base64") from None
    if len(raw) != length or base64.b64encode(raw).decode() != text:
        raise ValueError("holds what is not as long as it must be")
    return raw


def proof_text(index: int, path: Sequence[bytes], note: str) -> str:
    """Write what proves one record (c2sp.org/tlog-proof)."""
    hashes = "".join(f"{base64.b64encode(hashed).decode()}\n" for hashed in path)
    return f"{PROOF}\nindex {index}\n{hashes}\n{note}"


def check_proof(proof: str, entry: bytes, verifier_key: str) -> Checkpoint:
    """Check that a record stands in a log: its index, path and signed checkpoint.

    Args:
        proof: as `proof_text` wrote it.
        entry: the envelope, byte by byte.
        verifier_key: of the log.

    Raises:
        ValueError: it proves nothing; it says why.
    """
    head, blank, note = proof.partition("\n\n")
    first, *lines = head.split("\n")
    if first != PROOF or not blank or not lines or not lines[0].startswith("index "):
        raise ValueError("is no proof")
    told = lines[0].removeprefix("index ")
    if not (told.isdigit() and told.isascii() and str(int(told)) == told):
        raise ValueError("is no proof")
    found = verified(note, verifier_key)
    path = [decoded(line, HASH_BYTES) for line in lines[1:]]
    if not is_included(leaf_hash(entry), int(told), found.size, path, found.root):
        raise ValueError("does not prove this record")
    return found
