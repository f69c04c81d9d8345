"""`flask containers reconnect|disconnect|probe`: ask something of a container's connection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from app.cli.group import json_option
from app.cli.waiting import until_ended
from app.extensions import db
from app.protocol.states import ActionKind
from app.queries import connection_actions as stored
from app.queries import containers
from app.services import connection_actions as services
from app.services.actor import COMMAND_LINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.models import ConnectionAction

HELP: Final = {
    ActionKind.RECONNECT: "End the connection of a CONTAINER, by name or id, and dial it anew at once.",
    ActionKind.DISCONNECT: "End the connection of a CONTAINER, by name or id; only a reconnect or a change of"
    " the container dials it again.",
    ActionKind.PROBE: "Look whether a CONTAINER, by name or id, is well: over its connection, or a dial"
    " aside.",
}


def add_to(group: click.Group) -> None:
    """Add a command for each kind of action."""
    for kind, words in HELP.items():
        group.command(kind.value, help=words)(_command(kind))


def _command(kind: ActionKind) -> Callable[..., None]:
    @click.argument("container")
    @click.option("--reason", required=True, help="Why, for those who read the history.")
    @click.option(
        "--wait",
        type=click.FloatRange(0, 3600),
        is_flag=False,
        flag_value=60.0,
        metavar="[SECONDS]",
        help="Wait for the outcome, 60 s if not said; exit code 1 if it failed, 2 if there is none yet.",
    )
    @json_option
    def ask(*, container: str, reason: str, wait: float | None, as_json: bool) -> None:
        session = db.session()
        found = containers.get(session, container)
        action = services.request(session, found, kind, reason=reason, actor=COMMAND_LINE)
        session.commit()
        if wait is not None:
            until_ended(lambda: stored.get(session, action.id), wait)
        click.echo(json.dumps(shown(action), default=str) if as_json else line(action))
        if wait is not None and not action.success:
            raise SystemExit(2 if action.open else 1)

    return ask


def shown(action: ConnectionAction) -> dict[str, Any]:
    """Return an action as `--json` prints it."""
    return {column.key: getattr(action, column.key) for column in action.__table__.columns}


def line(action: ConnectionAction) -> str:
    """Return an action as people read it."""
    if action.open:
        return f"{action.kind}: " + ("under way" if action.taken_at else "requested, waiting for a gateway")
    return f"{action.kind}: {'done' if action.success else 'failed'}: {action.outcome}"
