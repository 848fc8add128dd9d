"""TLS of the server: certificates that may change while it runs, and whose clients it believes."""

from pathlib import Path
from typing import Any, NamedTuple

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from constraints.errors import SettingsError
from ranker.settings import Settings
from ranker.telemetry import alarm, note


class _Files(NamedTuple):
    """Contents of the files: of certificate, key, and of the authority of clients, if any."""

    cert: bytes
    key: bytes
    client_ca: bytes | None


class Certificates:
    """What the server shows and whom it believes, read anew when the files change.

    A pair that does not fit together is not taken: the last good one stays, with an alarm. Running
    connections keep what they began with.

    Args:
        settings: names the files.

    Raises:
        SettingsError: they cannot be read, or do not fit together.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held = self._tried = _checked(self._read())

    def credentials(self) -> grpc.ServerCredentials:
        """Return gRPC's credentials; with an authority of clients each must show a certificate."""
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._held),
            self._newer,
            require_client_authentication=self._held.client_ca is not None,
        )

    def _newer(self) -> Any:
        """Return what changed since the last connection, None for nothing."""
        try:
            files = self._read()
            if files == self._tried:
                return None
            self._tried = files
            self._held = _checked(files)
        except SettingsError as error:
            alarm("CERTIFICATE_REFUSED", "the last good certificate stays", fault=str(error))
            return None
        note("certificate loaded")
        return _configuration(self._held)

    def _read(self) -> _Files:
        told = self._settings
        assert told.tls_cert is not None
        assert told.tls_key is not None
        ca = told.tls_client_ca
        return _Files(_bytes(told.tls_cert), _bytes(told.tls_key), _bytes(ca) if ca else None)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


def _checked(files: _Files) -> _Files:
    """Return files that fit together.

    Raises:
        SettingsError: they do not.
    """
    try:
        chain = x509.load_pem_x509_certificates(files.cert)
        key = load_pem_private_key(files.key, None)
        if files.client_ca is not None:
            x509.load_pem_x509_certificates(files.client_ca)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"tls: cannot be read: {error}") from None
    told = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*told) != key.public_key().public_bytes(*told):
        raise SettingsError("tls: tls_key is not the key of tls_cert")
    return files


def _configuration(files: _Files) -> Any:
    pairs = [(files.key, files.cert)]
    return grpc.ssl_server_certificate_configuration(pairs, root_certificates=files.client_ca)
