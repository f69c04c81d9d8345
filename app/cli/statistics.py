"""`flask statistics`: what was exchanged, over any range."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import click

from app.cli.group import ConsoleGroup, json_option
from app.extensions import db
from app.protocol.states import MessageType, Protocol
from app.queries import statistics as queries
from app.queries.spans import PRESETS
from app.queries.statistics_view import DEFAULT_RANGE, GROUPS, SORTS, View

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from app.queries.statistics import Figures


@click.group(cls=ConsoleGroup)
def statistics() -> None:
    """See counts, sizes, error rates and processing times."""


@statistics.command("show")
@click.option("--last", type=click.Choice(list(PRESETS)), default=DEFAULT_RANGE, show_default=True)
@click.option("--from", "begin", default="", help="Instead of --last: a time in UTC, as 2026-11-24T10:00.")
@click.option("--to", "end", default="", help="With --from; now, if it is left out.")
@click.option("--by", type=click.Choice(GROUPS), default="method", show_default=True)
@click.option("--sort", type=click.Choice(SORTS), default="messages", show_default=True)
@click.option("--container", default="", help="Of one container, by its name.")
@click.option("--connection", default="", help="Of one connection, by its id.")
@click.option("--method", default="", help="Of one method.")
@click.option("--type", type=click.Choice(list(MessageType)), default=None, help="Of one message type.")
@click.option("--protocol", type=click.Choice(list(Protocol)), default=None, help="Over one protocol.")
@click.option("--all", "whole", is_flag=True, help="Every group instead of the first 50.")
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
