"""What containers that wish to return to ACP after a fallback are to do now, by rows alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Uuid, cast, func, or_, select, true

from app.models import AcpConnection, AcpConnectionTransition, ProtocolMigration
from app.protocol.states import Cause, ConnectionStatus, Protocol
from app.protocol.way_home import MOST_PAST, Past, WayHome, decide, stay
from app.queries import protocol_migrations

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import Container
    from app.protocol.way_home import Decision


def wish_of(container: Container) -> WayHome:
    """Return what is wished for a container."""
    return WayHome.stored(container.session.protocol_metadata)


def wishes(container: Container) -> bool:
    """Whether a container would return to ACP if it fell back to where it is."""
    on_http = container.session.protocol_type == Protocol.HTTP
    return on_http and container.supports(Protocol.ACP) and wish_of(container).wanted


def of(session: Session, container: Container) -> Decision:
    """Return what is decided for one container, whatever it is on."""
    if not container.supports(Protocol.ACP):
        return stay("does not support ACP: there is nothing to return to")
    if container.session.protocol_type == Protocol.ACP:
        wanted = wish_of(container).wanted
        return stay(
            "is on ACP; after a fallback to HTTP it returns by itself"
            if wanted
            else "is on ACP; after a fallback it stays on HTTP"
        )
    if protocol_migrations.open_of(session, container.id) is not None:
        return stay("a protocol migration is under way, or waits")
    now = session.scalars(select(func.clock_timestamp())).one()
    return of_many(session, [container], now)[container.id]


def of_many(
    session: Session, containers: Sequence[Container], now: dt.datetime
) -> Mapping[uuid.UUID, Decision]:
    """Return what is decided for containers on HTTP without a protocol migration under way."""
    ids = [each.id for each in containers]
    past, since = _past(session, ids), _http_since(session, ids)
    return {
        each.id: decide(wish_of(each), past.get(each.id, []), now, since.get(each.id)) for each in containers
    }


def _past(session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Sequence[Past]]:
    """Read what counts of each container's latest migrations, the oldest first.

    First dials, and fallbacks that did not succeed, have moved nothing from where a return begins.
    """
    each = select(func.unnest(cast(list(ids), ARRAY(Uuid))).label("id")).subquery()
    latest = (
        select(
            ProtocolMigration.id,
            ProtocolMigration.cause,
            ProtocolMigration.success,
            ProtocolMigration.completed_at,
        )
        .where(
            ProtocolMigration.container_id == each.c.id,
            ProtocolMigration.completed_at.is_not(None),
            ProtocolMigration.cause != Cause.FIRST_DIAL,
            or_(ProtocolMigration.cause != Cause.FALLBACK, ProtocolMigration.success.is_(True)),
        )
        .order_by(ProtocolMigration.id.desc())
        .limit(MOST_PAST)
        .lateral()
    )
    found: dict[uuid.UUID, list[Past]] = {}
    columns = (each.c.id, latest.c.cause, latest.c.success, latest.c.completed_at)
    for container_id, cause, success, ended in session.execute(
        select(*columns).join(latest, true()).order_by(latest.c.id)
    ):
        found.setdefault(container_id, []).append(Past(Cause(cause), success, ended))
    return found


def _http_since(session: Session, ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, dt.datetime]:
    """Read when those that are connected over HTTP now were connected."""
    last = (
        select(AcpConnectionTransition.at)
        .where(
            AcpConnectionTransition.connection_id == AcpConnection.id,
            AcpConnectionTransition.to_status == ConnectionStatus.CONNECTED,
        )
        .order_by(AcpConnectionTransition.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    connected = select(AcpConnection.container_id, last).where(
        AcpConnection.container_id == func.any(list(ids)),
        AcpConnection.status == ConnectionStatus.CONNECTED,
        AcpConnection.metadata_["transport"].astext == Protocol.HTTP.value,
    )
    return {container_id: at for container_id, at in session.execute(connected) if at is not None}
