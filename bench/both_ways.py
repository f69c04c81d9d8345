"""A front that answers requests over HTTP, and hands WebSocket handshakes on to who speaks them."""

from __future__ import annotations

import asyncio
import re
from typing import Final, cast

from bench.pingpong import ANSWER, decode

_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_INITIALIZED: Final = b'{"protocolVersion":"0.3.1","agentCapabilities":{},"authMethods":[]}'
_HEALTHY: Final = b'{"status":"ok"}'


class Front(asyncio.Protocol):
    """One connection: requests over HTTP as they come, or bytes from one side to the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._behind: _Behind | None = None
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._behind is not None and self._behind.transport is not None:
            self._behind.transport.write(data)
            return
        self._waiting += data
        if self._behind is None and b"\r\n\r\n" in self._waiting:
            if b"\r\nupgrade: websocket" not in self._waiting.lower():
                self._answer()
                return
            self._behind = _Behind(self)
            loop = asyncio.get_running_loop()
            self._connecting = loop.create_task(
                loop.create_connection(lambda: cast("_Behind", self._behind), "127.0.0.1", self._port)
            )

    def _answer(self) -> None:
        """Answer one request of HTTP, a health check or a JSON-RPC request, once its body is there."""
        head, _, body = self._waiting.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is not None and len(body) < int(length[1]):
            return
        self._waiting, said = b"", _HEALTHY
        if body:
            asked = decode(body)
            result = _INITIALIZED if asked.method == "initialize" else ANSWER
            said = b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (bytes(asked.id), result)
        self.transport.write(_HEAD % len(said) + said)

    def taken(self) -> bytes:
        """Return what came before there was somebody behind."""
        taken, self._waiting = self._waiting, b""
        return taken

    def connection_lost(self, _: Exception | None) -> None:
        if self._behind is not None and self._behind.transport is not None:
            self._behind.transport.close()


class _Behind(asyncio.Protocol):
    def __init__(self, front: Front) -> None:
        self._front = front
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._front.taken())

    def data_received(self, data: bytes) -> None:
        self._front.transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._front.transport.close()
