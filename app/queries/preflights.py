"""Preflights, and what rows alone can tell of a move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from app.errors import NotFound
from app.models import ContainerLease, Gateway, Preflight
from app.protocol.preflight import Standing
from app.protocol.preflight import static_checks as judged
from app.queries import blast, connection_actions, containers, protocol_migrations

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import ConnectionAction, Container, ProtocolMigration
    from app.protocol.policy import EndpointPolicy
    from app.protocol.preflight import Check


def get(session: Session, preflight_id: uuid.UUID) -> Preflight:
    """Return a preflight as it is stored now.

    Raises:
        NotFound: there is none; its container may have been removed.
    """
    preflight = session.get(Preflight, preflight_id, populate_existing=True)
    if preflight is None:
        raise NotFound(f"there is no preflight {preflight_id}")
    return preflight


def open_of_many(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[Preflight]:
    """Return what the gateways of some containers have still to look at: one of each at the most."""
    return session.scalars(
        select(Preflight).where(
            Preflight.container_id == func.any(list(container_ids)), Preflight.completed_at.is_(None)
        )
    ).all()


def latest(session: Session, container_id: uuid.UUID, to: str) -> Preflight | None:
    """Return the last dry run of a container's move to a protocol."""
    return session.scalar(
        select(Preflight)
        .where(Preflight.container_id == container_id, Preflight.to_protocol == to)
        .where(Preflight.migration_id.is_(None))
        .order_by(Preflight.id.desc())
        .limit(1)
    )


def of_migration(session: Session, migration_id: uuid.UUID) -> Preflight | None:
    """Return what a protocol migration has found in its own preflight, None before it."""
    return session.scalar(
        select(Preflight).where(Preflight.migration_id == migration_id).order_by(Preflight.id.desc()).limit(1)
    )


def static_checks(
    session: Session, container: Container, to: str, policy: EndpointPolicy | None = None
) -> list[Check]:
    """Judge a container's move to a protocol by its rows; `policy` judges its address, too."""
    return static_checks_of_many(session, [container.id], to, policy).get(container.id, [])


def static_checks_of_many(
    session: Session,
    container_ids: Sequence[uuid.UUID],
    to: str,
    policy: EndpointPolicy | None = None,
    *,
    own: uuid.UUID | None = None,
) -> Mapping[uuid.UUID, list[Check]]:
    """Judge the moves of many containers, in five queries however many they are.

    `own` is the protocol migration whose preflight this is: it does not compete with itself.
    """
    under_way = protocol_migrations.open_of_many(session, container_ids)
    migrations = {each.container_id: each for each in under_way if each.id != own}
    pending = connection_actions.pending_of_many(session, container_ids)
    holds = {each.container_id: each for each in pending if each.holds}
    radius = blast.of_many(session, container_ids)
    holders = _holders(session, container_ids)
    return {
        each.id: judged(
            Standing(
                to=to,
                protocol=each.session.protocol_type,
                supported=each.supported_protocols,
                status=each.status,
                held=_hold_words(holds.get(each.id)),
                under_way=_migration_words(migrations.get(each.id)),
                gateway=holders.get(each.id),
                endpoint_url=each.endpoint_url,
                encryption_level=each.configuration.encryption_level,
                policy=policy,
                prompts=radius[each.id].prompts,
                permissions=radius[each.id].permissions,
            )
        )
        for each in containers.of_ids(session, container_ids)
        if each.id in radius
    }


def _holders(session: Session, container_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, str]:
    """Return the address of each container's gateway, by the database's clock."""
    found = session.execute(
        select(ContainerLease.container_id, Gateway.address)
        .join(Gateway, Gateway.id == ContainerLease.gateway_id)
        .where(ContainerLease.container_id == func.any(list(container_ids)))
        .where(ContainerLease.expires_at > func.clock_timestamp())
    )
    return {row[0]: row[1] for row in found}


def _hold_words(hold: ConnectionAction | None) -> str | None:
    return None if hold is None else f"by {hold.requested_by}, who said: {hold.reason}"


def _migration_words(migration: ProtocolMigration | None) -> str | None:
    if migration is None:
        return None
    phase = migration.phase.replace("_", " ")
    return f"to {migration.to_protocol.upper()}, {phase}, requested by {migration.requested_by}"
