"""A link: one open transport with its pump, its keep-alive and the records it is booked under."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from app.errors import DialError
from app.gateway.channel import new_multiplexer
from app.gateway.transport import Ended, Failed
from app.protocol.classify import PING_METHOD
from app.protocol.endings import Ending
from app.protocol.frames import parse
from app.protocol.handshake import initialize_params, negotiate
from app.protocol.redaction import redact
from app.protocol.states import Direction, MessageType, Protocol
from app.services import connection_moves, connections
from app.version import VERSION

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

    from app.gateway.channel import Channel
    from app.gateway.rows import Book
    from app.gateway.snapshot import Dialling
    from app.gateway.transport import Transport
    from app.models import AcpConnection
    from app.protocol.handshake import Negotiated
    from app.protocol.message import Message
    from app.protocol.mux import Multiplexer

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS: Final = 15.0
NORMAL_CLOSURE: Final = 1000  # RFC 6455, section 7.4.1
CLIENT_NAME: Final = "lumilink-acp-console"


class Link:
    """A transport in use. Until it is attached to its channel it has a multiplexer of its own.

    `lost` is done when the transport has ended, however that came.
    """

    def __init__(self, transport: Transport, channel: Channel, book: Book, dialling: Dialling) -> None:
        self.transport = transport
        self.book = book
        self.dialling = dialling
        self.negotiated: Negotiated | None = None
        self._stored: Negotiated | None = None
        self.spoke = time.monotonic()
        """When the container last sent a frame."""
        self.held = False
        """Whether reading waits for the recorder: silence says nothing of the peer then."""
        self.lost: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._channel = channel
        self._mux: Multiplexer = new_multiplexer()
        self._waiting: dict[uuid.UUID, asyncio.Future[Message]] = {}
        self._pump = asyncio.create_task(self._read())
        self._pump.add_done_callback(self._ended)

    @property
    def protocol(self) -> Protocol:
        return self.transport.protocol

    async def handshake(self, *, offer_fs: bool = False, offer_terminal: bool = False) -> None:
        """Record the opening, send `initialize` and read its answer into `negotiated`.

        Raises:
            DialError: there is no answer in time, or not one of an agent.
        """
        opened = self._mux.note(MessageType.CONNECT, Direction.OUTBOUND, {"opened": self.transport.opened})
        self._channel.record([opened], self, self.book)
        params = initialize_params(
            self.protocol, CLIENT_NAME, VERSION, offer_fs=offer_fs, offer_terminal=offer_terminal
        )
        try:
            answer = await self.ask("initialize", params, HANDSHAKE_SECONDS)
        except TimeoutError as error:
            raise DialError(str(error)) from error
        self.negotiated = negotiate(self.protocol, answer.frame)
        self._stored = negotiate(self.protocol, parse(redact(answer.frame).decode()))

    def attach(self) -> None:
        """Become the channel's link: callers' frames flow over it from now on."""
        if self.negotiated is None:
            raise ValueError("a link is attached after its handshake")
        self._mux = self._channel.mux
        self._channel.mux.online(self.protocol, self.negotiated)
        self._channel.link, self._channel.book = self, self.book

    def detach(self) -> None:
        """Stay open for the way back; what the container still says here is recorded, and no caller's."""
        self._mux = new_multiplexer()

    def settle(self, session: Session, row: AcpConnection, reason: str) -> None:
        """Store what the handshake settled, redacted; the row is `connected` then."""
        if self._stored is None:
            raise ValueError("a link is settled after its handshake")
        connections.established(session, row, self._stored, self.transport.peer_id, reason)

    def settled(self) -> connection_moves.Settled:
        """Return what `settle` stores, for those who store it of many connections together."""
        if self._stored is None:
            raise ValueError("a link is settled after its handshake")
        return connection_moves.Settled.of(self._stored, self.transport.peer_id)

    async def ask(self, method: str, params: Any, seconds: float | None) -> Message:
        """Ask the container something for the gateway and return the record of its answer.

        With None for seconds, it waits for as long as the link is not lost.

        Raises:
            TimeoutError: there is none in time, or the link is lost.
        """
        message = self._mux.own_request(method, params)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[message.id] = answer
        self._channel.record([message], self, self.book)
        try:
            either: set[asyncio.Future[Any]] = {answer, self.lost}
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[message.id]
        if not answer.done():
            why = self.lost.result().reason if self.lost.done() else f"nothing came within {seconds or 0:g} s"
            self._channel.record(self._mux.fail(message.id, why), self, self.book)
            raise TimeoutError(f"{method} was not answered: {why}")
        return answer.result()

    def answered(self, message: Message) -> None:
        """Hand the answer to one of the gateway's own requests to who waits for it, if anybody still does."""
        waiting = self._waiting.get(message.reply_to) if message.reply_to else None
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def put(self, text: str, message_id: uuid.UUID) -> None:
        """Send a text, in order, as soon as the socket takes it; see `drained`."""
        try:
            self.transport.send(text, message_id)
        except Exception as error:  # noqa: BLE001 — who delivers has others to deliver to
            self._mistaken(error)

    @property
    def takes(self) -> bool:
        """Whether `drained` would not wait."""
        return self.transport.takes

    async def drained(self) -> None:
        """Wait while the container takes too little of what is sent: back-pressure for the callers."""
        await self.transport.drained()

    async def health(self, seconds: float | None) -> float:
        """Ask the agent for a sign of life; return the round trip in milliseconds. Raises TimeoutError.

        On ACP any answer to an unknown method will do (wire.md, Liveness); on HTTP it is the health check.
        """
        if self.protocol is Protocol.ACP:
            sent = time.monotonic()
            await self.ask(PING_METHOD, {}, seconds)
            return (time.monotonic() - sent) * 1000
        return await self._http_health()

    async def _http_health(self) -> float:
        failed: str | None = None
        milliseconds = 0.0
        try:
            milliseconds = await self.transport.ping() * 1000
        except TimeoutError as error:
            failed = str(error)
            raise
        finally:
            payload = {"health": {"path": "/health", "milliseconds": round(milliseconds, 3), "error": failed}}
            note = self._mux.note(MessageType.STATUS, Direction.INBOUND, payload, error_message=failed)
            self._channel.record([note], self, self.book)
        return milliseconds

    async def close(self, reason: str) -> None:
        """End it from our side, or clear away after a loss; the `disconnect` record says which."""
        ours = Ended(reason, "us", NORMAL_CLOSURE if self.protocol is Protocol.ACP else 0)
        ended = self.lost.result() if self.lost.done() else ours
        await self._finish(ended)
        if ended.by == "us":
            await self.transport.close(ended.reason)
        else:
            await self.transport.abort()

    def lose(self, ended: Ended) -> None:
        """Give the link up, unless it is lost already."""
        if not self.lost.done():
            self.lost.set_result(ended)

    async def _finish(self, ended: Ended) -> None:
        """Record the end once, and stop the pump."""
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        direction = Direction.OUTBOUND if ended.by == "us" else Direction.INBOUND
        payload = {"code": ended.code, "reason": ended.reason, "by": ended.by}
        note = self._mux.note(MessageType.DISCONNECT, direction, payload)
        self._channel.record([note], self, self.book)

    def _take_at_once(self, text: str) -> bool:
        if not self._channel.has_room:
            return False
        self.spoke = time.monotonic()
        self._channel.record(self._mux.from_container(text), self, self.book)
        return True

    async def _read(self) -> None:
        async for item in self.transport.frames(self._take_at_once):
            self.held = True
            await self._channel.room()
            self.held, self.spoke = False, time.monotonic()
            if isinstance(item, Failed):
                self._channel.record(self._mux.fail(item.message_id, item.reason), self, self.book)
            else:
                self._channel.record(self._mux.from_container(item), self, self.book)
        if not self.lost.done():
            self.lost.set_result(self.transport.ended or Ended("the stream ended", "network"))

    def _ended(self, pump: asyncio.Task[None]) -> None:
        """Give the link up if the pump failed: what it was to carry would otherwise wait for nothing."""
        error = None if pump.cancelled() else pump.exception()
        if error is not None:
            self._mistaken(error)

    def _mistaken(self, error: BaseException) -> None:
        log.error("A link failed", exc_info=error)
        self.lose(Ended.of(Ending.MISTAKE, why=type(error).__name__))
