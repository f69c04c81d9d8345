"""For how long this gateway may act for the containers it holds, by its own clock and nobody's word.

A process can stand still for minutes (SIGSTOP, a paused machine, a long swap) and not notice. When it goes
on, others may hold its containers. So whatever commits, delivers, sends or dials asks here first: once no
renewal has succeeded for a lease's life, it waits until one has, and goes on only for those containers that
still are this gateway's. The same holds while the database is away: nobody can take over then, so that all of
them still are, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from app.gateway.batch import Lease


def clock() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Tenure:
    """The leases that the last renewal gave, and until when they may be acted on without another."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = clock()
        self._held: dict[uuid.UUID, int] = {}
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether the leases may have become another's."""
        return clock() >= self._ends

    @property
    def left(self) -> float:
        """How long it lasts without another renewal, in seconds; negative once it is over."""
        return self._ends - clock()

    def renewed(self, asked: float, held: Mapping[uuid.UUID, int]) -> None:
        """Note a renewal. It counts from before it was asked for, so this clock is never behind the lease."""
        self._ends = asked + self._seconds
        self._held = dict(held)
        self._changed.set()
        self._changed = asyncio.Event()

    def gave_back(self, container_id: uuid.UUID) -> None:
        """Note that a lease was given back."""
        self._held.pop(container_id, None)

    def holds(self, lease: Lease) -> bool:
        """Tell whether a lease was among those last renewed."""
        return self._held.get(lease.container_id) == lease.epoch

    async def sure(self) -> None:
        """Wait until it is certain which containers this gateway holds; at once while the tenure lasts."""
        while self.over:
            await self._changed.wait()

    async def allows(self, lease: Lease) -> bool:
        """Wait as `sure` does, and tell whether one may act under a lease now."""
        await self.sure()
        return self.holds(lease)
