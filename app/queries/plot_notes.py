"""Notes on plots: those of a range, as many as a page shows, and pages of them for the list."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import joinedload

from app.errors import NotFound
from app.models import AcpConnection, Container, PlotNote
from app.models.base import first_id_at
from app.protocol.plot_notes import NoteKind
from app.queries import paging
from app.queries.narrowing import Narrowing, moment_of
from app.queries.paging import Order

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.queries.paging import Page, Where
    from app.queries.statistics_view import View

MOST: Final = 50
"""Notes that the plots of one page show: the latest of their range."""
EXAMPLES: Final = 3
FLEET, CONTAINERS = "fleet", "containers"
_FLEETS: Final = PlotNote.container_id.is_(None)
_WHOLE: Final = select(PlotNote).options(joinedload(PlotNote.container))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteFilter(Narrowing):
    """What the list is narrowed to: a container's whole name, a kind, whom they are about, and times."""

    WORDS: ClassVar[Mapping[str, Collection[str]]] = {"kind": list(NoteKind), "about": (FLEET, CONTAINERS)}

    container: str = ""
    kind: str = ""
    about: str = ""
    since: str = ""
    until: str = ""


ORDERS: Final[Mapping[str, Order]] = {
    "time": Order(column=PlotNote.at, kind=dt.datetime, tie=PlotNote.id, falls=True)
}


class Numbered(NamedTuple):
    """A note under the number that the plots give it.

    The latest is 1: a range that goes on with time loses its oldest notes, and no other gets another number.
    """

    number: int
    note: PlotNote


class Noted(NamedTuple):
    """The latest notes from `begin` up to but without `end`, the latest first, and how many there are.

    `of` is the container whose notes are among them, empty for none; `elsewhere` counts those of containers
    where only the fleet's are shown.
    """

    begin: dt.datetime
    end: dt.datetime
    notes: Sequence[Numbered]
    total: int
    of: str = ""
    elsewhere: int = 0


class Made(NamedTuple):
    """Notes that were written: how many, and the newest."""

    times: int
    examples: Sequence[PlotNote]


def get(session: Session, note_id: uuid.UUID) -> PlotNote:
    """Return a note.

    Raises:
        NotFound: there is none.
    """
    note = session.scalar(_WHOLE.where(PlotNote.id == note_id))
    if note is None:
        raise NotFound(f"there is no note {note_id}")
    return note


def page(
    session: Session, narrowed: NoteFilter, where: Where, *, limit: int = paging.LIMIT
) -> Page[PlotNote]:
    """Return one page of the list.

    Raises:
        Invalid: a time is none, or the cursor is none of this list.
    """
    statement = _WHOLE.where(*_conditions(narrowed))
    return paging.read_whole(session, statement, ORDERS, where, limit=limit)


def of_fleet(session: Session, begin: dt.datetime, end: dt.datetime) -> Noted:
    """Return the notes about the whole fleet, and count those about containers."""
    among = select(func.count()).select_from(PlotNote).where(_between(begin, end), ~_FLEETS)
    elsewhere = session.scalar(among) or 0
    return _read(session, begin, end, _FLEETS)._replace(elsewhere=elsewhere)


def of_container(session: Session, container: Container, begin: dt.datetime, end: dt.datetime) -> Noted:
    """Return the notes about the whole fleet and those about a container."""
    own = or_(_FLEETS, PlotNote.container_id == container.id)
    return _read(session, begin, end, own)._replace(of=container.name)


def of_view(session: Session, view: View, begin: dt.datetime, end: dt.datetime) -> Noted:
    """Return the notes that a view of the statistics shows: those of its container, if it has one, too."""
    if not (view.container or view.connection):
        return of_fleet(session, begin, end)
    named = Container.name == view.container
    if view.connection:
        its = select(AcpConnection.container_id).where(AcpConnection.id == view.connection_id)
        named = Container.id == its.scalar_subquery()
    container = session.scalar(select(Container).where(named))
    if container is None:
        return _read(session, begin, end, _FLEETS)
    return of_container(session, container, begin, end)


def made(session: Session, since: dt.datetime, until: dt.datetime) -> Made:
    """Return the notes that were written from one moment to another, whatever moments they are about."""
    within = PlotNote.id.between(first_id_at(since), first_id_at(until))
    found = session.execute(
        select(PlotNote, func.count().over())
        .options(joinedload(PlotNote.container))
        .where(within)
        .order_by(PlotNote.id.desc())
        .limit(EXAMPLES)
    ).all()
    return Made(found[0][1] if found else 0, [row[0] for row in found])


def _read(session: Session, begin: dt.datetime, end: dt.datetime, whose: ColumnElement[bool]) -> Noted:
    found = session.execute(
        select(PlotNote, func.count().over())
        .options(joinedload(PlotNote.container))
        .where(_between(begin, end), whose)
        .order_by(PlotNote.at.desc(), PlotNote.id.desc())
        .limit(MOST)
    ).all()
    notes = [Numbered(number, row[0]) for number, row in enumerate(found, 1)]
    return Noted(begin, end, notes, found[0][1] if found else 0)


def _between(begin: dt.datetime, end: dt.datetime) -> Any:
    return and_(PlotNote.at >= begin, PlotNote.at < end)


def _conditions(narrowed: NoteFilter) -> Iterator[ColumnElement[bool]]:
    if narrowed.container:
        named = select(Container.id).where(Container.name == narrowed.container)
        yield PlotNote.container_id == named.scalar_subquery()
    if narrowed.kind:
        yield PlotNote.kind == narrowed.kind
    if narrowed.about:
        yield _FLEETS if narrowed.about == FLEET else ~_FLEETS
    if narrowed.since:
        yield PlotNote.at >= moment_of("since", narrowed.since)
    if narrowed.until:
        yield PlotNote.at < moment_of("until", narrowed.until)
