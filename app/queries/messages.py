"""Records: the latest of a connection or container, what came after a cursor, one with its pair.

A record's id is the cursor everywhere: ids are UUIDv7 in the order of committing, for one gateway writes a
container's records through one queue.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, true
from sqlalchemy.orm import aliased

from app.errors import NotFound
from app.models import AcpConnection, AcpMessage
from app.queries.fixed import fixed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select, Subquery
    from sqlalchemy.orm import Session

RECENT_CONNECTIONS = 100
"""A container's timeline looks into this many of its latest connections; one lives through its reconnects."""


def get(session: Session, message_id: uuid.UUID) -> AcpMessage:
    """Return a record.

    Raises:
        NotFound: there is none.
    """
    message = session.get(AcpMessage, message_id)
    if message is None:
        raise NotFound(f"there is no message {message_id}")
    return message


def of_ids(session: Session, ids: Sequence[uuid.UUID]) -> Sequence[AcpMessage]:
    """Return some records, in no order."""
    return session.scalars(select(AcpMessage).where(AcpMessage.id == func.any(list(ids)))).all()


def counterpart(session: Session, message: AcpMessage) -> AcpMessage | None:
    """Return the request that a record answers, or the answer to a request."""
    if message.reply_to is not None:
        return session.get(AcpMessage, message.reply_to)
    return session.scalar(select(AcpMessage).where(AcpMessage.reply_to == message.id).limit(1))


def like_it(session: Session, message: AcpMessage, within: int = 2000) -> AcpMessage | None:
    """Return the last record before one that is of its kind: its connection, direction, method and frame."""
    recent = (
        select(AcpMessage)
        .where(AcpMessage.connection_id == message.connection_id, AcpMessage.id < message.id)
        .order_by(AcpMessage.id.desc())
        .limit(within)
        .subquery()
    )
    record = aliased(AcpMessage, recent)
    of_its_kind = (
        record.direction == message.direction,
        record.method.is_not_distinct_from(message.method),
        record.rpc_kind.is_not_distinct_from(message.rpc_kind),
    )
    return session.scalar(select(record).where(*of_its_kind).order_by(record.id.desc()).limit(1))


def of_connection(
    session: Session,
    connection_id: uuid.UUID,
    *,
    before: uuid.UUID | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[AcpMessage]:
    """Return a connection's records, the newest first: the latest, or those next to a cursor."""
    statement = _beside(AcpMessage.connection_id == connection_id, before, after, limit)
    return _newest_first(session.scalars(statement).all())


def of_container(
    session: Session,
    container_id: uuid.UUID,
    *,
    before: uuid.UUID | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> Sequence[AcpMessage]:
    """Return a container's records over its connections, as `of_connection` does for one."""
    connections = latest_connections(container_id)
    # A few rows from each connection by the index, then the few of all: never a scan of a long history.
    each = _beside(AcpMessage.connection_id == connections.c.id, before, after, limit)
    record = aliased(AcpMessage, each.correlate(connections).lateral())
    order = record.id.asc() if after is not None else record.id.desc()
    statement = select(record).select_from(connections).join(record, true()).order_by(order).limit(limit)
    return _newest_first(session.scalars(statement).all())


def latest_connections(container_id: Any) -> Subquery:
    """Select the ids of the connections that a container's timeline looks into."""
    of_it = select(AcpConnection.id).where(AcpConnection.container_id == container_id)
    return of_it.order_by(AcpConnection.id.desc()).limit(fixed(RECENT_CONNECTIONS)).subquery()


def count_of_connection(
    session: Session, connection_id: uuid.UUID, *, after: uuid.UUID, before: uuid.UUID
) -> int:
    """Return how many records a connection has between two others."""
    return _count(session, AcpMessage.connection_id == connection_id, after, before)


def count_of_container(
    session: Session, container_id: uuid.UUID, *, after: uuid.UUID, before: uuid.UUID
) -> int:
    """Return how many records a container has between two others, over its connections."""
    connections = select(AcpConnection.id).where(AcpConnection.container_id == container_id)
    return _count(session, AcpMessage.connection_id.in_(connections), after, before)


def _count(session: Session, scope: ColumnElement[bool], after: uuid.UUID, before: uuid.UUID) -> int:
    between = select(func.count()).where(scope, AcpMessage.id > after, AcpMessage.id < before)
    return session.scalar(between) or 0


def _beside(
    scope: ColumnElement[bool], before: uuid.UUID | None, after: uuid.UUID | None, limit: int
) -> Select[AcpMessage]:
    """Select the records of a scope that stand next to a cursor."""
    statement = select(AcpMessage).where(scope).limit(limit)
    if after is not None:
        return statement.where(AcpMessage.id > after).order_by(AcpMessage.id)
    if before is not None:
        statement = statement.where(AcpMessage.id < before)
    return statement.order_by(AcpMessage.id.desc())


def _newest_first(records: Sequence[AcpMessage]) -> Sequence[AcpMessage]:
    return sorted(records, key=attrgetter("id"), reverse=True)
