"""`flask configurations try`: have a changed configuration tried beside the connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from app.cli.configuration_words import read
from app.cli.container_words import say
from app.cli.group import json_option
from app.cli.waiting import until_ended
from app.extensions import db
from app.queries import configuration_trials as stored
from app.queries import containers
from app.services import configuration_trials as services
from app.services.actor import COMMAND_LINE
from app.services.configurations import ConfigurationValues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.models import ConfigurationTrial


def add_to(group: click.Group) -> None:
    """Add the command, in the group's way."""
    group.command("try")(try_)


@click.argument("container")
@click.argument("changes", nargs=-1, metavar="FIELD=VALUE...")
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    is_flag=False,
    flag_value=60.0,
    metavar="[SECONDS]",
    help="Wait for the outcome, 60 s if not said; exit code 1 if it failed, 2 if there is none yet.",
)
@json_option
def try_(*, container: str, changes: Sequence[str], wait: float | None, as_json: bool) -> None:
    """Have the gateway dial a CONTAINER beside its connection, with these changes; nothing is saved."""
    session = db.session()
    found = containers.get(session, container)
    values = replace(ConfigurationValues.of(found.configuration), **read(changes))
    trial = services.request(session, found, values, COMMAND_LINE)
    session.commit()
    until_ended(lambda: stored.get(session, trial.id), wait or 0)
    told = {column.key: getattr(trial, column.key) for column in trial.__table__.columns}
    say(told, line(trial), as_json=as_json)
    if wait is not None and not trial.success:
        raise SystemExit(2 if trial.open else 1)


def line(trial: ConfigurationTrial) -> str:
    """Return a trial as people read it."""
    if trial.open:
        return "try: " + ("under way" if trial.taken_at else "requested, waiting for a gateway")
    advice = f"\n{trial.advice}" if trial.advice else ""
    return f"try: {'done' if trial.success else 'failed'}: {trial.outcome}{advice}"
