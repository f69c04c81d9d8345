"""`flask rollouts`: the powers of the pages, from the preview to the roll back, and a watch."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import click
from flask import current_app

from app.cli import rollout_words as words
from app.cli.container_filter import narrowing
from app.cli.container_words import say
from app.cli.group import ConsoleGroup, json_option
from app.cli.rollout_options import plan_of, planning
from app.errors import NotFound
from app.extensions import db
from app.protocol.rollout_states import ENDED, Control
from app.queries import rollout_checks, rollout_containers, rollout_list
from app.queries import rollouts as queries
from app.queries.paging import Where
from app.queries.rollout_list import RolloutFilter
from app.services import rollout_consequences, rollout_drafts, rollout_plans
from app.services import rollouts as services
from app.services.actor import COMMAND_LINE

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.models import Rollout

LOOK_SECONDS: Final = 1.0
reason_option = click.option("--reason", required=True, help="Why, for those who read the history.")
count_option = click.option("--count", type=int, help="How many are concerned; without it, that is told.")


@click.group("rollouts", cls=ConsoleGroup)
def rollouts() -> None:
    """Move a fleet between HTTP and ACP in waves."""


@rollouts.command()
@narrowing
@planning
@json_option
def preview(*, as_json: bool, **options: Any) -> None:
    """Say whom a plan is for, in which waves, and who is left out; store nothing."""
    session, plan = db.session(), plan_of(options)
    shown = rollout_plans.preview(session, plan)
    policy = current_app.extensions["settings"].endpoint_policy()
    checked = rollout_checks.of(session, shown.taking_part, plan.to_protocol, policy)
    say(words.previewed(shown, checked), words.preview_lines(shown, checked), as_json=as_json)


@rollouts.command()
@click.argument("name")
@reason_option
@click.option("--count", type=int, required=True, help="How many take part, as the preview says.")
@narrowing
@planning
@json_option
def create(*, name: str, reason: str, count: int, as_json: bool, **options: Any) -> None:
    """Store a rollout under a NAME as a draft, with the set of containers as it is now."""
    rollout = rollout_drafts.create(
        db.session(), name, plan_of(options), count=count, digest=None, reason=reason, actor=COMMAND_LINE
    )
    _done(rollout, as_json=as_json)


@rollouts.command()
@click.argument("rollout")
@reason_option
@count_option
@click.option("--accept-changes", is_flag=True, help="Start it though the set has changed.")
@json_option
def start(*, rollout: str, reason: str, count: int | None, accept_changes: bool, as_json: bool) -> None:
    """Start a draft, by its id, if the same containers take part as when it was made."""
    found = _find(rollout)
    if count is None:
        _tell_concerned(found, Control.START, as_json=as_json)
        return
    services.start(
        db.session(), found, count=count, reason=reason, actor=COMMAND_LINE, accept_changes=accept_changes
    )
    _done(found, as_json=as_json)


def _simple(name: str, act: Callable[..., None], what: str) -> None:
    @rollouts.command(name, help=what)
    @click.argument("rollout")
    @reason_option
    @json_option
    def command(*, rollout: str, reason: str, as_json: bool) -> None:
        found = _find(rollout)
        act(db.session(), found, reason=reason, actor=COMMAND_LINE)
        _done(found, as_json=as_json)


_simple("pause", services.pause, "Begin no more containers; those that are running end.")
_simple("resume", services.resume, "Go on where it was paused.")
_simple("promote", services.promote, "Let the present wave pass, and go on.")


def _counted(name: str, control: Control, act: Callable[..., None], what: str) -> None:
    @rollouts.command(name, help=what)
    @click.argument("rollout")
    @reason_option
    @count_option
    @json_option
    def command(*, rollout: str, reason: str, count: int | None, as_json: bool) -> None:
        found = _find(rollout)
        if count is None:
            _tell_concerned(found, control, as_json=as_json)
            return
        act(db.session(), found, count=count, reason=reason, actor=COMMAND_LINE)
        _done(found, as_json=as_json)


_counted("abort", Control.ABORT, services.abort, "Begin no more containers for good.")
_counted("retry", Control.RETRY, services.retry, "Move those again that failed, and no others.")


@rollouts.command()
@click.argument("rollout")
@reason_option
@count_option
@click.option("--container", "names", multiple=True, help="Only this one, by name; repeat it.")
@json_option
def rollback(*, rollout: str, reason: str, count: int | None, names: tuple[str, ...], as_json: bool) -> None:
    """Take all containers back that were moved, or those named."""
    found = _find(rollout)
    if count is None:
        _tell_concerned(found, Control.ROLL_BACK, as_json=as_json)
        return
    only = rollout_containers.ids(db.session(), found.id, names) if names else None
    services.roll_back(db.session(), found, count=count, only=only, reason=reason, actor=COMMAND_LINE)
    _done(found, as_json=as_json)


@rollouts.command()
@click.argument("rollout")
@click.option("--containers", is_flag=True, help="With each container's part.")
@json_option
def show(*, rollout: str, containers: bool, as_json: bool) -> None:
    """Say how far a rollout has come, wave by wave, and what can be done."""
    session, found = db.session(), _find(rollout)
    told = words.shown(session, found, with_parts=containers)
    say(told, words.lines(told), as_json=as_json)


@rollouts.command("list")
@click.option("--text", default="", help="A part of the name.")
@click.option("--state", default="", help="In this state.")
@click.option("--protocol", default="", help="Moved to this protocol.")
@click.option("--actor", default="", help="A part of who made it.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@json_option
def list_(*, limit: int, as_json: bool, **options: str) -> None:
    """List rollouts, the newest first."""
    session = db.session()
    where, narrowed = Where.of({}, rollout_list.ORDERS), RolloutFilter.of(options)
    page = rollout_list.page(session, narrowed, where, limit=limit).rows
    counted = queries.counts_of_many(session, [each.id for each in page])
    text = "\n".join(words.line(each, counted[each.id]) for each in page) or "No rollouts."
    say([words.row(each, counted[each.id]) for each in page], text, as_json=as_json)


@rollouts.command()
@click.argument("rollout")
def watch(*, rollout: str) -> None:
    """Say each change of a rollout's numbers, until it has ended or waits for somebody."""
    session, said = db.session(), ""
    while True:
        found = _find(rollout)
        line = words.line(found, queries.total(queries.counts(session, found.id)))
        if line != said:
            click.echo(line)
            said = line
        if found.state in ENDED or found.state == "paused":
            return
        session.rollback()  # or the next look would be at the same snapshot's objects
        time.sleep(LOOK_SECONDS)


def _find(reference: str) -> Rollout:
    try:
        rollout_id = uuid.UUID(reference)
    except ValueError as error:
        raise NotFound(f"{reference!r} is not the id of a rollout") from error
    return queries.get(db.session(), rollout_id)


def _tell_concerned(rollout: Rollout, control: Control, *, as_json: bool) -> None:
    """Say what a control would do and which number confirms it; nothing is done."""
    session = db.session()
    counted = queries.total(queries.counts(session, rollout.id))
    count = services.concerned(counted, control, rollout)
    foretold = rollout_consequences.of(session, rollout, control)
    told = [f"{each.number} {each.which} {each.what}" for each in foretold]
    why = services.obstacles(session, rollout)[control]
    confirm = f"it cannot be done now: {why}" if why else f"confirm with --count {count}"
    data = {"count": count, "consequences": told, "obstacle": why}
    say(data, "\n".join([*told, f"{count} containers; {confirm}"]), as_json=as_json)


def _done(rollout: Rollout, *, as_json: bool) -> None:
    session = db.session()
    session.commit()
    counted = queries.total(queries.counts(session, rollout.id))
    say(words.row(rollout, counted), words.line(rollout, counted), as_json=as_json)
