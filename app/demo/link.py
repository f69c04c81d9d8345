"""A live WebSocket of a demo container, with the faults that only a socket can have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio

Event = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class Socket(WebSocketsSansIOProtocol):
    """The WebSocket of uvicorn, at `scope["state"]["socket"]` for what ASGI cannot do."""

    muted = False

    async def run_asgi(self) -> None:
        self.scope.setdefault("state", {})["socket"] = self
        await super().run_asgi()

    def data_received(self, data: bytes) -> None:
        if not self.muted:
            super().data_received(data)

    def abort(self) -> None:
        """End the connection without a close frame, as a crash or a cut cable does."""
        self.transport.abort()

    def mute(self) -> None:
        """Read nothing more, pings included, and stay open: a half-open connection until it is dropped."""
        self.muted = True


class Link:
    """The way out to one client. A container holds what its agent says while it is frozen."""

    def __init__(self, socket: Socket, send: Send, thawed: asyncio.Event) -> None:
        self.abort = socket.abort
        self.mute = socket.mute
        self.live = False
        self._send = send
        self._thawed = thawed

    async def send(self, event: Event) -> None:
        """Pass an ASGI event on. The agent's first frame, which answers `initialize`, makes the link live."""
        if event["type"] == "websocket.send":
            await self._thawed.wait()
            self.live = True
        await self._send(event)

    async def emit(self, text: str) -> None:
        """Send a text frame that no agent made, if the client is still there."""
        try:
            await self._send({"type": "websocket.send", "text": text})
        except ClientDisconnected:
            self.live = False
