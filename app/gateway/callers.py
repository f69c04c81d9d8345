"""The callers' endpoint: `/acp/<container id or name>` is an ACP WebSocket of its own, for many at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote
from weakref import WeakKeyDictionary

import websockets
from websockets.asyncio.server import serve

from app.errors import NotFound
from app.gateway import sockets
from app.gateway.acp_transport import CONNECTION_ID_HEADER
from app.gateway.websocket import LARGEST_FRAME
from app.models import new_id
from app.queries import containers
from app.services import signed_caller, tokens

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

    from app.gateway.channel import Channel
    from app.gateway.context import Context
    from app.gateway.supervisor import Supervisor

log = logging.getLogger(__name__)

PREFIX: Final = "/acp/"
BACKLOG_BYTES: Final = 32 * 1024 * 1024
"""What may wait for a slow caller; beyond that it is cut off, so that it cannot hold up the others."""
GOING_AWAY: Final = 1001  # RFC 6455, section 7.4.1
TOO_SLOW: Final = 1013  # try again later (IANA's registry of close codes)


class CallerSocket:
    """A caller at the other end of a WebSocket."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._bytes = 0
        self._farewell: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def put(self, text: str) -> None:
        """Queue a text; a caller that cannot keep up is cut off."""
        self._bytes += len(text)
        self._queue.put_nowait(text)
        if self._bytes > BACKLOG_BYTES:
            self._part(TOO_SLOW, "this caller does not keep up with what it is sent")

    def dismiss(self, reason: str) -> None:
        """Send the caller away; it may come again."""
        self._part(GOING_AWAY, reason)

    def _part(self, code: int, reason: str) -> None:
        if not self._farewell.done():
            self._farewell.set_result((code, reason))

    async def write(self) -> None:
        """Send what is queued, in order, until the socket closes."""
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                text = await self._queue.get()
                await self._socket.send(text)
                self._bytes -= len(text)

    async def close(self) -> None:
        """Close the socket once there is a reason to."""
        await self._socket.close(*await self._farewell)


class CallerEndpoint:
    """Serves callers, and `/healthz` and `/metrics` beside them."""

    def __init__(
        self, context: Context, secret_key: str, find: Callable[[uuid.UUID], Supervisor | None]
    ) -> None:
        self._context = context
        self._secret_key = secret_key
        self._find = find
        self._numbers = count(1)
        # What the handshake has found, for the handler that follows it.
        self._assigned: WeakKeyDictionary[ServerConnection, tuple[Channel, str]] = WeakKeyDictionary()

    async def serve(self) -> Server:
        """Begin to listen. Raises OSError when the address is taken."""
        bind = self._context.settings.gateway_bind
        return await serve(
            self._handle,
            bind.host,
            bind.port,
            process_request=self._process_request,
            process_response=_name_connection,
            max_size=LARGEST_FRAME,
            compression=None,  # callers are next door; deflate would cost memory for each of them
            server_header="LumiLink-ACP-Console",
        )

    async def _process_request(self, socket: ServerConnection, request: Request) -> Response | None:
        """Refuse what is not a caller with a token at a container's address."""
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return _answer(socket, HTTPStatus.OK, "ok")
        label = await self._caller(request)
        if label is None:
            refusal = _answer(socket, HTTPStatus.UNAUTHORIZED, "Send Authorization: Bearer <token>.")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        if path == "/metrics":
            return self._metrics(socket)
        if not path.startswith(PREFIX):
            return _answer(socket, HTTPStatus.NOT_FOUND, "Callers connect to /acp/<container id or name>.")
        return await self._assign(socket, unquote(path.removeprefix(PREFIX)), label)

    async def _caller(self, request: Request) -> str | None:
        """Return the name of who asks: the holder of a stored token, or a person whom the web vouches for."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        vouched = signed_caller.verify(self._secret_key, token.strip())
        if vouched is not None:
            return vouched
        return await self._context.database.run(lambda session: tokens.holder(session, token.strip()))

    async def _assign(self, socket: ServerConnection, reference: str, label: str) -> Response | None:
        """Find the container that a caller asks for and note it for the handler."""
        try:
            container_id = await self._context.database.run(
                lambda session: containers.get(session, reference).id
            )
        except NotFound as error:
            return _answer(socket, HTTPStatus.NOT_FOUND, f"{error}.")
        supervisor = self._find(container_id)
        if supervisor is None or supervisor.channel.book is None:
            refusal = _answer(
                socket, HTTPStatus.SERVICE_UNAVAILABLE, "The container has not been dialled yet."
            )
            refusal.headers["Retry-After"] = "1"
            return refusal
        self._assigned[socket] = supervisor.channel, label
        return None

    def _metrics(self, socket: ServerConnection) -> Response:
        self._context.metrics.waiting.set(self._context.recorder.waiting)
        response = _answer(socket, HTTPStatus.OK, self._context.metrics.text().decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
        return response

    async def _handle(self, socket: ServerConnection) -> None:
        """Carry a caller's frames until it leaves, or is too slow."""
        channel, label = self._assigned[socket]
        sockets.watch(socket.transport.get_extra_info("socket"), 2 * self._context.settings.half_open_seconds)
        key, caller = f"{label}#{next(self._numbers)}", CallerSocket(socket)
        channel.join(key, label, caller)
        self._context.metrics.callers.inc()
        pumps = [asyncio.create_task(caller.write()), asyncio.create_task(caller.close())]
        try:
            async for data in socket:
                if isinstance(data, str):  # binary frames are ignored (wire.md)
                    await channel.from_caller(key, data)
        except websockets.ConnectionClosedError as error:
            log.info("The caller %s is gone: %s", label, error)
        finally:
            self._context.metrics.callers.dec()
            channel.leave(key)
            for pump in pumps:
                pump.cancel()


def _name_connection(_socket: ServerConnection, _request: Request, response: Response) -> Response:
    """Name the caller's connection, as the official servers do (wire.md, Transport)."""
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        response.headers[CONNECTION_ID_HEADER] = str(new_id())
    return response


def _answer(socket: ServerConnection, status: HTTPStatus, text: str) -> Response:
    return socket.respond(status, text + "\n")
