"""`flask configurations`: show, change, revert and try how containers' connections behave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from app.cli import configuration_bulk, configuration_trials
from app.cli.configuration_words import pairs, read, revision_line, shown_revision
from app.cli.container_words import say
from app.cli.group import ConsoleGroup, Moment, json_option
from app.extensions import db
from app.queries import configuration_revisions as revisions
from app.queries import containers
from app.queries.configuration_revisions import RevisionFilter
from app.services import configurations as services
from app.services.actor import COMMAND_LINE
from app.services.configurations import DEFAULTS, LABELS, ConfigurationValues, reconnects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.models import ConfigurationRevision

WHY = "Why, for those who read the history."


@click.group(cls=ConsoleGroup)
def configurations() -> None:
    """Show and change how containers' connections behave."""


configuration_trials.add_to(configurations)
configuration_bulk.add_to(configurations)


@configurations.command()
@click.argument("container")
@click.option("--revision", "number", type=int, help="An earlier revision instead of the current values.")
@json_option
def show(*, container: str, number: int | None, as_json: bool) -> None:
    """Show a CONTAINER's configuration, each value beside the default."""
    found = containers.get(db.session(), container)
    revision = revisions.latest(db.session(), found.id)
    values = ConfigurationValues.of(found.configuration).as_dict()
    if number is not None:
        revision = revisions.get(db.session(), found.id, number)
        values = revision.settings
    lines = [
        f"{name}={values.get(name)}  (default {default})" for name, default in DEFAULTS.as_dict().items()
    ]
    head = [revision_line(revision, found.name)] if revision is not None else []
    told = {
        "container": found.name,
        "revision": shown_revision(revision, found.name) if revision is not None else None,
        "values": values,
        "defaults": DEFAULTS.as_dict(),
    }
    say(told, "\n".join([*head, *lines]), as_json=as_json)


@configurations.command()
@click.argument("container")
@click.argument("changes", nargs=-1, required=True, metavar="FIELD=VALUE...")
@click.option("--reason", required=True, help=WHY)
@click.option("--base", type=int, help="Only if this still is the current revision.")
@json_option
def change(*, container: str, changes: Sequence[str], reason: str, base: int | None, as_json: bool) -> None:
    """Change fields of a CONTAINER's connection configuration, by the data model's names; times in ms."""
    stored = containers.get(db.session(), container).configuration
    values = replace(ConfigurationValues.of(stored), **read(changes))
    services.update(db.session(), stored, values, COMMAND_LINE, reason, base=base)
    db.session.commit()
    say(values.as_dict(), pairs(values.as_dict()), as_json=as_json)


@configurations.command("revisions")
@click.option("--container", default="", help="A container's name, or a part of one.")
@click.option("--field", type=click.Choice(list(LABELS)), help="Only where this field was changed.")
@click.option("--actor", default="", help="A part of who saved it.")
@click.option("--since", type=Moment(), help="From then on (UTC).")
@click.option("--until", type=Moment(), help="Before then (UTC).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def list_(*, limit: int, as_json: bool, **narrowed: Any) -> None:
    """List what was saved, by whom and why, the newest first."""
    given = {name: value for name, value in narrowed.items() if value}
    rows = revisions.page(db.session(), RevisionFilter(**given), limit=limit)
    lines = [revision_line(row.revision, row.container) for row in rows]
    told = [shown_revision(row.revision, row.container) for row in rows]
    say(told, "\n".join(lines) or "No revisions.", as_json=as_json)


@configurations.command()
@click.argument("container")
@click.argument("number", type=int)
@click.option("--reason", required=True, help=WHY)
@click.option("--base", type=int, help="Only if this still is the current revision.")
@json_option
def revert(*, container: str, number: int, reason: str, base: int | None, as_json: bool) -> None:
    """Bring revision NUMBER of a CONTAINER's configuration back, as a new revision."""
    session = db.session()
    found = containers.get(session, container)
    revision = revisions.get(session, found.id, number)
    saved = services.revert(session, revision, COMMAND_LINE, reason, base=base)
    session.commit()
    told = shown_revision(saved, found.name) if saved is not None else None
    say({"saved": told}, _reverted(saved, number), as_json=as_json)


def _reverted(saved: ConfigurationRevision | None, number: int) -> str:
    if saved is None:
        return f"Revision {number} is what is current already: nothing was saved."
    how = "it reconnects" if reconnects(saved.changed) else "applied at once"
    return f"Reverted to revision {number}, as revision {saved.number}: {how}."
