"""The Merkle tree against published vectors, and against a naive one written from the RFC."""

import hashlib
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ranker.audit.tiles import WIDTH, Tiles, tile_path
from ranker.audit.tree import (
    EMPTY,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    range_root,
    root_of,
)

TREES = int(os.environ.get("TREES", "1500"))
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the first 1 to 8 LEAVES, as the tests of certificate transparency publish them."""
INCLUDED_0_IN_8 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
CONSISTENT_6_TO_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]


def _hex(path: list[bytes]) -> list[str]:
    return [hashed.hex() for hashed in path]


def _subtree(hashes: list[bytes]) -> Callable[[int, int], bytes]:
    return lambda level, index: root_of(hashes[index << level : (index + 1) << level])


# The RFC's own recursive definitions, word by word, over entries.


def _mth(entries: list[bytes]) -> bytes:
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + _mth(entries[:k]) + _mth(entries[k:])).digest()


def _path(m: int, entries: list[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*_path(m, entries[:k]), _mth(entries[k:])]
    return [*_path(m - k, entries[k:]), _mth(entries[:k])]


def _subproof(m: int, entries: list[bytes], *, is_whole: bool) -> list[bytes]:
    if m == len(entries):
        return [] if is_whole else [_mth(entries)]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m <= k:
        return [*_subproof(m, entries[:k], is_whole=is_whole), _mth(entries[k:])]
    return [*_subproof(m - k, entries[k:], is_whole=False), _mth(entries[:k])]


def test_roots_and_proofs_are_the_published_ones() -> None:
    hashes = [leaf_hash(entry) for entry in LEAVES]
    assert root_of([]) == EMPTY
    assert [root_of(hashes[:size]).hex() for size in range(1, 9)] == ROOTS
    assert _hex(inclusion_proof(_subtree(hashes), 0, 8)) == INCLUDED_0_IN_8
    assert _hex(consistency_proof(_subtree(hashes), 6, 8)) == CONSISTENT_6_TO_8


def test_every_proof_of_small_trees_is_that_of_the_definition_and_holds() -> None:
    entries = [bytes([n]) for n in range(40)]
    hashes = [leaf_hash(entry) for entry in entries]
    for size in range(1, 41):
        root = _mth(entries[:size])
        assert root_of(hashes[:size]) == range_root(_subtree(hashes), 0, size) == root
        for index in range(size):
            path = inclusion_proof(_subtree(hashes), index, size)
            assert path == _path(index, entries[:size])
            assert is_included(hashes[index], index, size, path, root)
        for old in range(1, size + 1):
            path = consistency_proof(_subtree(hashes), old, size)
            assert path == _subproof(old, entries[:size], is_whole=True)
            assert is_consistent(old, size, _mth(entries[:old]), root, path)


def test_proofs_of_random_trees_hold_and_no_changed_one_does() -> None:
    rng = random.Random(6962)
    for _ in range(TREES):
        size = rng.randint(1, rng.choice([8, 40, 700]))
        entries = [rng.randbytes(4) for _ in range(size)]
        hashes = [leaf_hash(entry) for entry in entries]
        root, index, old = root_of(hashes), rng.randrange(size), rng.randint(1, size)
        assert root == _mth(entries)
        path = inclusion_proof(_subtree(hashes), index, size)
        assert is_included(hashes[index], index, size, path, root)
        _refuted(rng, path, partial(_in, hashes[index], index, size, root))
        assert not is_included(leaf_hash(b"other"), index, size, path, root)
        assert not is_included(hashes[index], size, size, path, root)
        if size > 1:
            other = (index + rng.randrange(1, size)) % size
            assert not is_included(hashes[index], other, size, path, root)
        told, old_root = consistency_proof(_subtree(hashes), old, size), root_of(hashes[:old])
        assert is_consistent(old, size, old_root, root, told)
        _refuted(rng, told, partial(is_consistent, old, size, old_root, root))
        assert not is_consistent(old, size, old_root, leaf_hash(b"other"), told)
        assert not is_consistent(old, size, leaf_hash(b"other"), root, told)


def _in(leaf: bytes, index: int, size: int, root: bytes, path: list[bytes]) -> bool:
    return is_included(leaf, index, size, path, root)


def _refuted(rng: random.Random, path: list[bytes], holds: Callable[[list[bytes]], bool]) -> None:
    """Change a proof in one way of each kind: none may hold."""
    assert not holds([*path, leaf_hash(b"more")])
    if path:
        at = rng.randrange(len(path))
        flipped = bytearray(path[at])
        flipped[rng.randrange(32)] ^= 1 << rng.randrange(8)
        assert not holds([*path[:at], bytes(flipped), *path[at + 1 :]])
        assert not holds(path[:at] + path[at + 1 :])
    if len(path) > 1 and path[0] != path[-1]:
        assert not holds([path[-1], *path[1:-1], path[0]])


def test_tiles_have_the_paths_of_the_format() -> None:
    assert tile_path(0, 0) == "tile/0/000"
    assert tile_path(1, 999, 7) == "tile/1/999.p/7"
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path(0, 1_234_067, 255) == "tile/0/x001/x234/067.p/255"


@pytest.mark.parametrize("sizes", [[1, 2, 255, 256, 257], [3, 700, 65_536 + 300], [66_000]])
def test_tiles_grow_and_are_opened_again_at_any_size(tmp_path: Path, sizes: list[int]) -> None:
    hashes = [leaf_hash(n.to_bytes(4, "big")) for n in range(max(sizes))]
    size = 0
    for wanted in sizes:
        tiles = Tiles(tmp_path, size)
        tiles.append(hashes[size:wanted])
        tiles.flush()
        size = wanted
        again = Tiles(tmp_path, size)
        assert tiles.root() == again.root() == root_of(hashes[:size])
        rng = random.Random(size)
        for index in {0, size - 1, *(rng.randrange(size) for _ in range(20))}:
            path = inclusion_proof(again.subtree, index, size)
            assert is_included(hashes[index], index, size, path, again.root())
        for old in {1, size, *(rng.randint(1, size) for _ in range(10))}:
            path = consistency_proof(again.subtree, old, size)
            assert is_consistent(old, size, root_of(hashes[:old]), again.root(), path)
    parts = [path for path in tmp_path.rglob("*.p/*") if path.is_file()]
    full = [p for p in tmp_path.rglob("*") if p.is_file() and p not in parts]
    assert all(path.stat().st_size == WIDTH * 32 for path in full)
    assert len(full) == size // WIDTH + size // WIDTH**2


def test_a_tile_that_is_short_or_missing_is_said_to_be(tmp_path: Path) -> None:
    tiles = Tiles(tmp_path)
    tiles.append(leaf_hash(bytes([n])) for n in range(5))
    tiles.flush()
    path = tmp_path / tile_path(0, 0, 5)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OSError, match="not as long"):
        Tiles(tmp_path, 5)
    path.unlink()
    with pytest.raises(OSError, match="No such file"):
        Tiles(tmp_path, 5)
