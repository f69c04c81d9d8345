"""`flask connections`: all of them, also those that have ended, as they are or as all stood at a moment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from app.cli.group import ConsoleGroup, Moment, json_option
from app.extensions import db
from app.protocol.end_kinds import KINDS, SIDES, of_word
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import connection_list, past
from app.queries.connection_filter import ConnectionFilter
from app.queries.container_filter import NEVER, ContainerFilter

if TYPE_CHECKING:
    import datetime as dt

    from app.queries.connection_list import ConnectionRow
    from app.queries.past import PastRow

PAGE: Final = 500
PROTOCOLS: Final = [each.value for each in Protocol]
STATUSES: Final = (*(each.value for each in ConnectionStatus), NEVER)


def _kind(_: click.Context, __: click.Parameter, word: str) -> str:
    if word and of_word(word) is None:
        raise click.BadParameter(f"{word!r} is none of {', '.join(KINDS)}, peer, peer-CODE")
    return word


@click.group(cls=ConsoleGroup)
def connections() -> None:
    """See connections, those of now and of the past."""


@connections.command("list")
@click.option("--at", type=Moment(), help="Each container's connection as it was at a time (UTC).")
@click.option("--search", default="", help="Words in the container's name.")
@click.option("--status", type=click.Choice(STATUSES), help="Only those in this state.")
@click.option("--protocol", type=click.Choice(PROTOCOLS), help="Only those over this.")
@click.option("--by", type=click.Choice(list(SIDES)), help="Only those that were closed by this side.")
@click.option("--reason", "kind", default="", callback=_kind, help="Only those lost or ended like this.")
@click.option("--since", type=Moment(), help="Only those whose state changed since a time (UTC).")
@click.option("--until", type=Moment(), help="Only those whose state changed before a time (UTC).")
@click.option("--limit", default=PAGE, show_default=True, type=click.IntRange(1, 100_000))
@json_option
def list_(*, at: dt.datetime | None, limit: int, as_json: bool, search: str, **narrowed: Any) -> None:
    """List connections, the newest first; with --at, containers in order of name as they were then."""
    given: dict[str, str] = {name: narrowed[name] or "" for name in ("status", "protocol", "by", "kind")}
    rows: list[Any]
    if at is not None:
        if any(narrowed[name] for name in ("by", "kind", "since", "until")):
            raise click.UsageError("--at goes with --search, --status and --protocol only")
        asked = ContainerFilter(text=search, status=given["status"], protocol=given["protocol"])
        rows = past.page(db.session(), at, asked, limit=limit).rows
    else:
        bounds = {name: narrowed[name] for name in ("since", "until")}
        asked_now = ConnectionFilter(text=search, **given, **bounds)  # type: ignore[arg-type]
        rows = connection_list.page(db.session(), asked_now, limit=limit).rows
    if as_json:
        click.echo(json.dumps([shown(row) for row in rows], default=str))
        return
    click.echo("\n".join(_line(row) for row in rows) or "No connections.")


def shown(row: ConnectionRow | PastRow) -> dict[str, Any]:
    """Return a line as `--json` prints it: its columns, and how it was lost or ended in words."""
    kind = row.end_kind
    told = ("word", "by", "meaning", "advice")
    return {**row._asdict(), "ended": {name: getattr(kind, name) for name in told} if kind else None}


def _line(row: Any) -> str:
    name = row.name if hasattr(row, "name") else row.container
    identity = getattr(row, "connection_id", None) or row.id
    kind = row.end_kind
    why = f"  {row.reason} (by {SIDES[kind.by]})" if kind else ""
    return f"{name:24} {row.status:13} {row.protocol or '-':5} {identity}{why}"
