"""Protocol migrations: the intent, its phases, the switch of a session (data model: ProtocolMigration).

The web and the command line write an intent with `request` or `roll_back`; the gateway carries it out through
`advance` and `switch`. Each call leaves the rows in a state from which the next gateway can go on.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.errors import Conflict, Invalid
from app.models import ProtocolMigration, ProtocolMigrationStep
from app.protocol.states import Cause, MigrationPhase, Protocol, check_migration_move
from app.queries import connection_actions
from app.services import audit, doorbell
from app.services.rules import enforced, one_at_a_time

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

    from app.models import AcpConnection, Container
    from app.services.actor import Actor

FINAL = {MigrationPhase.COMPLETED: True, MigrationPhase.FAILED: False}
"""The phases that end a migration, with what they say of its success."""


def request(
    session: Session,
    container: Container,
    to: str,
    *,
    reason: str,
    actor: Actor,
    cause: Cause = Cause.OPERATOR,
) -> ProtocolMigration:
    """Write the intent to move a container to a protocol; the gateway acts on it.

    Raises:
        Invalid: `to` is not a protocol or not one the container supports, or there is no reason.
        Conflict: the container is on that protocol already, is held disconnected, or a protocol migration is
            under way.
    """
    if to not in list(Protocol):
        raise Invalid("to_protocol", f"{to!r} is not a protocol; choose from http, acp")
    if not container.supports(to):
        raise Invalid("to_protocol", f"the container does not support {to}")
    if not reason.strip():
        raise Invalid("reason", "say why, for those who read the history")
    if container.session.protocol_type == to:
        raise Conflict(f"the container is on {to} already")
    return _intend(session, container, to, reason=reason.strip(), actor=actor, cause=cause, rollback_of=None)


def roll_back(
    session: Session, migration: ProtocolMigration, *, reason: str, actor: Actor
) -> ProtocolMigration:
    """Write the intent to take a completed protocol migration back: a migration the other way that marks it.

    Raises:
        Invalid: there is no reason.
        Conflict: it did not succeed, was taken back already, the container has moved on since, or is held
            disconnected.
    """
    if not reason.strip():
        raise Invalid("reason", "say why, for those who read the history")
    if not migration.can_roll_back:
        raise Conflict("only a protocol migration that succeeded and was not taken back can be rolled back")
    container = migration.container
    if container.session.protocol_type != migration.to_protocol or _later_success(session, migration):
        raise Conflict("the container has changed its protocol since; start a new protocol migration instead")
    return _intend(
        session,
        container,
        migration.from_protocol,
        reason=reason.strip(),
        actor=actor,
        cause=Cause.ROLLBACK,
        rollback_of=migration.id,
    )


def _later_success(session: Session, migration: ProtocolMigration) -> bool:
    later = select(ProtocolMigration.id).where(
        ProtocolMigration.container_id == migration.container_id,
        ProtocolMigration.id > migration.id,
        ProtocolMigration.success.is_(True),
    )
    return session.scalar(later.limit(1)) is not None


def _intend(
    session: Session,
    container: Container,
    to: str,
    *,
    reason: str,
    actor: Actor,
    cause: Cause,
    rollback_of: uuid.UUID | None,
) -> ProtocolMigration:
    one_at_a_time(session, container)
    if connection_actions.hold_of(session, container.id) is not None:
        raise Conflict("the container is held disconnected; reconnect it first")
    migration = ProtocolMigration(
        container_id=container.id,
        from_protocol=container.session.protocol_type,
        to_protocol=to,
        phase=MigrationPhase.PENDING,
        reason=reason,
        requested_by=actor.name,
        cause=cause,
        rollback_of_id=rollback_of,
    )
    with enforced(session):
        session.add(migration)
        session.flush()
    session.add(ProtocolMigrationStep(migration_id=migration.id, phase=MigrationPhase.PENDING, detail=reason))
    audit.record(
        session,
        actor,
        "protocol migration requested",
        ("container", container.id),
        reason=reason,
        before={"protocol_type": migration.from_protocol},
        after={"protocol_type": to, "protocol_migration": str(migration.id), "cause": cause},
    )
    doorbell.ask(session, container.id)
    return migration


def advance(session: Session, migration: ProtocolMigration, target: MigrationPhase, detail: str = "") -> None:
    """Enter a phase; a final one sets `completed_at` and `success`, and on failure `rollback` and the reason.

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
    if target is MigrationPhase.ROLLING_BACK:
        migration.error_message = detail
    if target is MigrationPhase.FAILED:
        migration.rollback = True
        migration.error_message = migration.error_message or detail
    if target is MigrationPhase.COMPLETED and migration.rollback_of_id is not None:
        taken_back = session.get_one(ProtocolMigration, migration.rollback_of_id)
        taken_back.rollback = True
    session.flush()
    doorbell.tell(session, migration.container_id)


def retry(session: Session, migration: ProtocolMigration, detail: str) -> None:
    """Count another attempt in the same phase, with what went wrong in the last one."""
    migration.attempt_count += 1
    session.add(ProtocolMigrationStep(migration_id=migration.id, phase=migration.phase, detail=detail))
    session.flush()
    doorbell.tell(session, migration.container_id)


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
