"""`flask audit`: who changed or tried what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from app.cli.group import ConsoleGroup, json_option
from app.extensions import db
from app.queries import audit as queries
from app.queries.audit import AuditFilter
from app.queries.paging import Where

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from app.models import AuditEvent


@click.group(cls=ConsoleGroup)
def audit() -> None:
    """Read the audit trail."""


@audit.command("list")
@click.option("--actor", default="", help="A part of who did it.")
@click.option("--action", default="", help="What was done, such as 'configuration changed'.")
@click.option("--subject", default="", help="About this id.")
@click.option("--since", default="", help="Not before this time: ISO 8601, or such as -15m.")
@click.option("--until", default="", help="Before this time.")
@click.option("--sort", default="time", type=click.Choice(["time", "-time"]), help="-time: the oldest first.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def list_(*, sort: str, limit: int, as_json: bool, **options: str) -> None:
    """List the latest events, the newest first."""
    where = Where.of({"sort": sort}, queries.ORDERS)
    events = queries.page(db.session(), AuditFilter(**options), where, limit=limit).rows
    names = queries.names(db.session(), events)
    if as_json:
        click.echo(json.dumps([_shown(event, names) for event in events]))
        return
    for event in events:
        why = f"  “{event.reason}”" if event.reason else ""
        name = names.get(event.subject_id, str(event.subject_id))
        click.echo(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.actor}  {event.action}  {name}{why}")


def _shown(event: AuditEvent, names: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "actor": event.actor,
        "action": event.action,
        "subject": {
            "type": event.subject_type,
            "id": str(event.subject_id),
            "name": names.get(event.subject_id),
        },
        "reason": event.reason,
        "before": event.before,
        "after": event.after,
    }
