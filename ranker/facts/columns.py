"""Columns on disk: a folder of raw arrays, mapped into every process that opens it.

`header.json` is two lines: a digest, and the JSON it covers. Each column is a file of its own,
`<name>.bin`: the elements in C order and nothing else. No file is ever unpickled.
"""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from constraints.errors import SettingsError, quoted
from ranker.files import sync_path

FORMAT: Final = 1
HEADER: Final = "header.json"
_KINDS: Final = "biuf"  # truth values and numbers; an object could not be read without pickle


def save_columns(
    folder: Path, columns: Mapping[str, NDArray[Any]], header: Mapping[str, Any]
) -> None:
    """Write columns into a folder that is there whole or not at all, also after a power cut.

    Folders are never changed. Old ones, and `.<name>.*.partial` left by a process that was
    killed, are for the caller to remove; processes that still map them are not disturbed.

    Args:
        folder: must not exist, or be empty; its parent must exist.
        columns: arrays of one or two dimensions, truth values or numbers, any number of rows,
            by names that are ASCII identifiers.
        header: whatever JSON can say; `open_columns` returns it.

    Raises:
        SettingsError: the folder cannot be written or is there already, or a column is none.
    """
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir()
        told = {name: _save(partial, name, column) for name, column in columns.items()}
        content = {"format": FORMAT, "columns": told, "header": dict(header)}
        body = json.dumps(content, sort_keys=True, allow_nan=False).encode()
        with (partial / HEADER).open("xb") as file:
            file.write(f"{xxhash.xxh3_128_hexdigest(body)}\n".encode() + body + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_path(partial)
        partial.rename(folder)
        sync_path(folder.parent)
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def open_columns(
    folder: Path, *, is_read_whole: bool = True
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Map the columns of a folder, read-only; processes that open the same one share its pages.

    Args:
        folder: written by `save_columns`.
        is_read_whole: compare every byte with its digest. Without it, sizes and the header are
            checked, and pages are read from disk only when they are first used.

    Returns:
        The columns by name, and the header.

    Raises:
        SettingsError: a file is missing, of another length, damaged, or of another format.
    """
    content = _read_header(folder / HEADER)
    columns = {}
    for name, told in content["columns"].items():
        dtype, shape = np.dtype(told["dtype"]), tuple(told["shape"])
        path = folder / _file_name(name, dtype, shape)
        column = _mapped(path, dtype, shape)
        if is_read_whole and xxhash.xxh3_128_hexdigest(column.data) != told["digest"]:
            raise SettingsError(f"{path}: is damaged: its digest is not the one of the header")
        columns[name] = column
    header: dict[str, Any] = content["header"]
    return columns, header


def _save(folder: Path, name: str, column: NDArray[Any]) -> dict[str, Any]:
    """Write one column and return what the header tells of it."""
    whole = np.ascontiguousarray(column)
    with (folder / _file_name(name, column.dtype, column.shape)).open("xb") as file:
        whole.tofile(file)
        os.fsync(file.fileno())
    digest = xxhash.xxh3_128_hexdigest(whole.data)
    return {"dtype": whole.dtype.str, "shape": whole.shape, "digest": digest}


def _file_name(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """Return the name of a column's file, if it can be one."""
    if not (name.isascii() and name.isidentifier()):
        raise SettingsError(f"`{quoted(name)}` is no name of a column")
    if dtype.kind not in _KINDS or len(shape) not in (1, 2):
        raise SettingsError(f"{name}: {len(shape)} dimensions of {dtype} are no column")
    return f"{name}.bin"


def _read_header(path: Path) -> dict[str, Any]:
    try:
        digest, _, rest = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    body = rest.removesuffix(b"\n")
    if body == rest or digest != xxhash.xxh3_128_hexdigest(body).encode():
        raise SettingsError(f"{path}: is damaged, or no header of columns")
    content: dict[str, Any] = json.loads(body)
    if content["format"] != FORMAT:
        raise SettingsError(f"{path}: format {content['format']}, but this version reads {FORMAT}")
    return content


def _mapped(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Map one file as an array of exactly this dtype and shape."""
    bytes_told = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    try:
        bytes_found = path.stat().st_size
        if bytes_found != bytes_told:
            raise SettingsError(f"{path}: has {bytes_found} bytes, but its header {bytes_told}")
        if bytes_told:
            return np.asarray(np.memmap(path, dtype, "r", shape=shape))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    none = np.empty(shape, dtype)  # nothing can be mapped
    none.flags.writeable = False
    return none
