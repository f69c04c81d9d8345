"""What an incident shows: messages, states, changed configurations and protocol migrations of its time.

States, changes and migrations are those of its containers; one of the whole fleet has messages alone.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.errors import NotFound
from app.models import (
    AcpConnection,
    AcpConnectionTransition,
    AcpMessage,
    AuditEvent,
    Container,
    ProtocolMigration,
)
from app.models.base import first_id_at
from app.queries import message_search
from app.queries.message_conditions import conditions
from app.queries.message_filter import Term, parse
from app.queries.message_search import Found

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from app.models import Incident

MOST: Final = 500
"""States, changes and migrations that are shown of each kind: the latest."""
_SECONDS: Final = "%Y-%m-%dT%H:%M:%S"


class State(NamedTuple):
    """A change of a connection's status, and whose it was."""

    transition: AcpConnectionTransition
    connection_id: uuid.UUID
    container: str


def terms(incident: Incident) -> tuple[Term, ...]:
    """Return the filter that finds an incident's messages: its own, its containers and its time."""
    return (
        *parse(incident.filter),
        *(Term("container", each.name) for each in incident.containers),
        Term("since", f"{incident.begins_at.astimezone(dt.UTC):{_SECONDS}}"),
        Term("until", f"{incident.ends_at.astimezone(dt.UTC):{_SECONDS}}"),
    )


def messages(
    session: Session, incident: Incident, *, before: uuid.UUID | None = None, limit: int = 50
) -> Found[AcpMessage]:
    """Return the latest of its messages, or those before a cursor; none once its containers are removed."""
    if not _has_subject(incident):
        return Found([], None, None)
    found = message_search.page(session, terms(incident), before=before, limit=limit)
    if found.older is not None and found.older <= first_id_at(incident.begins_at):
        return Found(found.records, None, None)
    return found


def message(session: Session, incident: Incident, message_id: uuid.UUID) -> AcpMessage:
    """Return one of its messages.

    Raises:
        NotFound: there is none of this id in it.
    """
    one = select(AcpMessage).where(AcpMessage.id == message_id, *conditions(terms(incident)))
    found = session.scalar(one) if _has_subject(incident) else None
    if found is None:
        raise NotFound("there is no such message in this incident")
    return found


def states(session: Session, incident: Incident) -> Sequence[State]:
    """Return the changes of status of its containers' connections, the oldest first."""
    statement = (
        select(AcpConnectionTransition, AcpConnection.id, Container.name)
        .join(AcpConnection, AcpConnection.id == AcpConnectionTransition.connection_id)
        .join(Container)
        .where(AcpConnectionTransition.container_id.in_(_ids(incident)))
        .where(AcpConnectionTransition.at.between(incident.begins_at, incident.ends_at))
        .order_by(AcpConnectionTransition.id.desc())
        .limit(MOST)
    )
    return [State(*row) for row in session.execute(statement)][::-1]


def configuration_changes(session: Session, incident: Incident) -> Sequence[AuditEvent]:
    """Return what was changed in its containers' configurations, the oldest first."""
    statement = (
        select(AuditEvent)
        .where(AuditEvent.subject_type == "acp_connection_configuration")
        .where(AuditEvent.subject_id.in_(_ids(incident)))
        .where(AuditEvent.action == "configuration changed")
        .where(AuditEvent.at.between(incident.begins_at, incident.ends_at))
        .order_by(AuditEvent.id.desc())
        .limit(MOST)
    )
    return session.scalars(statement).all()[::-1]


def migrations(session: Session, incident: Incident) -> Sequence[ProtocolMigration]:
    """Return its containers' protocol migrations that were under way in its time, the oldest first."""
    done = ProtocolMigration.completed_at
    statement = (
        select(ProtocolMigration)
        .options(joinedload(ProtocolMigration.container), selectinload(ProtocolMigration.steps))
        .where(ProtocolMigration.container_id.in_(_ids(incident)))
        .where(ProtocolMigration.started_at <= incident.ends_at)
        .where(or_(done.is_(None), done >= incident.begins_at))
        .order_by(ProtocolMigration.id.desc())
        .limit(MOST)
    )
    return session.scalars(statement).all()[::-1]


def _has_subject(incident: Incident) -> bool:
    return incident.whole_fleet or bool(incident.containers)


def _ids(incident: Incident) -> list[uuid.UUID]:
    return [each.id for each in incident.containers]
