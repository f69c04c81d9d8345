"""Containers: one by name or id, and the list by page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import DateTime, and_, case, func, or_, select, true
from sqlalchemy.orm import joinedload

from app.errors import NotFound
from app.models import AcpConnection, ConnectionAction, Container, ContainerSession
from app.protocol.states import ConnectionStatus
from app.queries import connection_actions, waiting

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

NEVER: Final = "never"
"""The filter's word for a container that has had no connection yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFilter:
    """What the list is narrowed to; `text` is words in name, image or owner, `status` may be `never`."""

    text: str = ""
    protocol: str = ""
    status: str = ""


class ContainerRow(NamedTuple):
    """A line of the list. `latency_ms` is the last health ping's, `error` the last dial's or connection's."""

    id: uuid.UUID
    name: str
    image: str
    owner: str
    labels: dict[str, str]
    endpoint_url: str
    container_status: str
    supported_protocols: list[str]
    protocol_type: str
    connection_id: uuid.UUID | None
    status: str | None
    latency_ms: float | None
    last_active: dt.datetime | None
    error_count: int | None
    reconnect_count: int | None
    error: str | None
    silent_since: dt.datetime | None
    """As AcpConnection.silent_since."""
    held_by: str | None
    """Who asked for it to stay disconnected, since when and why."""
    held_since: dt.datetime | None
    held_reason: str | None
    waiting_for: str | None
    """The method of the agent's oldest request that waits for a caller, the caller's name, since when."""
    waiting_caller: str | None
    waiting_since: dt.datetime | None


class Page(NamedTuple):
    """Some rows, and the names from which the pages before and after them start (None at the ends)."""

    rows: list[ContainerRow]
    before: str | None
    after: str | None


def get(session: Session, reference: str | uuid.UUID) -> Container:
    """Return a container by its id or name, with its session and configuration.

    Raises:
        NotFound: there is none.
    """
    named = (
        select(Container)
        .where(_named(reference))
        .options(joinedload(Container.session), joinedload(Container.configuration))
    )
    found = session.scalar(named) if "\0" not in str(reference) else None  # PostgreSQL would refuse it
    if found is None:
        raise NotFound(f"there is no container {str(reference)!r}")
    return found


def of_ids(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[Container]:
    """Return those of some containers that exist, in no order, with their sessions and configurations."""
    return session.scalars(
        select(Container)
        .where(Container.id.in_(container_ids))
        .options(joinedload(Container.session), joinedload(Container.configuration))
    ).all()


def _named(reference: str | uuid.UUID) -> Any:
    try:
        return Container.id == uuid.UUID(str(reference))
    except ValueError:
        return Container.name == reference


def page(
    session: Session,
    narrowed: ContainerFilter,
    *,
    after: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Page:
    """Return one page in order of name, found by key, so that the last page is as fast as the first."""
    statement = _rows(narrowed)
    if before is not None:
        statement = statement.where(Container.name < before).order_by(Container.name.desc())
    else:
        statement = statement.where(Container.name > (after or "")).order_by(Container.name)
    found = [ContainerRow(*row) for row in session.execute(statement.limit(limit + 1))]
    more, rows = len(found) > limit, found[:limit]
    if before is not None:
        rows.reverse()
    has_before = more if before is not None else bool(after)
    has_after = True if before is not None else more
    return Page(
        rows,
        rows[0].name if rows and has_before else None,
        rows[-1].name if rows and has_after else None,
    )


def ids(session: Session, narrowed: ContainerFilter) -> Sequence[uuid.UUID]:
    """Return all containers that the list shows under a filter, in order of name."""
    rows = _rows(narrowed).with_only_columns(Container.id).order_by(Container.name)
    return session.scalars(rows).all()


def row(session: Session, container_id: uuid.UUID) -> ContainerRow | None:
    """Return one container's line of the list."""
    found = session.execute(_rows(ContainerFilter()).where(Container.id == container_id)).one_or_none()
    return ContainerRow(*found) if found else None


def _rows(narrowed: ContainerFilter) -> Select[Any]:
    """Select the list's lines: each container with its active connection, or else its latest one."""
    current = (
        select(AcpConnection)
        .where(AcpConnection.container_id == Container.id)
        .order_by((AcpConnection.status != ConnectionStatus.DISCONNECTED).desc(), AcpConnection.id.desc())
        .limit(1)
        .correlate(Container)
        .lateral("current")
    )
    facts, asked = current.c.metadata, waiting.oldest(current)
    statement = (
        select(
            Container.id,
            Container.name,
            Container.image,
            Container.owner,
            Container.labels,
            Container.endpoint_url,
            Container.status,
            Container.supported_protocols,
            ContainerSession.protocol_type,
            current.c.id,
            current.c.status,
            facts["latency_ms"].as_float(),
            current.c.last_active,
            current.c.error_count,
            current.c.reconnect_count,
            facts["last_error"].astext,
            case(
                (
                    current.c.status == ConnectionStatus.CONNECTED,
                    facts["silent_since"].astext.cast(DateTime(timezone=True)),
                )
            ),
            ConnectionAction.requested_by,
            ConnectionAction.requested_at,
            ConnectionAction.reason,
            asked.c.method,
            asked.c.caller,
            asked.c.timestamp,
        )
        .select_from(Container)
        .join(ContainerSession, ContainerSession.container_id == Container.id)
        .outerjoin(current, true())
        .outerjoin(asked, true())
        .outerjoin(
            ConnectionAction, and_(ConnectionAction.container_id == Container.id, connection_actions.HOLDS)
        )
    )
    return _narrow(statement, narrowed, current.c.status)


def _narrow(statement: Select[Any], narrowed: ContainerFilter, status: Any) -> Select[Any]:
    for word in narrowed.text.split():
        columns = (Container.name, Container.image, Container.owner)
        statement = statement.where(or_(*(column.icontains(word, autoescape=True) for column in columns)))
    if narrowed.protocol:
        statement = statement.where(ContainerSession.protocol_type == narrowed.protocol)
    if narrowed.status == NEVER:
        statement = statement.where(status.is_(None))
    elif narrowed.status:
        statement = statement.where(status == narrowed.status)
    return statement


class Counts(NamedTuple):
    """How many containers there are, by connection status (or `never`) and by protocol; 0 is left out."""

    total: int
    statuses: dict[str, int]
    protocols: dict[str, int]


def counts(session: Session) -> Counts:
    """Count containers by what the list's lines say of them, without making the lines.

    A container has one active connection at the most, so that the active ones count containers; of the
    others, those that were ever connected are disconnected.
    """
    protocols = _grouped(session, ContainerSession.protocol_type)
    active = _grouped(session, AcpConnection.status, AcpConnection.status != ConnectionStatus.DISCONNECTED)
    connected_once = select(AcpConnection.id).where(AcpConnection.container_id == Container.id).exists()
    never = session.scalar(select(func.count()).select_from(Container).where(~connected_once)) or 0
    total = sum(protocols.values())
    others = {NEVER: never, ConnectionStatus.DISCONNECTED.value: total - never - sum(active.values())}
    return Counts(total, active | {name: count for name, count in others.items() if count}, protocols)


def _grouped(session: Session, column: Any, *narrowed: Any) -> dict[str, int]:
    counted = select(column, func.count()).where(*narrowed).group_by(column)
    return {value: count for value, count in session.execute(counted)}  # noqa: C416 - rows are no tuples to mypy
