"""The callers' endpoint: `/acp/<container id or name>` is an ACP WebSocket of its own, for many at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote

from websockets.http11 import Response
from websockets.protocol import OPEN

from app.errors import NotFound
from app.gateway import sockets
from app.gateway.acp_transport import CONNECTION_ID_HEADER
from app.gateway.caller_socket import GOING_AWAY, CallerSocket, Parting
from app.gateway.forward import Relay
from app.gateway.server import OPEN_SECONDS, Server
from app.gateway.ways import NotHere, NoWay, Ways
from app.models import new_id
from app.queries import containers
from app.services import signed_caller, tokens

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from websockets.http11 import Request
    from websockets.server import ServerProtocol

    from app.gateway.context import Context
    from app.gateway.holder import Holder
    from app.gateway.supervisor import Supervisor
    from app.gateway.ways import Channelled
    from app.gateway.websocket import WebSocket

log = logging.getLogger(__name__)

PREFIX: Final = "/acp/"
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
        server = Server(self._handle)
        await server.listen(bind.host, bind.port)
        return server

    async def dismiss(self, reason: str) -> None:
        """Send every caller away, to another gateway where there is one; wait until they have gone."""
        for caller in self._present:
            caller.dismiss(self._holder.with_address(reason))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISMISS_SECONDS):
                while self._present:
                    self._left.clear()
                    await self._left.wait()

    async def _handle(self, socket: WebSocket, protocol: ServerProtocol, request: Request) -> None:
        """Answer a request, and carry the frames of a caller until it leaves or is sent away."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                found = await self._judge(protocol, request)
        except Exception:
            log.exception("A caller's request could not be judged")
            found = protocol.reject(HTTPStatus.INTERNAL_SERVER_ERROR, "This failed; the log says why.\n")
        response = found if isinstance(found, Response) else protocol.accept(request)
        response.headers["Server"] = "LumiLink-ACP-Console"
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:  # as the official servers do (wire.md)
            response.headers[CONNECTION_ID_HEADER] = str(new_id())
        if not socket.lost.done():
            socket.respond(response)
        if isinstance(found, Visit) and protocol.state is OPEN:
            await self._carry(socket, found)
        elif isinstance(found, Visit) and isinstance(found.way, Relay):
            await found.way.close()

    async def _judge(self, protocol: ServerProtocol, request: Request) -> Response | Visit:
        """Refuse what is not a caller with a token at a container's address."""
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return _answer(protocol, *self._health())
        token = _token(request)
        if token.startswith(signed_caller.FORWARDED) and path.startswith(PREFIX):
            return await self._admit_forwarded(protocol, path.removeprefix(PREFIX), token)
        label = await self._caller(token)
        if label is None:
            refusal = _answer(protocol, HTTPStatus.UNAUTHORIZED, "Send Authorization: Bearer <token>.")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        if path == "/metrics":
            return self._metrics(protocol)
        if not path.startswith(PREFIX):
            return _answer(protocol, HTTPStatus.NOT_FOUND, "Callers connect to /acp/<container id or name>.")
        return await self._admit(protocol, unquote(path.removeprefix(PREFIX)), label)

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

    async def _admit(self, protocol: ServerProtocol, reference: str, label: str) -> Response | Visit:
        """Find the way to the container that a caller asks for."""
        try:
            container_id = await self._context.database.run(
                lambda session: containers.get(session, reference).id
            )
        except NotFound as error:
            return _answer(protocol, HTTPStatus.NOT_FOUND, f"{error}.")
        return await self._receive(protocol, container_id, label, forwarded=False)

    async def _admit_forwarded(
        self, protocol: ServerProtocol, reference: str, token: str
    ) -> Response | Visit:
        """Take a caller from another gateway, which names it in a signed word for this one."""
        named = signed_caller.verify_forwarded(self._secret_key, token, self._context.gateway_id)
        if named is None or str(named.container_id) != reference:
            text = "The forwarding gateway means another one, or has another secret key."
            return _answer(protocol, HTTPStatus.MISDIRECTED_REQUEST, text)
        return await self._receive(protocol, named.container_id, named.caller, forwarded=True)

    async def _receive(
        self, protocol: ServerProtocol, container_id: uuid.UUID, label: str, *, forwarded: bool
    ) -> Response | Visit:
        if self._holder.draining:
            return _later(protocol, self._holder.with_address("The gateway is stopping") + ".")
        try:
            way = await self._ways.first(container_id, label, forwarded=forwarded)
        except NotHere:
            return _answer(protocol, HTTPStatus.MISDIRECTED_REQUEST, "This gateway does not hold it.")
        except NoWay as why:
            return _later(protocol, str(why))
        return Visit(container_id, label, way, forwarded=forwarded)

    def _metrics(self, protocol: ServerProtocol) -> Response:
        self._context.metrics.waiting.set(len(self._context.recorder.backlog))
        self._context.metrics.callers.set(self.callers)
        self._context.metrics.spooled.set(self._context.recorder.backlog.spool.bytes)
        response = _answer(protocol, HTTPStatus.OK, self._context.metrics.text().decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
        return response

    async def _carry(self, socket: WebSocket, visit: Visit) -> None:
        """Carry a caller's frames, over one way after another."""
        sockets.watch(socket.transport.get_extra_info("socket"), 2 * self._context.settings.half_open_seconds)
        caller = CallerSocket(socket)
        self._present.add(caller)
        try:
            if (parting := await self._travel(caller, visit)) is not None:
                await caller.close(parting)
        finally:
            self._present.discard(caller)
            self._left.set()

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


def _answer(protocol: ServerProtocol, status: HTTPStatus, text: str) -> Response:
    return protocol.reject(status, text + "\n")


def _later(protocol: ServerProtocol, text: str) -> Response:
    refusal = _answer(protocol, HTTPStatus.SERVICE_UNAVAILABLE, text)
    refusal.headers["Retry-After"] = "1"
    return refusal
