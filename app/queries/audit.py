"""The audit trail: who changed or tried what, the newest first."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from app.models import AuditEvent, CallerToken, Container, FleetAction, Incident, SavedView, User
from app.queries import distinct, paging
from app.queries.narrowing import Narrowing, identity, within
from app.queries.paging import Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.queries.paging import Page, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter(Narrowing):
    """What the trail is narrowed to. `actor` is a part of a name, `subject` an id, the others as written."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""


ORDERS: Final[Mapping[str, Order]] = {"time": Order(column=AuditEvent.id, kind=uuid.UUID, falls=True)}
"""Ids are made in the order of time."""


def page(
    session: Session, narrowed: AuditFilter, where: Where, *, limit: int = paging.LIMIT
) -> Page[AuditEvent]:
    """Return one page of the trail.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement = select(AuditEvent).where(*_conditions(session, narrowed))
    return paging.read(session, statement, ORDERS, where, make=lambda row: row[0], limit=limit)


def _conditions(session: Session, narrowed: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if narrowed.actor:
        # Few people, many events: which people it may be is found first, so that an index serves.
        part = narrowed.actor.lower()
        who = [name for name in distinct.values(session, AuditEvent.actor) if part in name.lower()]
        yield AuditEvent.actor.in_(who)
    if narrowed.action:
        yield AuditEvent.action == narrowed.action
    if subject := identity(narrowed.subject):
        yield AuditEvent.subject_id == subject
    yield from within(AuditEvent.id, AuditEvent.at, narrowed.since, narrowed.until)


def actions(session: Session) -> Sequence[str]:
    """Return every action that the trail has an event of."""
    return distinct.values(session, AuditEvent.action)


def names(session: Session, events: Sequence[AuditEvent]) -> Mapping[uuid.UUID, str]:
    """Return the present names of what events are about; what has been removed since has none."""
    about = {event.subject_id for event in events}
    known: dict[uuid.UUID, str] = {}
    for id_, name in (
        (Container.id, Container.name),
        (User.id, User.email),
        (CallerToken.id, CallerToken.name),
        (Incident.id, Incident.title),
        (SavedView.id, SavedView.name),
        (FleetAction.id, FleetAction.kind),
    ):
        known |= {row[0]: row[1] for row in session.execute(select(id_, name).where(id_.in_(about)))}
    return known
