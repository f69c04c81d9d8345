"""WebSockets that others open: listening, their requests, keeping them alive, and closing them all."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, cast

from websockets.frames import CloseCode
from websockets.protocol import CONNECTING
from websockets.server import ServerProtocol

from app.gateway.websocket import LARGEST_FRAME, QUIET, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from socket import socket

    from websockets.http11 import Request

    Handler = Callable[[WebSocket, ServerProtocol, Request], Awaitable[None]]

log = logging.getLogger(__name__)

OPEN_SECONDS: Final = 10.0
"""What a request, and then its answer, may take."""
CLOSE_SECONDS: Final = 1.0
"""What the other side has to take what was sent before a close, and to confirm that."""
PING_SECONDS: Final = 20.0
PONG_SECONDS: Final = 20.0
"""After so long without a sign of life since a ping a connection is closed."""


class Server:
    """Has every request answered, and its connection carried, by `handler`; then the connection is closed.

    No compression is negotiated: callers are next door, and deflate would cost memory for each of them.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._listening: asyncio.Server
        self._open: dict[asyncio.Task[None], WebSocket] = {}

    async def listen(self, host: str, port: int) -> None:
        """Begin. Raises OSError when the address is taken."""
        self._listening = await asyncio.get_running_loop().create_server(self._accept, host, port)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        listening: socket = self._listening.sockets[0]
        host, port, *_ = listening.getsockname()
        return host, port

    async def close(self, reason: str) -> None:
        """Take no more connections, and return once those that are open are closed."""
        self._listening.close()
        for serving, each in self._open.items():
            if each.protocol.state is CONNECTING:
                serving.cancel()
        if self._open:
            ended = [each.close(CloseCode.GOING_AWAY, reason) for each in self._open.values()]
            await asyncio.gather(*ended, *self._open, return_exceptions=True)

    def _accept(self) -> WebSocket:
        protocol = ServerProtocol(max_size=LARGEST_FRAME, logger=QUIET)
        accepted = WebSocket(protocol, CLOSE_SECONDS)
        serving = asyncio.create_task(self._serve(accepted, protocol))
        self._open[serving] = accepted
        serving.add_done_callback(self._open.pop)
        return accepted

    async def _serve(self, accepted: WebSocket, protocol: ServerProtocol) -> None:
        alive = asyncio.create_task(keep_alive(accepted))
        try:
            await asyncio.wait({accepted.head}, timeout=OPEN_SECONDS)
            if accepted.head.done() and (request := accepted.head.result()) is not None:
                await self._handler(accepted, protocol, cast("Request", request))
        except Exception:
            log.exception("A connection failed")
        finally:
            alive.cancel()
            accepted.transport.close()


async def keep_alive(socket: WebSocket) -> None:
    """Ping the other side from time to time; close the connection when it gives no sign of life."""
    while not socket.lost.done():
        await asyncio.sleep(PING_SECONDS)
        try:
            async with asyncio.timeout(PONG_SECONDS):
                await socket.ping()
        except TimeoutError:
            if time.monotonic() - socket.heard >= PONG_SECONDS:
                await socket.close(CloseCode.INTERNAL_ERROR, "no answer to a ping")
