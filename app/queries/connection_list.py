"""The list of all connections, also of those that have ended, by page."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import DateTime, Uuid, bindparam, case, func, select, true

from app.models import AcpConnection, AcpConnectionTransition, Container
from app.protocol.end_kinds import of_reason
from app.protocol.states import ENDS, ConnectionStatus
from app.queries import plain
from app.queries.connection_filter import conditions, without_times
from app.queries.fixed import fixed
from app.queries.paging import KEPT
from app.queries.past import TRANSPORT
from app.queries.versions import version

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from app.protocol.end_kinds import EndKind
    from app.queries.connection_filter import ConnectionFilter

Line = TypeVar("Line", "ConnectionRow", "ConnectionKey")

OLDEST: Final = "oldest"
"""The order that begins with the connection opened first; else it is the one opened last."""


class ConnectionRow(NamedTuple):
    """A line of the list; `changed_at` is its last change, what follows `ended_at` its last loss or end."""

    id: uuid.UUID
    container_id: uuid.UUID
    container: str
    status: str
    protocol: str
    version: str
    created_at: dt.datetime
    latency_ms: float | None
    silent_since: dt.datetime | None
    error_count: int
    reconnect_count: int
    last_error: str | None
    changed_at: dt.datetime | None
    ended_at: dt.datetime | None
    reason: str | None
    closed_by: str | None
    close_code: int | None

    @property
    def end_kind(self) -> EndKind | None:
        """How it was lost or ended last."""
        return of_reason(self.reason, self.closed_by, self.close_code) if self.reason is not None else None


class ConnectionKey(NamedTuple):
    """Which connection stands in a line, and the versions of what the line says of it and of its container.

    A change of its state, and so a transition, is a new version of it.
    """

    id: uuid.UUID
    version: str
    container_version: str


class ConnectionPage(NamedTuple, Generic[Line]):
    """Some lines, and the ids from which the pages before and after them start (None at the ends)."""

    rows: list[Line]
    before: uuid.UUID | None
    after: uuid.UUID | None


class Place(NamedTuple):
    """Which page: its order, and the id after or before which it stands; the first without."""

    order: str = ""
    after: uuid.UUID | None = None
    before: uuid.UUID | None = None


FIRST: Final = Place()


class _Kind(NamedTuple, Generic[Line]):
    """What is read of each connection, and what makes a line of it."""

    selected: Select[Any]
    make: Callable[[Any], Line]


def page(
    session: Session, narrowed: ConnectionFilter, place: Place = FIRST, limit: int = 50
) -> ConnectionPage[ConnectionRow]:
    """Return one page in the order of opening, found by key, so that the last is as fast as the first."""
    return _page(session, _WHOLE, narrowed, place, limit)


def keys(
    session: Session, narrowed: ConnectionFilter, place: Place = FIRST, limit: int = 50
) -> ConnectionPage[ConnectionKey]:
    """Return which connections `page` would, without reading more of them."""
    return _page(session, _KEYS, narrowed, place, limit)


def of_keys(session: Session, keys: Sequence[ConnectionKey]) -> Mapping[ConnectionKey, ConnectionRow]:
    """Return the lines of some connections; one that has been removed meanwhile is left out."""
    wanted = _LINES.where(AcpConnection.id == func.any([key.id for key in keys]))
    found = {row[0]: ConnectionRow._make(row) for row in plain.read(session, wanted)}
    return {key: found[key.id] for key in keys if key.id in found}


def _page(
    session: Session, kind: _Kind[Line], narrowed: ConnectionFilter, place: Place, limit: int
) -> ConnectionPage[Line]:
    order, after, before = place
    rising = (order == OLDEST) == (before is None)
    cursor = before or after
    statement = _ordered(kind.selected, without_times(narrowed), rising, cursor is not None, limit + 1)
    given = {"cursor": cursor, "since": narrowed.since, "until": narrowed.until}
    bound = {name: value for name, value in given.items() if value is not None}
    found = [kind.make(row) for row in plain.read(session, statement, bound).all()]
    more, rows = len(found) > limit, found[:limit]
    if before is not None:
        rows.reverse()
    has_before = more if before is not None else after is not None
    has_after = more or before is not None
    return ConnectionPage(
        rows, rows[0].id if rows and has_before else None, rows[-1].id if rows and has_after else None
    )


def counts(session: Session) -> dict[str, int]:
    """Count connections by status, ended ones too."""
    counted = select(AcpConnection.status, func.count()).group_by(AcpConnection.status)
    return {row[0]: row[1] for row in plain.read(session, counted)}


@lru_cache(KEPT)
def _ordered(
    selected: Select[Any],
    narrowed: ConnectionFilter,
    rising: bool,  # noqa: FBT001 - a part of the key, as the next
    from_cursor: bool,  # noqa: FBT001
    limit: int,
) -> Select[Any]:
    """Select the lines that a filter finds from the begin or a cursor on, the same object for the same."""
    statement = selected.where(*conditions(narrowed)).limit(fixed(limit))
    if from_cursor:
        cursor = bindparam("cursor", type_=Uuid)
        statement = statement.where(AcpConnection.id > cursor if rising else AcpConnection.id < cursor)
    return statement.order_by(AcpConnection.id.asc() if rising else AcpConnection.id.desc())


def _lines() -> Select[Any]:
    """Select the lines of all connections, in no order."""
    changed = (
        select(AcpConnectionTransition.at)
        .where(AcpConnectionTransition.connection_id == AcpConnection.id)
        .order_by(AcpConnectionTransition.id.desc())
        .limit(fixed(1))
        .scalar_subquery()
    )
    end = (
        select(AcpConnectionTransition)
        .where(AcpConnectionTransition.connection_id == AcpConnection.id)
        .where(AcpConnectionTransition.to_status.in_(list(map(fixed, ENDS))))
        .order_by(AcpConnectionTransition.id.desc())
        .limit(fixed(1))
        .correlate(AcpConnection)
        .lateral("ended")
    )
    facts = AcpConnection.metadata_
    silent = case(
        (
            AcpConnection.status == fixed(ConnectionStatus.CONNECTED),
            facts["silent_since"].astext.cast(DateTime(timezone=True)),
        )
    )
    return (
        select(
            AcpConnection.id,
            AcpConnection.container_id,
            Container.name,
            AcpConnection.status,
            TRANSPORT,
            AcpConnection.version,
            AcpConnection.created_at,
            facts["latency_ms"].as_float(),
            silent,
            AcpConnection.error_count,
            AcpConnection.reconnect_count,
            facts["last_error"].astext,
            changed,
            end.c.at,
            end.c.reason,
            end.c.closed_by,
            end.c.close_code,
        )
        .join(Container, Container.id == AcpConnection.container_id)
        .outerjoin(end, true())
    )


_LINES: Final = _lines()
_WHOLE: Final = _Kind(_LINES, ConnectionRow._make)
_KEYS: Final = _Kind(
    select(AcpConnection.id, version(AcpConnection), version(Container)).join(
        Container, Container.id == AcpConnection.container_id
    ),
    ConnectionKey._make,
)
