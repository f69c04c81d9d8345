"""The same on the command line: what a page's filter or button would be as a command to copy."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from app.protocol.strategies import Strategy, Verification, zone_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from flask import Flask

    from app.models import Container
    from app.protocol.strategies import Plan
    from app.queries.threshold_trials import Trial
    from app.web.listing import Listing

PROGRAM: Final = ("flask", "--app", "wsgi")
OPTIONS: Final[Mapping[str, Mapping[str, str | None]]] = {
    "containers": {"q": "search"},
    "users": {"q": "search"},
    "connections": {"q": "search", "kind": "reason", "order": None},
    "configurations": {"bulk": None},
    "statistics": {"whole": None},
}
"""Parameters that are called differently on the command line, None for those that are not there."""

VERIFICATION: Final[Mapping[str, str]] = {
    "seconds": "watch",
    "pings": "pings",
    "max_error_rate": "max-error-rate",
    "min_sample": "min-sample",
    "max_latency_ratio": "max-latency-ratio",
}
"""What the thresholds of a verification are called on the command line."""


def register(app: Flask) -> None:
    app.add_template_global(command)


def command(*words: str) -> str:
    """Write a command, each word quoted for a shell where it must be."""
    return shlex.join([*PROGRAM, *words])


def containers(listing: Listing) -> str:
    """Return the command that lists the same containers in the same order."""
    return listed("containers", listing)


def listed(group: str, listing: Listing) -> str:
    """Return a group's command `list` with the options that a list's URL amounts to."""
    sort = [("sort", listing.sort)] if listing.sort else []
    names = OPTIONS.get(group, {})
    return command(group, "list", *options([*listing.narrowed, *sort], names))


def found(group: str, verb: str, query: Mapping[str, str], *more: str) -> str:
    """Return the command that finds what a page's URL does."""
    return command(group, verb, *options(query.items(), OPTIONS.get(group, {})), *more)


def options(given: Iterable[tuple[str, str]], names: Mapping[str, str | None]) -> Iterable[str]:
    """Write parameters of a URL as options; `names` has those that are called differently there.

    As one word each: a value that begins with a dash is no option.
    """
    called = ((names.get(name, name), value) for name, value in given)
    return (f"--{name}={value}" for name, value in called if name is not None)


def threshold(trial: Trial) -> str:
    """Return the command that tries the same threshold."""
    return command("statistics", "threshold", *options(trial.in_url().items(), {}))


def migration(container: Container, to: str, plan: Plan) -> str:
    """Return the command that starts a protocol migration with this plan."""
    words = ["start", container.name, f"--to={to}", f"--strategy={plan.strategy}"]
    if plan.strategy != Strategy.IMMEDIATE:
        words.append(f"--drain={plan.drain_seconds}")
    if plan.scheduled_at is not None and plan.scheduled_zone is not None:
        local = plan.scheduled_at.astimezone(zone_of(plan.scheduled_zone))
        words += [f"--at={local:%Y-%m-%dT%H:%M}", f"--zone={plan.scheduled_zone}"]
    usual = Verification().as_dict()
    for name, value in plan.verification.as_dict().items():
        if value != usual[name]:
            words.append(f"--{VERIFICATION[name]}={value}")
    return command("migrations", *words, "--reason=WHY")


def note(at: dt.datetime | None, kind: str, container: str | None) -> str:
    """Return the command that adds a note to the plots, of a moment in UTC without a zone."""
    given = {"kind": kind, "at": f"{at:%Y-%m-%dT%H:%M:%S}" if at else "", "container": container}
    named = [(name, value) for name, value in given.items() if value]
    return command("notes", "add", "TEXT", *options(named, {}))


def change_many(changes: Iterable[tuple[str, str]], chosen: Iterable[tuple[str, str]], count: int) -> str:
    """Return the command that changes many configurations as a preview shows."""
    fields = (f"{name}={value}" for name, value in changes)
    which = options(chosen, OPTIONS["containers"])
    return command("configurations", "change-many", *fields, *which, f"--count={count}", "--reason=WHY")


def fleet_action(kind: str, choose: str, carried: Iterable[tuple[str, str]]) -> str | None:
    """Return the command that asks it of all that a filter finds; None for containers chosen by hand."""
    if choose != "all":
        return None
    narrowed = [(name, value) for name, value in carried if name not in {"kind", "choose"}]
    why = "--reason=WHY"
    return command("containers", "all", kind, *options(narrowed, OPTIONS["containers"]), why)
