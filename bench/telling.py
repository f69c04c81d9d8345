"""A process that records messages at a steady rate, as the gateway does: its recorder, its announcer."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from app.gateway.announcer import Announcer
from app.gateway.backlog import Limits
from app.gateway.batch import Lease
from app.gateway.channel import Channel
from app.gateway.database import Database
from app.gateway.metrics import Metrics
from app.gateway.recorder import Recorder
from app.gateway.rows import Book
from app.gateway.tenure import Tenure, clock
from app.services import leases
from app.services.leases import Member
from bench.recorder import MESSAGES, frames

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.gateway.batch import Entry

ROOMY: Final = Limits(1 << 26, 1 << 26, Path("/nonexistent"))


class Pace(NamedTuple):
    """So many messages a second, from a moment of the monotonic clock on, so many in all."""

    rate: float
    begin: float
    number: int


def tell(url: str, container_id: uuid.UUID, connection_id: uuid.UUID, pace: Pace) -> list[tuple[str, int]]:
    """Record messages; return their ids in order, each with the moment of its commit (monotonic, in ns)."""
    return asyncio.run(_tell(url, container_id, connection_id, pace))


async def _tell(
    url: str, container_id: uuid.UUID, connection_id: uuid.UUID, pace: Pace
) -> list[tuple[str, int]]:
    database, gateway, tenure = Database(url), Member(lease_seconds=3600), Tenure(3600)
    held = (await database.run(partial(leases.renew, member=gateway))).held
    tenure.renewed(clock(), held)
    announcer = Announcer(database)
    commits: list[tuple[str, int]] = []
    everything = asyncio.Event()

    def committed(entries: Sequence[Entry]) -> None:
        now = time.monotonic_ns()
        commits.extend((str(each.message_id), now) for each in entries)
        announcer.committed(entries)
        if len(commits) >= pace.number:
            everything.set()

    recorder = Recorder(database, gateway.id, Metrics(), tenure, ROOMY, committed=committed, stale=_stale)
    lease = Lease(container_id, held[container_id])
    channel = Channel(lease, recorder, Metrics(), tenure, lambda _: None)
    working = [asyncio.create_task(each.run()) for each in (recorder, announcer)]
    try:
        await _pace(channel, Book(lease, connection_id), pace)
        async with asyncio.timeout(30):
            await everything.wait()
        await asyncio.sleep(0.5)  # the last of it is announced after the announcer's pause
    finally:
        for task in working:
            task.cancel()
        await asyncio.wait(working)
        await database.run(partial(leases.leave, gateway_id=gateway.id))
        database.close()
    return commits


async def _pace(channel: Channel, book: Book, pace: Pace) -> None:
    texts = frames()
    for number in range(pace.number):
        await asyncio.sleep(max(0.0, pace.begin + number / pace.rate - time.monotonic()))
        channel.record(channel.mux.from_container(texts[number % MESSAGES]), book=book)


def _stale(lease: Lease) -> None:
    raise RuntimeError(f"the lease of {lease.container_id} was lost")
