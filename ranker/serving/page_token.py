"""Page tokens: what the next page must know of this one, signed so that nobody can change it."""

import base64
import binascii
import hmac
import json
import os
import re
import secrets
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from constraints.errors import RequestError, SettingsError

_VERSION: Final = "1"


class Seam(NamedTuple):
    """Where one page ends and the next begins.

    Attributes:
        surface, terminal, session_id: what the next request must repeat.
        first_slot: first slot of the next page.
        tail_ids: ids above it, nearest last; empty where nothing stood.
        expires_s: seconds since 1970 (UTC).
    """

    surface: str
    terminal: str
    session_id: str
    first_slot: int
    tail_ids: tuple[str, ...]
    expires_s: int


_FORM: Final = "{" + ",".join(f'"{field}":%s' for field in Seam._fields) + "}"
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_json: Final = json.encoder.encode_basestring


def load_keys(data_dir: Path) -> list[bytes]:
    """Read the key ring `page_token.keys`, one hex key of 32 bytes a line; make it when missing.

    The first key signs; all are accepted. They are read when a server starts, so a new one is put
    last and all servers are restarted, then first, and they are again; later the old one goes.

    Raises:
        SettingsError: the file holds something else.
    """
    path = data_dir / "page_token.keys"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w") as new:
            new.write(secrets.token_hex(32) + "\n")
        with suppress(FileExistsError):  # another process was faster
            os.link(unfinished, path)  # a key file is there whole, or not at all
        unfinished.unlink()
    lines = path.read_text(encoding="utf-8").split()
    if not lines or not all(re.fullmatch(r"[0-9a-f]{64}", line) for line in lines):
        raise SettingsError(f"{path.name}: must hold keys of 64 hex digits, one a line")
    return [bytes.fromhex(line) for line in lines]


def sign(seam: Seam, keys: list[bytes]) -> str:
    """Return the token of a seam."""
    payload = (
        _FORM
        % (
            _json(seam.surface),
            _json(seam.terminal),
            _json(seam.session_id),
            seam.first_slot,
            f"[{','.join(map(_json, seam.tail_ids))}]",
            seam.expires_s,
        )
    ).encode()
    return f"{_VERSION}.{_text(payload)}.{_text(_mac(payload, keys[0]))}"


def read(token: str, keys: list[bytes], now_s: float) -> Seam:
    """Return what a token says.

    Raises:
        RequestError: it is not one of ours, was changed, or has expired.
    """
    try:
        version, payload_text, mac_text = token.split(".")
        payload, mac = _bytes(payload_text), _bytes(mac_text)
    except (ValueError, binascii.Error):
        version, payload, mac = "", b"", b""
    if version != _VERSION or not any(hmac.compare_digest(_mac(payload, k), mac) for k in keys):
        raise RequestError(
            "page_token: was not issued here", reason="PAGE_TOKEN_FORGED", field="page_token"
        )
    values = json.loads(payload)
    seam = Seam(**{**values, "tail_ids": tuple(values["tail_ids"])})
    if now_s >= seam.expires_s:
        raise RequestError(
            "page_token: has expired", reason="PAGE_TOKEN_EXPIRED", field="page_token"
        )
    return seam


def _mac(payload: bytes, key: bytes) -> bytes:
    mac = _keyed(key).copy()  # in half the time of one that begins with the key
    mac.update(payload)
    return mac.digest()


@lru_cache(16)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def _text(data: bytes) -> str:
    raw = binascii.b2a_base64(data, newline=False)
    return raw.translate(_URL_SAFE).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
