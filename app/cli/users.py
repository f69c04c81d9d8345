"""`flask users`: who may sign in."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from app.cli.group import ConsoleGroup, json_option
from app.errors import Invalid
from app.extensions import db
from app.queries import users as queries
from app.queries.paging import Where
from app.services import users as services
from app.services.actor import COMMAND_LINE
from app.services.users import RoleName

if TYPE_CHECKING:
    from app.models import User
    from app.queries.users import UserRow


@click.group(cls=ConsoleGroup)
def users() -> None:
    """People who may sign in."""


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


@users.command("list")
@click.option("--search", default="", help="A part of the address.")
@click.option(
    "--role", default="", type=click.Choice(["", *(role.value for role in RoleName)]), help="With it."
)
@click.option("--active", default="", type=click.Choice(["", "yes", "no"]), help="Whether they may sign in.")
@click.option(
    "--sort", default="email", type=click.Choice(["email", "-email", "since", "-since"]), help="By what."
)
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@json_option
def list_(*, search: str, role: str, active: str, sort: str, limit: int, as_json: bool) -> None:
    """List people, with their roles."""
    narrowed = queries.UserFilter(q=search, role=role, active=active)
    page = queries.page(db.session(), narrowed, Where.of({"sort": sort}, queries.ORDERS), limit=limit)
    people = [_line(row) for row in page.rows]
    if as_json:
        click.echo(json.dumps(people))
        return
    for each in people:
        click.echo(
            f"{each['email']}  {', '.join(each['roles'])}{'' if each['active'] else '  may not sign in'}"
        )


@users.command()
@click.argument("email")
@click.option("--role", "roles", multiple=True, help="Their roles from now on; without it, they keep theirs.")
@click.option("--active/--inactive", default=None, help="Whether they may sign in.")
@click.option("--reason", required=True, help="Kept in the audit trail.")
@json_option
def change(*, email: str, roles: tuple[str, ...], active: bool | None, reason: str, as_json: bool) -> None:
    """Change what the person with this EMAIL may do."""
    user = queries.get(db.session(), email)
    roles = roles or tuple(role.name for role in user.roles)
    active = user.active if active is None else active
    services.change(db.session(), user, roles, active=active, actor=COMMAND_LINE, reason=reason)
    db.session.commit()
    shown = _shown(user)
    click.echo(json.dumps(shown) if as_json else f"{user.email} is changed: {', '.join(shown['roles'])}.")


@users.command()
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read it from standard input instead of asking.")
@json_option
def password(*, email: str, password_stdin: bool, as_json: bool) -> None:
    """Give the person with this EMAIL another password, which ends their sessions."""
    user = queries.get(db.session(), email)
    services.set_password(db.session(), user, _password(from_stdin=password_stdin), COMMAND_LINE)
    db.session.commit()
    click.echo(json.dumps({"email": user.email}) if as_json else f"{user.email} has another password.")


def _shown(user: User) -> dict[str, Any]:
    return {"email": user.email, "roles": sorted(role.name for role in user.roles), "active": user.active}


def _line(row: UserRow) -> dict[str, Any]:
    return {"email": row.email, "roles": row.roles.split(", ") if row.roles else [], "active": row.active}


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise Invalid("password", "there is no terminal to ask at; use --password-stdin")
    entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return entered
