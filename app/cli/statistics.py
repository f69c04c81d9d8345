"""`flask statistics`: what was exchanged, over any range."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from app.cli.group import ConsoleGroup, json_option, one_of
from app.extensions import db
from app.protocol.states import MessageType, Protocol
from app.protocol.thresholds import UNITS, Measure, Side
from app.queries import moments
from app.queries import statistics as queries
from app.queries.spans import PRESETS
from app.queries.statistics_view import DEFAULT_RANGE, GROUPS, SORTS, View
from app.queries.threshold_trials import DEFAULT_RANGE as TRIED_RANGE
from app.queries.threshold_trials import Trial, replay

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping

    from app.queries.statistics import Figures

Command = TypeVar("Command", bound="Callable[..., object]")


_OPTIONS: Final = (
    click.option("--from", "begin", default="", help="Instead of --last: a time in UTC."),
    click.option("--to", "end", default="", help="With --from; now, if it is left out."),
    click.option("--container", default="", help="Of one container, by its name."),
    click.option("--connection", default="", help="Of one connection, by its id."),
    click.option("--method", default="", help="Of one method."),
    click.option("--type", type=one_of(MessageType), default=None, help="Of one message type."),
    click.option("--protocol", type=one_of(Protocol), default=None, help="Over one protocol."),
)


def narrowing(command: Command) -> Command:
    """Add the options that say of which messages, and of which time where `--last` does not."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group(cls=ConsoleGroup)
def statistics() -> None:
    """See counts, sizes, error rates and processing times."""


@statistics.command("show")
@click.option("--last", type=click.Choice(list(PRESETS)), default=DEFAULT_RANGE, show_default=True)
@click.option("--by", type=click.Choice(GROUPS), default="method", show_default=True)
@click.option("--sort", type=click.Choice(SORTS), default="messages", show_default=True)
@click.option("--all", "whole", is_flag=True, help="Every group instead of the first 50.")
@narrowing
@json_option
def show(*, as_json: bool, whole: bool, begin: str, end: str, **words: str | None) -> None:
    """Show the figures of a range by method, type, container, connection or protocol."""
    given = {**words, "from": begin, "to": end, "whole": "1" if whole else ""}
    view = View.read({name: word or "" for name, word in given.items()})
    span, session = view.span(dt.datetime.now(dt.UTC)), db.session()
    found = queries.groups(session, view, span)[: queries.ALL if view.whole else queries.TOP]
    keys = [each.key[0] for each in found] if view.by in {"container", "connection"} else []
    names = queries.names(session, view, keys)
    total = queries.totals(session, view, span)
    if as_json:
        groups = [{**_named(view, each.key[0], names), **_shown(each)} for each in found]
        said = {"from": span.begin, "to": min(span.end, span.now), "step": span.word}
        click.echo(json.dumps({**said, "total": _shown(total), "groups": groups}, default=str))
        return
    click.echo(f"From {span.begin:%Y-%m-%d %H:%M} UTC to {min(span.end, span.now):%Y-%m-%d %H:%M} UTC")
    click.echo(_line("all", total))
    for each in found:
        named = _named(view, each.key[0], names)
        click.echo(_line(" ".join(str(word) for word in named.values() if word) or "(no method)", each))


@statistics.command("threshold")
@click.option("--measure", type=one_of(Measure), default=Measure.RATE.value, show_default=True)
@click.option("--side", type=one_of(Side), default=Side.ABOVE.value, show_default=True)
@click.option("--value", required=True, help="Errors a minute, percent, messages a second or milliseconds.")
@click.option("--lasting", default="1", show_default=True, help="Steps in a row: minutes, or hours of old.")
@click.option("--last", type=click.Choice(list(PRESETS)), default=TRIED_RANGE, show_default=True)
@narrowing
@json_option
def threshold(*, as_json: bool, begin: str, end: str, **words: str | None) -> None:
    """See when an alert would have fired, had there been one."""
    trial = Trial.read({name: word for name, word in {**words, "from": begin, "to": end}.items() if word})
    found = replay(db.session(), trial, moments.now())
    fired = [
        {
            "crossed": found.begins(each),
            "fired": found.fires(each),
            "over": found.ends(each),
            "worst": each.worst,
        }
        for each in found.firings
    ]
    if as_json:
        said = {"from": found.span.begin, "step": found.span.word, "seconds": found.seconds, "fired": fired}
        click.echo(json.dumps(said, default=str))
        return
    name, unit = UNITS[trial.threshold.measure]
    click.echo(f"{name}, {unit}, from {found.span.begin:%Y-%m-%d %H:%M} UTC, by the {found.span.word}")
    for each in fired:
        over = f"over {each['over']:%Y-%m-%d %H:%M}" if each["over"] else "still crossed"
        click.echo(f"fired {each['fired']:%Y-%m-%d %H:%M} UTC, {over}, worst {each['worst']:,.3g}")
    click.echo(f"{len(fired)} times, on for {dt.timedelta(seconds=found.seconds)} in all")


def _named(view: View, key: Any, names: Mapping[uuid.UUID, tuple[str, str | None]]) -> dict[str, Any]:
    """Say which group it is, under the grouping's name."""
    name, protocol = names.get(key, (None, None))
    if view.by == "container":
        return {"container": name}
    if view.by == "connection":
        return {"connection": key, "container": name, "protocol": protocol}
    return {view.by: key}


def _shown(figures: Figures) -> dict[str, Any]:
    plain = figures._asdict()
    del plain["key"]
    return {**plain, "rate": round(figures.rate, 6)}


def _line(name: str, figures: Figures) -> str:
    times = " ".join(
        f"{label} {'–' if value is None else f'{value:,.0f} ms'}"
        for label, value in (("p50", figures.p50), ("p95", figures.p95), ("p99", figures.p99))
    )
    return (
        f"{name:40} {figures.messages:10,} messages {figures.errors:8,} errors ({figures.rate:.2%})"
        f" {figures.bytes:14,} bytes  {times}"
    )
