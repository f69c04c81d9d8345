"""Connections of a container and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from app.errors import NotFound
from app.models import AcpConnection, AcpConnectionTransition, Container
from app.protocol.states import ConnectionStatus

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.protocol.states import Protocol

_NAMES: Final = select(AcpConnection.id, Container.name).join(Container)


def get(session: Session, connection_id: uuid.UUID) -> AcpConnection:
    """Return a connection by our id.

    Raises:
        NotFound: there is none.
    """
    connection = session.get(AcpConnection, connection_id)
    if connection is None:
        raise NotFound(f"there is no connection {connection_id}")
    return connection


def active(session: Session, container_id: uuid.UUID) -> AcpConnection | None:
    """Return a container's one active connection."""
    return session.scalar(
        select(AcpConnection).where(
            AcpConnection.container_id == container_id,
            AcpConnection.status != ConnectionStatus.DISCONNECTED,
        )
    )


def latest(session: Session, container_id: uuid.UUID, transport: Protocol) -> AcpConnection | None:
    """Return a container's latest connection over a protocol."""
    return session.scalar(
        select(AcpConnection)
        .where(AcpConnection.container_id == container_id)
        .where(AcpConnection.metadata_["transport"].astext == transport.value)
        .order_by(AcpConnection.id.desc())
        .limit(1)
    )


def of_container(session: Session, container_id: uuid.UUID, limit: int = 20) -> Sequence[AcpConnection]:
    """Return a container's latest connections, the newest first."""
    return session.scalars(
        select(AcpConnection)
        .where(AcpConnection.container_id == container_id)
        .order_by(AcpConnection.id.desc())
        .limit(limit)
    ).all()


def container_names(session: Session, connection_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, str]:
    """Return the name of each connection's container."""
    named = _NAMES.where(AcpConnection.id == func.any(list(connection_ids)))
    return {row[0]: row[1] for row in session.execute(named)}


def transitions(
    session: Session, connection_id: uuid.UUID, limit: int = 100
) -> Sequence[AcpConnectionTransition]:
    """Return a connection's latest changes of status, the newest first."""
    return session.scalars(
        select(AcpConnectionTransition)
        .where(AcpConnectionTransition.connection_id == connection_id)
        .order_by(AcpConnectionTransition.id.desc())
        .limit(limit)
    ).all()
