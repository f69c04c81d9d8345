"""Carries out one protocol migration as far as it can go now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.gateway.migrator.preparing import begin, preflight, prepared
from app.gateway.migrator.rolling_back import roll_back
from app.gateway.migrator.standby import Standby
from app.gateway.migrator.switching import drain, switch
from app.gateway.migrator.verifying import verify
from app.gateway.migrator.work import Work
from app.protocol.states import MigrationPhase

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping

    from app.gateway.connector import Connector
    from app.gateway.snapshot import Snapshot

PHASES: Final[Mapping[MigrationPhase, Callable[[Work], Awaitable[MigrationPhase | None]]]] = {
    MigrationPhase.PENDING: begin,
    MigrationPhase.PREFLIGHT: preflight,
    MigrationPhase.PREPARED: prepared,
    MigrationPhase.DRAINING: drain,
    MigrationPhase.SWITCHING: switch,
    MigrationPhase.VERIFYING: verify,
    MigrationPhase.ROLLING_BACK: roll_back,
}
"""What is to be done in each phase; it returns the next one, or None if the rest is for later."""


class Migrator:
    """The protocol migrations of one container, one after the other."""

    def __init__(self, connector: Connector, bell: asyncio.Event) -> None:
        self._connector = connector
        self._bell = bell
        self._standby = Standby()

    async def carry_out(self, now: Snapshot) -> None:
        """Go over the phases until the migration has ended, or is to be gone on with later."""
        work = Work(self._connector, now, self._standby, self._bell)
        phase: MigrationPhase | None = work.migration.phase
        try:
            while phase is not None and phase in PHASES:
                phase = await PHASES[phase](work)
        finally:
            self._connector.channel.gate.set()
            await work.close_leftovers()

    async def cancel(self, now: Snapshot) -> None:
        """End a migration that somebody has cancelled, whatever else is to be done for its container."""
        work = Work(self._connector, now, self._standby, self._bell)
        try:
            await work.advance(MigrationPhase.FAILED, "cancelled")
        finally:
            await work.close_leftovers()

    async def tidy(self, now: Snapshot) -> None:
        """Close what is held ready for a migration that is no more, or was lost."""
        await self._standby.tidy(now)

    async def stop(self, reason: str) -> None:
        """Close what is held ready."""
        await self._standby.close(reason)
