"""What has come since: a filter's matches behind a cursor, for pages that are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Uuid, and_, cast, func, select, true

from app.models import AcpConnection, AcpMessage
from app.queries import message_search
from app.queries.message_conditions import conditions
from app.queries.message_reach import floor, latest, latest_of_each, whereabouts

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import ColumnElement, TableValuedAlias
    from sqlalchemy.orm import Session

    from app.queries.message_filter import Term
    from app.queries.message_reach import Within


def after(
    session: Session, terms: Sequence[Term], cursor: uuid.UUID, *, limit: int = 50
) -> Sequence[AcpMessage]:
    """Return the latest matches that came after a cursor, the newest first."""
    within = whereabouts(session, terms)
    matching = select(AcpMessage).where(*conditions(terms), AcpMessage.id > _from(session, within, cursor))
    return session.scalars(latest(matching, within, limit)).all()


def count_after(session: Session, terms: Sequence[Term], cursor: uuid.UUID) -> int:
    """Return how many matches came after a cursor, of those that `after` looks at."""
    within = whereabouts(session, terms)
    bounds = [AcpMessage.id > _from(session, within, cursor)]
    bounds += [] if within is None else [AcpMessage.connection_id.in_(within)]
    return (
        session.scalar(select(func.count()).select_from(AcpMessage).where(*conditions(terms), *bounds)) or 0
    )


def newest(session: Session) -> uuid.UUID | None:
    """Return the id of the fleet's last record."""
    return session.scalar(select(AcpMessage.id).order_by(AcpMessage.id.desc()).limit(1))


def last_of(session: Session, connections: Collection[uuid.UUID]) -> Mapping[uuid.UUID, uuid.UUID]:
    """Return the id of each connection's last record; one without records is left out."""
    last = (
        select(AcpMessage.id)
        .where(AcpMessage.connection_id == AcpConnection.id)
        .order_by(AcpMessage.id.desc())
        .limit(1)
        .lateral()
    )
    each = select(AcpConnection.id, last.c.id).join(last, true()).where(AcpConnection.id.in_(connections))
    return {row[0]: row[1] for row in session.execute(each)}


def between(
    session: Session,
    terms: Sequence[Term],
    behind: Mapping[uuid.UUID, uuid.UUID],
    last: Mapping[uuid.UUID, uuid.UUID],
    limit: int,
) -> Sequence[AcpMessage]:
    """Return the latest matches on some connections, behind a cursor of each and up to its last."""
    bounds = _bounds(behind, last)
    new = select(AcpMessage).where(*conditions(terms), *_inside(bounds))
    return session.scalars(latest_of_each(new, bounds, limit)).all()


def count_between(
    session: Session,
    terms: Sequence[Term],
    behind: Mapping[uuid.UUID, uuid.UUID],
    last: Mapping[uuid.UUID, uuid.UUID],
) -> int:
    """Return how many matches there are, where `between` returns the latest."""
    bounds = _bounds(behind, last)
    new = select(func.count()).select_from(AcpMessage).join(bounds, and_(*_inside(bounds)))
    return session.scalar(new.where(*conditions(terms))) or 0


def active_since(session: Session, cursor: uuid.UUID) -> AbstractSet[uuid.UUID]:
    """Return the connections that have records after a cursor."""
    since = select(AcpMessage.connection_id).where(AcpMessage.id > cursor)
    return set(session.scalars(since.distinct()))


def _bounds(behind: Mapping[uuid.UUID, uuid.UUID], last: Mapping[uuid.UUID, uuid.UUID]) -> TableValuedAlias:
    ids = [
        cast(each, ARRAY(Uuid)) for each in (list(last), [behind[key] for key in last], list(last.values()))
    ]
    return func.unnest(*ids).table_valued("connection_id", "behind", "last").render_derived()


def _inside(bounds: TableValuedAlias) -> Sequence[ColumnElement[bool]]:
    of_it = AcpMessage.connection_id == bounds.c.connection_id
    return (of_it, AcpMessage.id > bounds.c.behind, AcpMessage.id <= bounds.c.last)


def _from(session: Session, within: Within, cursor: uuid.UUID) -> uuid.UUID:
    """Return where to look from: a cursor, but no further back than `WINDOW` records."""
    end = floor(session, within, None, offset=message_search.WINDOW)
    return cursor if end is None else max(cursor, end.id)
