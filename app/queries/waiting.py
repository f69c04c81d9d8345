"""What agents have asked of their callers and wait for: permission above all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from app.models import AcpConnection, AcpMessage, AcpOpenRequest
from app.protocol.states import ConnectionStatus, Direction
from app.queries.fixed import fixed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, FromClause, Select
    from sqlalchemy.orm import Session


_INBOUND: Final = AcpOpenRequest.direction == fixed(Direction.INBOUND)


def of_connection(session: Session, connection_id: uuid.UUID) -> Sequence[AcpMessage]:
    """Return the requests of an agent that wait for a caller, the oldest first; none once it is lost."""
    of_it = (
        _waiting(AcpMessage)
        .join(AcpConnection, AcpConnection.id == AcpOpenRequest.connection_id)
        .where(AcpConnection.id == connection_id)
        .where(AcpConnection.status == fixed(ConnectionStatus.CONNECTED))
    )
    return session.scalars(of_it.order_by(AcpOpenRequest.id)).all()


def oldest(connection: FromClause) -> FromClause:
    """Return the oldest that waits on each of some connections, to be joined: method, caller, timestamp."""
    return _first_on(connection, _waiting(AcpMessage.method, AcpMessage.caller, AcpMessage.timestamp))


def oldest_id(connection: FromClause) -> FromClause:
    """Return the id of the same, which is read by an index of what waits and from nothing else."""
    return _first_on(connection, select(AcpOpenRequest.id).where(_INBOUND))


def on(connection_id: Any, status: Any) -> ColumnElement[bool]:
    """Tell of each of some connections whether anything waits there."""
    waits = _waiting(AcpOpenRequest.id).where(AcpOpenRequest.connection_id == connection_id)
    connected = waits.where(status == fixed(ConnectionStatus.CONNECTED))
    return connected.correlate(connection_id.class_).exists()


def _first_on(connection: FromClause, waiting: Select[Any]) -> FromClause:
    return (
        waiting.where(AcpOpenRequest.connection_id == connection.c.id)
        .where(connection.c.status == fixed(ConnectionStatus.CONNECTED))
        .order_by(AcpOpenRequest.id)
        .limit(fixed(1))
        .correlate(connection)
        .lateral("waiting")
    )


def _waiting(*wanted: Any) -> Select[Any]:
    """Select something of what agents wait for."""
    return (
        select(*wanted)
        .select_from(AcpOpenRequest)
        .join(AcpMessage, AcpMessage.id == AcpOpenRequest.id)
        .where(_INBOUND)
    )
