"""A recorder at work on a real database, with what it stored, delivered and told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app.gateway.backlog import Limits
from app.gateway.batch import Entry, Lease
from app.gateway.database import Database
from app.gateway.metrics import Metrics
from app.gateway.recorder import Recorder
from app.gateway.rows import Book, with_payload
from app.gateway.tenure import Tenure, clock
from app.models import new_id
from app.protocol.frames import parse
from app.protocol.message import Message
from app.protocol.states import Direction, MessageType
from app.services import leases
from app.services.leases import Member

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Callable

    from tests.support.store import Store


ROOMY = Limits(1 << 24, 1 << 24, Path("/nonexistent"))
"""Limits that the tests without an outage stay far below."""


class Told(NamedTuple):
    """An outlet that tells of a delivery."""

    tell: Callable[[], object]

    def deliver(self, _: Entry) -> None:
        self.tell()


class Bench:
    """A recorder at work, the lease and the book to write under, and what it has told."""

    def __init__(
        self,
        database: Database,
        store: Store,
        gateway_id: uuid.UUID,
        lease: Lease,
        tenure: Tenure,
        limits: Limits,
    ) -> None:
        self.store = store
        self.lease = lease
        self.gateway_id = gateway_id
        self.tenure = tenure
        self.committed: list[Any] = []
        self.stale: list[Lease] = []
        self.delivered: list[int] = []
        self.recorder = Recorder(
            database,
            gateway_id,
            Metrics(),
            tenure,
            limits,
            committed=self.committed.extend,
            stale=self.stale.append,
        )
        (row,) = store.rows(
            "INSERT INTO acp_connection (connection_id, container_id, status, version)"
            " VALUES ('k', %s, 'disconnected', '1.0.0') RETURNING id",
            lease.container_id,
        )
        store.rows("INSERT INTO acp_connection_sequence VALUES (%s, 0)", row["id"])
        self.book = Book(lease, row["id"])
        self._numbers = count(1)

    def append(self, text: str = "{}", lease: Lease | None = None, payload: bytes | None = None) -> None:
        """Append a record whose delivery notes its number; `payload` is stored in the place of its own."""
        frame = parse(text)
        message = Message(
            id=new_id(),
            direction=Direction.INBOUND,
            message_type=MessageType.EVENT,
            rpc_kind=frame.kind,
            frame=frame,
        )
        row = self.book.row(message)
        if payload is not None:
            row = with_payload(row, payload)
        outlet = Told(partial(self.delivered.append, next(self._numbers)))
        book = self.book if lease is None else Book(lease, self.book.connection_id)
        self.recorder.append(Entry(book.lease, book, row, message.id, outlet))

    def stored(self) -> list[int]:
        """Numbers of the stored records, in the order of their ids."""
        return [row["seq"] for row in self.store.rows("SELECT seq FROM acp_message ORDER BY id")]


@asynccontextmanager
async def recording(store: Store, url: str, limits: Limits = ROOMY) -> AsyncIterator[Bench]:
    container_id = store.register("plain", "http://127.0.0.1:9")
    database = Database(url)
    try:
        gateway, tenure = Member(lease_seconds=60), Tenure(60)
        held = (await database.run(partial(leases.renew, member=gateway))).held
        tenure.renewed(clock(), held)
        lease = Lease(container_id, held[container_id])
        made = Bench(database, store, gateway.id, lease, tenure, limits)
        working = asyncio.create_task(made.recorder.run())
        try:
            yield made
        finally:
            working.cancel()
            await asyncio.wait({working})
    finally:
        database.close()
