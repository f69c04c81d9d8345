"""The supervisor of one container: reads what its rows ask for, and has the connector bring it there.

It is a loop of small steps. Each begins by reading the rows and ends when something has changed: the doorbell
rang, the link was lost, or a moment has come. What a step leaves behind is in the database, so that a gateway
which takes over goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from app.errors import Conflict, DialError, LeaseLost
from app.gateway.actions import Actions
from app.gateway.adoption import adopt
from app.gateway.connector import Connector
from app.gateway.migrator.run import Migrator
from app.gateway.preflights import Preflights
from app.gateway.trials import Trials
from app.protocol.endings import Ending
from app.protocol.states import Cause, Protocol
from app.protocol.strategies import PINGS_ONLY, Plan
from app.queries import containers
from app.queries import protocol_migrations as migrations
from app.services import migration_phases, protocol_migrations, way_home
from app.services.actor import GATEWAY

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.gateway.batch import Lease
    from app.gateway.channel import Channel
    from app.gateway.context import Context
    from app.gateway.link import Link
    from app.gateway.snapshot import Snapshot
    from app.gateway.turns import Turn

log = logging.getLogger(__name__)

BRING_UP: Final = Plan(verification=PINGS_ONLY)
"""What brings a container up has nothing to compare with: it is verified, not watched."""


class Supervisor:
    """Keeps one container connected, under one lease, until it is cancelled or the container is removed."""

    def __init__(self, context: Context, lease: Lease) -> None:
        self.lease = lease
        self._connector = Connector(context, lease)
        self._ledger = self._connector.ledger
        self._attempts = self._connector.attempts
        self._actions = Actions(self._connector)
        self._beside = (Trials(self._connector), Preflights(self._connector))
        self._doorbell = asyncio.Event()
        self._migrator = Migrator(self._connector, self._doorbell)
        self._migrating = False
        self._wakes_in: float | None = None
        self._turns = context.turns
        self._turn: Turn | None = None
        self.rested = False
        self.ended = False
        self._parting = Ending.HANDED_OVER.told()

    @property
    def channel(self) -> Channel:
        """Where callers join."""
        return self._connector.channel

    @property
    def idle(self) -> bool:
        """Whether nobody is at work there: no request is open, and no protocol migration is under way."""
        return self.channel.idle.is_set() and not self._migrating

    def ring(self) -> None:
        """Have the rows read anew."""
        self._doorbell.set()

    async def run(self, *, adopts: bool) -> None:
        """Supervise until the container is removed, beginning with what another gateway may have left.

        Raises:
            LeaseLost: another gateway holds it.
        """
        try:
            if adopts:
                await adopt(self._ledger, self.channel)
            while await self._step():
                pass
        finally:
            self.ended = True
            self._leave_line()
            for each in self._beside:
                await each.stop()
            await self._migrator.stop(self._parting)
            await self._connector.let_go(self._parting)

    async def stop(self, task: asyncio.Task[None], reason: str) -> None:
        """End the task that runs this and the connection, with the reason, before the lease is given back."""
        self._parting = reason
        if not task.cancelling():  # it may be closing its socket already
            task.cancel()
        await asyncio.wait({task})
        with suppress(LeaseLost):  # the container is gone, or another gateway's already
            await self._connector.end_row(reason)

    async def _step(self) -> bool:
        """Do the one thing that the rows ask for now; False once the container is gone."""
        self._doorbell.clear()
        now = await self._ledger.snapshot()
        if now is None:
            self.channel.dismiss(Ending.REMOVED.told())
            return False
        self._migrating = now.under_way is not None
        self._wakes_in = now.wakes_in
        self._connector.configure(now.configuration)
        self._attempts.aim(now.goal, now.configuration)
        for each in self._beside:
            each.begin(now)
        await self._migrator.tidy(now)
        link = self.channel.link
        if now.migration is not None and now.migration.cancelled:
            await self._migrator.cancel(now)
        elif await self._actions.carry_out(now):
            pass  # the rows say what is next
        elif now.withheld is not None:
            self._leave_line()
            await self._connector.end(now.withheld)
            await self._rest()
        elif link is not None and link.lost.done():
            await self._failed(now, await self._connector.lose(link))
        elif link is not None and now.settled:
            await self._keep(link, now)
        elif not await self._waits(now):
            self._leave_line()
            await self._bring_up(now)
        return True

    async def _keep(self, link: Link, now: Snapshot) -> None:
        """Leave a connection alone until something changes; end it if it is not the one that is wanted."""
        if link.dialling != now.dialling:
            await self._connector.end(Ending.CHANGED.told())
        elif now.home_in == 0:
            await self._return_home()
        else:
            await self._rest()

    async def _waits(self, now: Snapshot) -> bool:
        """Rest where it is too early to dial: before an attempt is due, or its turn among all containers.

        The supervisor waits for it, not the dial: it hears the doorbell meanwhile. An operator who has asked
        for this container to be reconnected need not wait for the others.
        """
        early = self._attempts.due - time.monotonic()
        if early > 0:
            await self._rest(early)
            return True
        if now.open_actions:
            return False
        self._turn = self._turn or self._turns.join(self.ring)
        if self._turn.given:
            return False
        await self._connector.changed(self._doorbell, None)  # not `_rest`: it is about to connect
        return True

    def _leave_line(self) -> None:
        if self._turn is not None:
            self._turn.wanted, self._turn = False, None

    async def _bring_up(self, now: Snapshot) -> None:
        if now.under_way is not None:
            await self._migrator.carry_out(now)
            if self.channel.link is None:
                await self._actions.failed(now, "its protocol migration did not bring it up; see there")
        elif now.wants_first_dial:
            why = "the container prefers ACP" if now.prefers_acp else "the container speaks nothing but ACP"
            await self._request(Protocol.ACP, f"first dial: {why}", Cause.FIRST_DIAL)
        else:
            await self._dial(now)

    async def _rest(self, seconds: float | None = None) -> None:
        self.rested = True
        moments = [each for each in (seconds, self._wakes_in) if each is not None]
        await self._connector.changed(self._doorbell, min(moments, default=None))

    async def _dial(self, now: Snapshot) -> None:
        try:
            link = await self._connector.open(now.dialling, now.protocol)
        except DialError as error:
            log.info("%s: %s", now.name, error)
            await self._failed(now, str(error))
        else:
            await self._connector.establish(link, "the handshake succeeded")

    async def _failed(self, now: Snapshot, reason: str) -> None:
        await self._actions.failed(now, reason)
        if not self._attempts.failed(now.configuration):
            await self._exhausted(now, reason)

    async def _exhausted(self, now: Snapshot, reason: str) -> None:
        """No attempt is left: the connection has ended. Fall back where that is allowed and HTTP answers."""
        gave_up = Ending.GAVE_UP.told(attempts=self._attempts.made, why=reason)
        self.channel.offline(f"the container is not connected: {gave_up}")
        await self._connector.end_row(gave_up)
        self._attempts.rest(self._connector.settings.redial_interval)
        if now.may_fall_back and await self._connector.answers(now.dialling, Protocol.HTTP):
            await self._request(Protocol.HTTP, f"fallback: {gave_up}", Cause.FALLBACK)

    async def _return_home(self) -> None:
        """Write the intent to return to ACP after a fallback, if the rows still say so."""

        def go(session: Session) -> None:
            way_home.go(session, containers.get(session, self.lease.container_id))

        with suppress(Conflict):  # an operator was faster; the next step sees what was asked
            await self._ledger.write(go)

    async def _request(self, to: Protocol, reason: str, cause: Cause) -> None:
        """Write the intent of a protocol migration; the next step acts on it."""

        def request(session: Session) -> None:
            container = containers.get(session, self.lease.container_id)
            waiting = migrations.open_of(session, container.id)
            if waiting is not None and not migration_phases.give_way(session, waiting, reason):
                return  # an operator's goes on by now
            protocol_migrations.request(
                session, container, to, reason=reason, actor=GATEWAY, cause=cause, plan=BRING_UP
            )

        with suppress(Conflict):  # an operator was faster; the next step sees what was asked
            await self._ledger.write(request)
