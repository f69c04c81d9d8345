"""A dial from end to end: row, address, socket, handshake; every failure recorded under its row."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.errors import ConsoleError, DialError, HandshakeRefused, LeaseLost
from app.gateway import address
from app.gateway.acp_transport import open_acp
from app.gateway.channel import new_multiplexer
from app.gateway.cookies import Cookies
from app.gateway.http_transport import open_http
from app.gateway.link import Link
from app.gateway.rows import reason
from app.protocol.states import Direction, EncryptionLevel, MessageType, Protocol
from app.services import connections

if TYPE_CHECKING:
    import uuid

    from app.config import Settings
    from app.gateway.address import Address
    from app.gateway.channel import Channel
    from app.gateway.ledger import Ledger
    from app.gateway.rows import Book
    from app.gateway.snapshot import Dialling
    from app.gateway.transport import Transport


class Dialer:
    """Opens links to one container."""

    def __init__(self, settings: Settings, ledger: Ledger, channel: Channel) -> None:
        self._settings = settings
        self._ledger = ledger
        self._channel = channel
        self._cookies: dict[Protocol, tuple[uuid.UUID, Cookies]] = {}

    async def open(self, dialling: Dialling, protocol: Protocol, *, aside: bool = False) -> Link:
        """Dial and shake hands. The link is open but not attached, and its row has not moved.

        One that is dialled `aside` is recorded in the timeline of the latest connection, and changes nothing.

        Raises:
            DialError: it did not work; a `connect` record says why, and the row has counted it unless aside.
            LeaseLost: the container is another gateway's.
        """
        if not await self._channel.held():
            raise LeaseLost(f"container {self._channel.lease.container_id} is another gateway's by now")
        book = await (self._ledger.book_aside(protocol) if aside else self._ledger.book(protocol))
        self._channel.book = self._channel.book or book
        try:
            cookies = Cookies() if aside else self._cookies_of(book, protocol)
            transport = await self._transport(dialling, protocol, cookies)
            return await self._shake_hands(transport, dialling, book)
        except ConsoleError as error:
            problem = reason(str(error))
            self._record_failure(book, dialling, protocol, problem)
            if not aside:
                await self._count_failure(book, problem)
            raise DialError(problem) from error

    def _cookies_of(self, book: Book, protocol: Protocol) -> Cookies:
        """Return the cookies of a connection's row; those of the row before it are forgotten."""
        row, cookies = self._cookies.get(protocol, (None, Cookies()))
        if row != book.connection_id:
            cookies = Cookies()
        self._cookies[protocol] = book.connection_id, cookies
        return cookies

    async def _transport(self, dialling: Dialling, protocol: Protocol, cookies: Cookies) -> Transport:
        found = await address.find(
            dialling.endpoint_url,
            EncryptionLevel(dialling.encryption_level),
            dialling.credential,
            self._settings,
        )
        unreached: DialError | None = None
        for target in replace(found, cookies=cookies).in_turn():
            try:
                return await self._connect(target, dialling, protocol)
            except HandshakeRefused:
                raise  # somebody is there
            except DialError as error:
                unreached = unreached or error
        raise unreached or DialError(f"{found.endpoint} has no address")

    async def _connect(self, target: Address, dialling: Dialling, protocol: Protocol) -> Transport:
        if protocol is Protocol.ACP:
            return await open_acp(
                target,
                dialling.acp_path,
                compression=dialling.compression_enabled,
                half_open_seconds=self._settings.half_open_seconds,
            )
        return await open_http(target, dialling.acp_path)

    async def _shake_hands(self, transport: Transport, dialling: Dialling, book: Book) -> Link:
        link = Link(transport, self._channel, book, dialling)
        try:
            await link.handshake(
                offer_fs=self._settings.offer_fs, offer_terminal=self._settings.offer_terminal
            )
        except BaseException as error:  # also when cancelled: no socket may be left behind
            await link.close(f"the handshake failed: {error or 'the gateway stopped'}")
            raise
        return link

    def _record_failure(self, book: Book, dialling: Dialling, protocol: Protocol, error: str) -> None:
        payload = {"dial": {"protocol": protocol, "endpoint": dialling.endpoint_url}}
        note = new_multiplexer().note(
            MessageType.CONNECT, Direction.OUTBOUND, payload, error_message=f"the dial failed: {error}"
        )
        self._channel.record([note], None, book)

    async def _count_failure(self, book: Book, error: str) -> None:
        await self._ledger.on_connection(
            book, lambda session, row: connections.dial_failed(session, row, error)
        )
