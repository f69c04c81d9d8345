"""The supervisors of all containers that this gateway holds."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from app.errors import LeaseLost
from app.gateway.batch import Entry, Lease
from app.gateway.supervisor import Supervisor
from app.models import new_id
from app.protocol.endings import Ending

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from app.gateway.context import Context

log = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 5.0
NOT_HELD: Final = Ending.HANDED_OVER.told()


class Barrier(NamedTuple):
    """An outlet that tells when everything before it in the queue is committed and delivered."""

    passed: asyncio.Future[None]

    def deliver(self, _: Entry) -> None:
        if not self.passed.done():
            self.passed.set_result(None)


class Supervisors:
    """Started and ended as leases come and go."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._supervisors: dict[uuid.UUID, Supervisor] = {}
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._leaving: set[uuid.UUID] = set()
        self._stopping = False

    def __iter__(self) -> Iterator[Supervisor]:
        return iter(self._supervisors.values())

    def __len__(self) -> int:
        return len(self._supervisors)

    def find(self, container_id: uuid.UUID) -> Supervisor | None:
        """Return the supervisor of a container that is held here."""
        return self._supervisors.get(container_id)

    def apply(self, held: Mapping[uuid.UUID, int], in_order: Collection[uuid.UUID] = ()) -> None:
        """Start supervisors for leases that are new, and end those whose lease is gone.

        `in_order` are those under which nothing was left, so that there is nothing to adopt.
        """
        for container_id, supervisor in self._supervisors.items():
            if held.get(container_id) != supervisor.lease.epoch:
                self._give_up(container_id)
        for container_id, epoch in held.items():
            if container_id not in self._supervisors and container_id not in self._leaving:
                self._start(Lease(container_id, epoch), adopts=container_id not in in_order)
        self._context.metrics.containers.set(len(held))

    def lost(self, lease: Lease) -> None:
        """End the supervisor of a lease under which a write was refused."""
        supervisor = self._supervisors.get(lease.container_id)
        if supervisor is not None and supervisor.lease == lease:
            log.warning("Records of container %s were refused: another gateway holds it", lease.container_id)
            self._give_up(lease.container_id)

    def ring_all(self) -> None:
        """Have all of them read their rows anew."""
        for supervisor in self:
            supervisor.ring()

    async def part_with(self, count: int, reason: str) -> Sequence[Lease]:
        """End up to so many that nobody is at work with, those without callers first; return their leases.

        Their records are committed and their rows ended by then, so that the leases can be given back. Until
        `gone` is told, no supervisor is started for them.
        """
        idle = [each for each in self if each.idle]
        chosen = sorted(idle, key=lambda each: len(each.channel.mux.callers))[:count]
        for supervisor in chosen:
            self._leaving.add(supervisor.lease.container_id)
            supervisor.channel.gate.clear()  # what callers ask from now on, they ask of the next holder
        ended = await asyncio.gather(*(self._end(each, reason) for each in chosen), return_exceptions=True)
        for supervisor, outcome in zip(chosen, ended, strict=True):
            if outcome is not None:
                self._leaving.discard(supervisor.lease.container_id)
                supervisor.channel.dismiss(NOT_HELD)
                log.warning("Container %s stays: %r", supervisor.lease.container_id, outcome)
        return [each.lease for each in chosen if each.lease.container_id in self._leaving]

    def gone(self, leases: Iterable[Lease]) -> None:
        """Note that leases parted with have been given back."""
        self._leaving.difference_update(lease.container_id for lease in leases)

    async def stop_all(self, reason: str) -> None:
        """End every connection with its reason, for good."""
        self._stopping = True
        stops = [each.stop(self._tasks[key], reason) for key, each in self._supervisors.items()]
        await asyncio.gather(*stops)

    def _give_up(self, container_id: uuid.UUID) -> None:
        """Have a supervisor end, once: a second cancellation would interrupt the closing of its socket."""
        task = self._tasks[container_id]
        if not task.cancelling():
            task.cancel()

    async def _end(self, supervisor: Supervisor, reason: str) -> None:
        """End a supervisor in order. Raises TimeoutError when its records could not be committed."""
        await supervisor.stop(self._tasks[supervisor.lease.container_id], reason)
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._context.recorder.append(Entry(supervisor.lease, None, None, new_id(), Barrier(committed)))
        async with asyncio.timeout(FLUSH_SECONDS):
            await committed
        supervisor.channel.move()

    def _start(self, lease: Lease, *, adopts: bool) -> None:
        if self._stopping:
            return
        supervisor = self._supervisors[lease.container_id] = Supervisor(self._context, lease)
        task = self._tasks[lease.container_id] = asyncio.create_task(supervisor.run(adopts=adopts))
        task.add_done_callback(partial(self._ended, lease.container_id))

    def _ended(self, container_id: uuid.UUID, task: asyncio.Task[None]) -> None:
        """Forget a supervisor that ended; while its lease is held, the next renewal starts another."""
        supervisor = self._supervisors.pop(container_id)
        del self._tasks[container_id]
        if container_id not in self._leaving and not self._stopping:
            supervisor.channel.dismiss(NOT_HELD)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, LeaseLost):
            log.warning("%s", error)
        elif error is not None:
            log.error("The supervisor of container %s failed", container_id, exc_info=error)
