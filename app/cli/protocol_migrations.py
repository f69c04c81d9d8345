"""`flask protocol-migrations`: start, roll back and list."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import click

from app.cli.group import ConsoleGroup, json_option
from app.errors import Invalid, NotFound
from app.extensions import db
from app.protocol.states import Cause
from app.queries import containers
from app.queries import protocol_migrations as queries
from app.queries.narrowing import identity
from app.queries.paging import Where
from app.services import protocol_migrations as services
from app.services.actor import COMMAND_LINE

if TYPE_CHECKING:
    from app.models import ProtocolMigration


@click.group("protocol-migrations", cls=ConsoleGroup)
def protocol_migrations() -> None:
    """Move containers between HTTP and ACP, and back."""


@protocol_migrations.command()
@click.argument("container")
@click.option("--to", required=True, help="The protocol to move to: acp or http.")
@click.option("--reason", required=True, help="Why, for those who read the history.")
@json_option
def start(*, container: str, to: str, reason: str, as_json: bool) -> None:
    """Ask the gateway to move a CONTAINER, by name or id, to a protocol."""
    found = containers.get(db.session(), container)
    migration = services.request(db.session(), found, to, reason=reason, actor=COMMAND_LINE)
    db.session.commit()
    _print_one(migration, as_json=as_json)


@protocol_migrations.command()
@click.argument("migration")
@click.option("--reason", required=True, help="Why, for those who read the history.")
@json_option
def rollback(*, migration: str, reason: str, as_json: bool) -> None:
    """Ask the gateway to take a completed MIGRATION, by id, back."""
    try:
        migration_id = uuid.UUID(migration)
    except ValueError as error:
        raise NotFound(f"{migration!r} is not the id of a protocol migration") from error
    found = queries.get(db.session(), migration_id)
    back = services.roll_back(db.session(), found, reason=reason, actor=COMMAND_LINE)
    db.session.commit()
    _print_one(back, as_json=as_json)


@protocol_migrations.command("list")
@click.option("--container", default="", help="A part of its name, or its id.")
@click.option("--outcome", default="", help=f"One of {', '.join(queries.Outcome)}.")
@click.option("--protocol", default="", help="Moved to this protocol.")
@click.option("--cause", default="", help=f"One of {', '.join(Cause)}.")
@click.option("--actor", default="", help="A part of who asked for it.")
@click.option("--since", default="", help="Started not before this time: ISO 8601, or such as -15m.")
@click.option("--until", default="", help="Started before this time.")
@click.option(
    "--sort", default="start", type=click.Choice(["start", "-start"]), help="-start: the oldest first."
)
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first."
)
@json_option
def list_(*, sort: str, limit: int, as_json: bool, **options: str) -> None:
    """List protocol migrations, the newest first."""
    session, where = db.session(), Where.of({"sort": sort}, queries.ORDERS)
    for name, words in queries.MigrationFilter.WORDS.items():
        if options[name] and options[name] not in words:
            raise Invalid(name, f"choose from {', '.join(sorted(words))}")
    if identity(options["container"]):
        options["container"] = containers.get(session, options["container"]).name
    found = queries.page(session, queries.MigrationFilter.of(options), where, limit=limit).rows
    if as_json:
        click.echo(json.dumps([_shown(each) for each in found], default=str))
    else:
        click.echo("\n".join(_line(each) for each in found) or "No protocol migrations.")


def _print_one(migration: ProtocolMigration, *, as_json: bool) -> None:
    click.echo(json.dumps(_shown(migration), default=str) if as_json else _line(migration))


def _line(migration: ProtocolMigration) -> str:
    move = f"{migration.from_protocol} → {migration.to_protocol}"
    return f"{migration.id}  {migration.container.name:24} {move:12} {migration.phase:12} {migration.reason}"


def _shown(migration: ProtocolMigration) -> dict[str, Any]:
    stored = {column.key: getattr(migration, column.key) for column in migration.__table__.columns}
    return {"container": migration.container.name} | stored
