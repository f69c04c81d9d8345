"""A caller's way to a container that another gateway holds: a relay between the two."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import websockets
from websockets.asyncio.client import connect

from app.gateway.caller_socket import GOING_AWAY, Parting
from app.gateway.websocket import LARGEST_FRAME
from app.protocol.frames import RpcKind, parse

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

    from app.gateway.caller_socket import CallerSocket

log = logging.getLogger(__name__)

OPEN_SECONDS: Final = 5.0  # that gateway may keep a caller waiting, see ways.HOLDER_SECONDS
CLOSE_SECONDS: Final = 2.0
LOST: Final = frozenset({GOING_AWAY, 1006, 1011, 1012})
"""Codes with which a gateway that holds a container no more, or is gone, leaves its callers."""
GONE: Final = "the gateway that held this container is gone; connect again"
_ANSWERS: Final = (RpcKind.RESPONSE, RpcKind.ERROR)


class Misdirected(Exception):
    """The gateway asked does not hold the container (any more), or cannot be reached."""


class Refused(Exception):
    """The gateway that holds the container does not serve it now, and says why."""


class Relay:
    """An open WebSocket to the gateway that holds the container, under the caller's name."""

    def __init__(self, upstream: ClientConnection) -> None:
        self._upstream = upstream
        self._open: set[tuple[bool, str | None]] = set()
        self._sending = False

    async def carry(self, caller: CallerSocket) -> Parting | None:
        """Carry frames both ways until the caller leaves (None), or this way ends."""
        returning = asyncio.create_task(self._return(caller))
        try:
            return await caller.go(self._send)
        finally:
            if self._sending:
                caller.forget()
            returning.cancel()
            await self.close()

    async def close(self) -> None:
        """End it from this side."""
        await self._upstream.close()

    async def _send(self, text: str) -> None:
        """Pass a caller's text on; as slowly as the other gateway takes it."""
        self._note(text, from_caller=True)
        self._sending = True
        with suppress(websockets.ConnectionClosed):  # `_return` tells how it ended
            await self._upstream.send(text)
            self._sending = False
            return
        await asyncio.Event().wait()  # what comes after it is for the next way

    async def _return(self, caller: CallerSocket) -> None:
        try:
            while True:
                text = await self._upstream.recv()
                if isinstance(text, str):
                    self._note(text, from_caller=False)
                    caller.put(text)
        except websockets.ConnectionClosed as closed:
            caller.part(self._parting(closed))

    def _note(self, text: str, *, from_caller: bool) -> None:
        """Keep count of requests without an answer: with one of them, a caller cannot change its way."""
        frame = parse(text)
        if frame.kind is RpcKind.REQUEST:
            self._open.add((from_caller, frame.id))
        elif frame.kind in _ANSWERS:
            self._open.discard((not from_caller, frame.id))

    def _parting(self, closed: websockets.ConnectionClosed) -> Parting:
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
        if code in LOST:
            return Parting(GOING_AWAY, reason or GONE, moved=not self._open)
        return Parting(code if _may_be_sent(code) else GOING_AWAY, reason or GONE)


async def open_relay(url: str, word: str) -> Relay:
    """Connect to another gateway on behalf of a caller; `word` is the signed word that names it.

    Raises:
        Misdirected: that gateway does not hold the container, or does not answer.
        Refused: it holds it, and refuses the caller with a reason.
    """
    try:
        upstream = await connect(
            url,
            additional_headers={"Authorization": f"Bearer {word}"},
            compression=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=LARGEST_FRAME,
            proxy=None,
            user_agent_header="LumiLink-ACP-Console",
        )
    except websockets.InvalidStatus as error:
        if error.response.status_code == HTTPStatus.MISDIRECTED_REQUEST:
            raise Misdirected(f"{url} does not hold it") from error
        raise Refused((error.response.body or b"").decode(errors="replace").strip()) from error
    except (OSError, websockets.InvalidHandshake) as error:  # a TimeoutError is an OSError
        log.info("Another gateway cannot be reached at %s: %s", url, error)
        raise Misdirected(f"{url} cannot be reached") from error
    return Relay(upstream)


def _may_be_sent(code: int) -> bool:
    """Tell whether a close code may stand in a close frame (RFC 6455, section 7.4)."""
    return code in {1000, 1001, 1002, 1003, *range(1007, 1015)} or 3000 <= code < 5000  # noqa: PLR2004
