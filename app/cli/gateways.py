"""`flask gateways`: which are there, and how they do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from app.cli.group import ConsoleGroup, json_option
from app.extensions import db
from app.queries import gateways as queries

if TYPE_CHECKING:
    from app.queries.gateways import GatewayRow


@click.group(cls=ConsoleGroup)
def gateways() -> None:
    """See the gateways that share the containers."""


@gateways.command("list")
@click.option(
    "--sort",
    default=queries.FIRST,
    show_default=True,
    type=click.Choice([*queries.SORTS, *(f"-{name}" for name in queries.SORTS)]),
    metavar="ORDER",
    help=f"One of {', '.join(queries.SORTS)}; with a dash before it the other way.",
)
@json_option
def list_(*, sort: str, as_json: bool) -> None:
    """List gateways with state, load and lag, the oldest first."""
    held = queries.held_by_each(db.session())
    found, nobodys = queries.rows(db.session(), sort, held), held.get(None, 0)
    if as_json:
        rows = [row._asdict() for row in found]
        click.echo(json.dumps({"gateways": rows, "held_by_nobody": nobodys}, default=str))
        return
    click.echo("\n".join(_line(row) for row in found) or "No gateways.")
    if nobodys:
        click.echo(f"Containers held by no gateway: {nobodys}")


def _line(row: GatewayRow) -> str:
    return (
        f"{row.address:32} {row.state:8} {row.held:5} held {row.connected:5} connected"
        f" {row.callers:5} callers {row.messages_per_second:8.1f} records/s"
        f" {row.records_waiting:5} waiting {row.loop_lag_ms:4} ms late"
        f"  heartbeat {row.silence:.1f} s ago  {row.version}"
    )
