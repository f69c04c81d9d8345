"""`flask configurations`: change how a container's connection behaves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from app.cli.group import ConsoleGroup, json_option
from app.extensions import db
from app.queries import containers
from app.services import configurations as services
from app.services.actor import COMMAND_LINE
from app.services.configurations import ConfigurationValues

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group(cls=ConsoleGroup)
def configurations() -> None:
    """Change how containers' connections behave."""


@configurations.command()
@click.argument("container")
@click.argument("changes", nargs=-1, required=True, metavar="FIELD=VALUE...")
@click.option("--reason", required=True, help="Why, for those who read the history.")
@json_option
def change(*, container: str, changes: Sequence[str], reason: str, as_json: bool) -> None:
    """Change fields of a CONTAINER's connection configuration, by the data model's names; times in ms."""
    stored = containers.get(db.session(), container).configuration
    values = replace(ConfigurationValues.of(stored), **dict(_read(each) for each in changes))
    services.update(db.session(), stored, values, COMMAND_LINE, reason)
    db.session.commit()
    shown = values.as_dict()
    click.echo(json.dumps(shown) if as_json else "\n".join(f"{name}={shown[name]}" for name in shown))


def _read(text: str) -> tuple[str, Any]:
    """Read FIELD=VALUE. Raises Invalid with what is allowed."""
    name, equals, value = text.partition("=")
    return name, services.read(name if equals else text, value)
