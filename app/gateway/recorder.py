"""The recorder: group commit of records, and delivery after the commit (DESIGN, promise 1).

Entries are committed in the order they were appended, and delivered in it. While one batch is being committed
the next one gathers, so that batches grow with the load and a lone frame waits for one commit only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import psycopg

from app.gateway import batch
from app.models.base import moment_of

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from psycopg import AsyncConnection

    from app.gateway.batch import Entry, Lease
    from app.gateway.database import Database
    from app.gateway.metrics import Metrics
    from app.gateway.tenure import Tenure

log = logging.getLogger(__name__)

BATCH_ROWS: Final = 1000
BATCH_BYTES: Final = 4 * 1024 * 1024
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
        metrics: Metrics,
        tenure: Tenure,
        *,
        committed: Callable[[Sequence[Entry]], None],
        stale: Callable[[Lease], None],
    ) -> None:
        self._database = database
        self._gateway_id = gateway_id
        self._metrics = metrics
        self._tenure = tenure
        self._committed = committed
        self._stale = stale
        self._connection: AsyncConnection[Any] | None = None
        self._queue: deque[Entry] = deque()
        self._committing = 0
        self._oldest: Entry | None = None
        self._bytes = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def waiting(self) -> int:
        """How many entries are not committed yet."""
        return len(self._queue) + self._committing

    @property
    def oldest_waiting(self) -> float:
        """For how long the first of them has waited, in seconds."""
        waiting = self._oldest if self._committing else next(iter(self._queue), None)
        return time.time() - moment_of(waiting.message_id) if waiting is not None else 0.0

    def append(self, entry: Entry) -> None:
        """Queue an entry. Never waits, so that ids and the queue are in one order; see `ready`."""
        self._queue.append(entry)
        self._bytes += entry.size
        self._filled.set()
        self._empty.clear()
        if self._bytes > ROOM_BYTES:
            self._room.clear()

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
                await self._tenure.sure()
                entries, size = self._take()
                began = time.monotonic()
                lost = await self._commit(entries)
                self._metrics.committed(len(entries), time.monotonic() - began)
                await self._tenure.sure()  # this process may have stood still since
                lost |= {each.lease for each in entries if not self._tenure.holds(each.lease)}
                self._finish(entries, size, lost)
        finally:
            self._room.set()  # whoever waits here goes on, and ends: nothing more is committed or delivered
            await self._disconnect()

    def _take(self) -> tuple[list[Entry], int]:
        """Take the next batch off the queue, with its size: one entry at least."""
        entries: list[Entry] = []
        size = 0
        while self._queue and len(entries) < BATCH_ROWS and size < BATCH_BYTES:
            entries.append(self._queue.popleft())
            size += entries[-1].size
        self._committing, self._oldest = len(entries), entries[0]
        return entries, size

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
                log.warning("%d records wait for the database: %s", self.waiting, str(error).strip())
                doubtful = True
                await self._disconnect()
                await asyncio.sleep(RETRY_SECONDS)

    def _finish(self, entries: Sequence[Entry], size: int, lost: set[Lease]) -> None:
        """Deliver what of a batch was stored, and make room."""
        for lease in lost:
            self._stale(lease)
        stored = [entry for entry in entries if entry.lease not in lost] if lost else entries
        for entry in stored:
            entry.outlet.deliver(entry)
        self._committed(stored)
        self._committing, self._oldest = 0, None
        self._bytes -= size
        if self._bytes <= ROOM_BYTES:
            self._room.set()
        if not self._queue:
            self._filled.clear()
            self._empty.set()

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
