"""The TLS of dials, by encryption level: standard is 1.2 or newer, high is 1.3 with our certificate.

Both verify the chain and the host name. A context holds the parsed authorities, which costs milliseconds and
hundreds of kilobytes, so all dials of a level share one until a file of it changes.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.errors import DialError, EndpointRefused
from app.protocol.reasons import Reason
from app.protocol.states import EncryptionLevel

if TYPE_CHECKING:
    from pathlib import Path

    from app.config import Settings

LEVELS_AND_RENEWALS: Final = 8
"""Contexts kept: those of two levels, and of certificates that were renewed not long ago."""
NO_PASSPHRASE: Final = b""
"""Without one, OpenSSL would ask for it at the gateway's terminal and wait."""


class _File(NamedTuple):
    """A file as it is at present: another one after a renewal."""

    path: Path
    inode: int
    changed_ns: int


async def context(level: EncryptionLevel, settings: Settings) -> ssl.SSLContext:
    """Return the context for dials of a level.

    Raises:
        EndpointRefused: level high without a client certificate.
        DialError: the files that the settings name cannot be used.
    """
    own: tuple[Path, ...] = ()
    if level is EncryptionLevel.HIGH:
        if settings.tls_client_cert is None or settings.tls_client_key is None:
            raise EndpointRefused(Reason.NO_CLIENT_CERTIFICATE.told())
        own = (settings.tls_client_cert, settings.tls_client_key)
    return await asyncio.to_thread(_current, level, settings.tls_ca_file, own)


def facts(connection: ssl.SSLObject | None) -> dict[str, str] | None:
    """Return what two sides have agreed on, in words; None without TLS."""
    if connection is None:
        return None
    told = {"version": connection.version() or "TLS"}
    cipher = connection.cipher()
    if cipher is not None:
        told["cipher"] = f"{cipher[0]}, {cipher[2]} bits"
    certificate: dict[str, Any] = connection.getpeercert() or {}
    if "notAfter" in certificate:
        told["valid_until"] = str(certificate["notAfter"])
    for part in ("subject", "issuer"):
        names = [value for rdn in certificate.get(part, ()) for key, value in rdn if key == "commonName"]
        if names:
            told[part] = names[-1]
    return told


def _current(level: EncryptionLevel, authorities: Path | None, own: tuple[Path, ...]) -> ssl.SSLContext:
    try:
        return _make(level, authorities and _file(authorities), tuple(_file(path) for path in own))
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise DialError(Reason.TLS_FILES.told(why=str(why).replace("_", " ").lower())) from error


@lru_cache(LEVELS_AND_RENEWALS)
def _make(level: EncryptionLevel, authorities: _File | None, own: tuple[_File, ...]) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=authorities.path if authorities else None)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])  # neither WebSocket nor our HTTP is spoken over HTTP/2
    if level is EncryptionLevel.HIGH:
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        certificate, key = own
        made.load_cert_chain(certificate.path, key.path, NO_PASSPHRASE)
    return made


def _file(path: Path) -> _File:
    status = path.stat()
    return _File(path, status.st_ino, status.st_mtime_ns)
