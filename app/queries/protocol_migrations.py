"""Protocol migrations of a container and of the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app.errors import NotFound
from app.models import ProtocolMigration

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def get(session: Session, migration_id: uuid.UUID) -> ProtocolMigration:
    """Return a protocol migration.

    Raises:
        NotFound: there is none.
    """
    migration = session.get(ProtocolMigration, migration_id)
    if migration is None:
        raise NotFound(f"there is no protocol migration {migration_id}")
    return migration


def open_of(session: Session, container_id: uuid.UUID) -> ProtocolMigration | None:
    """Return the one protocol migration of a container that is under way."""
    return session.scalar(
        select(ProtocolMigration).where(
            ProtocolMigration.container_id == container_id, ProtocolMigration.completed_at.is_(None)
        )
    )


def open_of_many(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[ProtocolMigration]:
    """Return those of many containers, at most one of each."""
    return session.scalars(
        select(ProtocolMigration).where(
            ProtocolMigration.container_id.in_(container_ids), ProtocolMigration.completed_at.is_(None)
        )
    ).all()


def under_way(session: Session, limit: int = 20) -> Sequence[ProtocolMigration]:
    """Return the fleet's protocol migrations under way with their containers, the oldest first."""
    return session.scalars(
        select(ProtocolMigration)
        .where(ProtocolMigration.completed_at.is_(None))
        .options(joinedload(ProtocolMigration.container))
        .order_by(ProtocolMigration.id)
        .limit(limit)
    ).all()


def of_container(session: Session, container_id: uuid.UUID, limit: int = 20) -> Sequence[ProtocolMigration]:
    """Return a container's latest protocol migrations with their steps, the newest first."""
    return session.scalars(
        select(ProtocolMigration)
        .where(ProtocolMigration.container_id == container_id)
        .options(selectinload(ProtocolMigration.steps))
        .order_by(ProtocolMigration.id.desc())
        .limit(limit)
    ).all()


def latest(session: Session, before: uuid.UUID | None = None, limit: int = 50) -> Sequence[ProtocolMigration]:
    """Return the fleet's latest protocol migrations with their containers, the newest first."""
    statement = (
        select(ProtocolMigration)
        .options(joinedload(ProtocolMigration.container))
        .order_by(ProtocolMigration.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(ProtocolMigration.id < before)
    return session.scalars(statement).all()
