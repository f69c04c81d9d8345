"""`flask notes`: notes at moments, which every plot that covers the moment shows."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import click

from app.cli.container_words import say
from app.cli.group import ConsoleGroup, json_option, one_of
from app.errors import NotFound
from app.extensions import db
from app.protocol.plot_notes import NoteKind
from app.queries import plot_notes as queries
from app.queries.narrowing import moment_of
from app.queries.paging import Where
from app.queries.plot_notes import NoteFilter
from app.services import plot_notes as services
from app.services.actor import COMMAND_LINE
from app.services.plot_notes import NoteValues

if TYPE_CHECKING:
    from app.models import PlotNote

NOW = "-0s"


@click.group(cls=ConsoleGroup)
def notes() -> None:
    """Note on the plots what was done at a moment, such as a deploy."""


@notes.command()
@click.argument("text")
@click.option("--kind", default=NoteKind.OTHER.value, show_default=True, type=one_of(NoteKind))
@click.option("--at", default=NOW, help="A time in UTC, or how long ago, such as -15m; now, if left out.")
@click.option("--link", default="", help="Where more is told: an http or https address.")
@click.option("--container", default="", help="A container's name or id; the whole fleet, if left out.")
@json_option
def add(*, text: str, kind: str, at: str, link: str, container: str, as_json: bool) -> None:
    """Add a note with this TEXT, one line."""
    values = NoteValues(at=moment_of("at", at), text=text, kind=kind, link=link, container=container)
    note = services.add(db.session(), values, COMMAND_LINE)
    db.session.commit()
    say(_shown(note), _line(note), as_json=as_json)


@notes.command("list")
@click.option("--container", default="", help="Of one container, by its name.")
@click.option(
    "--kind", default="", type=click.Choice(["", *(each.value for each in NoteKind)]), help="Of this kind."
)
@click.option(
    "--about", default="", type=click.Choice(["", queries.FLEET, queries.CONTAINERS]), help="Of these only."
)
@click.option("--since", default="", help="Not before this time: ISO 8601, or such as -15m.")
@click.option("--until", default="", help="Before this time.")
@click.option(
    "--sort", default="time", type=click.Choice(["time", "-time"]), help="-time: the earliest first."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def list_(*, sort: str, limit: int, as_json: bool, **options: str) -> None:
    """List notes by their moments, the latest first."""
    where = Where.of({"sort": sort}, queries.ORDERS)
    found = queries.page(db.session(), NoteFilter(**options), where, limit=limit).rows
    say([_shown(each) for each in found], "\n".join(map(_line, found)) or "No notes.", as_json=as_json)


@notes.command()
@click.argument("note")
@click.option("--reason", default="removed on the command line", show_default=True, help="Why.")
@json_option
def remove(*, note: str, reason: str, as_json: bool) -> None:
    """Remove a NOTE, by its id."""
    try:
        found = queries.get(db.session(), uuid.UUID(note))
    except ValueError as error:
        raise NotFound(f"{note!r} is not the id of a note") from error
    note_id, text = found.id, found.text
    services.remove(db.session(), found, COMMAND_LINE, reason)
    db.session.commit()
    say({"removed": note_id}, f"Removed “{text}”.", as_json=as_json)


def _line(note: PlotNote) -> str:
    about = note.container.name if note.container else "the whole fleet"
    link = f"  {note.link}" if note.link else ""
    return f"{note.id}  {note.at:%Y-%m-%d %H:%M:%S}  {note.kind:6}  {note.text}  ({about}){link}"


def _shown(note: PlotNote) -> dict[str, Any]:
    return {
        "id": note.id,
        "at": note.at.isoformat(),
        "kind": note.kind,
        "text": note.text,
        "link": note.link,
        "container": note.container.name if note.container else None,
        "author": note.author,
        "created_at": note.created_at.isoformat(),
    }
