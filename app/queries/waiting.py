"""What agents have asked of their callers and wait for: permission above all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.models import AcpConnection, AcpMessage
from app.protocol.frames import RpcKind
from app.protocol.states import ConnectionStatus, Direction
from app.queries.fixed import fixed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, FromClause, Select
    from sqlalchemy.orm import Session

WITHIN: Final = 100
"""How many of an agent's last requests are looked at; those that nobody can answer are answered at once."""


def of_connection(session: Session, connection_id: uuid.UUID) -> Sequence[AcpMessage]:
    """Return the requests of an agent that wait for a caller, the oldest first; none once it is lost."""
    connected = select(AcpConnection.id).where(
        AcpConnection.id == connection_id, AcpConnection.status == fixed(ConnectionStatus.CONNECTED)
    )
    request = aliased(AcpMessage, _last_requests(connected.scalar_subquery()).subquery())
    return session.scalars(select(request).where(~_answered(request)).order_by(request.id)).all()


def oldest(connection: FromClause) -> FromClause:
    """Return the oldest that waits on each of some connections, to be joined: method, caller, timestamp."""
    last = _last_requests(connection.c.id).correlate(connection).subquery()
    request = aliased(AcpMessage, last)
    return (
        select(request.method, request.caller, request.timestamp)
        .where(connection.c.status == fixed(ConnectionStatus.CONNECTED), ~_answered(request))
        .order_by(request.id)
        .limit(1)
        .correlate(connection)
        .lateral("waiting")
    )


def on(connection_id: Any, status: Any) -> ColumnElement[bool]:
    """Tell of each of some connections whether anything waits there."""
    table = connection_id.class_
    request = aliased(AcpMessage, _last_requests(connection_id).correlate(table).subquery())
    waits = select(request.id).where(status == fixed(ConnectionStatus.CONNECTED), ~_answered(request))
    return waits.correlate(table).exists()


def _last_requests(connection_id: Any) -> Select[AcpMessage]:
    """Select an agent's last requests, by `ix_acp_message_agent_request`."""
    return (
        select(AcpMessage)
        .where(AcpMessage.connection_id == connection_id)
        .where(
            AcpMessage.direction == fixed(Direction.INBOUND), AcpMessage.rpc_kind == fixed(RpcKind.REQUEST)
        )
        .order_by(AcpMessage.id.desc())
        .limit(fixed(WITHIN))
    )


def _answered(request: Any) -> ColumnElement[bool]:
    """Tell whether a record answers a request, be it to say that no answer will come."""
    answer = aliased(AcpMessage)
    return select(answer.id).where(answer.reply_to == request.id).exists()
