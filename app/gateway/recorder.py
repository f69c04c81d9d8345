"""The recorder: group commit of records, and delivery after the commit (DESIGN, promise 1).

Entries are committed in the order they were appended, and delivered in it. While one batch is being committed
the next one gathers, so that batches grow with the load and a lone frame waits for one commit only. What is
committed is delivered while the database works on the next batch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

import psycopg

from app.gateway import batch
from app.gateway.backlog import Backlog

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from app.gateway.backlog import Limits
    from app.gateway.batch import Entry, Lease
    from app.gateway.database import Database
    from app.gateway.exchange import Copier
    from app.gateway.metrics import Metrics
    from app.gateway.tenure import Tenure

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 0.2
STALL_SECONDS: Final = 2.0
"""After so long without an answer the database counts as away, and what comes is spooled."""
COMMIT_SECONDS: Final = 30.0
"""After so long the connection is given up, and the batch tried on another."""
LOOK_EVERY: Final = 8
"""Texts taken or delivered: half a millisecond's work."""


class Recorder:
    """One backlog, one worker (`run`), one database connection.

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
        self.backlog = Backlog(limits)
        self.stored = 0
        """How many records have been committed since the start."""
        self._database = database
        self._gateway_id = gateway_id
        self._metrics = metrics
        self._tenure = tenure
        self._committed = committed
        self._stale = stale
        self._copier: Copier | None = None
        self._since_look = 0
        self._away_since: float | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def append(self, entry: Entry) -> None:
        """Have an entry committed and delivered. Never waits, so that ids and records are in one order."""
        self.backlog.append(entry)
        self._empty.clear()
        self._look(1)

    def _look(self, worked: int) -> None:
        """Do not leave the database waiting for its next batch while there is much else to do."""
        self._since_look += worked
        if self._since_look >= LOOK_EVERY and self._copier is not None:
            self._since_look = 0
            self._copier.look()

    async def flush(self) -> None:
        """Wait until all that was appended is committed and delivered."""
        await self._empty.wait()

    async def run(self) -> None:
        """Commit batches for ever; while the database is away, keep them and try again."""
        try:
            async with asyncio.TaskGroup() as workers:
                workers.create_task(self.backlog.spool.run())
                await self._commit_batches(workers)
        finally:
            self.backlog.release()
            await self._disconnect()

    async def _commit_batches(self, workers: asyncio.TaskGroup) -> None:
        delivering = workers.create_task(self._deliver([]))
        while True:
            await self.backlog.filled()
            stalled = asyncio.get_running_loop().call_later(
                STALL_SECONDS, self._note_away, f"no answer within {STALL_SECONDS:g} s"
            )
            await self._tenure.sure()
            entries = await self.backlog.take()
            began = time.monotonic()
            lost = await self._commit(entries)
            stalled.cancel()
            self._metrics.committed(len(entries), time.monotonic() - began)
            await delivering  # of one batch at a time: what waits for that is bounded, too
            delivering = workers.create_task(self._deliver(self._finish(entries, lost)))

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
        log.warning("%d records wait for the database: %s", len(self.backlog), error)
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._metrics.away.set(1)
            self.backlog.stall()

    def _note_there(self) -> None:
        """The database has answered: say so, if it was away."""
        if self._away_since is not None:
            seconds, self._away_since = time.monotonic() - self._away_since, None
            self._metrics.away.set(0)
            waiting = len(self.backlog)
            log.info("The database is there again after %.1f s; %d records wait", seconds, waiting)

    def _finish(self, entries: Sequence[Entry], lost: set[Lease]) -> Sequence[Entry]:
        """Make room; return what of a batch was stored, to be delivered."""
        for lease in lost:
            self._stale(lease)
        stored = [entry for entry in entries if entry.lease not in lost] if lost else entries
        self.stored += len(stored)
        self._committed(stored)
        self.backlog.done()
        self._note_there()
        return stored

    async def _deliver(self, stored: Sequence[Entry]) -> None:
        """Hand out what is stored, but nothing of containers that are another gateway's by now.

        This process may have stood still since the commit, or since the delivery before.
        """
        for entry in stored:
            if entry.deliveries and not await self._tenure.allows(entry.lease):
                self._stale(entry.lease)
                continue
            entry.outlet.deliver(entry)
            self._look(len(entry.deliveries))
        if not self.backlog:
            self._empty.set()

    async def _disconnect(self) -> None:
        if self._copier is not None:
            copier, self._copier = self._copier, None
            await copier.connection.close()
