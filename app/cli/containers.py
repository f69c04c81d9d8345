"""`flask containers`: register, edit, start, stop, list, show and remove."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from flask import current_app

from app.cli import connection_actions, fleet
from app.cli.container_filter import narrowed_by, narrowing
from app.cli.container_options import described, given_values, preferred_of
from app.cli.container_words import detail, line, say
from app.cli.group import ConsoleGroup, json_option
from app.extensions import db
from app.protocol.states import ContainerStatus, Protocol
from app.queries import container_list
from app.queries import containers as queries
from app.queries.container_filter import ORDERS
from app.queries.paging import Where
from app.services import containers as services
from app.services.actor import COMMAND_LINE
from app.services.containers import ContainerValues

if TYPE_CHECKING:
    from app.protocol.policy import EndpointPolicy
    from app.queries.container_list import ContainerRow

PAGE = 500


@click.group(cls=ConsoleGroup)
def containers() -> None:
    """Register, edit, list, show and remove containers; ask something of their connections."""


connection_actions.add_to(containers)
fleet.add_to(containers)


@containers.command()
@click.argument("name")
@click.argument("url")
@described
@json_option
def add(*, name: str, url: str, as_json: bool, **options: Any) -> None:
    """Register a container NAME at URL. Without --protocols it speaks http."""
    given = given_values(options)
    supported = given.setdefault("supported_protocols", (Protocol.HTTP,))
    given.setdefault("preferred_protocol", preferred_of(supported))
    values = ContainerValues(name=name, endpoint_url=url, **given)
    container = services.register(db.session(), values, COMMAND_LINE, _policy())
    db.session.commit()
    say(detail(container), f"Registered {container.name} ({container.id}).", as_json=as_json)


@containers.command()
@click.argument("container")
@click.option("--name", help="Its new name.")
@click.option("--url", "endpoint_url", help="Its new URL.")
@described
@json_option
def edit(*, container: str, as_json: bool, **options: Any) -> None:
    """Change what is said of a CONTAINER, by name or id; what is not said stays."""
    found = queries.get(db.session(), container)
    values = replace(ContainerValues.of(found), **given_values(options))
    services.update(db.session(), found, values, COMMAND_LINE, policy=_policy())
    db.session.commit()
    say(detail(found), f"Changed {found.name}.", as_json=as_json)


@containers.command()
@click.argument("container")
@click.option("--reason", required=True, help="Why, for those who read the history.")
@json_option
def stop(*, container: str, reason: str, as_json: bool) -> None:
    """Say that a CONTAINER, by name or id, is stopped: its connection ends, and it is not dialled."""
    _set_status(container, ContainerStatus.STOPPED, reason, as_json=as_json)


@containers.command()
@click.argument("container")
@click.option("--reason", required=True, help="Why, for those who read the history.")
@json_option
def start(*, container: str, reason: str, as_json: bool) -> None:
    """Say that a CONTAINER, by name or id, runs (again): it is dialled."""
    _set_status(container, ContainerStatus.RUNNING, reason, as_json=as_json)


def _set_status(container: str, status: ContainerStatus, reason: str, *, as_json: bool) -> None:
    found = queries.get(db.session(), container)
    values = replace(ContainerValues.of(found), status=status)
    services.update(db.session(), found, values, COMMAND_LINE, reason)
    db.session.commit()
    say(detail(found), f"{found.name} is {status}.", as_json=as_json)


@containers.command("list")
@narrowing
@click.option(
    "--sort",
    default="name",
    show_default=True,
    type=click.Choice([*ORDERS, *(f"-{name}" for name in ORDERS)]),
    metavar="ORDER",
    help=f"One of {', '.join(ORDERS)}; with a dash before it the other way.",
)
@click.option("--limit", type=click.IntRange(1), help="How many at most; without it, all.")
@json_option
def list_(*, sort: str, limit: int | None, as_json: bool, **options: Any) -> None:
    """List containers."""
    narrowed, where = narrowed_by(options), Where.of({"sort": sort}, ORDERS)
    rows: list[ContainerRow] = []
    more = True
    while more and (limit is None or len(rows) < limit):
        most = PAGE if limit is None else min(PAGE, limit - len(rows))
        page = container_list.page(db.session(), narrowed, where, limit=most)
        rows, more, where = rows + page.rows, page.after is not None, replace(where, after=page.after)
    lines = [line(row) for row in rows]
    say([row.as_dict() for row in rows], "\n".join(lines) or "No containers.", as_json=as_json)


@containers.command()
@click.argument("container")
@json_option
def show(*, container: str, as_json: bool) -> None:
    """Show a CONTAINER, by name or id: session, connections, configuration."""
    found = detail(queries.get(db.session(), container))
    say(found, json.dumps(found, indent=2, default=str), as_json=as_json)


@containers.command()
@click.argument("container")
@click.option("--reason", default="removed on the command line", show_default=True, help="Why.")
@json_option
def remove(*, container: str, reason: str, as_json: bool) -> None:
    """Remove a CONTAINER with everything recorded of it."""
    found = queries.get(db.session(), container)
    name, container_id = found.name, found.id
    services.remove(db.session(), found, COMMAND_LINE, reason)
    db.session.commit()
    say({"removed": name, "id": container_id}, f"Removed {name}.", as_json=as_json)


def _policy() -> EndpointPolicy:
    policy: EndpointPolicy = current_app.extensions["settings"].endpoint_policy()
    return policy
