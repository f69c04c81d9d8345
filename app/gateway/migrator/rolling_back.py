"""The way back, to the old protocol, and to the old connection where it is still open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.gateway.migrator.switching import until_idle
from app.models import AcpConnection
from app.protocol.states import ConnectionStatus, MigrationPhase
from app.queries import connections as stored
from app.services import connections, migration_phases

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.gateway.link import Link
    from app.gateway.migrator.work import Work
    from app.models import ProtocolMigration

DRAIN_SECONDS: Final = 10
"""How long at most open requests may finish over a new connection that works, but worse than is allowed."""


async def roll_back(work: Work) -> MigrationPhase:
    """Bring session and rows back."""
    work.channel.gate.clear()
    if work.sound:
        await until_idle(work, min(DRAIN_SECONDS, work.migration.plan.drain_seconds))
    reason = f"protocol migration to {work.migration.to_protocol} rolled back"
    previous = work.previous if work.previous and not work.previous.lost.done() else None

    def undo(session: Session, migration: ProtocolMigration) -> None:
        new = stored.active(session, work.connector.container_id)
        if new is not None and new.transport == work.migration.to_protocol:
            connections.end(session, new, reason)
        old = _old_row(session, work)
        if previous is not None and old is not None:
            connections.move(session, old, ConnectionStatus.CONNECTED, reason)
        work.point(session, work.migration.from_protocol, old)
        migration_phases.advance(session, migration, MigrationPhase.ROLLED_BACK, reason)

    await work.write(undo)
    _back_to(work, previous, reason)
    return MigrationPhase.ROLLED_BACK


def _back_to(work: Work, previous: Link | None, reason: str) -> None:
    if work.channel.link is not previous:
        work.channel.offline(reason)
    if previous is not None:
        work.connector.attach(previous)
    if work.migration.from_protocol not in work.now.supported:
        work.rest()  # it is to be brought up again, but not in a hurry


def _old_row(session: Session, work: Work) -> AcpConnection | None:
    """Return the connection to go back to: the one that was switched from, or the latest of its kind."""
    if work.previous is not None:
        return session.get(AcpConnection, work.previous.book.connection_id)
    return stored.latest(session, work.connector.container_id, work.migration.from_protocol)
