"""The audit trail: who changed or tried what, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import case, select

from app.models import (
    AuditEvent,
    CallerToken,
    Container,
    FleetAction,
    Incident,
    PlotNote,
    SavedView,
    User,
)
from app.queries import distinct, paging, plain
from app.queries.fixed import fixed
from app.queries.narrowing import Narrowing, identity, within
from app.queries.paging import newest_first

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.queries.paging import Order, Page, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter(Narrowing):
    """What the trail is narrowed to. `actor` is a part of a name, `subject` an id, the others as written."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""


ORDERS: Final[Mapping[str, Order]] = {"time": newest_first(AuditEvent.id)}


def page(
    session: Session, narrowed: AuditFilter, where: Where, *, limit: int = paging.LIMIT
) -> Page[AuditEvent]:
    """Return one page of the trail.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement = select(AuditEvent).where(*_conditions(session, narrowed))
    return paging.read_whole(session, statement, ORDERS, where, limit=limit)


class EventKey(NamedTuple):
    """Which event stands in a line, and the present name of what it is about; None if that was removed.

    An event itself never changes.
    """

    id: uuid.UUID
    name: str | None


_NAMED: Final[Mapping[str, tuple[Any, Any]]] = {
    "console_user": (User.id, User.email),
    "caller_token": (CallerToken.id, CallerToken.name),
    "incident": (Incident.id, Incident.title),
    "saved_view": (SavedView.id, SavedView.name),
    "fleet_action": (FleetAction.id, FleetAction.kind),
    "plot_note": (PlotNote.id, PlotNote.text),
}
_OF_CONTAINERS: Final = (Container.id, Container.name)
"""Where the names of subjects stand; those of all other kinds are of containers."""


def _name() -> ColumnElement[str | None]:
    """Look an event's subject up where the names of its kind stand."""

    def of(id_: Any, name: Any) -> Any:
        return select(name).where(id_ == AuditEvent.subject_id).correlate(AuditEvent).scalar_subquery()

    kinds = [(AuditEvent.subject_type == fixed(kind), of(*where)) for kind, where in _NAMED.items()]
    return case(*kinds, else_=of(*_OF_CONTAINERS))


_KEYS: Final[Any] = select(AuditEvent.id, _name())


def keys(session: Session, narrowed: AuditFilter, where: Where) -> Page[EventKey]:
    """Return one page of the trail, without the events themselves.

    Raises:
        Invalid: the cursor is none of this list.
    """
    narrowing = tuple(_conditions(session, narrowed))
    statement = _KEYS.where(*narrowing) if narrowing else _KEYS
    return paging.read(session, statement, ORDERS, where, make=EventKey._make)


def of_ids(session: Session, ids: Sequence[uuid.UUID]) -> Sequence[AuditEvent]:
    """Return some events, in no order."""
    return session.scalars(select(AuditEvent).where(AuditEvent.id.in_(ids))).all()


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
    about: dict[tuple[Any, Any], set[uuid.UUID]] = {}
    for event in events:
        about.setdefault(_NAMED.get(event.subject_type, _OF_CONTAINERS), set()).add(event.subject_id)
    known: dict[uuid.UUID, str] = {}
    for (id_, name), ids in about.items():
        known |= {row[0]: row[1] for row in plain.read(session, select(id_, name).where(id_.in_(ids)))}
    return known
