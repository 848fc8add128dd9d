"""The Merkle tree of RFC 6962, sections 2.1 to 2.1.4: hashes, proofs, and their verification."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

HASH_BYTES: Final = 32
EMPTY: Final = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""

Subtree: TypeAlias = Callable[[int, int], bytes]
"""Given a level and an index, the hash of the whole subtree of 2 ** level leaves at that place."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes of leaves, or of whole subtrees of one size.

    The last may be of a smaller subtree.
    """
    if not hashes:
        return EMPTY
    if len(hashes) == 1:
        return hashes[0]
    split = _split(len(hashes))
    return node_hash(root_of(hashes[:split]), root_of(hashes[split:]))


def _split(size: int) -> int:
    """Return the largest power of two below a size of 2 or more."""
    return 1 << (size - 1).bit_length() - 1


def range_root(subtree: Subtree, start: int, stop: int) -> bytes:
    """Return the root over leaves [start, stop), which a tree splits there."""
    size = stop - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return subtree(level, start >> level)
    middle = start + _split(size)
    return node_hash(range_root(subtree, start, middle), range_root(subtree, middle, stop))


def inclusion_proof(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """Return the path that proves a leaf, from the leaf's neighbour up (2.1.1).

    Args:
        subtree: hashes of the tree.
        index: of the leaf, 0 to size - 1.
        size: leaves of the tree.
    """
    start, stop, path = 0, size, list[bytes]()
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(range_root(subtree, middle, stop))
            stop = middle
        else:
            path.append(range_root(subtree, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(subtree: Subtree, old: int, size: int) -> list[bytes]:
    """Return what proves that the first `old` of `size` leaves are the older tree's (2.1.2).

    Args:
        subtree: hashes of the newer tree.
        old: 1 to size.
        size: leaves of the newer tree.
    """
    start, stop, path, is_whole = 0, size, list[bytes](), True
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(range_root(subtree, middle, stop))
            stop = middle
        else:
            path.append(range_root(subtree, start, middle))
            start, is_whole = middle, False
    if not is_whole:
        path.append(range_root(subtree, start, stop))
    return path[::-1]


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a path proves that a leaf stands in a tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for hashed in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(hashed, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, hashed)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(old: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether a path proves that a tree only grew (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == root
    told = list(path) if old & (old - 1) else [old_root, *path]
    if not told:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = told[0]
    for hashed in told[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = node_hash(hashed, older), node_hash(hashed, newer)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            newer = node_hash(newer, hashed)
        at, last = at >> 1, last >> 1
    return last == 0 and older == old_root and newer == root
