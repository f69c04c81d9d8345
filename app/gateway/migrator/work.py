"""What the phases of one protocol migration share: its rows, its links, and waiting."""

from __future__ import annotations

import asyncio
import logging
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeVar

from app.models import ProtocolMigration
from app.protocol.verification import Measured
from app.queries import containers
from app.services import migration_phases

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.gateway.connector import Connector
    from app.gateway.link import Link
    from app.gateway.migrator.standby import Standby
    from app.gateway.snapshot import OpenMigration, Snapshot
    from app.models import AcpConnection
    from app.protocol.states import MigrationPhase, Protocol

    T = TypeVar("T")

log = logging.getLogger(__name__)


class Woken(Enum):
    """Why a wait is over."""

    DONE = auto()
    TIME_IS_UP = auto()
    CANCELLED = auto()
    WITHHELD = auto()
    """The container was stopped or removed: the rest is for later, if there is one."""


class Work:
    """One run over the phases of a migration, as read at its beginning."""

    def __init__(self, connector: Connector, now: Snapshot, standby: Standby, bell: asyncio.Event) -> None:
        if now.migration is None:
            raise ValueError("there is no protocol migration to carry out")
        self.connector = connector
        self.channel = connector.channel
        self.now = now
        self.migration: OpenMigration = now.migration
        self.standby = standby
        self.opened: Link | None = standby.take(now)
        self.previous: Link | None = None
        self.before = Measured.of((self.migration.measured or {}).get("before"))
        """What the old protocol gave."""
        self.sound = False
        """Whether the new connection works, however badly: what is open there may be finished."""
        self._bell = bell

    async def advance(self, phase: MigrationPhase, detail: str) -> MigrationPhase:
        """Store the next phase; another is returned where somebody has cancelled it in time."""
        log.info("%s: protocol migration %s: %s", self.now.name, phase, detail)
        return await self.write(lambda session, row: migration_phases.proceed(session, row, phase, detail))

    async def write(self, work: Callable[[Session, ProtocolMigration], T]) -> T:
        """Run services on the migration's row, in one transaction. Raises LeaseLost."""
        return await self.connector.ledger.write(
            lambda session: work(session, session.get_one(ProtocolMigration, self.migration.id))
        )

    def point(self, session: Session, protocol: Protocol, row: AcpConnection | None) -> None:
        """Point the container's session at a protocol and its connection."""
        container = containers.get(session, self.connector.container_id)
        migration_phases.switch(session, container, protocol, row)

    async def open(self) -> Link:
        """Return the new connection; dial it beside the old one unless that was done. Raises DialError."""
        if self.opened is None or self.opened.lost.done():
            await self._close(self.opened)
            self.opened = None
            self.opened = await self.connector.open(self.now.dialling, self.migration.to_protocol)
        return self.opened

    async def wait(self, awaited: asyncio.Future[Any], seconds: float) -> Woken:
        """Wait for something, while listening for who cancels the migration or stops its container."""
        until = time.monotonic() + seconds
        while not awaited.done():
            if time.monotonic() >= until:
                return Woken.TIME_IS_UP
            ringing = asyncio.create_task(self._bell.wait())
            try:
                await asyncio.wait(
                    {ringing, awaited},
                    timeout=until - time.monotonic(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                ringing.cancel()
            if not awaited.done() and self._bell.is_set() and (told := await self._told()) is not None:
                return told
        return Woken.DONE

    async def _told(self) -> Woken | None:
        self._bell.clear()
        now = await self.connector.ledger.snapshot()
        if now is None or now.migration is None or not now.running:
            return Woken.WITHHELD
        return Woken.CANCELLED if now.migration.cancelled else None

    def rest(self) -> None:
        """Let the next attempt wait, as the container's configuration says."""
        attempts, settings = self.connector.attempts, self.connector.settings
        if not attempts.failed(self.now.configuration):
            attempts.rest(settings.redial_interval)

    async def close_leftovers(self) -> None:
        """Close what did not become the channel's link, or is it no more."""
        for link in (self.opened, self.previous):
            if link is not self.channel.link:
                await self._close(link)

    async def _close(self, link: Link | None) -> None:
        if link is not None:
            await link.close("the protocol migration is over")
