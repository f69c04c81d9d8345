"""Past states: of the fleet at a moment, and of a container or connection over a while.

Computed from the transitions. A container's connections are never active at once, so that its last transition
is its state; one without any is disconnected once it has been dialled, and before that was never connected.
What has been removed since took its transitions with it, and cannot be known.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import DateTime, Text, bindparam, func, literal, or_, select, true
from sqlalchemy.orm import aliased

from app.models import AcpConnection, AcpConnectionTransition, Container
from app.protocol.end_kinds import of_reason
from app.protocol.states import ENDS, ConnectionStatus
from app.queries import plain
from app.queries.container_filter import NEVER, ContainerFilter
from app.queries.containers import Counts
from app.queries.fixed import fixed
from app.queries.paging import KEPT

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from app.protocol.end_kinds import EndKind

RANGES: Final = {
    "1h": dt.timedelta(hours=1),
    "6h": dt.timedelta(hours=6),
    "24h": dt.timedelta(days=1),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
}
"""The whiles that can be chosen."""
USUAL: Final = "24h"
MOST_CHANGES: Final = 1000
"""Changes that one time line shows: the last of its range."""

TRANSPORT: Final[Any] = func.coalesce(AcpConnection.metadata_["transport"].astext, "acp")


class PastRow(NamedTuple):
    """A container as it was at a moment; what follows `status` is of its last change before."""

    id: uuid.UUID
    name: str
    status: str
    since: dt.datetime | None
    reason: str | None
    closed_by: str | None
    close_code: int | None
    connection_id: uuid.UUID | None
    protocol: str | None
    status_now: str
    """Its state as it is now, to compare."""

    @property
    def end_kind(self) -> EndKind | None:
        """Why it was lost or ended, where it was."""
        if self.reason is None or self.status not in ENDS:
            return None
        return of_reason(self.reason, self.closed_by, self.close_code)


class PastPage(NamedTuple):
    """Some rows in order of name, and the name from which the next page starts (None at the end)."""

    rows: list[PastRow]
    after: str | None


class Span(NamedTuple):
    """A while in one state, and the change that led to it; None where there was none."""

    begin: dt.datetime
    end: dt.datetime
    status: str
    change: AcpConnectionTransition | None

    @property
    def seconds(self) -> float:
        return (self.end - self.begin).total_seconds()


def page(
    session: Session, moment: dt.datetime, narrowed: ContainerFilter, *, after: str = "", limit: int = 50
) -> PastPage:
    """Return containers as they were at a moment, narrowed by their names and by what they were then."""
    bound = {"moment": moment, "after": after}
    rows = plain.read(session, _in_order(narrowed, limit + 1), bound).all()
    found = [PastRow._make(row) for row in rows]
    return PastPage(found[:limit], found[limit - 1].name if len(found) > limit else None)


def counts(session: Session, moment: dt.datetime) -> Counts:
    """Count the containers that there were (and still are) by their states and protocols at a moment."""
    states = _states(ContainerFilter()).subquery()
    grouped = select(states.c.status, states.c.protocol, func.count())
    counted = session.execute(grouped.group_by(states.c.status, states.c.protocol), {"moment": moment}).all()
    statuses: dict[str, int] = {}
    protocols: dict[str, int] = {}
    for status, protocol, count in counted:
        statuses[status] = statuses.get(status, 0) + count
        if protocol is not None:
            protocols[protocol] = protocols.get(protocol, 0) + count
    return Counts(sum(statuses.values()), statuses, protocols)


@lru_cache(KEPT)
def _in_order(narrowed: ContainerFilter, limit: int) -> Select[Any]:
    """Select a page from the name `after` on, the same object for the same."""
    after = Container.name > bindparam("after", type_=Text)
    return _states(narrowed).where(after).order_by(Container.name).limit(fixed(limit))


def _states(narrowed: ContainerFilter) -> Select[Any]:
    """Select all containers as they were at `moment`, a parameter, in no order."""
    moment = bindparam("moment", type_=DateTime(timezone=True))
    last = (
        select(AcpConnectionTransition)
        .where(AcpConnectionTransition.container_id == Container.id, AcpConnectionTransition.at <= moment)
        .order_by(AcpConnectionTransition.at.desc(), AcpConnectionTransition.id.desc())
        .limit(fixed(1))
        .correlate(Container)
        .lateral("last")
    )
    # Asked of the few that have no transition only, by the index of a container's connections.
    dialled = (
        select(literal(ConnectionStatus.DISCONNECTED.value))
        .where(AcpConnection.container_id == Container.id, AcpConnection.created_at <= moment)
        .limit(fixed(1))
        .scalar_subquery()
    )
    active = aliased(AcpConnection)
    now = (
        select(active.status)
        .where(active.container_id == Container.id, active.status != ConnectionStatus.DISCONNECTED)
        .scalar_subquery()
    )
    status = func.coalesce(last.c.to_status, dialled, NEVER)
    protocol = (
        select(TRANSPORT).where(AcpConnection.id == last.c.connection_id).correlate(last).scalar_subquery()
    )
    statement = (
        select(
            Container.id,
            Container.name,
            status.label("status"),
            last.c.at,
            last.c.reason,
            last.c.closed_by,
            last.c.close_code,
            last.c.connection_id,
            protocol.label("protocol"),
            func.coalesce(now, ConnectionStatus.DISCONNECTED),
        )
        .select_from(Container)
        .outerjoin(last, true())
        .where(Container.created_at <= moment)
    )
    for word in narrowed.text.split():
        columns = (Container.name, Container.image, Container.owner)
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    if narrowed.status:
        statement = statement.where(status == narrowed.status)
    if narrowed.protocol:
        statement = statement.where(protocol == narrowed.protocol)
    return statement


def of_container(
    session: Session, container_id: uuid.UUID, begin: dt.datetime, end: dt.datetime
) -> Sequence[Span]:
    """Return a container's states from one moment to another, without gaps, the oldest first."""
    opened = select(func.min(AcpConnection.created_at)).where(AcpConnection.container_id == container_id)
    return _spans(
        session, AcpConnectionTransition.container_id == container_id, session.scalar(opened), begin, end
    )


def of_connection(
    session: Session, connection_id: uuid.UUID, begin: dt.datetime, end: dt.datetime
) -> Sequence[Span]:
    """Return the same of a connection."""
    opened = select(AcpConnection.created_at).where(AcpConnection.id == connection_id)
    return _spans(
        session, AcpConnectionTransition.connection_id == connection_id, session.scalar(opened), begin, end
    )


def _spans(
    session: Session, scope: Any, opened: dt.datetime | None, begin: dt.datetime, end: dt.datetime
) -> Sequence[Span]:
    at, row_id = AcpConnectionTransition.at, AcpConnectionTransition.id
    chosen = select(AcpConnectionTransition).where(scope)
    before = session.scalar(chosen.where(at <= begin).order_by(at.desc(), row_id.desc()).limit(1))
    later = session.scalars(
        chosen.where(at > begin, at <= end).order_by(at.desc(), row_id.desc()).limit(MOST_CHANGES)
    )
    return spans(before, sorted(later, key=lambda each: (each.at, each.id)), opened, begin, end)


def spans(
    before: AcpConnectionTransition | None,
    changes: Iterable[AcpConnectionTransition],
    opened: dt.datetime | None,
    begin: dt.datetime,
    end: dt.datetime,
) -> Sequence[Span]:
    """Make spans of the last change before a while, and of the changes in it, the oldest first.

    Before the first dial, at `opened` (None: there was none), the state is `never`.
    """
    found: list[Span] = []
    since, status, cause = begin, NEVER, before
    if before is not None:
        status = before.to_status
    elif opened is not None and opened <= begin:
        status = ConnectionStatus.DISCONNECTED
    for change in changes:
        if status == NEVER and opened is not None and begin < opened < change.at:
            found.append(Span(since, opened, status, None))
            since, status = opened, ConnectionStatus.DISCONNECTED
        if change.at > since:
            found.append(Span(since, change.at, status, cause))
        since, status, cause = change.at, change.to_status, change
    if status == NEVER and opened is not None and begin < opened < end:
        found.append(Span(since, opened, status, None))
        since, status = opened, ConnectionStatus.DISCONNECTED
    return [*found, Span(since, end, status, cause)]
