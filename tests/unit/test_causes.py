from __future__ import annotations

import socket
import ssl

import pytest

from app.gateway.causes import plain
from app.protocol.reasons import Reason


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


REFUSED = ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (REFUSED, "Connection refused"),
        (_caused(RuntimeError("All connection attempts failed"), REFUSED), "Connection refused"),
        (_caused(RuntimeError("x"), ExceptionGroup("both", [REFUSED, REFUSED])), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (
            ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
            Reason.TLS_OTHER.told(why="[ssl: wrong version number] wrong version number"),
        ),
        (TimeoutError(), "TimeoutError"),
        (ValueError("no such thing"), "no such thing"),
    ],
)
def test_the_plainest_words_are_found(error: Exception, words: str) -> None:
    assert plain(error) == words
