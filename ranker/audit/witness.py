"""A witness: an outside party that saw the log only grow, and says so with its own signature.

It remembers the last checkpoint it saw of each log, cosigns only what that one is a beginning of
(c2sp.org/tlog-witness, c2sp.org/tlog-cosignature), and so keeps the holder of the log's key from
showing two histories.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from constraints.errors import SettingsError
from ranker.audit.checkpoint import DASH, Checkpoint, Signer, decoded, verified
from ranker.audit.sealing import TREE
from ranker.audit.tiles import Tiles
from ranker.audit.tree import HASH_BYTES, consistency_proof, is_consistent
from ranker.files import write_whole

COSIGNED: Final = "cosigned"
"""File of the last cosigned checkpoint, in the folder of the log."""
KEY: Final = "witness.key"
SEEN: Final = "seen.json"
COSIGNATURE: Final = b"\x04"
"""Kind of signature: Ed25519 over an instant and a checkpoint."""


class Witness:
    """Cosigns checkpoints.

    Args:
        folder: its own: key, and what it saw; made when missing.
        name: of the witness, and of its key.

    Raises:
        SettingsError: the key is none, or others may read it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self.name = folder, name
        self._signer = Signer(folder / KEY, name)

    @property
    def verifier_key(self) -> str:
        """The public key in one line."""
        told = base64.b64encode(COSIGNATURE + self._signer.public).decode()
        return f"{self.name}+{_key_id(self.name, self._signer.public).hex()}+{told}"

    def cosign(self, note: str, log_key: str, log: Path, now_s: int) -> str:
        """Return a note with the witness' line, if its log only grew since it was seen last.

        What is seen is remembered before anything is signed.

        Args:
            note: a checkpoint the log signed.
            log_key: public key of the log, one line.
            log: folder of the log: its tiles prove that it grew.
            now_s: seconds since 1970 (UTC).

        Raises:
            ValueError: the log did not sign it, went back, or tells another history.
            OSError: a tile is missing, or what was seen cannot be remembered.
        """
        found = verified(note, log_key)
        seen = self._seen()
        if found.origin in seen:
            _check_growth(seen[found.origin], found, log)
        told = {origin: [one.size, one.root.hex()] for origin, one in seen.items()}
        told[found.origin] = [found.size, found.root.hex()]
        write_whole(self._folder / SEEN, json.dumps(told, indent=1).encode())
        signature = self._signer.sign_bytes(_signed_text(found, now_s))
        head = _key_id(self.name, self._signer.public) + now_s.to_bytes(8, "big")
        return f"{note}{DASH} {self.name} {base64.b64encode(head + signature).decode()}\n"

    def _seen(self) -> dict[str, Checkpoint]:
        path = self._folder / SEEN
        if not path.exists():
            return {}
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return {
                origin: Checkpoint(origin, int(size), bytes.fromhex(root))
                for origin, (size, root) in told.items()
            }
        except (ValueError, TypeError, AttributeError):
            raise SettingsError(f"{path}: cannot be read; nothing is cosigned") from None


def _check_growth(seen: Checkpoint, found: Checkpoint, log: Path) -> None:
    if found.size < seen.size:
        fault = f"states {found.size} records, and stated {seen.size} before: it went back"
        raise ValueError(fault)
    if seen.size == 0:
        return
    proof = consistency_proof(Tiles(log / TREE, found.size).subtree, seen.size, found.size)
    if not is_consistent(seen.size, found.size, seen.root, found.root, proof):
        raise ValueError(f"tells another history of the first {seen.size} records")


def cosigned_s(note: str, witness_key: str) -> int:
    """Return when a witness cosigned a checkpoint, seconds since 1970 (UTC).

    Raises:
        ValueError: it did not, or the key is none.
    """
    name, _, rest = witness_key.strip().partition("+")
    told_id, _, told_key = rest.partition("+")
    raw = decoded(told_key, 1 + HASH_BYTES)
    if raw[:1] != COSIGNATURE or _key_id(name, raw[1:]).hex() != told_id:
        raise ValueError("is no key of a witness")
    found = Checkpoint.parse(note)
    for line in note.partition("\n\n")[2].splitlines():
        dash, _, rest = line.partition(" ")
        signer, _, told = rest.partition(" ")
        if dash != DASH or signer != name:
            continue
        signature = decoded(told, 4 + 8 + 64)
        now_s = int.from_bytes(signature[4:12], "big")
        try:
            key = Ed25519PublicKey.from_public_bytes(raw[1:])
            key.verify(signature[12:], _signed_text(found, now_s))
        except InvalidSignature:
            raise ValueError("is not what the witness cosigned") from None
        return now_s
    raise ValueError("was not cosigned by this witness")


def _signed_text(checkpoint: Checkpoint, now_s: int) -> bytes:
    return f"cosignature/v1\ntime {now_s}\n{checkpoint.text}".encode()


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + COSIGNATURE + public).digest()[:4]
