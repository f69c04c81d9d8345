"""Incidents: the list, one by its id or its link's hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.errors import NotFound
from app.models import Incident

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def get(session: Session, incident_id: uuid.UUID) -> Incident:
    """Return an incident.

    Raises:
        NotFound: there is none.
    """
    incident = session.get(Incident, incident_id)
    if incident is None:
        raise NotFound(f"there is no incident {incident_id}")
    return incident


def by_hash(session: Session, token_hash: str) -> Incident | None:
    """Return the incident whose link has this hash, ended or not. The index compares hashes, not secrets."""
    return session.scalar(select(Incident).where(Incident.token_hash == token_hash))


def page(session: Session, *, before: uuid.UUID | None = None, limit: int = 50) -> Sequence[Incident]:
    """Return the latest incidents with their containers, or those before a cursor."""
    statement = (
        select(Incident).options(selectinload(Incident.containers)).order_by(Incident.id.desc()).limit(limit)
    )
    if before is not None:
        statement = statement.where(Incident.id < before)
    return session.scalars(statement).all()
