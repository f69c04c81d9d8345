"""The options of `flask migrations start`, and the plan that they make."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from app.cli.group import one_of
from app.errors import Invalid
from app.protocol.strategies import Plan, Strategy, Verification, instant

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = TypeVar("Command", bound=Callable[..., Any])

USUAL: Final = Verification()
OPTIONS: Final = (
    click.option(
        "--strategy",
        default=Strategy.GRACEFUL.value,
        show_default=True,
        type=one_of(Strategy),
        help="immediate interrupts what is open, graceful lets it finish, scheduled waits for --at, manual"
        " for `switch`.",
    ),
    click.option("--drain", default=10, show_default=True, help="Seconds that open requests may take."),
    click.option("--at", help="When, on the clocks of --zone: such as 2026-12-01T03:30."),
    click.option("--zone", default="UTC", show_default=True, help="Of --at, such as Europe/Berlin."),
    click.option("--later", is_flag=True, help="Of an hour that the clocks show twice, the second."),
    click.option("--watch", "seconds", default=USUAL.seconds, show_default=True, help="Seconds of watching."),
    click.option("--pings", default=USUAL.pings, show_default=True, help="Health pings, at least."),
    click.option(
        "--max-error-rate", default=USUAL.max_error_rate, show_default=True, help="Worse, and it goes back."
    ),
    click.option(
        "--min-sample", default=USUAL.min_sample, show_default=True, help="Requests before the rate counts."
    ),
    click.option(
        "--max-latency-ratio",
        default=USUAL.max_latency_ratio,
        show_default=True,
        help="Of the old protocol's median.",
    ),
)


def plan_options(command: Command) -> Command:
    """Give a command the options of a plan."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def plan_of(
    *, strategy: str, drain: int, at: str | None, zone: str, later: bool, **verification: Any
) -> Plan:
    """Return the plan that the options make.

    Raises:
        Invalid: a value breaks a rule, or the time does not exist on the clocks of its zone.
    """
    moment = instant(_local(at), zone, later=later) if at is not None else None
    plan = Plan(
        strategy=Strategy(strategy),
        drain_seconds=0 if strategy == Strategy.IMMEDIATE else drain,
        scheduled_at=moment,
        scheduled_zone=zone if moment is not None else None,
        verification=Verification(**verification),
    )
    plan.check()
    return plan


def _local(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("at", f"{text!r} is not a time such as 2026-12-01T03:30") from error
