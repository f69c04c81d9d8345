"""A container's connection in its gateway's hands: opened, kept alive, lost and ended."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from app.errors import DialError
from app.gateway.attempts import Attempts
from app.gateway.channel import Channel
from app.gateway.dialer import Dialer
from app.gateway.keepalive import KeepAlive
from app.gateway.ledger import Ledger
from app.models import AcpConnection
from app.queries import connections as stored
from app.queries import containers
from app.services import connections, migration_phases

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

    from app.gateway.batch import Lease
    from app.gateway.context import Context
    from app.gateway.link import Link
    from app.gateway.snapshot import Dialling
    from app.protocol.states import Protocol
    from app.services.configurations import ConfigurationValues


class Connector:
    """What the supervisor decides and the migrator carries out, this does to one container."""

    def __init__(self, context: Context, lease: Lease) -> None:
        self.container_id: uuid.UUID = lease.container_id
        self.gateway_id: uuid.UUID = context.gateway_id
        self.settings = context.settings
        self.channel = Channel(
            lease, context.recorder, context.metrics, context.tenure, context.presence.note
        )
        self.ledger = Ledger(context, lease)
        self.attempts = Attempts(context.random)
        self._dialer = Dialer(context.settings, self.ledger, self.channel)
        self._lease = lease
        self._vitals = context.vitals
        self._keep_alive: KeepAlive | None = None

    async def open(self, dialling: Dialling, protocol: Protocol) -> Link:
        """Dial and shake hands, beside what is connected. Raises DialError."""
        return await self._dialer.open(dialling, protocol)

    async def open_aside(self, dialling: Dialling, protocol: Protocol) -> Link:
        """Dial and shake hands only to look: recorded, but no status moves and no failure is counted."""
        return await self._dialer.open(dialling, protocol, aside=True)

    async def answers(self, dialling: Dialling, protocol: Protocol) -> bool:
        """Tell whether the container can be reached over a protocol; the dial is recorded like any other."""
        try:
            link = await self.open(dialling, protocol)
        except DialError:
            return False
        await link.close("only tried whether it answers")
        return True

    async def establish(self, link: Link, reason: str) -> None:
        """Move the link's row to connected, point the session at it, and let frames flow."""

        def settle(session: Session) -> None:
            row = session.get_one(AcpConnection, link.book.connection_id)
            link.settle(session, row, reason)
            container = containers.get(session, self.container_id)
            migration_phases.switch(session, container, link.protocol, row)

        self.channel.gate.clear()  # who reads `connected` and asks at once waits for the link
        try:
            if not await self.ledger.establish(link.book, link.settled(), reason):
                await self.ledger.write(settle)
            self.attach(link)
        finally:
            self.channel.gate.set()

    def attach(self, link: Link) -> None:
        """Let callers' frames flow over a link whose row is connected, and keep it alive."""
        self.attempts.connected()
        link.attach()
        self._watch(link)

    def configure(self, configuration: ConfigurationValues) -> None:
        """Apply what can be changed without another connection."""
        if configuration != self.channel.configuration:
            self.channel.configuration = configuration
            if self._keep_alive is not None:
                self._keep_alive.start()

    async def changed(self, bell: asyncio.Event, seconds: float | None) -> None:
        """Wait for a bell, for the loss of the link, or for some time."""
        ringing = asyncio.create_task(bell.wait())
        waits: set[asyncio.Future[Any]] = {ringing}
        if self.channel.link is not None:
            waits.add(self.channel.link.lost)
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ringing.cancel()

    async def lose(self, link: Link) -> str:
        """Tell the callers that the link is lost and move its row to error; return the reason."""
        self._unwatch()
        ended = link.lost.result()
        self.channel.offline(f"the connection to the container was lost: {ended.reason}")
        await link.close(ended.reason)
        await self.ledger.fail(link.book, link.protocol, ended)
        return ended.reason

    async def end(self, reason: str) -> None:
        """End the connection from our side; another may be opened at once."""
        await self.let_go(reason)
        await self.end_row(reason)
        self.attempts.reset()

    async def let_go(self, reason: str) -> None:
        """Close the socket, if there is one, without a write to the rows."""
        self._unwatch()
        link = self.channel.link
        self.channel.offline(reason)
        if link is not None:
            await link.close(reason)

    async def end_row(self, reason: str) -> None:
        """Move the active connection, if there is one, to disconnected."""
        book = self.channel.book
        if book is not None and await self.ledger.end(book, reason):
            return

        def end(session: Session) -> None:
            connection = stored.active(session, self.container_id)
            if connection is not None:
                connections.end(session, connection, reason)

        await self.ledger.write(end)

    def _watch(self, link: Link) -> None:
        self._unwatch()
        note = partial(self._vitals.note, self._lease, link.book.connection_id)
        self._keep_alive = KeepAlive(link, self.channel, self.settings, note)
        self._keep_alive.start()

    def _unwatch(self) -> None:
        if self._keep_alive is not None:
            self._keep_alive.stop()
            self._keep_alive = None
