"""`flask incidents`: make, list and revoke incidents."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

import click

from app.cli.group import ConsoleGroup, json_option
from app.errors import Invalid, NotFound
from app.extensions import db
from app.protocol.audience import Audience
from app.queries import incidents as queries
from app.queries.narrowing import moment_of
from app.services import incidents as services
from app.services.actor import COMMAND_LINE
from app.services.incidents import IncidentValues

if TYPE_CHECKING:
    from app.models import Incident

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_LINK: Final = "/incidents/shared/{}"


@click.group(cls=ConsoleGroup)
def incidents() -> None:
    """Bundle messages, states and changes of some time under a link that expires."""


@incidents.command()
@click.argument("title")
@click.option(
    "--container", "containers", multiple=True, help="A container's name or id; * stands for anything."
)
@click.option("--filter", "written", default="", help="As in the message viewer, such as 'type:event'.")
@click.option("--since", default="1h", show_default=True, help="A time in UTC, or how long ago: 15m, 2h, 1d.")
@click.option("--until", default="0m", show_default=True, help="As --since.")
@click.option("--expires-in", default="7d", show_default=True, help="How long the link works: 12h, 7d.")
@click.option("--anyone", is_flag=True, help="The link opens without signing in.")
@click.option("--note", default="", help="What is known so far.")
@click.option("--reason", required=True, help="Why, for those who read the audit trail.")
@json_option
def create(
    *,
    title: str,
    containers: tuple[str, ...],
    written: str,
    since: str,
    until: str,
    expires_in: str,
    anyone: bool,
    note: str,
    reason: str,
    as_json: bool,
) -> None:
    """Make an incident of this TITLE. Its link is printed once; only a hash of it is stored."""
    values = IncidentValues(
        title=title,
        reason=reason,
        begins_at=moment_of("since", since),
        ends_at=moment_of("until", until),
        life=_span("expires_in", expires_in),
        containers=containers,
        filter=written,
        audience=Audience.ANYONE if anyone else Audience.SIGNED_IN,
    )
    incident, token = services.create(db.session(), values, COMMAND_LINE)
    if note:
        services.add_note(db.session(), incident, note, COMMAND_LINE)
    db.session.commit()
    path = _LINK.format(token)
    if not as_json:
        click.echo("This link is shown once. Put the address of the pages before it.", err=True)
    click.echo(json.dumps({**_shown(incident), "path": path}, default=str) if as_json else path)


@incidents.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def list_(*, limit: int, as_json: bool) -> None:
    """List incidents, the newest first."""
    found = queries.page(db.session(), limit=limit)
    if as_json:
        click.echo(json.dumps([_shown(each) for each in found], default=str))
    else:
        click.echo("\n".join(_line(each) for each in found) or "No incidents.")


@incidents.command()
@click.argument("incident")
@click.option("--reason", required=True, help="Why, for those who read the audit trail.")
@json_option
def revoke(*, incident: str, reason: str, as_json: bool) -> None:
    """End the link of an INCIDENT, by id, for good."""
    try:
        found = queries.get(db.session(), uuid.UUID(incident))
    except ValueError as error:
        raise NotFound(f"{incident!r} is not the id of an incident") from error
    services.revoke(db.session(), found, reason, COMMAND_LINE)
    db.session.commit()
    click.echo(json.dumps({"revoked": str(found.id)}) if as_json else f"Revoked {found.title}.")


def _span(name: str, text: str) -> dt.timedelta:
    if not re.fullmatch(r"[0-9]{1,5}[mhd]", text):
        raise Invalid(name, f"{text!r} is not a time such as 30m, 12h or 7d")
    return dt.timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _standing(incident: Incident) -> str:
    if incident.revoked_at is not None:
        return "revoked"
    return "expired" if incident.expired else "open"


def _line(incident: Incident) -> str:
    return f"{incident.id}  {_standing(incident):8} {incident.expires_at:%Y-%m-%d %H:%M}  {incident.title}"


def _shown(incident: Incident) -> dict[str, Any]:
    names = (
        "id",
        "title",
        "reason",
        "created_by",
        "begins_at",
        "ends_at",
        "filter",
        "whole_fleet",
        "audience",
    )
    times = {name: getattr(incident, name).isoformat() for name in ("begins_at", "ends_at", "expires_at")}
    plain = {name: getattr(incident, name) for name in names} | times
    return {
        **plain,
        "containers": [each.name for each in incident.containers],
        "standing": _standing(incident),
    }
