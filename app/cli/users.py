"""`flask users`: who may sign in."""

from __future__ import annotations

import json
import sys

import click

from app.cli.group import ConsoleGroup, json_option
from app.errors import Invalid
from app.extensions import db
from app.services import users as services
from app.services.actor import COMMAND_LINE
from app.services.users import RoleName


@click.group(cls=ConsoleGroup)
def users() -> None:
    """Add people who may sign in."""


@users.command()
@click.argument("email")
@click.option(
    "--role", default=RoleName.VIEWER.value, show_default=True, help=f"One of {', '.join(RoleName)}."
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking."
)
@json_option
def add(*, email: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Add the person with this EMAIL. The password is asked for, and never an argument."""
    user = services.add(db.session(), email, _password(from_stdin=password_stdin), [role], COMMAND_LINE)
    db.session.commit()
    click.echo(json.dumps({"email": user.email, "role": role}) if as_json else f"Added {user.email}, {role}.")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise Invalid("password", "there is no terminal to ask at; use --password-stdin")
    entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return entered
