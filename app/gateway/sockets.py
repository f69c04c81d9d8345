"""What the kernel does for a connection, and what it knows of it."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBES: Final = 3
_INFO_BYTES: Final = 56
_LAST_DATA_RECV: Final = 52
"""Where Linux' struct tcp_info has tcpi_last_data_recv, in milliseconds; the struct only grows at its end."""


class Socket(Protocol):
    """The part of a socket that asyncio gives away, too."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


def watch(sock: Socket, seconds: float) -> None:
    """Have the kernel give a connection up once its peer's host has acknowledged nothing for that long.

    Keep-alive probes (RFC 9293, section 3.8.4) do it for an idle connection, TCP_USER_TIMEOUT (RFC 5482) for
    one that has something to send. Neither sees a process that hangs, for its kernel answers.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _options(seconds).items():
        if (option := getattr(socket, name, None)) is not None:  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _options(seconds: float) -> Mapping[str, int]:
    return {
        "TCP_KEEPIDLE": max(1, round(seconds / 2)),
        "TCP_KEEPINTVL": max(1, round(seconds / 2 / PROBES)),
        "TCP_KEEPCNT": PROBES,
        "TCP_USER_TIMEOUT": max(1, round(seconds * 1000)),
    }


def silence(sock: Socket) -> float | None:
    """Return for how many seconds no byte has come, read or not; None where the kernel does not tell.

    It counts bytes and not frames, so that a large frame on its slow way is a sign of life.
    """
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except OSError:  # closed in this moment; the reader is told as well
        return None
    milliseconds: int = struct.unpack_from("I", info, _LAST_DATA_RECV)[0]
    return milliseconds / 1000
