"""The gateway process: its workers, its place among other gateways, and an orderly stop."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from functools import partial
from typing import TYPE_CHECKING, Final

from app.config_values import Bind
from app.gateway import snapshots
from app.gateway.announcer import Announcer
from app.gateway.backlog import Limits
from app.gateway.callers import CallerEndpoint
from app.gateway.context import Context
from app.gateway.database import Database
from app.gateway.holder import Holder
from app.gateway.listener import listen
from app.gateway.metrics import Metrics
from app.gateway.presence import Presence
from app.gateway.pulse import Pulse
from app.gateway.recorder import Recorder
from app.gateway.rollout_controller import RolloutController
from app.gateway.rollups import Rollups
from app.gateway.search_index import SearchIndex
from app.gateway.supervisors import Supervisors
from app.gateway.tenure import Tenure
from app.gateway.together import Together
from app.gateway.vitals import Vitals
from app.gateway.webhooks import Webhooks
from app.models import new_id
from app.protocol.endings import Ending
from app.services import adoptions, connection_moves, connection_openings, connections
from app.services.doorbell import LEASES_FREE, ROLLOUTS, WEBHOOKS
from app.services.leases import SESSIONS

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from app.config import Settings
    from app.gateway.batch import Entry, Lease
    from app.gateway.server import Server
    from app.services.leases import Load

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 6.5
"""What an orderly stop may take before the rest is left to the next gateway."""
STOPPING: Final = Ending.STOPPING.told()


class Gateway:
    """Holds a supervisor for every container whose lease it has."""

    def __init__(
        self,
        settings: Settings,
        gateway_id: uuid.UUID,
        database: Database,
        *,
        heart: Database,
        rollouts: Database,
    ) -> None:
        """Take the ways to the database: the supervisors', and two on which nobody waits for those."""
        self._database = database
        self._announcer = Announcer(database)
        metrics, tenure = Metrics(), Tenure(settings.lease_seconds)
        self._pulse = Pulse(metrics)
        recorder = Recorder(
            database,
            gateway_id,
            metrics,
            tenure,
            Limits(settings.memory_bytes, settings.spool_bytes, settings.spools_in()),
            committed=self._committed,
            stale=self._stale,
        )
        vitals, chance = Vitals(database, gateway_id), random.SystemRandom()
        self.context = Context(
            settings,
            database,
            recorder,
            vitals,
            Presence(database, gateway_id),
            metrics,
            gateway_id,
            tenure,
            chance,
            snapshots=Together(database, snapshots.load),
            moves=Together(database, partial(connection_moves.move_many, gateway_id=gateway_id)),
            openings=Together(database, partial(connection_openings.open_many, gateway_id=gateway_id)),
            adoptions=Together(database, partial(adoptions.adopt_many, gateway_id=gateway_id)),
            sequences=Together(database, connections.begin_sequences),
        )
        self._supervisors = Supervisors(self.context)
        self._rollouts, self._webhooks = RolloutController(rollouts), Webhooks(database, settings)
        self._holder = Holder(
            gateway_id, settings, heart, tenure, supervisors=self._supervisors, load=self._load
        )
        secret_key = settings.require_secret_key()
        self._endpoint = CallerEndpoint(self.context, secret_key, self._supervisors.find, self._holder)

    async def run(self, stop: asyncio.Event, started: Callable[[str], None]) -> None:
        """Work until `stop` is set; `started` is told the address at which callers are served from then on.

        Raises:
            OSError: the callers' address is taken.
            ExceptionGroup: a worker died, which must not be survived half-way.
        """
        server = await self._endpoint.serve()
        async with asyncio.TaskGroup() as workers:
            tasks = [
                workers.create_task(self.context.recorder.run()),
                workers.create_task(self._announcer.run()),
                workers.create_task(self.context.vitals.run()),
                workers.create_task(self.context.presence.run()),
                workers.create_task(self._pulse.measure()),
                workers.create_task(SearchIndex(self._database, self.context.recorder).run()),
                workers.create_task(Rollups(self._database, self.context.recorder).run()),
                workers.create_task(self._rollouts.run()),
                workers.create_task(self._webhooks.run()),
                workers.create_task(listen(self._database, self._on_intent, self._on_word, self._on_gap)),
                workers.create_task(self._holder.hold(self._advertised(server))),
                workers.create_task(self._holder.balance()),
            ]
            started(str(_address(server)))
            await stop.wait()
            await self._drain()
            await self._endpoint.dismiss(STOPPING)
            await server.close(STOPPING)
            for task in tasks:
                task.cancel()

    async def _drain(self) -> None:
        """End every connection with its reason, commit and deliver what is queued, and leave the others."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.gather(self._holder.drain(), self._supervisors.stop_all(STOPPING))
                await self.context.recorder.flush()
                await self._holder.leave()
        except TimeoutError:
            log.warning("Stopped after %g s with work left, which the next gateway finds", STOP_SECONDS)

    def _advertised(self, server: Server) -> str:
        """Return the URL under which other gateways and their callers reach this one."""
        return self.context.settings.gateway_advertise or f"ws://{_address(server).reached_from_here()}"

    def _load(self) -> Load:
        return self._pulse.load(self._supervisors, self.context.recorder, self._endpoint)

    def _committed(self, entries: Sequence[Entry]) -> None:
        self._pulse.committed(entries)
        self._announcer.committed(entries)

    def _stale(self, lease: Lease) -> None:
        self._supervisors.lost(lease)

    def _on_intent(self, container_id: uuid.UUID) -> None:
        if supervisor := self._supervisors.find(container_id):
            supervisor.ring()
        else:
            self._holder.look()

    @property
    def _on_word(self) -> Mapping[str, Callable[[], None]]:
        """What is done when the doorbell says a word."""
        return {
            LEASES_FREE: self._holder.look,
            ROLLOUTS: self._rollouts.ring,
            WEBHOOKS: self._webhooks.ring,
        }

    def _on_gap(self) -> None:
        for look in self._on_word.values():
            look()
        self._supervisors.ring_all()


def _address(server: Server) -> Bind:
    return Bind(*server.address)


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
    gateway_id = new_id()
    name = f"{SESSIONS}{gateway_id}"
    database = Database(database_url, name=name)
    heart, rollouts = (Database(database_url, threads=1, name=name) for _ in range(2))
    try:
        await database.check()
        gateway = Gateway(settings, gateway_id, database, heart=heart, rollouts=rollouts)
        await gateway.run(stop, started)
    finally:
        for each in (rollouts, heart, database):
            each.close()
