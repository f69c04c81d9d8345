"""`flask containers all KIND`: one action for every container that takes part."""

from __future__ import annotations

import json
from typing import Any

import click

from app.cli.container_filter import narrowed_by, narrowing
from app.cli.group import json_option, one_of
from app.extensions import db
from app.protocol.states import ActionKind
from app.services import fleet_actions
from app.services.actor import COMMAND_LINE


def add_to(group: click.Group) -> None:
    """Add the command, in the group's way."""
    group.command("all")(every)


@click.argument("kind", type=one_of(ActionKind))
@click.option("--reason", required=True, help="Why, for those who read the history.")
@click.option(
    "--count", type=int, help="How many containers it is for; without it, this is told and no more."
)
@narrowing
@json_option
def every(*, kind: str, reason: str, count: int | None, as_json: bool, **options: Any) -> None:
    """Ask an action of all containers with `enable_bulk_operations`, or of those that the options find."""
    session, narrowed = db.session(), narrowed_by(options)
    if count is None:
        names = [container.name for container in fleet_actions.takers(session, narrowed)]
        told = {"count": len(names), "containers": names}
        say = f"{kind}: {len(names)} containers take part; confirm with --count {len(names)}"
    else:
        asked = fleet_actions.request(
            session, kind, count, reason=reason, actor=COMMAND_LINE, narrowed=narrowed
        )
        session.commit()
        told = {"requested": len(asked.actions), "refused": asked.refused}
        refused = [f"{name}: {why}" for name, why in asked.refused.items()]
        say = "\n".join([f"{kind}: requested of {len(asked.actions)} containers", *refused])
    click.echo(json.dumps(told) if as_json else say)
