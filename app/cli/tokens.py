"""`flask tokens`: what callers show to the gateway."""

from __future__ import annotations

import json

import click

from app.cli.group import ConsoleGroup, json_option
from app.extensions import db
from app.services import tokens as services
from app.services.actor import COMMAND_LINE


@click.group(cls=ConsoleGroup)
def tokens() -> None:
    """Make and revoke the tokens of callers."""


@tokens.command()
@click.argument("name")
@json_option
def create(*, name: str, as_json: bool) -> None:
    """Make a token for the caller NAME. It is shown once; only its hash is stored."""
    token = services.create(db.session(), name, COMMAND_LINE)
    db.session.commit()
    if not as_json:
        click.echo("This token is shown once. Callers send it as Authorization: Bearer <token>.", err=True)
    click.echo(json.dumps({"name": name, "token": token}) if as_json else token)


@tokens.command()
@click.argument("name")
@json_option
def revoke(*, name: str, as_json: bool) -> None:
    """Revoke the token of the caller NAME."""
    services.revoke(db.session(), name, COMMAND_LINE)
    db.session.commit()
    click.echo(json.dumps({"revoked": name}) if as_json else f"Revoked {name}.")
