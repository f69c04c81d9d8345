"""The audit trail: who changed or tried what, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.models import AuditEvent, CallerToken, Container, Incident, User

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What the trail is narrowed to; an empty word narrows nothing. `actor` is a part of a name."""

    actor: str = ""
    action: str = ""
    subject: uuid.UUID | None = None


def page(
    session: Session, narrowed: AuditFilter, *, before: uuid.UUID | None = None, limit: int = 50
) -> Sequence[AuditEvent]:
    """Return the latest events, or those before a cursor."""
    statement = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(AuditEvent.id < before)
    if narrowed.actor:
        statement = statement.where(AuditEvent.actor.icontains(narrowed.actor, autoescape=True))
    if narrowed.action:
        statement = statement.where(AuditEvent.action == narrowed.action)
    if narrowed.subject:
        statement = statement.where(AuditEvent.subject_id == narrowed.subject)
    return session.scalars(statement).all()


def actions(session: Session) -> Sequence[str]:
    """Return every action that the trail has an event of."""
    return session.scalars(select(AuditEvent.action).distinct().order_by(AuditEvent.action)).all()


def names(session: Session, events: Sequence[AuditEvent]) -> Mapping[uuid.UUID, str]:
    """Return the present names of what events are about; what has been removed since has none."""
    about = {event.subject_id for event in events}
    known: dict[uuid.UUID, str] = {}
    for identity, name in (
        (Container.id, Container.name),
        (User.id, User.email),
        (CallerToken.id, CallerToken.name),
        (Incident.id, Incident.title),
    ):
        known |= {
            row[0]: row[1] for row in session.execute(select(identity, name).where(identity.in_(about)))
        }
    return known
