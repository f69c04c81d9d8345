"""The gateway process: its workers, its leases, and an orderly stop."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from app.config_values import Bind
from app.errors import LeaseLost
from app.gateway.announcer import Announcer
from app.gateway.batch import Lease
from app.gateway.callers import CallerEndpoint
from app.gateway.context import Context
from app.gateway.database import Database
from app.gateway.listener import listen
from app.gateway.metrics import Metrics
from app.gateway.recorder import Recorder
from app.gateway.supervisor import Supervisor
from app.gateway.vitals import Vitals
from app.services import leases
from app.version import VERSION

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping

    from websockets.asyncio.server import Server

    from app.config import Settings

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 8.0
"""What an orderly stop may take before the rest is left to the next gateway."""
RENEWALS: Final = 3
"""How often a lease is renewed within its life: two renewals may fail."""


class Gateway:
    """Holds a supervisor for every container whose lease it has."""

    def __init__(self, settings: Settings, database: Database, gateway_id: uuid.UUID) -> None:
        self._settings = settings
        self._database = database
        self._announcer = Announcer(database)
        metrics = Metrics()
        recorder = Recorder(
            database, gateway_id, metrics, committed=self._announcer.committed, stale=self._on_stale
        )
        vitals = Vitals(database, gateway_id)
        self.context = Context(
            settings, database, recorder, vitals, metrics, gateway_id, random.SystemRandom()
        )
        self._supervisors: dict[uuid.UUID, Supervisor] = {}
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._look = asyncio.Event()

    async def run(self, stop: asyncio.Event, started: Callable[[str], None]) -> None:
        """Work until `stop` is set; `started` is told the address at which callers are served from then on.

        Raises:
            OSError: the callers' address is taken.
            ExceptionGroup: a worker died, which must not be survived half-way.
        """
        endpoint = CallerEndpoint(self.context, self._settings.require_secret_key(), self._supervisors.get)
        server = await endpoint.serve()
        async with asyncio.TaskGroup() as workers:
            tasks = [
                workers.create_task(self.context.recorder.run()),
                workers.create_task(self._announcer.run()),
                workers.create_task(self.context.vitals.run()),
                workers.create_task(listen(self._database, self._on_intent, self._on_gap)),
                workers.create_task(self._hold_leases()),
            ]
            started(_address(server))
            await stop.wait()
            tasks.pop().cancel()  # first the leases' renewal, which would start new supervisors
            server.close()  # callers get 1001, going away
            await self._stop_supervisors()
            for task in tasks:
                task.cancel()
        await server.wait_closed()

    async def _hold_leases(self) -> None:
        """Renew what is held, take what is free, and look at once when the doorbell names a stranger."""
        seconds = self._settings.lease_seconds
        renew = partial(leases.renew, gateway_id=self.context.gateway_id, ttl=seconds)
        while True:
            self._look.clear()
            self._apply(await self._database.run(renew))
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with its event.
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds / RENEWALS):
                    await self._look.wait()

    def _apply(self, held: Mapping[uuid.UUID, int]) -> None:
        """Start supervisors for leases that are new, and end those whose lease is gone."""
        for container_id, supervisor in list(self._supervisors.items()):
            if held.get(container_id) != supervisor.lease.epoch:
                self._tasks[container_id].cancel()
        for container_id, epoch in held.items():
            if container_id not in self._supervisors:
                self._start(Lease(container_id, epoch))
        self.context.metrics.containers.set(len(held))

    def _start(self, lease: Lease) -> None:
        supervisor = self._supervisors[lease.container_id] = Supervisor(self.context, lease)
        task = self._tasks[lease.container_id] = asyncio.create_task(supervisor.run())
        task.add_done_callback(partial(self._ended, lease.container_id))

    def _ended(self, container_id: uuid.UUID, task: asyncio.Task[None]) -> None:
        """Forget a supervisor that ended; while its lease is held, the next renewal starts another."""
        supervisor = self._supervisors.pop(container_id)
        del self._tasks[container_id]
        supervisor.channel.dismiss("the gateway no longer holds this container")
        error = None if task.cancelled() else task.exception()
        if isinstance(error, LeaseLost):
            log.warning("%s", error)
        elif error is not None:
            log.error("The supervisor of container %s failed", container_id, exc_info=error)

    def _on_stale(self, lease: Lease) -> None:
        log.warning(
            "Records of container %s were refused: its lease is another gateway's", lease.container_id
        )
        if task := self._tasks.get(lease.container_id):
            task.cancel()

    def _on_intent(self, container_id: uuid.UUID) -> None:
        if supervisor := self._supervisors.get(container_id):
            supervisor.ring()
        else:
            self._look.set()

    def _on_gap(self) -> None:
        self._look.set()
        for supervisor in self._supervisors.values():
            supervisor.ring()

    async def _stop_supervisors(self) -> None:
        """End every connection with its reason, commit what is queued, and give the leases back."""
        reason = "the gateway is stopping"
        stops = [each.stop(self._tasks[key], reason) for key, each in self._supervisors.items()]
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(*stops)
                await self.context.recorder.flush()
                await self._database.run(partial(leases.leave, gateway_id=self.context.gateway_id))
        except TimeoutError:
            log.warning("Stopped after %g s with work left, which the next gateway finds", STOP_SECONDS)


def _address(server: Server) -> str:
    host, port, *_ = next(iter(server.sockets)).getsockname()
    return str(Bind(host, port))


async def until_signal(settings: Settings, database_url: str, started: Callable[[str], None]) -> None:
    """Run a gateway until SIGTERM or SIGINT; see `run`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, database_url, stop, started)


async def run(
    settings: Settings, database_url: str, stop: asyncio.Event, started: Callable[[str], None]
) -> None:
    """Run a gateway until `stop` is set.

    Raises:
        ConsoleError: the database is not fit.
        OSError: the callers' address is taken.
    """
    database = Database(database_url)
    try:
        await database.check()
        address = str(settings.gateway_bind)
        entry = await database.run(partial(leases.join, address=address, version=VERSION))
        await Gateway(settings, database, entry.id).run(stop, started)
    finally:
        database.close()
