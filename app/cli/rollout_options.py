"""The options that make a rollout's plan, beside those that narrow a list of containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from app.cli.container_filter import narrowed_by
from app.cli.group import one_of
from app.errors import Invalid
from app.protocol.rollout_plan import Crossed, Feature, Limits, RolloutPlan
from app.protocol.strategies import Plan, Strategy
from app.protocol.windows import DAYS, Window
from app.queries.rollout_selection import written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Command = TypeVar("Command", bound="Callable[..., None]")

_DEFAULT: Final = RolloutPlan()
_LIMITS: Final = _DEFAULT.limits
OFF: Final = "off"


def _limit(name: str, default: object, what: str) -> Callable[[Command], Command]:
    return click.option(name, default=str(default), show_default=True, help=f"{what}; off switches it off.")


_OPTIONS: Final = (
    click.option("--to", default="acp", show_default=True, help="The protocol to move to: acp or http."),
    click.option("--waves", default=_DEFAULT.waves, show_default=True, help="How far each goes in all."),
    click.option("--canary", "canaries", multiple=True, help="Of the first wave, by name; repeat it."),
    click.option(
        "--represent",
        multiple=True,
        type=one_of(Feature),
        default=[each.value for each in _DEFAULT.represent],
        show_default=True,
        help="What canaries represent the selection by.",
    ),
    click.option("--late-joiners", is_flag=True, help="Whoever comes to match joins the last wave."),
    click.option("--bake", "bake_seconds", default=600, show_default=True, help="Seconds to watch a wave."),
    click.option("--pause-after", default="", help="each, or numbers of waves such as 1,2."),
    click.option("--concurrency", default=10, show_default=True, help="Containers moved at once."),
    click.option("--window", default="", help="Days and hours, such as mon,tue 22:00-04:00 Europe/Berlin."),
    click.option(
        "--strategy",
        type=one_of([Strategy.GRACEFUL, Strategy.IMMEDIATE]),
        default=Strategy.GRACEFUL.value,
        show_default=True,
        help="How each container is moved.",
    ),
    click.option("--drain", "drain_seconds", default=10, show_default=True, help="Seconds, if graceful."),
    _limit("--max-failures", _LIMITS.failures, "So many failed containers of a wave are too many"),
    _limit("--max-failure-rate", _LIMITS.failure_rate, "The part of a wave that may fail"),
    click.option("--failure-sample", default=_LIMITS.failure_sample, show_default=True, help="From so many."),
    _limit("--min-success", _LIMITS.success, "The part of an hour's requests that has to succeed"),
    click.option("--success-sample", default=_LIMITS.success_sample, show_default=True, help="From so many."),
    _limit("--max-latency-ratio", _LIMITS.latency_ratio, "How many times slower than before"),
    click.option("--ignore-silence", is_flag=True, help="No data does not count as failure."),
    click.option(
        "--crossed",
        type=one_of(Crossed),
        default=Crossed.PAUSE.value,
        show_default=True,
        help="What happens when a limit is crossed.",
    ),
)


def planning(command: Command) -> Command:
    """Add the options to a command, which hands them to `plan_of` with those of `narrowing`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def plan_of(given: Mapping[str, Any]) -> RolloutPlan:
    """Return the plan that the options ask for.

    Raises:
        Invalid: a limit or the window cannot be read.
    """
    graceful = given["strategy"] == Strategy.GRACEFUL
    filters = ("search", "protocol", "status", "owner", "label", "gateway", "only")
    return RolloutPlan(
        to_protocol=given["to"],
        selection=written(narrowed_by({name: given[name] for name in filters})),
        waves=given["waves"],
        canaries=tuple(given["canaries"]),
        represent=tuple(map(Feature, given["represent"])),
        late_joiners=given["late_joiners"],
        bake_seconds=given["bake_seconds"],
        pause_after=given["pause_after"],
        concurrency=given["concurrency"],
        window=window_of(given["window"]),
        migration=Plan(drain_seconds=given["drain_seconds"]) if graceful else Plan.immediate(),
        limits=_limits_of(given),
    )


def _limits_of(given: Mapping[str, Any]) -> Limits:
    failures = _number(given, "max_failures")
    return Limits(
        failures=None if failures is None else int(failures),
        failure_rate=_number(given, "max_failure_rate"),
        failure_sample=given["failure_sample"],
        success=_number(given, "min_success"),
        success_sample=given["success_sample"],
        latency_ratio=_number(given, "max_latency_ratio"),
        no_data=not given["ignore_silence"],
        crossed=Crossed(given["crossed"]),
    )


def _number(given: Mapping[str, Any], name: str) -> float | None:
    if given[name] == OFF:
        return None
    try:
        return float(given[name])
    except ValueError as error:
        raise Invalid(name, f"{given[name]!r} is neither a number nor off") from error


def window_of(text: str) -> Window | None:
    """Read a window as `[DAYS] FROM-TO [ZONE]`, None of an empty text.

    Raises:
        Invalid: it is written otherwise.
    """
    words = text.split()
    if not words:
        return None
    days = tuple(words.pop(0).split(",")) if set(words[0].split(",")) <= set(DAYS) else DAYS
    begins, dash, ends = words.pop(0).partition("-") if words else ("", "", "")
    zone = words.pop(0) if words else "UTC"
    if not dash or words:
        raise Invalid("window", f"{text!r} is no window; write it such as mon,tue 22:00-04:00 Europe/Berlin")
    return Window(days=days, begins=begins, ends=ends, zone=zone)
