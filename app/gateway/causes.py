"""Why the network failed, in the words of the operating system or of our table instead of a library's."""

from __future__ import annotations

import os
import ssl
from http import HTTPStatus
from typing import Final

from app.protocol.reasons import Reason

# OpenSSL's X509_V_ERR_… (man X509_STORE_CTX_get_error).
_BY_VERIFY_CODE: Final = {
    2: Reason.TLS_UNKNOWN_AUTHORITY,
    9: Reason.TLS_NOT_YET,
    10: Reason.TLS_EXPIRED,
    18: Reason.TLS_SELF_SIGNED,
    19: Reason.TLS_UNKNOWN_AUTHORITY,
    20: Reason.TLS_UNKNOWN_AUTHORITY,
    21: Reason.TLS_UNKNOWN_AUTHORITY,
    62: Reason.TLS_WRONG_HOST,
    64: Reason.TLS_WRONG_HOST,
}
# OpenSSL's reason codes; …_ALERT_… is what the other side said (RFC 8446, section 6.2).
_BY_REASON: Final = {
    "UNSUPPORTED_PROTOCOL": Reason.TLS_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": Reason.TLS_VERSION,
    "WRONG_SSL_VERSION": Reason.TLS_VERSION,
    "WRONG_VERSION_NUMBER": Reason.TLS_PLAIN,
    "HTTP_REQUEST": Reason.TLS_PLAIN,
    "PACKET_LENGTH_TOO_LONG": Reason.TLS_PLAIN,
    "RECORD_LAYER_FAILURE": Reason.TLS_PLAIN,
    "UNEXPECTED_EOF_WHILE_READING": Reason.TLS_ENDED,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": Reason.TLS_CLIENT_WANTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": Reason.TLS_CLIENT_REFUSED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": Reason.TLS_CLIENT_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": Reason.TLS_CLIENT_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": Reason.TLS_CLIENT_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": Reason.TLS_CLIENT_REFUSED,
    "TLSV1_ALERT_UNKNOWN_CA": Reason.TLS_CLIENT_REFUSED,
    "TLSV1_ALERT_ACCESS_DENIED": Reason.TLS_CLIENT_REFUSED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": Reason.TLS_NO_AGREEMENT,
}

_CUT: Final = (ConnectionResetError, BrokenPipeError)


def plain(error: BaseException) -> str:
    """Return the plainest words for an error: the system's, if it caused it, or else the error's own."""
    return next((words for each in _chain(error) if (words := _of_system(each))), "") or _own(error)


def of_dial(error: BaseException, *, encrypted: bool) -> str:
    """Return the plainest words for what ended a dial.

    A server that refuses a client certificate, under TLS 1.3 after our handshake, says so in an alert. If it
    closes with our request unread, the kernel's reset may overtake the alert, and is all that is seen of it.
    """
    cut = any(isinstance(each, _CUT) and each.errno for each in _chain(error))
    return Reason.TLS_RESET.told() if encrypted and cut else plain(error)


def of_status(url: str, status: int) -> str | None:
    """Return what there is to do about an HTTP status in answer to a dial; None if nothing is known."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Reason.REDIRECT.told(url=url, status=status)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Reason.CREDENTIAL_REFUSED.told(url=url, status=status)
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    """List an error with what caused it, the errors of a group included."""
    if error is None:
        return []
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    inner = [each for part in parts for each in _chain(part)]
    return [error, *inner, *_chain(error.__cause__ or error.__context__)]


def _of_system(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = _BY_VERIFY_CODE.get(error.verify_code, Reason.TLS_CERTIFICATE)
        return reason.told(why=error.verify_message)
    if isinstance(error, ssl.SSLError):  # whose numbers are OpenSSL's
        code = getattr(error, "reason", None) or str(error)
        return _BY_REASON.get(code, Reason.TLS_OTHER).told(why=code.replace("_", " ").lower())
    if isinstance(error, ConnectionResetError) and not error.args:  # asyncio: the end within a handshake
        return Reason.TLS_ENDED.told()
    # Negative numbers are of the resolver, whose own words are plain enough.
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno) if error.errno > 0 else (error.strerror or "")
    return ""


def _own(error: BaseException) -> str:
    return str(error) or type(error).__name__
