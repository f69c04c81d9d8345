"""Why the network failed, in the words of the operating system instead of a library's."""

from __future__ import annotations

import os
import ssl


def plain(error: BaseException) -> str:
    """Return the plainest words for an error: the system's, if it caused it, or else the error's own."""
    return next((words for each in _chain(error) if (words := _of_system(each))), "") or _own(error)


def _chain(error: BaseException | None) -> list[BaseException]:
    """List an error with what caused it, the errors of a group included."""
    if error is None:
        return []
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    inner = [each for part in parts for each in _chain(part)]
    return [error, *inner, *_chain(error.__cause__ or error.__context__)]


def _of_system(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):  # whose numbers are OpenSSL's
        reason = getattr(error, "verify_message", "") or str(getattr(error, "reason", None) or error)
        return f"TLS: {reason.replace('_', ' ').lower()}"
    # Negative numbers are of the resolver, whose own words are plain enough.
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno) if error.errno > 0 else (error.strerror or "")
    return ""


def _own(error: BaseException) -> str:
    return str(error) or type(error).__name__
