"""Notes on plots: added and removed by whoever may operate, with an audit event each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import Invalid, NotFound
from app.models import PlotNote
from app.protocol.plot_notes import NoteKind, kind_of, link_of, moment_of, text_of
from app.queries import containers, moments
from app.services import audit, doorbell
from app.services.rules import enforced

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy.orm import Session

    from app.models import Container
    from app.services.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteValues:
    """What a note says, as it was written; `container` is a name or an id, empty for the whole fleet."""

    at: dt.datetime
    text: str
    kind: str = NoteKind.OTHER
    link: str = ""
    container: str = ""


def add(session: Session, values: NoteValues, actor: Actor) -> PlotNote:
    """Add a note; its text is redacted as records are.

    Raises:
        Invalid: a value is missing, too long, of another form, or names no container.
    """
    note = PlotNote(
        at=moment_of(values.at, moments.now()),
        kind=kind_of(values.kind),
        text=text_of(values.text),
        link=link_of(values.link),
        container=_container(session, values.container.strip()),
        author=actor.name,
    )
    with enforced(session):
        session.add(note)
        session.flush()
    audit.record(session, actor, "note added", ("plot_note", note.id), after=_shown(note))
    _tell(session, note)
    return note


def remove(session: Session, note: PlotNote, actor: Actor, reason: str) -> None:
    """Remove a note; the audit trail keeps what it said."""
    audit.record(
        session, actor, "note removed", ("plot_note", note.id), reason=reason or None, before=_shown(note)
    )
    _tell(session, note)
    session.delete(note)
    session.flush()


def _container(session: Session, reference: str) -> Container | None:
    try:
        return containers.get(session, reference) if reference else None
    except NotFound as error:
        raise Invalid("container", str(error)) from error


def _tell(session: Session, note: PlotNote) -> None:
    """Ring for the container's pages, or for all of them: one of the fleet stands on each band."""
    if note.container_id is None:
        doorbell.tell_fleet(session)
    else:
        doorbell.tell(session, note.container_id)


def _shown(note: PlotNote) -> dict[str, object]:
    return {
        "name": note.text,
        "at": note.at.isoformat(),
        "kind": note.kind,
        "link": note.link,
        "container": note.container.name if note.container else None,
    }
