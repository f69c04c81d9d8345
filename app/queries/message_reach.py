"""Where messages are looked for: over the fleet, or on some connections, the latest of each by its index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import ARRAY, Uuid, cast, func, or_, select, true
from sqlalchemy.orm import aliased

from app.models import AcpConnection, AcpMessage, Container
from app.queries.message_conditions import named

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement, FromClause, Select
    from sqlalchemy.orm import Session

    from app.queries.message_filter import Term

    Within = Sequence[uuid.UUID] | None


MOST_CONNECTIONS: Final = 100
"""Of a named container, so many of its latest connections are looked at; one lives through its reconnects."""
_SCOPES: Final[Mapping[str, Callable[[str], ColumnElement[bool]]]] = {
    "container": lambda value: named(Container.name, value),
    "connection": lambda value: AcpConnection.id == value,
}


def whereabouts(session: Session, terms: Sequence[Term]) -> Within:
    """Return the connections that a filter names, itself or by their container; None if it names none."""
    scopes = [_SCOPES[term.field](term.value) for term in terms if term.field in _SCOPES and not term.negated]
    if not scopes:
        return None
    connections = select(AcpConnection.id).join(Container).where(or_(*scopes))
    return session.scalars(connections.order_by(AcpConnection.id.desc()).limit(MOST_CONNECTIONS)).all()


def latest(matching: Select[AcpMessage], within: Within, limit: int, offset: int = 0) -> Select[AcpMessage]:
    """Order a statement; within connections it is applied to each by its index, and then to all of them."""
    if within is None:
        return matching.order_by(AcpMessage.id.desc()).limit(limit).offset(offset)
    connection = select(func.unnest(cast(within, ARRAY(Uuid))).label("id")).subquery()
    of_one = matching.where(AcpMessage.connection_id == connection.c.id)
    return latest_of_each(of_one, connection, limit, offset)


def latest_of_each(
    of_one: Select[AcpMessage], each: FromClause, limit: int, offset: int = 0
) -> Select[AcpMessage]:
    """Take the latest of each connection by its index, and then the latest of all."""
    ordered = of_one.order_by(AcpMessage.id.desc()).limit(limit).offset(offset)
    record = aliased(AcpMessage, ordered.correlate(each).lateral())
    return select(record).select_from(each).join(record, true()).order_by(record.id.desc()).limit(limit)


def floor(
    session: Session,
    within: Within,
    before: uuid.UUID | None,
    least: uuid.UUID | None = None,
    *,
    only: Sequence[ColumnElement[bool]] = (),
    offset: int,
) -> AcpMessage | None:
    """Find the record behind the latest so many, between two ids; None if there are no more than these.

    With `only`, of those alone for which it holds.
    """
    bounds = [*only, *([] if before is None else [AcpMessage.id < before])]
    bounds += [] if least is None else [AcpMessage.id >= least]
    return session.scalar(latest(select(AcpMessage).where(*bounds), within, 1, offset=offset))
