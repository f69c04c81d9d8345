"""Carries out one protocol migration, phase by phase (DESIGN, promises 3 and 4).

The phase is stored before its work begins, and the switch is one transaction, so that a gateway which is
killed anywhere leaves a migration that the next one can finish or undo. Callers stay: while the switch is
under way their requests wait at the channel's gate.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from app.errors import DialError
from app.models import AcpConnection, ProtocolMigration
from app.protocol.states import ConnectionStatus, MigrationPhase
from app.queries import connections as stored
from app.queries import containers
from app.services import connections, migration_phases

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.gateway.connector import Connector
    from app.gateway.link import Link
    from app.gateway.snapshot import Snapshot
    from app.protocol.states import Protocol

log = logging.getLogger(__name__)

VERIFY_SECONDS: Final = 10.0


class Migrator:
    """One run over the phases. `run` returns when the migration has ended, or is to be tried again later."""

    def __init__(self, connector: Connector, now: Snapshot) -> None:
        if now.migration is None:
            raise ValueError("there is no protocol migration to carry out")
        self._connector = connector
        self._channel = connector.channel
        self._now = now
        self._migration = now.migration
        self._opened: Link | None = None
        self._previous: Link | None = None

    async def run(self) -> None:
        steps = {
            MigrationPhase.PENDING: self._begin,
            MigrationPhase.PREFLIGHT: self._preflight,
            MigrationPhase.DRAINING: self._drain,
            MigrationPhase.SWITCHING: self._switch,
            MigrationPhase.VERIFYING: self._verify,
            MigrationPhase.ROLLING_BACK: self._roll_back,
        }
        phase: MigrationPhase | None = self._migration.phase
        try:
            while phase is not None and phase in steps:
                phase = await steps[phase]()
        finally:
            self._channel.gate.set()
            await self._close_leftovers()

    async def _begin(self) -> MigrationPhase:
        return await self._advance(MigrationPhase.PREFLIGHT, f"dialling over {self._migration.to_protocol}")

    async def _preflight(self) -> MigrationPhase | None:
        """Open the new connection beside the old one, which goes on working."""
        try:
            self._opened = await self._open()
        except DialError as error:
            if self._migration.from_protocol in self._now.supported:
                return await self._advance(MigrationPhase.FAILED, str(error))
            await self._postpone(str(error))
            return None
        if not self._migration.plan.drain_seconds:
            return await self._advance(MigrationPhase.SWITCHING, "the handshake succeeded")
        return await self._advance(MigrationPhase.DRAINING, "the handshake succeeded")

    async def _postpone(self, problem: str) -> None:
        """There is no protocol to stay on: keep trying."""
        await self._connector.ledger.write(
            lambda session: migration_phases.retry(session, self._row(session), problem)
        )
        self._rest()

    def _rest(self) -> None:
        """Let the next attempt wait, as the container's configuration says."""
        attempts, settings = self._connector.attempts, self._connector.settings
        if not attempts.failed(self._now.configuration):
            attempts.rest(settings.redial_interval)

    async def _drain(self) -> MigrationPhase:
        """Let open requests finish while new ones wait at the gate."""
        self._channel.gate.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._migration.plan.drain_seconds):
                await self._channel.idle.wait()
        done = "no request is open" if self._channel.idle.is_set() else "requests are still open"
        return await self._advance(MigrationPhase.SWITCHING, done)

    async def _switch(self) -> MigrationPhase:
        """Change connection and session in one transaction."""
        self._channel.gate.clear()
        try:
            link = self._opened = self._opened or await self._open()
        except DialError as error:  # after a restart only: the preflight had opened it
            return await self._advance(MigrationPhase.ROLLING_BACK, str(error))
        self._previous = self._channel.link
        reason = f"protocol migration to {self._migration.to_protocol}"

        def switch(session: Session) -> None:
            old = stored.active(session, self._connector.container_id)
            if old is not None:
                connections.end(session, old, reason)
            row = session.get_one(AcpConnection, link.book.connection_id)
            link.settle(session, row, reason)
            self._point(session, self._migration.to_protocol, row)
            migration_phases.advance(session, self._row(session), MigrationPhase.VERIFYING, reason)

        await self._connector.ledger.write(switch)
        self._channel.offline(reason)
        self._connector.attach(link)
        return MigrationPhase.VERIFYING

    async def _verify(self) -> MigrationPhase:
        """Ask the container for a sign of life over the new connection; after a restart, connect first."""
        try:
            if self._channel.link is None:
                await self._connector.establish(await self._open(), "connected anew to verify the migration")
            milliseconds = await self._alive()
        except (DialError, TimeoutError) as error:
            return await self._advance(MigrationPhase.ROLLING_BACK, f"verification failed: {error}")
        return await self._advance(
            MigrationPhase.COMPLETED, f"the container answered in {milliseconds:.1f} ms"
        )

    async def _alive(self) -> float:
        link = self._channel.link
        if link is None:
            raise TimeoutError("the new connection was lost at once")
        return await link.health(VERIFY_SECONDS)

    async def _roll_back(self) -> MigrationPhase:
        """Bring session and rows back to the old protocol, and to the old connection if it is still open."""
        reason = f"protocol migration to {self._migration.to_protocol} rolled back"
        previous = self._previous if self._previous and not self._previous.lost.done() else None

        def undo(session: Session) -> None:
            new = stored.active(session, self._connector.container_id)
            if new is not None and new.transport == self._migration.to_protocol:
                connections.end(session, new, reason)
            old = self._old_row(session)
            if previous is not None and old is not None:
                connections.move(session, old, ConnectionStatus.CONNECTED, reason)
            self._point(session, self._migration.from_protocol, old)
            migration_phases.advance(session, self._row(session), MigrationPhase.ROLLED_BACK, reason)

        await self._connector.ledger.write(undo)
        if self._channel.link is not previous:
            self._channel.offline(reason)
        if previous is not None:
            self._connector.attach(previous)
        if self._migration.from_protocol not in self._now.supported:
            self._rest()  # it is to be brought up again, but not in a hurry
        return MigrationPhase.ROLLED_BACK

    def _old_row(self, session: Session) -> AcpConnection | None:
        """Return the connection to go back to: the one that was switched from, or the latest of its kind."""
        if self._previous is not None:
            return session.get(AcpConnection, self._previous.book.connection_id)
        return stored.latest(session, self._connector.container_id, self._migration.from_protocol)

    def _point(self, session: Session, protocol: Protocol, row: AcpConnection | None) -> None:
        container = containers.get(session, self._connector.container_id)
        migration_phases.switch(session, container, protocol, row)

    def _row(self, session: Session) -> ProtocolMigration:
        return session.get_one(ProtocolMigration, self._migration.id)

    async def _advance(self, phase: MigrationPhase, detail: str) -> MigrationPhase:
        """Store the next phase; another is returned where somebody has cancelled it in time."""
        log.info("%s: protocol migration %s: %s", self._now.name, phase, detail)
        return await self._connector.ledger.write(
            lambda session: migration_phases.proceed(session, self._row(session), phase, detail)
        )

    async def _open(self) -> Link:
        return await self._connector.open(self._now.dialling, self._migration.to_protocol)

    async def _close_leftovers(self) -> None:
        """Close what did not become the channel's link, or is it no more."""
        for link in (self._opened, self._previous):
            if link is not None and link is not self._channel.link:
                await link.close("the protocol migration is over")
