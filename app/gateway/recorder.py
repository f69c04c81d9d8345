"""The recorder: group commit of records, and delivery after the commit (DESIGN, promise 1).

Entries are committed in the order they were appended, and delivered in it. While one batch is being committed
the next one gathers, so that batches grow with the load and a lone frame waits for one commit only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import psycopg

from app.gateway import batch
from app.gateway.rows import CONNECTION_ID, SEQ

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from psycopg import AsyncConnection

    from app.gateway.batch import Entry, Lease
    from app.gateway.database import Database

log = logging.getLogger(__name__)

BATCH_ROWS: Final = 1000
ROOM_BYTES: Final = 64 * 1024 * 1024
"""Above this much in wait, readers are held back; each of them may add one frame more."""
RETRY_SECONDS: Final = 0.2


class Recorder:
    """One queue, one worker (`run`), one database connection.

    `committed` is told every batch that was stored, `stale` every lease that was found lost.
    """

    def __init__(
        self,
        database: Database,
        gateway_id: uuid.UUID,
        *,
        committed: Callable[[Sequence[Entry]], None],
        stale: Callable[[Lease], None],
    ) -> None:
        self._database = database
        self._gateway_id = gateway_id
        self._committed = committed
        self._stale = stale
        self._connection: AsyncConnection[Any] | None = None
        self._queue: deque[Entry] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def waiting(self) -> int:
        """How many entries are not committed yet."""
        return len(self._queue)

    def append(self, entry: Entry) -> None:
        """Queue an entry. Never waits, so that ids, numbers and the queue are in one order; see `ready`."""
        self._queue.append(entry)
        self._bytes += entry.size
        self._filled.set()
        self._empty.clear()
        if self._bytes > ROOM_BYTES:
            self._room.clear()

    def last_queued(self, container_id: uuid.UUID) -> Mapping[uuid.UUID, int]:
        """Return the highest number that waits here for each connection of a container."""
        rows = [each.row for each in self._queue if each.row and each.lease.container_id == container_id]
        return {row[CONNECTION_ID]: row[SEQ] for row in rows}

    async def ready(self) -> None:
        """Wait for room. Who reads from a socket does so before each frame: that is the back-pressure."""
        await self._room.wait()

    async def flush(self) -> None:
        """Wait until all that was appended is committed and delivered."""
        await self._empty.wait()

    async def run(self) -> None:
        """Commit batches for ever; while the database is away, keep them and try again."""
        try:
            while True:
                await self._filled.wait()
                entries = [self._queue[index] for index in range(min(len(self._queue), BATCH_ROWS))]
                self._finish(entries, await self._commit(entries))
        finally:
            await self._disconnect()

    async def _commit(self, entries: Sequence[Entry]) -> set[Lease]:
        """Commit a batch, however often it takes; return the leases that were lost."""
        doubtful = False
        while True:
            try:
                self._connection = self._connection or await self._database.connect()
                if doubtful:
                    entries = await batch.not_stored(self._connection, entries)
                return await batch.commit(self._connection, self._gateway_id, entries)
            except psycopg.OperationalError as error:
                log.warning("%d records wait for the database: %s", len(self._queue), str(error).strip())
                doubtful = True
                await self._disconnect()
                await asyncio.sleep(RETRY_SECONDS)

    def _finish(self, entries: Sequence[Entry], lost: set[Lease]) -> None:
        """Take a batch off the queue and deliver what was stored."""
        for lease in lost:
            self._stale(lease)
        for entry in entries:
            self._queue.popleft()
            self._bytes -= entry.size
            if entry.lease not in lost:
                entry.deliver()
        self._committed([entry for entry in entries if entry.row is not None and entry.lease not in lost])
        if self._bytes <= ROOM_BYTES:
            self._room.set()
        if not self._queue:
            self._filled.clear()
            self._empty.set()

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
