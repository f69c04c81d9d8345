"""`flask migrations preflight`: a dry run, with an exit code by its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from app.cli.container_words import say
from app.cli.group import json_option
from app.cli.waiting import until_ended
from app.extensions import db
from app.protocol.preflight import Verdict, overall
from app.queries import blast, containers, gateways
from app.queries import preflights as stored
from app.services import preflights as services
from app.services.actor import COMMAND_LINE

if TYPE_CHECKING:
    from app.models import Preflight
    from app.protocol.preflight import Check

EXIT_CODES: Final = {Verdict.PASS: 0, Verdict.WARN: 0, Verdict.BLOCK: 1}
NO_VERDICT: Final = 2
MARKS: Final = {Verdict.PASS: "✓", Verdict.WARN: "!", Verdict.BLOCK: "✕"}


def add_to(group: click.Group) -> None:
    """Add the command, in the group's way."""
    group.command("preflight")(preflight)


@click.argument("container")
@click.option("--to", help="The protocol to look over; the one that it is not on, if not said.")
@click.option(
    "--wait",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, 3600),
    help="Seconds to wait for the outcome.",
)
@json_option
def preflight(*, container: str, to: str | None, wait: float, as_json: bool) -> None:
    """Look whether a CONTAINER, by name or id, could be migrated; nothing is changed by it.

    Exit code 0 if it could, with warnings or without, 1 if something blocks, 2 if there is no verdict yet.
    """
    session = db.session()
    found = containers.get(session, container)
    asked = services.request(session, found, to or found.other_protocol, actor=COMMAND_LINE)
    session.commit()
    until_ended(lambda: stored.get(session, asked.id), wait)
    told = {column.key: getattr(asked, column.key) for column in asked.__table__.columns}
    told["blast"] = asked.blast or blast.of(session, found).as_dict()
    say(told, _words(asked), as_json=as_json)
    raise SystemExit(NO_VERDICT if asked.open else EXIT_CODES[overall(asked.found)])


def _words(asked: Preflight) -> str:
    if asked.open:
        holder = gateways.holder(db.session(), asked.container_id)
        waits = "waiting for its gateway" if holder else "no gateway holds the container at present"
        return f"preflight: {'under way' if asked.taken_at else waits}"
    interrupts = [f"  {name}: {words}" for name, words in (asked.blast or {})["interrupts"].items()]
    return "\n".join(
        [
            f"preflight: {asked.verdict}",
            *(check_line(each) for each in asked.found),
            "What would be interrupted now:",
            *interrupts,
        ]
    )


def check_line(check: Check) -> str:
    """Return a check as people read it."""
    remedy = f"\n    what to do: {check.remedy}" if check.remedy else ""
    return f"{MARKS[check.verdict]} {check.title}: {check.reason}{remedy}"
