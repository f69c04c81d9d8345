"""Authorities and certificates, made anew for a test."""

from __future__ import annotations

import socket
import ssl
import struct
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"


class Authority:
    """A certificate authority; `file` is its certificate, as CONSOLE_TLS_CA_FILE takes it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._stem = folder / name
        self._ca = trustme.CA(organization_name=name)
        self.file = self._stem.with_suffix(".pem")
        self._ca.cert_pem.write_to_path(str(self.file))

    def server(self, host: str = HOST, **dates: Any) -> ssl.SSLContext:
        """Return a server's context with a certificate for a host; `not_before` and `not_after` as given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(host, **dates).configure_cert(context)
        return context

    def demanding(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Have a server demand a client certificate of this authority."""
        context.verify_mode = ssl.CERT_REQUIRED
        context.sslsocket_class = _Lingering
        self._ca.configure_trust(context)
        return context

    def client(self, **dates: Any) -> dict[str, Path]:
        """Write a client certificate with its key, and return the files as Settings take them."""
        issued = self._ca.issue_cert("gateway@tests.invalid", **dates)
        certificate, key = self._stem.with_suffix(".client.pem"), self._stem.with_suffix(".client.key")
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return {"tls_client_cert": certificate, "tls_client_key": key}


class _Lingering(ssl.SSLSocket):
    """Closes only once the client has: what is unread would make it a reset, which can overtake the alert."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's interface
        try:
            super().do_handshake(block)
        except ssl.SSLError:
            self.shutdown(socket.SHUT_WR)
            while self.recv(4096):
                pass
            raise


class Resetting(ssl.SSLSocket):
    """Cuts the connection off as soon as it is encrypted."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's interface
        super().do_handshake(block)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return a server's context with a certificate that nobody but itself has signed."""
    alone = trustme.CA(organization_name="alone")
    alone.cert_pem.write_to_path(str(folder / "alone.pem"))
    alone.private_key_pem.write_to_path(str(folder / "alone.key"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "alone.pem", folder / "alone.key")
    return context
