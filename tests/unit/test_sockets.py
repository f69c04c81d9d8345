from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from app.gateway import sockets
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection: this end and the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    with here, there:
        yield here, there


def test_the_kernel_is_told_how_long_to_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    here, _ = pair
    sockets.watch(here, 14)
    assert here.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    read = [
        here.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
        for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    ]
    assert read == [7, 2, 3, 14_000]


def test_silence_ends_with_any_byte_that_comes_read_or_not(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    here, there = pair
    eventually(lambda: sockets.silence(here), lambda seconds: seconds is not None and seconds > 0.2)
    here.send(b"what goes out is no sign of life")
    assert (sockets.silence(here) or 0) > 0.2
    there.send(b"x")
    eventually(lambda: sockets.silence(here), lambda seconds: seconds is not None and seconds < 0.2)


def test_a_closed_socket_says_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()
    assert sockets.silence(pair[0]) is None
