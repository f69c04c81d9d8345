"""Draining and switching: callers stay, their new requests wait at the channel's gate."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.errors import DialError
from app.gateway import carried
from app.gateway.migrator.carrying import carry_over
from app.gateway.migrator.work import Woken
from app.models import AcpConnection
from app.protocol.states import MigrationPhase
from app.queries import connections as stored
from app.services import connections, migration_phases

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.gateway.migrator.work import Work
    from app.models import ProtocolMigration


async def drain(work: Work) -> MigrationPhase | None:
    """Let open requests finish while new ones wait, up to the plan's limit."""
    woken = await until_idle(work, work.migration.plan.drain_seconds)
    if woken is Woken.WITHHELD:
        return None
    done = woken is Woken.DONE
    detail = "no request is open" if done else "requests are still open, and are interrupted"
    return await work.advance(MigrationPhase.SWITCHING, detail)


async def until_idle(work: Work, seconds: float) -> Woken:
    """Close the gate and wait until nothing is open."""
    work.channel.gate.clear()
    if work.channel.idle.is_set():
        return Woken.DONE
    idle = asyncio.create_task(work.channel.idle.wait())
    try:
        return await work.wait(idle, seconds)
    finally:
        idle.cancel()


async def switch(work: Work) -> MigrationPhase:
    """Change connection and session in one transaction."""
    try:
        link = await work.open()
    except DialError as error:  # after a restart, or a loss while draining; the preflight had opened it
        return await work.advance(MigrationPhase.ROLLING_BACK, str(error))
    recorded = await carried.recorded(work.connector)  # before the callers wait
    work.channel.gate.clear()
    told = await carry_over(carried.held(work.connector, recorded), link)
    work.previous = work.channel.link
    reason = f"protocol migration to {work.migration.to_protocol}"

    def change(session: Session, migration: ProtocolMigration) -> None:
        old = stored.active(session, work.connector.container_id)
        if old is not None:
            connections.end(session, old, reason)
        row = session.get_one(AcpConnection, link.book.connection_id)
        link.settle(session, row, reason)
        work.point(session, work.migration.to_protocol, row)
        migration_phases.advance(session, migration, MigrationPhase.VERIFYING, "; ".join([reason, *told]))

    await work.write(change)
    work.channel.offline(reason)
    if work.previous is not None:
        work.previous.detach()
    work.connector.attach(link)
    return MigrationPhase.VERIFYING
