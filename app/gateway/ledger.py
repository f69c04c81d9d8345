"""The supervisor's writes: services under the container's lease, and the books of its records."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from app.gateway.rows import Book
from app.models import AcpConnection
from app.protocol.handshake import LEGACY_VERSION
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import connections as stored
from app.queries import messages
from app.services import connections, leases

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.gateway.batch import Lease
    from app.gateway.context import Context
    from app.models import AcpMessage

    T = TypeVar("T")

OFFERED = {Protocol.ACP: "1.0.0", Protocol.HTTP: LEGACY_VERSION}
"""The version of a connection until its handshake has settled it."""


class Adopted(NamedTuple):
    """A connection as a dead gateway left it, with the requests that are still open on it."""

    book: Book
    status: ConnectionStatus
    unanswered: Sequence[AcpMessage]


class Ledger:
    """Reads and writes for one container. Every write is refused once another gateway holds the lease."""

    def __init__(self, context: Context, lease: Lease) -> None:
        self._context = context
        self._lease = lease
        self._books: dict[uuid.UUID, Book] = {}

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run a query."""
        return await self._context.database.run(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        """Run services in one transaction, fenced. Raises LeaseLost."""
        lease, gateway_id = self._lease, self._context.gateway_id

        def fenced(session: Session) -> T:
            leases.fence(session, lease.container_id, gateway_id, lease.epoch)
            return work(session)

        return await self._context.database.run(fenced)

    async def book(self, protocol: Protocol) -> Book:
        """Return the book for a dial: of the connection that is to be recovered, or of a new one.

        A connection in `error` begins to reconnect with this.
        """
        container_id = self._lease.container_id

        def row(session: Session) -> AcpConnection:
            connection = stored.active(session, container_id)
            if connection is None or connection.transport != protocol:
                connection = connections.open_row(session, container_id, protocol, OFFERED[protocol])
            elif connection.status == ConnectionStatus.ERROR:
                connections.move(session, connection, ConnectionStatus.RECONNECTING, "trying to reconnect")
            return connection

        return await self._book_of(row)

    async def book_aside(self, protocol: Protocol) -> Book:
        """Return the book for a dial that changes nothing: the latest connection's, if there was one."""
        container_id = self._lease.container_id

        def row(session: Session) -> AcpConnection:
            latest = stored.latest(session, container_id, protocol)
            return latest or connections.open_row(session, container_id, protocol, OFFERED[protocol])

        return await self._book_of(row)

    async def _book_of(self, find: Callable[[Session], AcpConnection]) -> Book:
        return await self._book(await self.write(lambda session: find(session).id))

    async def adopt(self, reason: str) -> Sequence[Adopted]:
        """Take over what a dead gateway left: the active connection, and the requests that nobody answered.

        The active connection's socket died with that gateway, so it is moved to `error`; whoever dials next
        recovers it. Requests may also be left of the last connections, if they had just been ended.
        """
        container_id = self._lease.container_id

        def take(session: Session) -> Sequence[tuple[AcpConnection, ConnectionStatus, Sequence[AcpMessage]]]:
            active = stored.active(session, container_id)
            last = (stored.latest(session, container_id, protocol) for protocol in Protocol)
            found = [
                (row, ConnectionStatus(row.status), messages.unanswered(session, row.id))
                for row in {active, *last}
                if row is not None
            ]
            if active is not None and active.status == ConnectionStatus.CONNECTED:
                connections.move(session, active, ConnectionStatus.ERROR, reason)
            return found

        return [
            Adopted(await self._book(row.id), status, unanswered)
            for row, status, unanswered in await self.write(take)
        ]

    async def _book(self, connection_id: uuid.UUID) -> Book:
        """Return the one book of a connection, whose numbers the database counts from now on."""
        if connection_id not in self._books:
            await self.write(partial(connections.begin_sequence, connection_id=connection_id))
            self._books[connection_id] = Book(connection_id)
        return self._books[connection_id]

    async def on_connection(self, book: Book, work: Callable[[Session, AcpConnection], None]) -> None:
        """Run services on the connection of a book."""

        def on_row(session: Session) -> None:
            work(session, session.get_one(AcpConnection, book.connection_id))

        await self.write(on_row)
