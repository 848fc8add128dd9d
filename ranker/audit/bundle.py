"""Evidence bundles: records with their proofs, and all a stranger needs to check them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from ranker.audit.checkpoint import CHECKPOINT, PUBLIC, Checkpoint, proof_text
from ranker.audit.frames import Frame
from ranker.audit.log import FOLDER
from ranker.audit.lookup import Lookup
from ranker.audit.records import unpack
from ranker.audit.sealing import TREE
from ranker.audit.tiles import Tiles
from ranker.audit.tree import inclusion_proof
from ranker.audit.witness import COSIGNED

RECORDS_MAX: Final = 10_000  # LIMIT: records of one bundle
VERIFIER: Final = "verify.py"


class Prover:
    """Proves records of a log by its last checkpoint.

    Args:
        data_dir: folder of log and key.
        is_cosigned: by the last checkpoint that a witness cosigned.

    Raises:
        ValueError: nothing was signed yet, or the checkpoint cannot be read.
    """

    def __init__(self, data_dir: Path, *, is_cosigned: bool = False) -> None:
        self.folder, self._lookup = data_dir / FOLDER, Lookup(data_dir)
        path = self.folder / (COSIGNED if is_cosigned else CHECKPOINT)
        if not path.exists():
            raise ValueError(f"nothing of this log was {'co' * is_cosigned}signed yet")
        self.note = path.read_text(encoding="utf-8")
        self.checkpoint = Checkpoint.parse(self.note)
        self.key = (data_dir / PUBLIC).read_text(encoding="utf-8")

    def proof(self, sequence: int) -> str:
        """Return what proves a record.

        Raises:
            ValueError: it is not under the checkpoint.
            OSError: a tile is missing or not whole.
        """
        size = self.checkpoint.size
        if not 1 <= sequence <= size:
            raise ValueError(f"record {sequence} is not among the {size} that are signed")
        tiles = Tiles(self.folder / TREE, size)
        path = inclusion_proof(tiles.subtree, sequence - 1, size)
        return proof_text(sequence - 1, path, self.note)

    def frame(self, sequence: int) -> Frame:
        """Return a record as it is stored.

        Raises:
            ValueError: the log does not hold it whole.
        """
        found = self._lookup.by_sequence(sequence)
        if found is None:
            raise ValueError(f"record {sequence} is not in the log, or not whole")
        if unpack(found).is_deleted:
            fault = "its body was deleted when its time was over"
            raise ValueError(f"record {sequence}: {fault}; `audit prove` still proves its envelope")
        return found


def write_bundle(prover: Prover, sequences: Iterable[int], out: Path) -> int:
    """Write a bundle into a folder that is not there yet.

    Args:
        prover: of the log.
        sequences: numbers of the records.
        out: folder.

    Returns:
        How many records.

    Raises:
        ValueError: a record cannot be proved; nothing is written.
        OSError: something cannot be written.
    """
    content: dict[str, bytes] = {"key.pub": prover.key.encode()}
    content[VERIFIER] = files("ranker.audit.standalone").joinpath(VERIFIER).read_bytes()
    names = []
    for sequence in sorted(set(sequences)):
        frame, name = prover.frame(sequence), f"{sequence:020d}"
        content[f"records/{name}.envelope"] = frame.envelope
        content[f"records/{name}.body"] = frame.body
        content[f"proofs/{name}.txt"] = prover.proof(sequence).encode()
        names.append(name)
        if len(names) > RECORDS_MAX:
            raise ValueError(f"a bundle holds at most {RECORDS_MAX} records")
    content["manifest.json"] = _manifest(content, names)
    out.mkdir(parents=True)
    for path, raw in content.items():
        (out / path).parent.mkdir(exist_ok=True)
        (out / path).write_bytes(raw)
    return len(names)


def _manifest(content: Mapping[str, bytes], names: list[str]) -> bytes:
    digests = {path: hashlib.sha256(raw).hexdigest() for path, raw in content.items()}
    told = {"files": digests, "records": names}
    return (json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
