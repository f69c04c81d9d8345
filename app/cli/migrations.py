"""`flask migrations`: start, switch, cancel, roll back, show and list.

`preflight` and `way-home` have files of their own.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import click
from flask import current_app

from app.cli import migration_preflights, migration_way_home
from app.cli.container_words import say
from app.cli.group import ConsoleGroup, json_option
from app.cli.migration_plans import plan_of, plan_options
from app.cli.migration_preflights import check_line
from app.errors import Invalid, NotFound
from app.extensions import db
from app.protocol.states import Cause
from app.queries import containers, preflights
from app.queries import protocol_migrations as queries
from app.queries.narrowing import identity
from app.queries.paging import Where
from app.services import protocol_migrations as services
from app.services.actor import COMMAND_LINE
from app.services.preflights import check_startable

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.models import ProtocolMigration, ProtocolMigrationStep
    from app.protocol.policy import EndpointPolicy


@click.group("migrations", cls=ConsoleGroup)
def migrations() -> None:
    """Move containers between HTTP and ACP, and back."""


migration_preflights.add_to(migrations)
migration_way_home.add_to(migrations)

why_option = click.option("--reason", required=True, help="Why, for those who read the history.")


@migrations.command()
@click.argument("container")
@click.option("--to", required=True, help="The protocol to move to: acp or http.")
@why_option
@plan_options
@click.option("--anyway", is_flag=True, help="Although the last dry run blocked.")
@json_option
def start(*, container: str, to: str, reason: str, anyway: bool, as_json: bool, **options: Any) -> None:
    """Ask the gateway to move a CONTAINER, by name or id, to a protocol."""
    session, plan = db.session(), plan_of(**options)
    found = containers.get(session, container)
    check_startable(session, found, to, plan, policy=_policy(), anyway=anyway)
    migration = services.request(session, found, to, reason=reason, actor=COMMAND_LINE, plan=plan)
    session.commit()
    _print_one(migration, as_json=as_json)


@migrations.command()
@click.argument("migration")
@why_option
@json_option
def switch(*, migration: str, reason: str, as_json: bool) -> None:
    """Have a MIGRATION, by id, that is prepared or waits for its time go on now."""
    _ask(services.switch_now, migration, reason, as_json=as_json)


@migrations.command()
@click.argument("migration")
@why_option
@json_option
def cancel(*, migration: str, reason: str, as_json: bool) -> None:
    """End a MIGRATION, by id, that has switched nothing yet."""
    _ask(services.cancel, migration, reason, as_json=as_json)


@migrations.command()
@click.argument("migration")
@why_option
@json_option
def rollback(*, migration: str, reason: str, as_json: bool) -> None:
    """Ask the gateway to take a completed MIGRATION, by id, back."""
    _ask(services.roll_back, migration, reason, as_json=as_json)


@migrations.command()
@click.argument("migration")
@json_option
def show(*, migration: str, as_json: bool) -> None:
    """Show a MIGRATION, by id: its phases, what was found and measured."""
    found = _get(migration)
    looked = preflights.of_migration(db.session(), found.id)
    told = _shown(found) | {"steps": [_step(each) for each in found.steps]}
    told |= {"preflight": looked.checks if looked is not None else None}
    steps = [f"{each.at:%Y-%m-%d %H:%M:%S}  {each.phase:12} {each.detail}" for each in found.steps]
    checks = [check_line(each) for each in looked.found] if looked is not None else []
    say(told, "\n".join([_line(found), *steps, *checks]), as_json=as_json)


@migrations.command("list")
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


def _policy() -> EndpointPolicy:
    policy: EndpointPolicy = current_app.extensions["settings"].endpoint_policy()
    return policy


def _get(reference: str) -> ProtocolMigration:
    try:
        return queries.get(db.session(), uuid.UUID(reference))
    except ValueError as error:
        raise NotFound(f"{reference!r} is not the id of a protocol migration") from error


def _ask(
    service: Callable[..., ProtocolMigration | None], reference: str, reason: str, *, as_json: bool
) -> None:
    """Ask something of a protocol migration, and print it, or the one that takes it back."""
    found = _get(reference)
    made = service(db.session(), found, reason=reason, actor=COMMAND_LINE)
    db.session.commit()
    _print_one(made or found, as_json=as_json)


def _step(step: ProtocolMigrationStep) -> dict[str, Any]:
    return {"phase": step.phase, "at": step.at, "detail": step.detail}


def _print_one(migration: ProtocolMigration, *, as_json: bool) -> None:
    click.echo(json.dumps(_shown(migration), default=str) if as_json else _line(migration))


def _line(migration: ProtocolMigration) -> str:
    move = f"{migration.from_protocol} → {migration.to_protocol}"
    return f"{migration.id}  {migration.container.name:24} {move:12} {migration.phase:12} {migration.reason}"


def _shown(migration: ProtocolMigration) -> dict[str, Any]:
    stored = {column.key: getattr(migration, column.key) for column in migration.__table__.columns}
    return {"container": migration.container.name} | stored
