"""The phases of a protocol migration, as the gateway carries them out, and the switch of a session.

Each call leaves the rows in a state from which the next gateway can go on. A row is locked while its phase is
moved, so that what a person asks meanwhile, to cancel it, is either seen or refused.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from app.errors import Invalid
from app.models import ProtocolMigration, ProtocolMigrationStep
from app.protocol.states import BEFORE_THE_SWITCH, Cause, MigrationPhase, Protocol, check_migration_move
from app.services import doorbell
from app.services.rules import enforced

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.models import AcpConnection, Container
    from app.protocol.verification import Measured

FINAL: Final = {
    MigrationPhase.COMPLETED: True,
    MigrationPhase.FAILED: False,
    MigrationPhase.ROLLED_BACK: False,
}
"""The phases that end a migration, with what they say of its success."""


def proceed(
    session: Session, migration: ProtocolMigration, target: MigrationPhase, detail: str
) -> MigrationPhase:
    """Enter a phase, or end as failed where somebody has asked to cancel it in time; return which.

    Raises:
        IllegalMove: the migration is not in a phase from which this one can be entered.
    """
    session.refresh(migration, with_for_update=True)
    if migration.cancel_asked_at is not None and migration.phase in BEFORE_THE_SWITCH:
        target, detail = MigrationPhase.FAILED, migration.cancel_words
    advance(session, migration, target, detail)
    return target


def advance(session: Session, migration: ProtocolMigration, target: MigrationPhase, detail: str = "") -> None:
    """Enter a phase; a final one sets `completed_at` and `success`, and one without success the reason.

    Raises:
        IllegalMove: the migration is not in a phase from which this one can be entered.
    """
    check_migration_move(MigrationPhase(migration.phase), target)
    migration.phase = target
    session.add(ProtocolMigrationStep(migration_id=migration.id, phase=target, detail=detail))
    if target in FINAL:
        # Strictly after `started_at` (data model), however the database's clock was set in between.
        earliest = migration.started_at + dt.timedelta(microseconds=1)
        migration.completed_at = session.scalar(select(func.greatest(func.clock_timestamp(), earliest)))
        migration.success = FINAL[target]
    if target in (MigrationPhase.ROLLING_BACK, MigrationPhase.FAILED):
        migration.error_message = detail
    if target is MigrationPhase.ROLLED_BACK:
        migration.rollback = True
    if target is MigrationPhase.COMPLETED and migration.rollback_of_id is not None:
        taken_back = session.get_one(ProtocolMigration, migration.rollback_of_id)
        taken_back.rollback = True
    session.flush()
    doorbell.tell(session, migration.container_id)
    if target in FINAL and migration.cause in (Cause.ROLLOUT, Cause.ROLLBACK):
        doorbell.wake_rollouts(session)


def retry(session: Session, migration: ProtocolMigration, detail: str) -> None:
    """Count another attempt in the same phase, with what went wrong in the last one."""
    migration.attempt_count += 1
    session.add(ProtocolMigrationStep(migration_id=migration.id, phase=migration.phase, detail=detail))
    session.flush()
    doorbell.tell(session, migration.container_id)


def measured(session: Session, migration: ProtocolMigration, when: str, found: Measured) -> None:
    """Keep what was measured, `before` the switch or `after` it."""
    migration.measured = (migration.measured or {}) | {when: found.as_dict()}
    session.flush()


def give_way(session: Session, migration: ProtocolMigration, detail: str) -> bool:
    """End one that waits for its time or for a person, because its container has to be moved at once."""
    session.refresh(migration, with_for_update=True)
    if migration.waiting:
        advance(session, migration, MigrationPhase.FAILED, detail)
    return not migration.open


def switch(session: Session, container: Container, protocol: str, connection: AcpConnection | None) -> None:
    """Point a container's session at a protocol and its connection (data model: acpConnectionId on ACP only).

    Raises:
        Invalid: ACP without a connection, or for a container that does not support it. HTTP is where every
            session begins, and goes back to when its container could not be brought up on ACP.
    """
    on_acp = protocol == Protocol.ACP
    if on_acp and not container.supports(protocol):
        raise Invalid("protocol_type", f"the container does not support {protocol}")
    if on_acp and connection is None:
        raise Invalid("acp_connection_id", "must be set while protocol_type is acp")
    connection_id = connection.id if on_acp and connection else None  # first: reading it may flush
    with enforced(session):
        container.session.protocol_type = protocol
        container.session.acp_connection_id = connection_id
        session.flush()
    doorbell.tell(session, container.id)
