"""Ids of viewers as the log keeps them: HMAC-SHA256 under a key of the month.

Whoever holds the key can find the decisions about a known id. Once it is destroyed nobody can, and
no envelope, no proof changes for it (PIPL art. 47 and 51).
"""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from constraints.errors import OverloadedError, SettingsError
from ranker.clock import in_shanghai
from ranker.files import sync_path, write_whole

FOLDER: Final = "viewer-keys"
_MONTH: Final = re.compile(r"\d{4}-\d{2}")
_KEY_BYTES: Final = 32


class Marked(NamedTuple):
    """A viewer's id under one key."""

    key_id: str
    hmac: bytes


def month_of(instant_us: int) -> str:
    """Return the month in Shanghai, which names its key."""
    return f"{in_shanghai(instant_us):%Y-%m}"


class ViewerKeys:
    """The keys of a data folder; any number of processes may share them.

    Args:
        data_dir: its folder `viewer-keys` holds `2026-11.key`, readable to its owner alone, or
            `2026-11.destroyed`.
    """

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / FOLDER
        self._held: dict[str, bytes] = {}

    def mark(self, viewer_id: str, instant_us: int) -> Marked:
        """Return what is recorded of an id at an instant; none of an empty one.

        Raises:
            OverloadedError: the month's key cannot be read or made.
        """
        if not viewer_id:
            return Marked("", b"")
        month = month_of(instant_us)
        key = self._held.get(month)
        if key is None:
            try:
                key = self._key(month)
            except (OSError, SettingsError):
                fault = "viewer_id: the key of the month cannot be read or made"
                raise OverloadedError(fault, reason="VIEWER_KEY_FAILED") from None
            self._held = {month: key}
        return Marked(month, _hmac(key, viewer_id))

    def known(self, viewer_id: str) -> list[Marked]:
        """Return an id under every key there is, the oldest first.

        Raises:
            SettingsError: a file is no key, or others may read it.
        """
        months = sorted(path.stem for path in self.folder.glob("*.key"))
        return [Marked(month, _hmac(self._key(month), viewer_id)) for month in months]

    def destroyed(self) -> list[str]:
        """Return the months whose keys were destroyed."""
        return sorted(path.stem for path in self.folder.glob("*.destroyed"))

    def check_destroyable(self, month: str, instant_us: int) -> None:
        """Raise a SettingsError unless the key of a month is there and no longer in use."""
        if not _MONTH.fullmatch(month):
            raise SettingsError(f"{month}: is no month; write 2026-11")
        if month >= month_of(instant_us):
            raise SettingsError(f"{month}: its key is in use until the month is over")
        if not self._path(month).exists():
            raise SettingsError(f"{month}: there is no key of this month")

    def destroy(self, month: str) -> None:
        """Destroy the key of a month for ever: its bytes are overwritten and the file removed.

        Copies elsewhere, backups say, are for their holders to destroy.

        Raises:
            OSError: it could not be done.
        """
        path = self._path(month)
        write_whole(self.folder / f"{month}.destroyed", b"")
        with path.open("r+b") as file:
            file.write(b"\0" * path.stat().st_size)
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_path(self.folder)

    def _path(self, month: str) -> Path:
        return self.folder / f"{month}.key"

    def _key(self, month: str) -> bytes:
        """Read the key of a month; make it when missing."""
        path = self._path(month)
        if path.with_suffix(".destroyed").exists():
            raise SettingsError(f"{path}: was destroyed")
        if not path.exists():
            self._make(path)
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: others may read this key; chmod 600")
        key = path.read_bytes()
        if len(key) != _KEY_BYTES:
            raise SettingsError(f"{path}: is no key")
        return key

    def _make(self, path: Path) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as new:
            new.write(secrets.token_bytes(_KEY_BYTES))
            new.flush()
            os.fsync(new.fileno())
        try:
            os.link(draft, path)  # whole or not at all, and never in place of another's
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        sync_path(self.folder)


def _hmac(key: bytes, viewer_id: str) -> bytes:
    return hmac.digest(key, viewer_id.encode(), hashlib.sha256)
