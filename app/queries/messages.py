"""Records: the latest of a connection or container, what came after a cursor, one with its pair.

A record's id is the cursor everywhere: ids are UUIDv7 in the order of committing, for one gateway writes a
container's records through one queue.
"""

from __future__ import annotations

from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Uuid, bindparam, func, select, true
from sqlalchemy.orm import aliased

from app.errors import NotFound
from app.models import AcpConnection, AcpMessage, Container
from app.queries import plain
from app.queries.fixed import fixed
from app.queries.paging import KEPT

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select, Subquery
    from sqlalchemy.orm import Session

RECENT_CONNECTIONS = 100
"""A container's timeline looks into this many of its latest connections; one lives through its reconnects."""

_BEFORE: Final = bindparam("before", type_=Uuid)
_OF: Final = bindparam("of", type_=Uuid)


class Key(NamedTuple):
    """Which record it is: enough to show one that has been shown before, for it never changes."""

    id: uuid.UUID
    connection_id: uuid.UUID
    container: str | None = None
    """The name of its container, where a list shows it."""


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
    connections = _latest_connections(container_id)
    # A few rows from each connection by the index, then the few of all: never a scan of a long history.
    each = _beside(AcpMessage.connection_id == connections.c.id, before, after, limit)
    record = aliased(AcpMessage, each.correlate(connections).lateral())
    order = record.id.asc() if after is not None else record.id.desc()
    statement = select(record).select_from(connections).join(record, true()).order_by(order).limit(limit)
    return _newest_first(session.scalars(statement).all())


def keys(session: Session, *, before: uuid.UUID | None = None, limit: int = 50) -> Sequence[Key]:
    """Return which records of the fleet are the latest, or stand before a cursor, and their containers."""
    return _keys(session, _keys_of_all(limit, before is not None), before)


def keys_of_connection(
    session: Session, connection_id: uuid.UUID, *, before: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Key]:
    """Return which records `of_connection` would return."""
    return _keys(session, _keys_of_connection(limit, before is not None), before, connection_id)


def keys_of_container(
    session: Session, container_id: uuid.UUID, *, before: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Key]:
    """Return which records `of_container` would return."""
    return _keys(session, _keys_of_container(limit, before is not None), before, container_id)


def _keys(
    session: Session, statement: Select[Any], before: uuid.UUID | None, of: uuid.UUID | None = None
) -> Sequence[Key]:
    bound = {"before": before, "of": of}
    given = {name: value for name, value in bound.items() if value is not None}
    return [Key(*row) for row in plain.read(session, statement, given).all()]


@lru_cache(KEPT)
def _keys_of_all(limit: int, is_before: bool) -> Select[Any]:  # noqa: FBT001 - a part of the key
    of_it = AcpConnection.id == AcpMessage.connection_id
    container = select(Container.name).join(AcpConnection).where(of_it).scalar_subquery()
    statement: Select[Any] = _last_keys(limit, is_before).add_columns(container)
    return statement


@lru_cache(KEPT)
def _keys_of_connection(limit: int, is_before: bool) -> Select[Any]:  # noqa: FBT001 - a part of the key
    statement: Select[Any] = _last_keys(limit, is_before).where(AcpMessage.connection_id == _OF)
    return statement


@lru_cache(KEPT)
def _keys_of_container(limit: int, is_before: bool) -> Select[Any]:  # noqa: FBT001 - a part of the key
    connections = _latest_connections(_OF)
    of_each = _last_keys(limit, is_before).where(AcpMessage.connection_id == connections.c.id)
    key = of_each.correlate(connections).lateral()
    joined = select(key.c.id, key.c.connection_id).select_from(connections).join(key, true())
    return joined.order_by(key.c.id.desc()).limit(fixed(limit))


def _last_keys(limit: int, is_before: bool) -> Any:  # noqa: FBT001 - as above
    statement = select(AcpMessage.id, AcpMessage.connection_id).order_by(AcpMessage.id.desc())
    return (statement.where(AcpMessage.id < _BEFORE) if is_before else statement).limit(fixed(limit))


def _latest_connections(container_id: Any) -> Subquery:
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
