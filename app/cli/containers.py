"""`flask containers`: register, edit, list, show and remove."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from app.cli.container_options import described, given_values, preferred_of
from app.cli.group import ConsoleGroup, json_option
from app.extensions import db
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import connections
from app.queries import containers as queries
from app.services import containers as services
from app.services.actor import COMMAND_LINE
from app.services.configurations import ConfigurationValues
from app.services.containers import ContainerValues

if TYPE_CHECKING:
    from app.models import Container
    from app.queries.containers import ContainerRow

PAGE = 500
STATUSES = (*(each.value for each in ConnectionStatus), queries.NEVER)
PROTOCOLS = tuple(each.value for each in Protocol)


@click.group(cls=ConsoleGroup)
def containers() -> None:
    """Register, edit, list, show and remove containers."""


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
    container = services.register(db.session(), values, COMMAND_LINE)
    db.session.commit()
    _print(_detail(container), f"Registered {container.name} ({container.id}).", as_json=as_json)


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
    services.update(db.session(), found, values, COMMAND_LINE)
    db.session.commit()
    _print(_detail(found), f"Changed {found.name}.", as_json=as_json)


@containers.command("list")
@click.option("--search", default="", help="Words in name, image or owner.")
@click.option("--protocol", type=click.Choice(PROTOCOLS), help="Only those on this protocol now.")
@click.option("--status", type=click.Choice(STATUSES), help="Only those in this connection status.")
@json_option
def list_(*, search: str, protocol: str | None, status: str | None, as_json: bool) -> None:
    """List containers in order of name."""
    narrowed = queries.ContainerFilter(text=search, protocol=protocol or "", status=status or "")
    rows: list[ContainerRow] = []
    after: str | None = ""
    while after is not None:
        page = queries.page(db.session(), narrowed, after=after, limit=PAGE)
        rows, after = rows + page.rows, page.after
    lines = [
        f"{row.name:30} {row.protocol_type:4} {row.status or 'never':12} {row.endpoint_url}" for row in rows
    ]
    _print([row._asdict() for row in rows], "\n".join(lines) or "No containers.", as_json=as_json)


@containers.command()
@click.argument("container")
@json_option
def show(*, container: str, as_json: bool) -> None:
    """Show a CONTAINER, by name or id: session, connections, configuration."""
    found = _detail(queries.get(db.session(), container))
    _print(found, json.dumps(found, indent=2, default=str), as_json=as_json)


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
    _print({"removed": name, "id": container_id}, f"Removed {name}.", as_json=as_json)


def _detail(container: Container) -> dict[str, Any]:
    row = queries.row(db.session(), container.id)
    latest = connections.of_container(db.session(), container.id, limit=5)
    return {
        **(row._asdict() if row else {}),
        "preferred_protocol": container.preferred_protocol,
        "acp_path": container.acp_path,
        "credential": container.credential,
        "fallback_enabled": container.session.fallback_enabled,
        "configuration": ConfigurationValues.of(container.configuration).as_dict(),
        "connections": [
            {"id": each.id, "status": each.status, "version": each.version, "transport": each.transport}
            for each in latest
        ],
    }


def _print(value: Any, text: str, *, as_json: bool) -> None:
    click.echo(json.dumps(value, default=str) if as_json else text)
