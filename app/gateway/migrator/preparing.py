"""The phases before anything is touched: begin, preflight, prepared. The old connection goes on working."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from app.errors import DialError
from app.gateway.migrator import measuring
from app.gateway.migrator.looking import look
from app.gateway.migrator.work import Woken
from app.protocol.states import MigrationPhase
from app.protocol.strategies import Strategy
from app.services import migration_phases

if TYPE_CHECKING:
    from app.gateway.migrator.work import Work


async def begin(work: Work) -> MigrationPhase:
    """Start, unless the container is held disconnected by now: one that has waited may find it so."""
    if work.now.hold is not None:
        return await _held(work, work.now.hold)
    return await work.advance(MigrationPhase.PREFLIGHT, f"dialling over {work.migration.to_protocol}")


async def preflight(work: Work) -> MigrationPhase | None:
    """Open the new connection beside the old one, and look whether anything speaks against it.

    A dial that hangs is given up as soon as somebody cancels the migration, or stops the container.
    """
    looking = asyncio.create_task(_look(work))
    try:
        woken = await work.wait(looking, math.inf)
    finally:
        looking.cancel()  # where it is done, this changes nothing
        await asyncio.gather(looking, return_exceptions=True)
    if woken is Woken.WITHHELD:
        return None
    if woken is Woken.CANCELLED:
        return await work.advance(MigrationPhase.FAILED, "cancelled")
    try:
        looking.result()
        link = await work.open()
        if work.migration.plan.strategy is Strategy.MANUAL:
            return await _prepare(work, await link.health(measuring.PING_SECONDS))
    except (DialError, TimeoutError) as error:
        if work.migration.from_protocol in work.now.supported:
            return await work.advance(MigrationPhase.FAILED, str(error))
        await _postpone(work, str(error))
        return None
    return await go_on(work, "the handshake succeeded")


async def _look(work: Work) -> None:
    """Do what the preflight is for, without a change of phase: it may be cancelled anywhere."""
    await measuring.before(work)
    await look(work)
    await work.open()


async def prepared(work: Work) -> MigrationPhase:
    """Go on as a person asked, with the connection that was held ready, or another."""
    if work.now.hold is not None:
        return await _held(work, work.now.hold)
    try:
        link = await work.open()
        await link.health(measuring.PING_SECONDS)
    except (DialError, TimeoutError) as error:
        return await work.advance(MigrationPhase.FAILED, f"it was prepared, and is so no longer: {error}")
    return await go_on(work, f"a person switched it: {work.migration.switch_asked_by}")


async def go_on(work: Work, detail: str) -> MigrationPhase:
    """Drain, or switch at once where nothing is waited for."""
    drains = work.migration.plan.drain_seconds > 0
    return await work.advance(MigrationPhase.DRAINING if drains else MigrationPhase.SWITCHING, detail)


async def _prepare(work: Work, milliseconds: float) -> MigrationPhase | None:
    detail = f"the agent answered in {milliseconds:.1f} ms; it waits for a person"
    phase = await work.advance(MigrationPhase.PREPARED, detail)
    if phase is not MigrationPhase.PREPARED or work.opened is None:
        return phase
    work.standby.hold(work.migration.id, work.opened)
    work.opened = None
    return None


async def _held(work: Work, hold: str) -> MigrationPhase:
    return await work.advance(MigrationPhase.FAILED, f"its time came while the container was held: {hold}")


async def _postpone(work: Work, problem: str) -> None:
    """There is no protocol to stay on: keep trying."""
    await work.write(lambda session, row: migration_phases.retry(session, row, problem))
    work.rest()
