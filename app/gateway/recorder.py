"""The recorder: group commit of records, and delivery after the commit (DESIGN, promise 1).

Entries are committed in the order they were appended, and delivered in it. While one batch is being committed
the next one gathers, so that batches grow with the load and a lone frame waits for one commit only. What is
committed is delivered while the database works on the next batch.

What waits is bounded. While the database answers, readers of sockets are held back: of callers at half of
`Limits.memory`, of containers at all of it. While it is away containers go on, into the spool; above shares
of that the least valuable is dropped (`gaps`), and when it is full they are held back as well. Once the
database is there again everybody waits until the backlog fits into memory: delivery is in order, so nobody
waits longer for that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg

from app.gateway import batch, gaps
from app.gateway.spool import Spool
from app.models.base import moment_of

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.gateway.batch import Entry, Lease
    from app.gateway.database import Database
    from app.gateway.exchange import Copier
    from app.gateway.metrics import Metrics
    from app.gateway.tenure import Tenure
    from app.protocol.message import Message

log = logging.getLogger(__name__)

BATCH_ROWS: Final = 1000
BATCH_BYTES: Final = 4 * 1024 * 1024
RETRY_SECONDS: Final = 0.2
STALL_SECONDS: Final = 2.0
"""After so long without an answer the database counts as away, and what comes is spooled."""
COMMIT_SECONDS: Final = 30.0
"""After so long the connection is given up, and the batch tried on another."""
LOOK_EVERY: Final = 8
"""Texts taken or delivered: half a millisecond's work."""


class Limits(NamedTuple):
    """What may wait: bytes in memory, then bytes in a folder on disk."""

    memory: int
    spool: int
    spool_dir: Path


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
        limits: Limits,
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
        self._copier: Copier | None = None
        self._since_look = 0
        self._queue: deque[Entry] = deque()
        self.stored = 0
        """How many records have been committed since the start."""
        self._committing = 0
        self._oldest: Entry | None = None
        self._bytes = 0
        self._memory = limits.memory
        self._spool = Spool(limits.spool_dir, limits.spool, self._set_gates)
        self._away_since: float | None = None
        self._owed: list[Callable[[], None]] = []
        self._filled = asyncio.Event()
        self._callers_may = asyncio.Event()
        self._callers_may.set()
        self._containers_may = asyncio.Event()
        self._containers_may.set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def waiting(self) -> int:
        """How many entries are not committed yet."""
        return len(self._queue) + self._committing + self._spool.count

    @property
    def spooled_bytes(self) -> int:
        """How much is in the spool."""
        return self._spool.bytes

    @property
    def behind(self) -> bool:
        """Whether the database is away, or what came meanwhile is still being committed."""
        return self._away_since is not None or self._spool.count > 0

    def keeps(self, message: Message) -> bool:
        """Tell whether there is room for a message; what is not kept belongs into a `gaps.Gap`."""
        return not self._spool.count or gaps.is_kept(message, self._spool.share)

    def when_caught_up(self, owed: Callable[[], None]) -> None:
        """Have something called once nothing is dropped any more."""
        self._owed.append(owed)

    @property
    def oldest_waiting(self) -> float:
        """For how long the first of them has waited, in seconds."""
        waiting = self._oldest if self._committing else next(iter(self._queue), None)
        return time.time() - moment_of(waiting.message_id) if waiting is not None else 0.0

    def append(self, entry: Entry) -> None:
        """Queue an entry. Never waits, so that ids and the queue are in one order."""
        if self._spool.count or (self._away_since is not None and self._bytes > self._memory):
            self._spool.append(entry)
        else:
            self._queue.append(entry)
            self._bytes += entry.size
        self._filled.set()
        self._empty.clear()
        if self._bytes + self._spool.bytes > self._memory // 2:
            self._set_gates()
        self._look(1)

    def _look(self, worked: int) -> None:
        """Do not leave the database waiting for its next batch while there is much else to do."""
        self._since_look += worked
        if self._since_look >= LOOK_EVERY and self._copier is not None:
            self._since_look = 0
            self._copier.look()

    @property
    def open_to_callers(self) -> bool:
        """Whether `callers_may` would not wait."""
        return self._callers_may.is_set()

    @property
    def open_to_containers(self) -> bool:
        """Whether `containers_may` would not wait."""
        return self._containers_may.is_set()

    async def callers_may(self) -> None:
        """Wait for room, before a caller's next frame is read: that is the back-pressure."""
        await self._callers_may.wait()

    async def containers_may(self) -> None:
        """Wait for room, before a container's next frame is read."""
        await self._containers_may.wait()

    def _set_gates(self) -> None:
        waiting = self._bytes + self._spool.bytes
        spooling = self._away_since is not None and self._spool.share < 1
        _open_if(self._callers_may, waiting <= self._memory // 2)
        _open_if(self._containers_may, waiting <= self._memory or spooling)

    async def flush(self) -> None:
        """Wait until all that was appended is committed and delivered."""
        await self._empty.wait()

    async def run(self) -> None:
        """Commit batches for ever; while the database is away, keep them and try again."""
        try:
            async with asyncio.TaskGroup() as workers:
                workers.create_task(self._spool.run())
                await self._commit_batches(workers)
        finally:
            # Whoever waits goes on, and ends: nothing more is committed or delivered.
            self._callers_may.set()
            self._containers_may.set()
            await self._disconnect()

    async def _commit_batches(self, workers: asyncio.TaskGroup) -> None:
        delivering = workers.create_task(self._deliver([]))
        while True:
            await self._filled.wait()
            stalled = asyncio.get_running_loop().call_later(
                STALL_SECONDS, self._note_away, f"no answer within {STALL_SECONDS:g} s"
            )
            await self._tenure.sure()
            entries, size = await self._take()
            began = time.monotonic()
            lost = await self._commit(entries)
            stalled.cancel()
            self._metrics.committed(len(entries), time.monotonic() - began)
            await delivering  # of one batch at a time: what waits for that is bounded, too
            delivering = workers.create_task(self._deliver(self._finish(entries, size, lost)))

    async def _take(self) -> tuple[list[Entry], int]:
        """Take the next batch, with its size: one entry at least."""
        if not self._queue:
            self._queue.extend(await self._spool.take())  # nothing is appended to the queue meanwhile
            self._bytes += sum(entry.size for entry in self._queue)
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
                async with asyncio.timeout(COMMIT_SECONDS):
                    return await self._attempt(entries, doubtful=doubtful)
            except (psycopg.OperationalError, TimeoutError) as error:
                self._note_away(str(error).strip() or f"no answer within {COMMIT_SECONDS:g} s")
                doubtful = True
                await self._disconnect()
                await asyncio.sleep(RETRY_SECONDS)

    async def _attempt(self, entries: Sequence[Entry], *, doubtful: bool) -> set[Lease]:
        self._copier = self._copier or await batch.connect(self._database)
        if doubtful:
            entries = await batch.not_stored(self._copier, entries)
        return await batch.commit(self._copier, self._gateway_id, entries)

    def _note_away(self, error: str) -> None:
        log.warning("%d records wait for the database: %s", self.waiting, error)
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._metrics.away.set(1)
            self._set_gates()

    def _note_there(self) -> None:
        """The database has answered: say so, and when the backlog is done."""
        if self._away_since is not None:
            seconds, self._away_since = time.monotonic() - self._away_since, None
            self._metrics.away.set(0)
            log.info("The database is there again after %.1f s; %d records wait", seconds, self.waiting)
        if self._owed and not self._spool.count:
            owed, self._owed = self._owed, []
            for pay in owed:
                pay()

    def _finish(self, entries: Sequence[Entry], size: int, lost: set[Lease]) -> Sequence[Entry]:
        """Make room; return what of a batch was stored, to be delivered."""
        for lease in lost:
            self._stale(lease)
        stored = [entry for entry in entries if entry.lease not in lost] if lost else entries
        self.stored += len(stored)
        self._committed(stored)
        self._committing, self._oldest = 0, None
        self._bytes -= size
        self._note_there()
        self._set_gates()
        if not self.waiting:
            self._filled.clear()
        return stored

    async def _deliver(self, stored: Sequence[Entry]) -> None:
        """Hand out what is stored, but nothing of containers that are another gateway's by now."""
        await self._tenure.sure()  # this process may have stood still since
        for entry in stored:
            if entry.deliveries and not self._tenure.holds(entry.lease):
                self._stale(entry.lease)
                continue
            entry.outlet.deliver(entry)
            self._look(len(entry.deliveries))
        if not self.waiting:
            self._empty.set()

    async def _disconnect(self) -> None:
        if self._copier is not None:
            copier, self._copier = self._copier, None
            await copier.connection.close()


def _open_if(gate: asyncio.Event, condition: bool) -> None:  # noqa: FBT001 - it is what the gate is about
    if condition:
        gate.set()
    else:
        gate.clear()
