"""The callers' endpoint: `/acp/<container id or name>` is an ACP WebSocket of its own, for many at once."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from websockets.asyncio.server import serve

from app.errors import NotFound
from app.gateway import sockets
from app.gateway.acp_transport import CONNECTION_ID_HEADER
from app.gateway.caller_socket import GOING_AWAY, CallerSocket, Parting
from app.gateway.forward import Relay
from app.gateway.ways import NotHere, NoWay, Ways
from app.gateway.websocket import LARGEST_FRAME
from app.models import new_id
from app.queries import containers
from app.services import signed_caller, tokens

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response

    from app.gateway.context import Context
    from app.gateway.holder import Holder
    from app.gateway.supervisor import Supervisor
    from app.gateway.ways import Channelled

PREFIX: Final = "/acp/"
CLOSE_SECONDS: Final = 1.0
"""What a caller is given to confirm a close; one that is held back does not hear of it."""
DISMISS_SECONDS: Final = 2.0
"""What callers that are sent away have to take what was meant for them, and to confirm the close."""


class Visit(NamedTuple):
    """What the handshake has found out: who calls whom, and the way there."""

    container_id: uuid.UUID
    label: str
    way: Channelled | Relay
    forwarded: bool


class CallerEndpoint:
    """Serves callers, and `/healthz` and `/metrics` beside them."""

    def __init__(
        self,
        context: Context,
        secret_key: str,
        find: Callable[[uuid.UUID], Supervisor | None],
        holder: Holder,
    ) -> None:
        self._context = context
        self._secret_key = secret_key
        self._holder = holder
        self._ways = Ways(context, secret_key, find)
        self._visits: WeakKeyDictionary[ServerConnection, Visit] = WeakKeyDictionary()
        self._watches: set[asyncio.Task[None]] = set()
        self._present: set[CallerSocket] = set()
        self._left = asyncio.Event()
        self.forwarded = 0

    @property
    def callers(self) -> int:
        """How many callers are connected, those included that are forwarded to another gateway."""
        return len(self._present)

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
            close_timeout=CLOSE_SECONDS,
            compression=None,  # callers are next door; deflate would cost memory for each of them
            server_header="LumiLink-ACP-Console",
        )

    async def dismiss(self, reason: str) -> None:
        """Send every caller away, to another gateway where there is one; wait until they have gone."""
        for caller in self._present:
            caller.dismiss(self._holder.with_address(reason))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISMISS_SECONDS):
                while self._present:
                    self._left.clear()
                    await self._left.wait()

    async def _process_request(self, socket: ServerConnection, request: Request) -> Response | None:
        """Refuse what is not a caller with a token at a container's address."""
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return _answer(socket, *self._health())
        token = _token(request)
        if token.startswith(signed_caller.FORWARDED) and path.startswith(PREFIX):
            return await self._admit_forwarded(socket, path.removeprefix(PREFIX), token)
        label = await self._caller(token)
        if label is None:
            refusal = _answer(socket, HTTPStatus.UNAUTHORIZED, "Send Authorization: Bearer <token>.")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        if path == "/metrics":
            return self._metrics(socket)
        if not path.startswith(PREFIX):
            return _answer(socket, HTTPStatus.NOT_FOUND, "Callers connect to /acp/<container id or name>.")
        return await self._admit(socket, unquote(path.removeprefix(PREFIX)), label)

    def _health(self) -> tuple[HTTPStatus, str]:
        if self._holder.draining:
            return HTTPStatus.SERVICE_UNAVAILABLE, "draining"
        if self._holder.late:
            return HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer"
        return HTTPStatus.OK, "ok"

    async def _caller(self, token: str) -> str | None:
        """Return the name of who asks: the holder of a stored token, or a person whom the web vouches for."""
        if not token:
            return None
        vouched = signed_caller.verify(self._secret_key, token)
        if vouched is not None:
            return vouched
        return await self._context.database.run(lambda session: tokens.holder(session, token))

    async def _admit(self, socket: ServerConnection, reference: str, label: str) -> Response | None:
        """Find the way to the container that a caller asks for."""
        try:
            container_id = await self._context.database.run(
                lambda session: containers.get(session, reference).id
            )
        except NotFound as error:
            return _answer(socket, HTTPStatus.NOT_FOUND, f"{error}.")
        return await self._receive(socket, container_id, label, forwarded=False)

    async def _admit_forwarded(self, socket: ServerConnection, reference: str, token: str) -> Response | None:
        """Take a caller from another gateway, which names it in a signed word for this one."""
        named = signed_caller.verify_forwarded(self._secret_key, token, self._context.gateway_id)
        if named is None or str(named.container_id) != reference:
            text = "The forwarding gateway means another one, or has another secret key."
            return _answer(socket, HTTPStatus.MISDIRECTED_REQUEST, text)
        return await self._receive(socket, named.container_id, named.caller, forwarded=True)

    async def _receive(
        self, socket: ServerConnection, container_id: uuid.UUID, label: str, *, forwarded: bool
    ) -> Response | None:
        if self._holder.draining:
            return _later(socket, self._holder.with_address("The gateway is stopping") + ".")
        try:
            way = await self._ways.first(container_id, label, forwarded=forwarded)
        except NotHere:
            return _answer(socket, HTTPStatus.MISDIRECTED_REQUEST, "This gateway does not hold it.")
        except NoWay as why:
            return _later(socket, str(why))
        self._visits[socket] = Visit(container_id, label, way, forwarded)
        if isinstance(way, Relay):
            watch = asyncio.create_task(self._close_unused(socket))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)
        return None

    async def _close_unused(self, socket: ServerConnection) -> None:
        """Close the relay of a caller that did not finish its handshake after all."""
        await socket.wait_closed()
        visit = self._visits.pop(socket, None)
        if visit is not None and isinstance(visit.way, Relay):
            await visit.way.close()

    def _metrics(self, socket: ServerConnection) -> Response:
        self._context.metrics.waiting.set(self._context.recorder.waiting)
        self._context.metrics.callers.set(self.callers)
        self._context.metrics.spooled.set(self._context.recorder.spooled_bytes)
        response = _answer(socket, HTTPStatus.OK, self._context.metrics.text().decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
        return response

    async def _handle(self, socket: ServerConnection) -> None:
        """Carry a caller's frames until it leaves or is sent away, over one way after another."""
        visit = self._visits.pop(socket)
        sockets.watch(socket.transport.get_extra_info("socket"), 2 * self._context.settings.half_open_seconds)
        caller = CallerSocket(socket)
        self._present.add(caller)
        writing = asyncio.create_task(caller.write())
        try:
            if (parting := await self._travel(caller, visit)) is not None:
                await caller.close(parting)
        finally:
            self._present.discard(caller)
            self._left.set()
            writing.cancel()

    async def _travel(self, caller: CallerSocket, visit: Visit) -> Parting | None:
        way = visit.way
        while True:
            relayed = isinstance(way, Relay)
            self.forwarded += relayed
            try:
                parting = await way.carry(caller)
            finally:
                self.forwarded -= relayed
            if parting is None or not parting.moved:
                return parting
            if visit.forwarded:  # who forwarded it finds the next way, or they would lie in a circle
                return Parting(GOING_AWAY, parting.reason)
            try:
                way = await self._ways.next(visit.container_id, visit.label)
            except NoWay as why:
                return Parting(GOING_AWAY, str(why))


def _token(request: Request) -> str:
    """Return the bearer token of a request, or nothing; a token is ASCII, what a header holds need not be."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.isascii() else ""


def _name_connection(_socket: ServerConnection, _request: Request, response: Response) -> Response:
    """Name the caller's connection, as the official servers do (wire.md, Transport)."""
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        response.headers[CONNECTION_ID_HEADER] = str(new_id())
    return response


def _answer(socket: ServerConnection, status: HTTPStatus, text: str) -> Response:
    return socket.respond(status, text + "\n")


def _later(socket: ServerConnection, text: str) -> Response:
    refusal = _answer(socket, HTTPStatus.SERVICE_UNAVAILABLE, text)
    refusal.headers["Retry-After"] = "1"
    return refusal
