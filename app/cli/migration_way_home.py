"""`flask migrations way-home`: whether a container returns to ACP by itself after a fallback."""

from __future__ import annotations

from dataclasses import replace

import click

from app.cli.container_words import say
from app.cli.group import json_option
from app.extensions import db
from app.queries import containers
from app.queries import way_home as queries
from app.services import way_home as services
from app.services.actor import COMMAND_LINE


def add_to(group: click.Group) -> None:
    """Add the command, in the group's way."""
    group.command("way-home")(way_home)


@click.argument("container")
@click.option("--wanted/--not-wanted", "wanted", default=None, help="Whether it returns by itself.")
@click.option("--stable", "stable_seconds", type=int, help="Seconds that HTTP has to hold before a return.")
@click.option(
    "--cool-down", "cool_down_seconds", type=int, help="Seconds after a failure; each further one doubles it."
)
@click.option("--max-attempts", type=int, help="Returns after which it stays on HTTP.")
@click.option("--reason", default="", help="Why; needed to change something.")
@json_option
def way_home(*, container: str, reason: str, as_json: bool, **options: bool | int | None) -> None:
    """Show or change whether a CONTAINER, by name or id, returns to ACP after a fallback to HTTP.

    What is not given stays as it is; with none of them, nothing is changed.
    """
    session = db.session()
    found = containers.get(session, container)
    given = {name: value for name, value in options.items() if value is not None}
    if given:
        wish = replace(queries.wish_of(found), **given)  # type: ignore[arg-type]  # named as its fields are
        services.wish(session, found, wish, reason=reason, actor=COMMAND_LINE)
        session.commit()
    wish, decision = queries.wish_of(found), queries.of(session, found)
    told = {"container": found.name} | wish.as_dict()
    told |= {"decision": decision.act, "words": decision.told, "at": decision.at}
    say(told, f"{found.name}: {decision.told}", as_json=as_json)
