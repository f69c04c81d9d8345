"""What waits for its commit, in order, and whether more may come.

It is bounded. While the database answers, readers of sockets are held back: of callers at half of
`Limits.memory`, of containers at all of it. While it is away containers go on, into the spool; above shares
of that the least valuable is dropped (`gaps`), and when it is full they are held back as well. Once the
database is there again everybody waits until the backlog fits into memory: delivery is in order, so nobody
waits longer for that.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from app.gateway import gaps
from app.gateway.spool import Spool
from app.models.base import moment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.gateway.batch import Entry
    from app.protocol.message import Message

BATCH_ROWS: Final = 1000
BATCH_BYTES: Final = 4 * 1024 * 1024


class Limits(NamedTuple):
    """What may wait: bytes in memory, then bytes in a folder on disk."""

    memory: int
    spool: int
    spool_dir: Path


class Backlog:
    """One queue: `append` on one side, a batch at a time on the other."""

    def __init__(self, limits: Limits) -> None:
        self._memory = limits.memory
        self._queue: deque[Entry] = deque()
        self._batch: list[Entry] = []
        self._batch_bytes = 0
        self._bytes = 0  # of the queue and the batch
        self._away = False
        self._owed: list[Callable[[], None]] = []
        self._filled = asyncio.Event()
        self._callers_may = asyncio.Event()
        self._containers_may = asyncio.Event()
        self.spool = Spool(limits.spool_dir, limits.spool, self._set_gates)
        self._set_gates()

    def __len__(self) -> int:
        """How many entries are not committed yet."""
        return len(self._queue) + len(self._batch) + self.spool.count

    @property
    def behind(self) -> bool:
        """Whether the database is away, or what came meanwhile is still being committed."""
        return self._away or self.spool.count > 0

    @property
    def oldest(self) -> float:
        """For how long the first of them has waited, in seconds."""
        first = next(iter(self._batch or self._queue), None)
        return time.time() - moment_of(first.message_id) if first is not None else 0.0

    def keeps(self, message: Message) -> bool:
        """Tell whether there is room for a message; what is not kept belongs into a `gaps.Gap`."""
        return not self.spool.count or gaps.is_kept(message, self.spool.share)

    def when_caught_up(self, owed: Callable[[], None]) -> None:
        """Have something called once nothing is dropped any more."""
        self._owed.append(owed)

    def append(self, entry: Entry) -> None:
        """Queue an entry. Never waits, so that ids and the queue are in one order."""
        if self.spool.count or (self._away and self._bytes > self._memory):
            self.spool.append(entry)
        else:
            self._queue.append(entry)
            self._bytes += entry.size
        self._filled.set()
        if self._bytes + self.spool.bytes > self._memory // 2:
            self._set_gates()

    async def filled(self) -> None:
        """Wait until anything waits."""
        await self._filled.wait()

    async def take(self) -> Sequence[Entry]:
        """Take the next batch, one entry at least; it waits as before until it is `done`."""
        if not self._queue:
            self._queue.extend(await self.spool.take())  # nothing is appended to the queue meanwhile
            self._bytes += sum(entry.size for entry in self._queue)
        while self._queue and len(self._batch) < BATCH_ROWS and self._batch_bytes < BATCH_BYTES:
            entry = self._queue.popleft()
            self._batch.append(entry)
            self._batch_bytes += entry.size
        return self._batch

    def done(self) -> None:
        """Make room: the batch is committed, so the database is there."""
        self._bytes -= self._batch_bytes
        self._batch, self._batch_bytes = [], 0
        self._away = False
        if self._owed and not self.spool.count:
            owed, self._owed = self._owed, []
            for pay in owed:
                pay()
        self._set_gates()
        if not len(self):
            self._filled.clear()

    def stall(self) -> None:
        """The database is away: what comes goes into the spool."""
        self._away = True
        self._set_gates()

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

    def release(self) -> None:
        """Let whoever waits go on, and end: nothing more is committed or delivered."""
        self._callers_may.set()
        self._containers_may.set()

    def _set_gates(self) -> None:
        waiting = self._bytes + self.spool.bytes
        spooling = self._away and self.spool.share < 1
        _open_if(self._callers_may, waiting <= self._memory // 2)
        _open_if(self._containers_may, waiting <= self._memory or spooling)


def _open_if(gate: asyncio.Event, condition: bool) -> None:  # noqa: FBT001 - it is what the gate is about
    if condition:
        gate.set()
    else:
        gate.clear()
