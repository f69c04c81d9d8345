"""What the command line says of containers, for people and for machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from app.cli import connection_actions
from app.extensions import db
from app.queries import connection_actions as actions
from app.queries import connections, container_list, waiting
from app.services.configurations import ConfigurationValues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.models import AcpMessage, Container
    from app.queries.container_list import ContainerRow


def line(row: ContainerRow) -> str:
    """Return a container's line of the list."""
    return f"{row.name:30} {row.protocol_type:4} {row.status or 'never':12} {row.endpoint_url}{_note(row)}"


def _note(row: ContainerRow) -> str:
    if row.held_by:
        return f"  held disconnected by {row.held_by}: {row.held_reason}"
    if row.waiting_for:
        return f"  waiting for {row.waiting_caller or 'a caller'}: {row.waiting_for}"
    return ""


def detail(container: Container) -> dict[str, Any]:
    """Return all that `containers show` says."""
    row = container_list.row(db.session(), container.id)
    latest = connections.of_container(db.session(), container.id, limit=5)
    return {
        **(row.as_dict() if row else {}),
        "preferred_protocol": container.preferred_protocol,
        "acp_path": container.acp_path,
        "credential": container.credential,
        "fallback_enabled": container.session.fallback_enabled,
        "configuration": ConfigurationValues.of(container.configuration).as_dict(),
        "waiting": [
            {"id": each.id, "method": each.method, "caller": each.caller, "since": each.timestamp}
            for each in _waiting(row)
        ],
        "actions": [
            connection_actions.shown(each) for each in actions.of_container(db.session(), container.id)
        ],
        "connections": [
            {"id": each.id, "status": each.status, "version": each.version, "transport": each.transport}
            for each in latest
        ],
    }


def _waiting(row: ContainerRow | None) -> Sequence[AcpMessage]:
    return waiting.of_connection(db.session(), row.connection_id) if row and row.connection_id else []


def say(value: Any, text: str, *, as_json: bool) -> None:
    """Print JSON for machines, or a text for people."""
    click.echo(json.dumps(value, default=str) if as_json else text)
