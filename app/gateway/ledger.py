"""The supervisor's writes: services under the container's lease, and the books of its records."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sqlalchemy.exc import DataError, IntegrityError

from app.gateway.rows import Book
from app.models import AcpConnection
from app.protocol.endings import US
from app.protocol.handshake import LEGACY_VERSION
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import connections as stored
from app.services import connections, leases
from app.services.adoptions import Adoption
from app.services.connection_moves import Move
from app.services.connection_openings import Opening
from app.services.connections import Closed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.gateway.batch import Lease
    from app.gateway.context import Context
    from app.gateway.snapshot import Snapshot
    from app.gateway.transport import Ended
    from app.models import AcpMessage
    from app.services.connection_moves import Settled

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
        self._failed: tuple[Protocol, Book] | None = None  # in `error`, as far as this gateway knows

    async def snapshot(self) -> Snapshot | None:
        """Read the container, None if it has been removed."""
        return await self._context.snapshots.ask(self._lease.container_id)

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
        container_id, trying = self._lease.container_id, "trying to reconnect"
        failed, self._failed = self._failed, None
        if (
            failed is not None
            and failed[0] == protocol
            and await self._move(failed[1], ConnectionStatus.RECONNECTING, trying)
        ):
            return failed[1]
        opened = await self._opened(protocol)
        if opened is not None:
            book = self._books[opened] = Book(self._lease, opened)
            return book

        def row(session: Session) -> AcpConnection:
            connection = stored.active(session, container_id)
            if connection is None or connection.transport != protocol:
                connection = connections.open_row(session, container_id, protocol, OFFERED[protocol])
            elif connection.status == ConnectionStatus.ERROR:
                connections.move(session, connection, ConnectionStatus.RECONNECTING, trying)
            return connection

        return await self._book_of(row)

    async def _opened(self, protocol: Protocol) -> uuid.UUID | None:
        """Open a new row together with others'; None if there is one, or it has to be refused alone."""
        asked = Opening(self._lease.container_id, self._lease.epoch, protocol, OFFERED[protocol])
        with suppress(DataError, IntegrityError):
            return await self._context.openings.ask(asked)
        return None

    async def book_aside(self, protocol: Protocol) -> Book:
        """Return the book for a dial that changes nothing: the latest connection's, if there was one."""
        container_id = self._lease.container_id

        def row(session: Session) -> AcpConnection:
            latest = stored.latest(session, container_id, protocol)
            return latest or connections.open_row(session, container_id, protocol, OFFERED[protocol])

        return await self._book_of(row)

    async def _book_of(self, find: Callable[[Session], AcpConnection]) -> Book:
        return await self._book(await self.write(lambda session: find(session).id))

    async def adopt(self) -> Sequence[Adopted]:
        """Take over what a dead gateway left (`services.adoptions`). Raises LeaseLost."""
        lease = self._lease
        left = await self._context.adoptions.ask(Adoption(lease.container_id, lease.epoch))
        if left is None:
            raise leases.lost(lease.container_id, lease.epoch)
        adopted = []
        for each in left:
            book = await self._book(each.connection_id)
            adopted.append(Adopted(book, each.status, each.unanswered))
            if each.status in {ConnectionStatus.CONNECTED, ConnectionStatus.ERROR}:
                self._failed = each.protocol, book
        return adopted

    async def _book(self, connection_id: uuid.UUID) -> Book:
        """Return the one book of a connection, whose numbers the database counts from now on.

        Raises:
            LeaseLost: it has been removed, and its container with it.
        """
        if connection_id not in self._books:
            if not await self._context.sequences.ask(connection_id):
                raise leases.lost(self._lease.container_id, self._lease.epoch)
            self._books[connection_id] = Book(self._lease, connection_id)
        return self._books[connection_id]

    async def fail(self, book: Book, protocol: Protocol, ended: Ended) -> None:
        """Move the connection of a book to `error`. Raises LeaseLost."""
        closed = Closed(ended.by, ended.code)
        if not await self._move(book, ConnectionStatus.ERROR, ended.reason, closed=closed):
            await self.on_connection(
                book,
                lambda session, row: connections.move(
                    session, row, ConnectionStatus.ERROR, ended.reason, closed
                ),
            )
        self._failed = protocol, book

    async def establish(self, book: Book, settled: Settled, reason: str) -> bool:
        """Move a connection to `connected`; False if its session is on the other protocol, or has another."""
        return await self._move(book, ConnectionStatus.CONNECTED, reason, settled)

    async def end(self, book: Book, reason: str) -> bool:
        """Move a connection to `disconnected`; False if it is not active."""
        closed = Closed(US, 0)
        return await self._move(book, ConnectionStatus.DISCONNECTED, reason, closed=closed)

    async def _move(
        self,
        book: Book,
        target: ConnectionStatus,
        reason: str,
        settled: Settled | None = None,
        closed: Closed | None = None,
    ) -> bool:
        """Move a status together with others'; False if it has to be done, or refused, alone."""
        lease = self._lease
        move = Move(book.connection_id, lease.container_id, lease.epoch, target, reason, settled, closed)
        with suppress(DataError, IntegrityError):
            return await self._context.moves.ask(move)
        return False

    async def on_connection(self, book: Book, work: Callable[[Session, AcpConnection], None]) -> None:
        """Run services on the connection of a book."""

        def on_row(session: Session) -> None:
            work(session, session.get_one(AcpConnection, book.connection_id))

        await self.write(on_row)
