"""Which records the latest are, of the fleet, a connection or a container, without reading more of them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Uuid, bindparam, select, true

from app.models import AcpConnection, AcpMessage, Container
from app.queries import messages, plain
from app.queries.fixed import fixed
from app.queries.paging import KEPT

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session


_BEFORE: Final = bindparam("before", type_=Uuid)
_OF: Final = bindparam("of", type_=Uuid)


class Key(NamedTuple):
    """Which record it is: enough to show one that has been shown before, for it never changes."""

    id: uuid.UUID
    connection_id: uuid.UUID
    container: str | None = None
    """The name of its container, where a list shows it."""


def of_fleet(session: Session, *, before: uuid.UUID | None = None, limit: int = 50) -> Sequence[Key]:
    """Return which records of the fleet are the latest, or stand before a cursor, and their containers."""
    return _keys(session, _keys_of_all(limit, before is not None), before)


def of_connection(
    session: Session, connection_id: uuid.UUID, *, before: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Key]:
    """Return which records `messages.of_connection` would return."""
    return _keys(session, _keys_of_connection(limit, before is not None), before, connection_id)


def of_container(
    session: Session, container_id: uuid.UUID, *, before: uuid.UUID | None = None, limit: int = 50
) -> Sequence[Key]:
    """Return which records `messages.of_container` would return."""
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
    connections = messages.latest_connections(_OF)
    of_each = _last_keys(limit, is_before).where(AcpMessage.connection_id == connections.c.id)
    key = of_each.correlate(connections).lateral()
    joined = select(key.c.id, key.c.connection_id).select_from(connections).join(key, true())
    return joined.order_by(key.c.id.desc()).limit(fixed(limit))


def _last_keys(limit: int, is_before: bool) -> Any:  # noqa: FBT001 - as above
    statement = select(AcpMessage.id, AcpMessage.connection_id).order_by(AcpMessage.id.desc())
    return (statement.where(AcpMessage.id < _BEFORE) if is_before else statement).limit(fixed(limit))
