"""`flask prompts`: ask an agent something, through the gateway as any caller does."""

from __future__ import annotations

import json

import click
from flask import current_app

from app.cli.group import ConsoleGroup, json_option
from app.extensions import db
from app.prompting import Prompt
from app.queries import containers
from app.services import signed_caller
from app.services.actor import COMMAND_LINE


@click.group(cls=ConsoleGroup)
def prompts() -> None:
    """Send prompts to containers' agents."""


@prompts.command()
@click.argument("container")
@click.argument("text")
@click.option(
    "--allow-once", is_flag=True, help="Allow what the agent asks for, once each; refused otherwise."
)
@json_option
def send(*, container: str, text: str, allow_once: bool, as_json: bool) -> None:
    """Send TEXT to the agent of a CONTAINER, by name or id, and print what it says."""
    container_id = containers.get(db.session(), container).id
    db.session.remove()  # the connection is not held while the agent thinks
    settings = current_app.extensions["settings"]
    token = signed_caller.sign(current_app.config["SECRET_KEY"], COMMAND_LINE.name)
    said = Prompt(f"{settings.gateway_url}/acp/{container_id}", token, allows=allow_once).ask(text)
    click.echo(json.dumps({"answer": said}) if as_json else said)
