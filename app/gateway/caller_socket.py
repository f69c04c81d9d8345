"""A caller at the other end of a WebSocket, whichever way its frames take from here."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from websockets.exceptions import ConnectionClosedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.gateway.websocket import WebSocket

log = logging.getLogger(__name__)

BACKLOG_BYTES: Final = 32 * 1024 * 1024
"""What may wait for a slow caller; beyond that it is cut off, so that it cannot hold up the others."""
GOING_AWAY: Final = 1001  # RFC 6455, section 7.4.1
TOO_SLOW: Final = 1013  # try again later (IANA's registry of close codes)


class Parting(NamedTuple):
    """Why a caller's way ends: it is sent away, or (`moved`) shall go on over another way."""

    code: int
    reason: str
    moved: bool = False


class CallerSocket:
    """Takes frames for the caller without waiting, and hands on what it sends, over one way after another."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._farewell: asyncio.Future[Parting] = asyncio.get_running_loop().create_future()
        self._unsent: str | None = None

    def put(self, text: str) -> None:
        """Send a text as soon as the socket takes it; a caller that cannot keep up is cut off."""
        self._socket.send(text)
        if self._socket.unsent > BACKLOG_BYTES:
            self.part(Parting(TOO_SLOW, "this caller does not keep up with what it is sent"))

    def dismiss(self, reason: str) -> None:
        """Send the caller away; it may come again."""
        self.part(Parting(GOING_AWAY, reason))

    def move(self) -> None:
        """Have the caller go on over another way."""
        self.part(Parting(GOING_AWAY, "the container has moved to another gateway", moved=True))

    def part(self, parting: Parting) -> None:
        """End the present way. The first word counts."""
        if not self._farewell.done():
            self._farewell.set_result(parting)

    def forget(self) -> None:
        """Do not hand on again what the last way was at: it may have arrived."""
        self._unsent = None

    async def go(
        self, take: Callable[[str], Awaitable[None]], at_once: Callable[[str], bool] | None = None
    ) -> Parting | None:
        """Hand every text to `take`, until the caller leaves (None) or its way ends.

        Those that `at_once` is True for need no `take`. A text that `take` was not done with is handed to the
        next way's.
        """
        reading = asyncio.create_task(self._read(take, at_once))
        try:
            either: set[asyncio.Future[Any]] = {reading, self._farewell}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            await asyncio.wait({reading})
        if not self._farewell.done():
            reading.result()
            return None
        parting = self._farewell.result()
        if parting.moved:
            self._farewell = asyncio.get_running_loop().create_future()
        return parting

    async def close(self, parting: Parting) -> None:
        """Close the socket behind what it has not taken yet, unless that takes too long (CLOSE_SECONDS)."""
        await self._socket.close(parting.code, parting.reason)

    async def _read(
        self, take: Callable[[str], Awaitable[None]], at_once: Callable[[str], bool] | None
    ) -> None:
        def here(text: str) -> bool:  # what comes after the farewell is for the next way
            return at_once is not None and not self._farewell.done() and at_once(text)

        while True:
            if self._unsent is None:
                self._unsent = await self._socket.text(here)
            if self._unsent is None:
                break
            await take(self._unsent)
            self._unsent = None
        if isinstance(self._socket.closed, ConnectionClosedError):
            log.info("A caller is gone: %s", self._socket.closed)
