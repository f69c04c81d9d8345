"""Gateways: who holds a container, and all of them with their load."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Float, case, cast, func, literal, select, true

from app.models import Container, ContainerLease, Gateway, GatewayEnded
from app.queries import plain
from app.queries.fixed import fixed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session


class GatewayRow(NamedTuple):
    """A line of the list: what a gateway said with its last heartbeat, and how many containers it holds now.

    `silence` is how long ago that heartbeat was, in seconds of the database's clock. `state` is ready,
    draining, late (a heartbeat is overdue) or silent (so many are that its leases have ended).
    """

    id: uuid.UUID
    address: str
    version: str
    state: str
    silence: float
    heartbeat_at: dt.datetime
    started_at: dt.datetime
    held: int
    connected: int
    callers: int
    forwarded: int
    messages_per_second: float
    records_waiting: int
    oldest_waiting_ms: int
    loop_lag_ms: int


class EndedRow(NamedTuple):
    """A gateway that was struck off; `silent` says that it did not stop by itself."""

    id: uuid.UUID
    address: str
    version: str
    started_at: dt.datetime
    ended_at: dt.datetime
    silent: bool


def holder(session: Session, container_id: uuid.UUID) -> Gateway | None:
    """Return the gateway that holds a container now, by the database's clock."""
    return session.scalar(
        select(Gateway)
        .join(ContainerLease, ContainerLease.gateway_id == Gateway.id)
        .where(ContainerLease.container_id == container_id)
        .where(ContainerLease.expires_at > func.clock_timestamp())
    )


SORTS: Final[Mapping[str, Callable[[GatewayRow], Any]]] = {
    "started": lambda row: row.id,
    "address": lambda row: row.address,
    "state": lambda row: (("silent", "late", "draining", "ready").index(row.state), row.id),
    "containers": lambda row: (-row.held, row.id),
    "load": lambda row: (-row.messages_per_second, row.id),
    "lag": lambda row: (-row.loop_lag_ms, row.id),
}
"""By what they are sorted, here and not in the database: they are few, and all are shown."""


FIRST: Final = "started"
MOST_ENDED: Final = 20
"""The gateways struck off that are shown."""
SILENT_AFTER: Final = dt.timedelta(minutes=1)
"""One whose last heartbeat was that long ago when it was struck off did not stop by itself."""


def sort_of(word: str) -> str:
    """Return a URL's word for a sort, or the first one for a word that is none."""
    return word if word.removeprefix("-") in SORTS else FIRST


_ENDED: Final = (
    select(
        *(GatewayEnded.id, GatewayEnded.address, GatewayEnded.version),
        *(GatewayEnded.started_at, GatewayEnded.ended_at),
        GatewayEnded.ended_at - GatewayEnded.heartbeat_at > SILENT_AFTER,
    )
    .order_by(GatewayEnded.ended_at.desc())
    .limit(fixed(MOST_ENDED))
)


def ended(session: Session) -> Sequence[EndedRow]:
    """Return the gateways that were struck off within a week, the last first."""
    return [EndedRow._make(row) for row in plain.read(session, _ENDED)]


def _rows() -> Select[Any]:
    silence = cast(func.extract("epoch", func.clock_timestamp() - Gateway.heartbeat_at), Float)
    state = case(
        (silence > Gateway.lease_seconds, "silent"),
        (Gateway.draining, "draining"),
        (silence > Gateway.lease_seconds / 2.0, "late"),
        else_="ready",
    )
    computed = {"state": state, "silence": silence, "held": literal(0)}
    columns: list[Any] = [
        computed[name] if name in computed else getattr(Gateway, name) for name in GatewayRow._fields
    ]
    return select(*columns).order_by(Gateway.id)


_ROWS: Final = _rows()


def rows(
    session: Session, sort: str = FIRST, holdings: Mapping[uuid.UUID | None, int] | None = None
) -> Sequence[GatewayRow]:
    """Return all gateways, the oldest first; the dead among them until they are struck off.

    `sort` is one of SORTS, after a dash for the other way. `holdings` are what `held_by_each` has returned.
    """
    held = holdings or held_by_each(session)
    found = [
        row._replace(held=held.get(row.id, 0)) for row in map(GatewayRow._make, plain.read(session, _ROWS))
    ]
    return sorted(found, key=SORTS[sort.removeprefix("-")], reverse=sort.startswith("-"))


def held_by_each(session: Session) -> Mapping[uuid.UUID | None, int]:
    """Count the containers that each gateway holds now, and under None those that no gateway does."""
    lease = select(ContainerLease.gateway_id).where(ContainerLease.container_id == Container.id)
    holder = lease.where(ContainerLease.expires_at > func.clock_timestamp()).lateral()
    counted = (
        select(holder.c.gateway_id, func.count())
        .select_from(Container)
        .outerjoin(holder, true())
        .group_by(holder.c.gateway_id)
    )
    return {row[0]: row[1] for row in session.execute(counted)}
