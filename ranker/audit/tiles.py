"""The tree on disk, in tiles of 256 hashes (c2sp.org/tlog-tiles): proofs read a few of them.

A full tile is written once and never changed; a partial one stands beside it as `.p/WIDTH` and is
written anew as it grows. All of it can be made anew from the records.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ranker.audit.tree import HASH_BYTES, node_hash, root_of
from ranker.files import write_whole

WIDTH: Final = 256
LEVEL_BITS: Final = 8  # a tile of level L holds subtrees of 2 ** (8 L) leaves


def tile_path(level: int, number: int, width: int = WIDTH) -> str:
    """Return the path of a tile below the folder of the tree, such as `tile/0/x001/234.p/7`."""
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        parts.append(f"x{number % 1000:03d}")
    partial = f".p/{width}" if width < WIDTH else ""
    return f"tile/{level}/{'/'.join(parts[::-1])}{partial}"


class Tiles:
    """A growing tree in a folder.

    Args:
        folder: of the tree; made when missing.
        size: leaves it has already.

    Raises:
        OSError: a tile is missing, or not as long as it must be.
    """

    def __init__(self, folder: Path, size: int = 0) -> None:
        self.folder, self.size = folder, size
        self._ends: list[list[bytes]] = []  # level → hashes of its last tile, if not full
        level = 0
        while size >> LEVEL_BITS * level:
            count = size >> LEVEL_BITS * level
            number, width = divmod(count, WIDTH)
            self._ends.append(self._read(level, number, width) if width else [])
            level += 1
        self._written = [len(end) for end in self._ends]

    def append(self, leaves: Iterable[bytes]) -> None:
        """Add hashes of leaves; full tiles are written as they fill.

        Raises:
            OSError: a tile cannot be written.
        """
        for leaf in leaves:
            self._push(0, leaf)
            self.size += 1

    def _push(self, level: int, hashed: bytes) -> None:
        if level == len(self._ends):
            self._ends.append([])
            self._written.append(0)
        end = self._ends[level]
        end.append(hashed)
        if len(end) == WIDTH:
            number = (self.size + 1 >> LEVEL_BITS * (level + 1)) - 1
            self._write(level, number, end)
            self._push(level + 1, root_of(end))
            self._ends[level], self._written[level] = [], 0

    def flush(self) -> None:
        """Write the partial tiles.

        Raises:
            OSError: one cannot be written.
        """
        for level, end in enumerate(self._ends):
            if end and len(end) != self._written[level]:
                number = self.size >> LEVEL_BITS * (level + 1)
                self._write(level, number, end)
                self._written[level] = len(end)

    def root(self) -> bytes:
        """Return the root of the tree."""
        below: list[bytes] = []
        for end in self._ends:
            hashes = [*end, *below]
            below = [root_of(hashes)] if hashes else []
        return below[0] if below else root_of([])

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash of the whole subtree of 2 ** level leaves at a place, from the tiles.

        Raises:
            OSError: a tile is missing, or not as long as it must be.
        """
        of, within = divmod(level, LEVEL_BITS)
        first = index << within
        number, start = divmod(first, WIDTH)
        count = self.size >> LEVEL_BITS * of
        width = min(WIDTH, count - number * WIDTH)
        hashes = self._read(of, number, width)[start : start + (1 << within)]
        while len(hashes) > 1:
            hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
        return hashes[0]

    def _read(self, level: int, number: int, width: int) -> list[bytes]:
        whole = self.folder / tile_path(level, number)
        path = whole if whole.exists() else self.folder / tile_path(level, number, width)
        raw = path.read_bytes()[: width * HASH_BYTES]
        if len(raw) != width * HASH_BYTES:
            raise OSError(f"{path}: is not as long as a tile must be")
        return [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)]

    def _write(self, level: int, number: int, hashes: list[bytes]) -> None:
        """Write a tile whole or not at all."""
        path = self.folder / tile_path(level, number, len(hashes))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, b"".join(hashes))
        if len(hashes) == WIDTH:  # a full tile needs its partial ones no longer
            for partial in path.with_name(path.name + ".p").glob("*"):
                partial.unlink(missing_ok=True)
