"""Seals the log: its records become leaves of the tree, and the tree's root is signed."""

import shutil
import threading
from pathlib import Path
from typing import Final

from constraints.errors import SettingsError
from ranker.audit.checkpoint import CHECKPOINT, KEY, PUBLIC, Checkpoint, Signer, verified
from ranker.audit.log import DecisionLog
from ranker.audit.segments import frames_from
from ranker.audit.tiles import Tiles
from ranker.audit.tree import leaf_hash
from ranker.files import write_whole
from ranker.telemetry import alarm

TREE: Final = "tree"


class Sealer:
    """Signs what stands in a log, and says so in `log/checkpoint`.

    INVARIANT: it signs only what follows what it signed before. Behind a record that is not whole
    it signs nothing, and says so: the log itself goes on.

    Args:
        log: opened to write.
        data_dir: folder of the key.

    Raises:
        SettingsError: the log holds fewer records than were signed, or others.
    """

    def __init__(self, log: DecisionLog, data_dir: Path) -> None:
        self._log, self._lock = log, threading.Lock()
        self.signer = Signer(data_dir / KEY, log.origin)
        write_whole(data_dir / PUBLIC, f"{self.signer.verifier_key}\n".encode())
        self._path = log.folder / CHECKPOINT
        self._tiles = self._caught_up()
        self._is_torn = False  # the tree on disk is not what we hold

    def _caught_up(self) -> Tiles:
        """Open the tree, and add what stands in the log behind it."""
        upto, tiles = self._log.keep_leaves(), self._opened()
        for frame in frames_from(self._log.folder, tiles.size + 1):
            if frame.sequence == tiles.size + 1 <= upto:
                tiles.append([leaf_hash(frame.envelope)])
        self._is_stuck = tiles.size < upto
        if self._is_stuck:
            fault = f"record {tiles.size + 1} is not whole: nothing from it on is signed"
            alarm("LOG_UNSEALED", f"{fault}; run `slotwarden audit fsck`")
        return tiles

    def _opened(self) -> Tiles:
        """Open the tree as it was signed last; where it is not whole, make it anew."""
        folder = self._log.folder / TREE
        signed = self._signed()
        if signed is None:
            shutil.rmtree(folder, ignore_errors=True)
            return Tiles(folder)
        if signed.size > self._log.sequence:
            fault = f"signed {signed.size} records, and holds {self._log.sequence}: an old copy?"
            raise SettingsError(f"{self._log.folder}: the log {fault}")
        try:
            tiles = Tiles(folder, signed.size)
            if tiles.root() == signed.root:
                return tiles
        except OSError:
            pass
        alarm("LOG_TREE_DAMAGED", "the tree of the log is made anew from its records")
        shutil.rmtree(folder, ignore_errors=True)
        tiles = Tiles(folder)
        frames = frames_from(self._log.folder, 1)
        tiles.append(leaf_hash(f.envelope) for f in frames if f.sequence <= signed.size)
        if (tiles.size, tiles.root()) != (signed.size, signed.root):
            fault = "its records are not those it signed; run `slotwarden audit fsck`"
            raise SettingsError(f"{self._log.folder}: {fault}")
        return tiles

    def _signed(self) -> Checkpoint | None:
        if not self._path.exists():
            return None
        try:
            return verified(self._path.read_text(encoding="utf-8"), self.signer.verifier_key)
        except ValueError as error:
            raise SettingsError(f"{self._path}: {error}") from None

    @property
    def size(self) -> int:
        """How many records stand in the tree."""
        return self._tiles.size

    def seal(self) -> Checkpoint | None:
        """Sign what is on the disk; None where nothing is new, or nothing can be signed.

        Raises:
            OSError: tree or checkpoint cannot be written.
        """
        with self._lock:
            if self._is_torn and not self._is_stuck:
                self._tiles = self._caught_up()
            if self._is_stuck:
                self._log.take_leaves()  # nobody will sign them
                return None
            leaves = self._log.take_leaves()
            if not leaves and not self._is_torn:
                return None
            self._is_torn = True
            self._tiles.append(leaves)
            self._tiles.flush()
            made = Checkpoint(self._log.origin, self._tiles.size, self._tiles.root())
            write_whole(self._path, self.signer.sign(made).encode())
            self._is_torn = False
            return made
